/*
 * test_kept.c: heads of audit logs, found in whatever they were kept in.
 */
#include "unit.h"

#include "ctl/kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/banned.h"

#define P1   "0b9f6a52-8d1e-4c37-9a60-e2c4d7f81b35"
#define P2   "1c9f6a52-8d1e-4c37-9a60-e2c4d7f81b35"
#define HASH "6d1f0c4ab8e9372f5a40d1c6e2b7983f04c5a9d8e1f2b3746a5c8d9e0f1b2a37"

static const struct {
	const char *line;
	size_t n;
} lines[] = {
    {"shop  " P1 "  12  " HASH, 1},
    {"Nov 28 14:00:01 host codecourierctl[77]: shop-2  " P1 "  12  " HASH "\n",
	1},
    {"{\"data\":[{\"projectSlug\":\"12\",\"projectId\":\"" P1
     "\",\"number\":12,\"hash\":\"" HASH "\"},{\"projectId\":\"" P1
     "\",\"number\":12,\"hash\":\"" HASH "\"}]}",
	2},
    {P2 " 7 " P1 " 12 " HASH, 1},
    {"", 0},
    {"PROJECT SLUG  PROJECT ID  NUMBER  HASH", 0},
    {P1 " 12", 0},
    {P1 " " HASH, 0},
    {P1 " 12 " HASH "0", 0},
    {P1 "0 12 " HASH, 0},
    {P1 " 1234567890123456789 " HASH, 0},
    {P1 " -12 " HASH, 0},
    {"12 " HASH " " P1, 0},
};

static void
finds_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct kept k = {0};

		assert_true(kept_line(&k, lines[i].line));
		if (k.n != lines[i].n)
			fail_msg("%s: %zu", lines[i].line, k.n);
		for (size_t j = 0; j < k.n; j++) {
			assert_string_equal(k.head[j].project, P1);
			assert_int_equal(k.head[j].number, 12);
			assert_string_equal(k.head[j].hash, HASH);
		}
		kept_free(&k);
		assert_int_equal(k.n, 0);
	}
}

static void
reads_files(void **state)
{
	char path[] = "/tmp/kept-XXXXXX";
	int fd = mkstemp(path);
	struct kept k = {0};
	const char *why;

	(void)state;
	assert_true(fd >= 0);
	assert_false(kept_file(&k, path, &why));
	assert_non_null(strstr(why, "holds no head"));
	dprintf(fd, "head\nx " P1 " 12 " HASH "\n\n" P2 " 13 " HASH);
	assert_true(kept_file(&k, path, &why));
	assert_int_equal(k.n, 2);
	assert_int_equal(k.head[1].number, 13);
	kept_free(&k);
	close(fd);
	unlink(path);
	assert_false(kept_file(&k, path, &why));
	assert_string_equal(why, "No such file or directory");
	assert_false(kept_file(&k, "/", &why));
}

int
main(void)
{
	const struct CMUnitTest kept_tests[] = {
	    cmocka_unit_test(finds_heads),
	    cmocka_unit_test(reads_files),
	};

	return cmocka_run_group_tests(kept_tests, NULL, NULL);
}
