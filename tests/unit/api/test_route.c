/*
 * test_route.c: each row of the table of routes is found, and nothing else:
 * anything else is 404 or 405, and Allow tells which methods there are. Which
 * rows there are is tests/lib/contract.py's.
 */
#include "unit.h"

#include "api/routes.h"
#include "shm/stats.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

/* The path up against a wall, without a NUL. */
static enum err
find(const char *method, const char *path, size_t len,
    const struct route **route, char allow[40])
{
	*route = NULL;
	memset(allow, 0, 40);
	return route_find(routes, method, walled(path, len), len, route, allow);
}

/* A path of the route: of one with a number it has three digits. */
static size_t
example(const struct route *t, char path[64])
{
	size_t len = strlen(t->path);

	assert_true(len + 1 < 64);
	memcpy(path, t->path, len + 1);
	if (path[len - 1] == '}')
		memcpy(path + len - 3, "407", 3);
	return len;
}

static bool
is_number(const char *s, size_t len)
{
	char digits[20];

	if (len < 1 || len > 19 || s[0] == '0')
		return false;
	memcpy(digits, s, len);
	digits[len] = '\0';
	return strspn(digits, "0123456789") == len;
}

static bool
is_known(const char *path, size_t len)
{
	for (const struct route *t = routes; t->path; t++) {
		size_t n = strlen(t->path);

		if (t->path[n - 1] == '}') {
			n -= 3;
			if (len > n && memcmp(t->path, path, n) == 0 &&
			    is_number(path + n, len - n))
				return true;
		} else if (n == len && memcmp(t->path, path, len) == 0) {
			return true;
		}
	}
	return false;
}

static bool
is_get(const struct route *t)
{
	return strcmp(t->method, "GET") == 0;
}

static void
finds_all(void **state)
{
	const struct route *found;
	char allow[40], path[64];
	size_t n = 0;

	(void)state;
	for (const struct route *t = routes; t->path; t++, n++) {
		size_t len = example(t, path);

		assert_int_equal(
		    find(t->method, path, len, &found, allow), ERR_OK);
		assert_ptr_equal(found, t);
		assert_non_null(t->handler);
		assert_true(is_get(t) || strcmp(t->method, "POST") == 0);
		assert_int_equal(!t->body, is_get(t));
		assert_true(is_get(t) || t->query == QUERY_NONE ||
		    t->query == QUERY_IMPORT);
		assert_int_equal(find("HEAD", path, len, &found, allow),
		    is_get(t) ? ERR_OK : ERR_METHOD);
		assert_ptr_equal(found, is_get(t) ? t : NULL);
	}
	assert_in_range(n, 1, STATS_ROUTES - 1); /* each has its row there */
}

/* A read's route needs a scope for reading, or any key; a write's one for
 * writing. Which one is tests/lib/contract.py's. */
static void
has_scopes(void **state)
{
	(void)state;
	for (const struct route *t = routes; t->path; t++) {
		const char *name = scope_name(t->scope);

		if (!name)
			assert_true(is_get(t) || t->scope == SCOPE_OPEN);
		else if (is_get(t))
			assert_non_null(strstr(name, ":read"));
		else
			assert_non_null(strstr(name, ":write"));
	}
}

static void
refuses_methods(void **state)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PUT",
	    "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "Post",
	    "head", "GETX", "GE", "POST ", " POST", "", "*", "G\xc3\x89T"};
	const struct route *found;
	char allow[40], path[64];

	(void)state;
	for (const struct route *t = routes; t->path; t++) {
		size_t len = example(t, path);

		for (size_t m = 0; m < COUNT(methods); m++) {
			enum err e = find(methods[m], path, len, &found, allow);

			if (strcmp(methods[m], t->method) == 0 ||
			    (is_get(t) && strcmp(methods[m], "HEAD") == 0)) {
				assert_int_equal(e, ERR_OK);
				continue;
			}
			assert_int_equal(e, ERR_METHOD);
			assert_null(found);
			assert_string_equal(allow,
			    is_get(t) ? "GET, HEAD, OPTIONS" : "POST, OPTIONS");
		}
	}
}

static const struct {
	const char *path;
	size_t len;
} bad[] = {
    {TEXT("")},
    {TEXT("/")},
    {TEXT("*")},
    {TEXT("/api")},
    {TEXT("/api/v1")},
    {TEXT("/api/v1/")},
    {TEXT("/api/v2/project")},
    {TEXT("/v1/project")},
    {TEXT("api/v1/project")},
    {TEXT("//api/v1/project")},
    {TEXT("/api//v1/project")},
    {TEXT("/api/v1//project")},
    {TEXT("/api/v1/project/")},
    {TEXT("/api/v1/project//settings")},
    {TEXT("/api/v1/./project")},
    {TEXT("/api/v1/x/../project")},
    {TEXT("/api/v1/project/../project")},
    {TEXT("/api/v1/project/.")},
    {TEXT("/api/v1/%70roject")},
    {TEXT("/api/v1/project%2Fsettings")},
    {TEXT("/api/v1/project%00")},
    {TEXT("/api/v1/project\0")},
    {TEXT("/api/v1/project\0/settings")},
    {TEXT("/api/v1/project?")},
    {TEXT("/api/v1/project;x")},
    {TEXT("/api/v1/project#")},
    {TEXT("/api/v1/project ")},
    {TEXT(" /api/v1/project")},
    {TEXT("/API/v1/project")},
    {TEXT("/api/v1/Project")},
    {TEXT("/api/v1/projects")},
    {TEXT("/api/v1/project.json")},
    {TEXT("/api/v1/project/11111111-2222-4333-8444-555555555555")},
    {TEXT("/api/v1/project/api-keys/list")},
    {TEXT("/api/v1/project/provider-keys/reveal")},
    {TEXT("/api/v1/project/settings/update/")},
    {TEXT("/api/v1/project\\settings")},
    {TEXT("/api/v1/project/settings/versions/")},
    {TEXT("/api/v1/project/settings/versions/{n}")},
    {TEXT("/api/v1/project/settings/versions/0")},
    {TEXT("/api/v1/project/settings/versions/01")},
    {TEXT("/api/v1/project/settings/versions/-1")},
    {TEXT("/api/v1/project/settings/versions/+1")},
    {TEXT("/api/v1/project/settings/versions/1.0")},
    {TEXT("/api/v1/project/settings/versions/1e3")},
    {TEXT("/api/v1/project/settings/versions/0x1")},
    {TEXT("/api/v1/project/settings/versions/%31")},
    {TEXT("/api/v1/project/settings/versions/1%20")},
    {TEXT("/api/v1/project/settings/versions/1/")},
    {TEXT("/api/v1/project/settings/versions/1/2")},
    {TEXT("/api/v1/project/settings/versions/12345678901234567890")},
    {TEXT("/api/v1/healthz")},
    {TEXT("/healthz/")},
    {TEXT("/health")},
    {TEXT("/ready")},
    {TEXT("/api/v1/metrics")},
    {TEXT("/metrics/")},
    {TEXT("http://localhost/api/v1/project")},
};

static void
refuses_paths(void **state)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "OPTIONS"};
	const struct route *found;
	char allow[40];

	(void)state;
	for (size_t i = 0; i < COUNT(bad) * COUNT(methods); i++) {
		const char *path = bad[i / COUNT(methods)].path;

		if (find(methods[i % COUNT(methods)], path,
			bad[i / COUNT(methods)].len, &found,
			allow) != ERR_NOT_FOUND)
			fail_msg("found: %s", path);
		assert_null(found);
	}
}

/* Every path cut, lengthened, and with any one byte changed. */
static void
refuses_neighbours(void **state)
{
	const struct route *found;
	char allow[40], path[64];

	(void)state;
	for (const struct route *t = routes; t->path; t++) {
		size_t len = example(t, path);

		for (size_t n = 0; n < len; n++)
			assert_int_equal(
			    find("OPTIONS", path, n, &found, allow),
			    is_known(path, n) ? ERR_METHOD : ERR_NOT_FOUND);
		assert_int_equal(find(t->method, path, len + 1, &found, allow),
		    ERR_NOT_FOUND); /* by a NUL */
		for (size_t k = 0; k < len; k++) {
			char had = path[k];

			for (int c = 0; c < 256; c++) {
				path[k] = (char)c;
				if (is_known(path, len))
					continue;
				if (route_find(routes, t->method, path, len,
					&found, allow) != ERR_NOT_FOUND)
					fail_msg("found: %s", path);
			}
			path[k] = had;
		}
	}
}

/* As far as 63 bits go. */
static void
tells_the_number(void **state)
{
#define VERSIONS "/api/v1/project/settings/versions/"
	static const struct {
		const char *target;
		int64_t n;
	} cases[] = {
	    {VERSIONS "1", 1},
	    {VERSIONS "407?limit=2", 407},
	    {VERSIONS "9223372036854775807", INT64_MAX},
	    {VERSIONS "9999999999999999999?", INT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *target = cases[i].target;
		const struct route *found;
		char allow[40];

		assert_int_equal(
		    find("GET", target, strcspn(target, "?"), &found, allow),
		    ERR_OK);
		assert_int_equal(route_number(found, target), cases[i].n);
	}
}

int
main(void)
{
	const struct CMUnitTest route_tests[] = {
	    cmocka_unit_test(finds_all),
	    cmocka_unit_test(has_scopes),
	    cmocka_unit_test(refuses_methods),
	    cmocka_unit_test(refuses_paths),
	    cmocka_unit_test(refuses_neighbours),
	    cmocka_unit_test(tells_the_number),
	};

	return cmocka_run_group_tests(route_tests, NULL, NULL);
}
