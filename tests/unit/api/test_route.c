/*
 * test_route.c: the routes are those of the reference page and the two for
 * health, no more; anything else is 404 or 405, and Allow tells which methods
 * there are.
 */
#include "unit.h"

#include "api/handlers.h"
#include "http/metrics.h"
#include "api/routes.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

#define API      "/api/v1/project"
#define GETS(h)  NULL, h
#define POSTS(h) &h##_body, h

static const struct {
	const char *method, *path;
	enum route_query query;
	const struct body *body;
	enum err (*handler)(struct req *);
} wanted[] = {
    {"GET", API, QUERY_NONE, GETS(project_get)},
    {"POST", API "/update", QUERY_NONE, POSTS(project_update)},
    {"POST", API "/delete", QUERY_NONE, POSTS(project_delete)},
    {"GET", API "/settings", QUERY_NONE, GETS(settings_get)},
    {"POST", API "/settings/update", QUERY_NONE, POSTS(settings_update)},
    {"GET", API "/members", QUERY_PAGE, GETS(member_list)},
    {"POST", API "/members/invite", QUERY_NONE, POSTS(member_invite)},
    {"POST", API "/members/remove", QUERY_NONE, POSTS(member_remove)},
    {"POST", API "/members/update-role", QUERY_NONE, POSTS(member_update_role)},
    {"GET", API "/provider-keys", QUERY_NONE, GETS(provider_key_list)},
    {"POST", API "/provider-keys/set", QUERY_NONE, POSTS(provider_key_set)},
    {"POST", API "/provider-keys/remove", QUERY_NONE,
	POSTS(provider_key_remove)},
    {"GET", API "/api-keys", QUERY_PAGE, GETS(api_key_list)},
    {"POST", API "/api-keys/generate", QUERY_NONE, POSTS(api_key_generate)},
    {"POST", API "/api-keys/revoke", QUERY_NONE, POSTS(api_key_revoke)},
    {"GET", API "/counters", QUERY_NONE, GETS(counters_get)},
    {"GET", "/healthz", QUERY_NONE, GETS(health_live)},
    {"GET", "/readyz", QUERY_NONE, GETS(health_ready)},
    {"GET", "/metrics", QUERY_NONE, GETS(metrics_get)},
};

_Static_assert(COUNT(wanted) == 16 + 3, "the page's, health and metrics");
_Static_assert(COUNT(wanted) < STATS_ROUTES, "each has its row");

/* The path up against a wall, without a NUL. */
static enum err
find(const char *method, const char *path, size_t len,
    const struct route **route, char allow[40])
{
	*route = NULL;
	memset(allow, 0, 40);
	return route_find(routes, method, walled(path, len), len, route, allow);
}

static bool
is_known(const char *path, size_t len)
{
	for (size_t i = 0; i < COUNT(wanted); i++)
		if (strlen(wanted[i].path) == len &&
		    memcmp(wanted[i].path, path, len) == 0)
			return true;
	return false;
}

static void
finds_all(void **state)
{
	const struct route *t = routes, *found;
	char allow[40];
	size_t n = 0;

	(void)state;
	for (; t[n].path; n++)
		assert_true(n < COUNT(wanted));
	assert_int_equal(n, COUNT(wanted));
	for (size_t i = 0; i < n; i++) {
		bool get = strcmp(wanted[i].method, "GET") == 0;
		bool open = strncmp(wanted[i].path, "/api/", 5) != 0;
		const char *path = wanted[i].path;

		assert_int_equal(
		    find(wanted[i].method, path, strlen(path), &found, allow),
		    ERR_OK);
		assert_string_equal(found->method, wanted[i].method);
		assert_string_equal(found->path, path);
		assert_int_equal(found->query, wanted[i].query);
		assert_ptr_equal(found->body, wanted[i].body);
		assert_true(found->handler == wanted[i].handler);
		assert_int_equal(found->scope,
		    open      ? SCOPE_OPEN
			: get ? SCOPE_READ
			      : SCOPE_WRITE);
		t = found;
		assert_int_equal(
		    find("HEAD", path, strlen(path), &found, allow),
		    get ? ERR_OK : ERR_METHOD);
		assert_ptr_equal(found, get ? t : NULL);
	}
}

/* As a key has them: migrations/0001_schema.sql. */
static void
names_scopes(void **state)
{
	(void)state;
	assert_null(route_scope_name(SCOPE_OPEN));
	assert_string_equal(route_scope_name(SCOPE_READ), "projects:read");
	assert_string_equal(route_scope_name(SCOPE_WRITE), "projects:write");
}

static void
refuses_methods(void **state)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PUT",
	    "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "Post",
	    "head", "GETX", "GE", "POST ", " POST", "", "*", "G\xc3\x89T"};
	const struct route *found;
	char allow[40];

	(void)state;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		bool get = strcmp(wanted[i].method, "GET") == 0;
		const char *path = wanted[i].path;

		for (size_t m = 0; m < COUNT(methods); m++) {
			enum err e =
			    find(methods[m], path, strlen(path), &found, allow);

			if (strcmp(methods[m], wanted[i].method) == 0 ||
			    (get && strcmp(methods[m], "HEAD") == 0)) {
				assert_int_equal(e, ERR_OK);
				continue;
			}
			assert_int_equal(e, ERR_METHOD);
			assert_null(found);
			assert_string_equal(allow,
			    get ? "GET, HEAD, OPTIONS" : "POST, OPTIONS");
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
	for (size_t i = 0; i < COUNT(wanted); i++) {
		const char *method = wanted[i].method;
		size_t len = strlen(wanted[i].path);

		memcpy(path, wanted[i].path, len + 1);
		for (size_t n = 0; n < len; n++)
			assert_int_equal(
			    find("OPTIONS", path, n, &found, allow),
			    is_known(path, n) ? ERR_METHOD : ERR_NOT_FOUND);
		assert_int_equal(
		    find(method, path, len + 1, &found, allow), ERR_NOT_FOUND);
		for (size_t k = 0; k < len; k++) {
			for (int c = 0; c < 256; c++) {
				path[k] = (char)c;
				if (c == wanted[i].path[k])
					continue;
				if (route_find(routes, method, path, len,
					&found, allow) != ERR_NOT_FOUND)
					fail_msg("found: %s", path);
			}
			path[k] = wanted[i].path[k];
		}
	}
}

int
main(void)
{
	const struct CMUnitTest route_tests[] = {
	    cmocka_unit_test(finds_all),
	    cmocka_unit_test(names_scopes),
	    cmocka_unit_test(refuses_methods),
	    cmocka_unit_test(refuses_paths),
	    cmocka_unit_test(refuses_neighbours),
	};

	return cmocka_run_group_tests(route_tests, NULL, NULL);
}
