/*
 * test_log.c: log lines as they reach stderr, one write each; quoting keeps
 * whatever a stranger sends inside its own value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#include "base/banned.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define A10          "aaaaaaaaaa"
#define A100         A10 A10 A10 A10 A10 A10 A10 A10 A10 A10
#define A500         A100 A100 A100 A100 A100

/* stderr is a pipe between capture and release. In packet mode a read gives
 * exactly what one write has put in. */
static int pipe_end[2], stderr_kept;

static void
capture(void)
{
	assert_int_equal(pipe2(pipe_end, O_DIRECT | O_NONBLOCK | O_CLOEXEC), 0);
	stderr_kept = dup(STDERR_FILENO);
	assert_true(stderr_kept >= 0);
	assert_int_equal(dup2(pipe_end[1], STDERR_FILENO), STDERR_FILENO);
}

/* The first write in `line` ("" when there was none) and their number. */
static size_t
release(char line[PIPE_BUF + 1])
{
	char more[PIPE_BUF];
	size_t writes = 0;

	dup2(stderr_kept, STDERR_FILENO);
	ssize_t n = read(pipe_end[0], line, PIPE_BUF);
	line[n > 0 ? n : 0] = '\0';
	for (; n > 0; n = read(pipe_end[0], more, sizeof(more)))
		writes++;
	close(pipe_end[0]);
	close(pipe_end[1]);
	close(stderr_kept);
	return writes;
}

/* What stands behind the time of the only line. */
static const char *
released(void)
{
	static char line[PIPE_BUF + 1];
	static const char form[] =
	    "^ts=20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:"
	    "[0-6][0-9]\\.[0-9]{3}Z level=(error|warn|info|debug) [^\n]*\n$";
	regex_t re;

	assert_int_equal(release(line), 1);
	assert_int_equal(regcomp(&re, form, REG_EXTENDED | REG_NOSUB), 0);
	int miss = regexec(&re, line, 0, NULL, 0);
	regfree(&re);
	if (miss)
		fail_msg("not the form of a line: %s", line);
	return strchr(line, ' ') + 1;
}

/* The time of a line lies between those before and after it was written,
 * milliseconds compared as text; two seconds of them, so that the second
 * changes on the way. */
static void
tells_the_time(void **state)
{
	char text[3][32], line[PIPE_BUF + 1];
	struct timespec t, first;
	struct tm utc;
	size_t n;

	(void)state;
	clock_gettime(CLOCK_REALTIME, &first);
	do {
		capture();
		for (int i = 0; i < 3; i += 2) {
			clock_gettime(CLOCK_REALTIME, &t);
			gmtime_r(&t.tv_sec, &utc);
			n = strftime(text[i], sizeof(text[i]), "%FT%T.", &utc);
			snprintf(text[i] + n, sizeof(text[i]) - n, "%03ldZ",
			    t.tv_nsec / 1000000);
			if (i == 0)
				log_msg(LOG_ERROR, "x");
		}
		assert_int_equal(release(line), 1);
		snprintf(text[1], sizeof(text[1]), "%.24s", line + 3);
		assert_true(strcmp(text[0], text[1]) <= 0);
		assert_true(strcmp(text[1], text[2]) <= 0);
		usleep(700);
	} while (t.tv_sec < first.tv_sec + 2);
}

static void
quotes(void **state)
{
	static const struct {
		const char *value, *quoted;
	} cases[] = {
	    {"plain", "plain"},
	    {"/api/v1/project?limit=5", "\"/api/v1/project?limit=5\""},
	    {"/api/v1/project", "/api/v1/project"},
	    {"", "\"\""},
	    {"two words", "\"two words\""},
	    {"a=b", "\"a=b\""},
	    {"say \"hi\"", "\"say \\\"hi\\\"\""},
	    {"\"", "\"\\\"\""},
	    {"back\\slash", "\"back\\\\slash\""},
	    {"a\nlevel=error msg=forged", "\"a\\nlevel=error msg=forged\""},
	    {"a\r\tb", "\"a\\r\\tb\""},
	    {"\x01\x1b[31m\x1f", "\"\\u0001\\u001b[31m\\u001f\""},
	    {"\x7f", "\"\\u007f\""},
	    {"\xc3\xa9", "\"\\u00c3\\u00a9\""},
	    {"\xff", "\"\\u00ff\""},
	};
	char out[200];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n = log_quote(out, sizeof(out), cases[i].value);

		assert_string_equal(out, cases[i].quoted);
		assert_int_equal(n, strlen(cases[i].quoted));
	}
}

/* At every size: terminated, nothing behind it touched, no half escape, the
 * quotes closed. */
static void
quotes_cut(void **state)
{
	static const struct {
		size_t size;
		const char *value, *quoted;
	} cases[] = {
	    {1, "abc", ""},
	    {3, "abc", "ab"},
	    {4, "abc", "abc"},
	    {1, "a b", ""},
	    {2, "a b", ""},
	    {3, "a b", "\"\""},
	    {4, "a b", "\"a\""},
	    {5, "a b", "\"a \""},
	    {6, "a b", "\"a b\""},
	    {4, "\n", "\"\""},
	    {5, "\n", "\"\\n\""},
	    {8, "\x01", "\"\""},
	    {9, "\x01", "\"\\u0001\""},
	    {4, "\"\"", "\"\""},
	    {6, "\"\"", "\"\\\"\""},
	    {5, "\\\\", "\"\\\\\""},
	};
	char out[16];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		memset(out, '#', sizeof(out));
		size_t n = log_quote(out, cases[i].size, cases[i].value);
		assert_string_equal(out, cases[i].quoted);
		assert_int_equal(n, strlen(cases[i].quoted));
		assert_int_equal(out[cases[i].size], '#');
	}
	memset(out, '#', sizeof(out));
	assert_int_equal(log_quote(out, 0, "abc"), 0);
	assert_int_equal(log_quote(out, 0, "a b"), 0);
	assert_int_equal(out[0], '#');
}

static void
writes_message(void **state)
{
	(void)state;
	capture();
	log_msg(LOG_WARN, "%s is \"%d\"\n", "it", 5);
	assert_string_equal(
	    released(), "level=warn msg=\"it is \\\"5\\\"\\n\"\n");
	capture();
	log_msg(LOG_ERROR, "done");
	assert_string_equal(released(), "level=error msg=done\n");
}

static void
writes_pairs(void **state)
{
	(void)state;
	capture();
	log_pairs(LOG_INFO, "method", "GET", "key", NULL, "route", "a b", "us",
	    "12", "error", "", NULL);
	assert_string_equal(released(),
	    "level=info method=GET route=\"a b\" us=12 error=\"\"\n");
	capture();
	log_pairs(LOG_INFO, "status", "200", NULL);
	assert_string_equal(released(), "level=info status=200\n");
}

static void
names_request(void **state)
{
	static const char uuid[] = "0188f5e2-7c1a-4b3d-9e8f-112233445566";

	(void)state;
	char text[64];
	snprintf(text, sizeof(text), "%s", uuid);
	log_set_request(text);
	memset(text, '#', sizeof(text) - 1);
	capture();
	log_msg(LOG_INFO, "x");
	assert_string_equal(released(),
	    "level=info rid=0188f5e2-7c1a-4b3d-9e8f-112233445566 msg=x\n");
	log_set_request("0188f5e2-7c1a-4b3d-9e8f-112233445566 level=error");
	capture();
	log_pairs(LOG_INFO, "a", "b", NULL);
	assert_string_equal(released(),
	    "level=info rid=0188f5e2-7c1a-4b3d-9e8f-112233445566 a=b\n");
	log_set_request("a b\n");
	capture();
	log_msg(LOG_INFO, "x");
	assert_string_equal(released(), "level=info rid=\"a b\\n\" msg=x\n");
	log_set_request("");
	capture();
	log_msg(LOG_INFO, "x");
	assert_string_equal(released(), "level=info msg=x\n");
	log_set_request("r");
	log_set_request(NULL);
	capture();
	log_msg(LOG_INFO, "x");
	assert_string_equal(released(), "level=info msg=x\n");
}

static void
drops_by_level(void **state)
{
	char line[PIPE_BUF + 1];

	(void)state;
	assert_int_equal(log_level(), LOG_INFO);
	for (int max = LOG_ERROR; max <= LOG_DEBUG; max++) {
		log_set_level((enum log_level)max);
		assert_int_equal(log_level(), max);
		for (int l = LOG_ERROR; l <= LOG_DEBUG; l++) {
			capture();
			log_msg((enum log_level)l, "x");
			log_pairs((enum log_level)l, "a", "b", NULL);
			assert_int_equal(release(line), l <= max ? 2 : 0);
		}
	}
	log_set_level(LOG_INFO);
}

/* Longer than a pipe takes at once: cut, and still one write. */
static void
cuts(void **state)
{
	const char *line;

	(void)state;
	capture();
	log_msg(LOG_INFO, "%s", A500 A500 A500 A500 A500);
	line = released();
	assert_int_equal(strlen(line), strlen("level=info msg=\n") + 1000);
	assert_string_equal(line + strlen(line) - 3, "aa\n");

	capture();
	log_msg(LOG_INFO, "%s", "a \n" A500 A500 A500 A500);
	line = released();
	assert_int_equal(strlen(line), strlen("level=info msg=\n") + 1000);
	assert_string_equal(line + strlen(line) - 3, "a\"\n");

	/* a long route leaves room for the rest */
	capture();
	log_pairs(LOG_INFO, "route",
	    A500 A500 A500 A500 A500 A500 A500 A500 A500 A500, "status", "404",
	    NULL);
	line = released();
	assert_string_equal(line + strlen(line) - 14, "aa status=404\n");

	capture();
	log_pairs(LOG_INFO, "a", A500 A500, "b", A500 A500, "c", A500 A500, "d",
	    A500 A500, "e", A500 A500, "f", "1", NULL);
	line = released();
	assert_null(strstr(line, " e="));
	assert_string_equal(line + strlen(line) - 8, "aaa f=1\n");
}

/* A line takes what fits, to the last byte. */
static void
fills_line(void **state)
{
	char line[PIPE_BUF + 1], rest[1001];
	size_t longest = 0;

	(void)state;
	for (size_t n = 0; n < sizeof(rest); n++) {
		memset(rest, 'r', n);
		rest[n] = '\0';
		capture();
		log_pairs(LOG_INFO, "a", A500 A500, "b", A500 A500, "c",
		    A500 A500, "d", A500, "e", rest, NULL);
		assert_int_equal(release(line), 1);
		size_t len = strlen(line);
		assert_int_equal(line[len - 1], '\n');
		longest = len > longest ? len : longest;
	}
	assert_int_equal(longest, PIPE_BUF);
}

static void
keeps_errno(void **state)
{
	int kept = dup(STDERR_FILENO);

	(void)state;
	errno = EDOM;
	capture();
	errno = EDOM;
	log_msg(LOG_INFO, "%m");
	int after = errno;
	assert_string_equal(released(),
	    "level=info msg=\"Numerical argument out of domain\"\n");
	assert_int_equal(after, EDOM);

	/* nowhere to write to */
	close(STDERR_FILENO);
	errno = EDOM;
	log_msg(LOG_INFO, "x");
	log_pairs(LOG_INFO, "a", "b", NULL);
	after = errno;
	dup2(kept, STDERR_FILENO);
	close(kept);
	assert_int_equal(after, EDOM);
}

/* Names a stream as systemd does: stderr's own, or with another number. */
static void
set_stream(int off)
{
	char text[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino + (unsigned)off);
	setenv("JOURNAL_STREAM", text, 1);
	log_to_journal();
}

static void
tells_the_journal(void **state)
{
	static const char first[] = {'3', '4', '6', '7'};
	char line[PIPE_BUF + 1];

	(void)state;
	log_set_level(LOG_DEBUG);
	for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
		capture();
		set_stream(0);
		log_msg((enum log_level)level, "x");
		assert_int_equal(release(line), 1);
		assert_memory_equal(line, "<", 1);
		assert_int_equal(line[1], first[level]);
		assert_memory_equal(line + 2, ">ts=20", 6);
	}
	log_set_level(LOG_INFO);
	capture(); /* somebody else's: of the shell that has started us */
	set_stream(1);
	log_msg(LOG_ERROR, "x");
	assert_int_equal(release(line), 1);
	assert_memory_equal(line, "ts=20", 5);
	static const char *const others[] = {"", "1", ":", "x:y", "0:0"};
	for (size_t i = 0; i < COUNT(others); i++) {
		capture();
		set_stream(0);
		setenv("JOURNAL_STREAM", others[i], 1);
		log_to_journal();
		log_msg(LOG_ERROR, "x");
		assert_int_equal(release(line), 1);
		assert_memory_equal(line, "ts=20", 5);
	}
	capture();
	unsetenv("JOURNAL_STREAM");
	log_to_journal();
	log_msg(LOG_ERROR, "x");
	assert_string_equal(released(), "level=error msg=x\n");
}

int
main(void)
{
	const struct CMUnitTest log_tests[] = {
	    cmocka_unit_test(tells_the_time),
	    cmocka_unit_test(quotes),
	    cmocka_unit_test(quotes_cut),
	    cmocka_unit_test(writes_message),
	    cmocka_unit_test(writes_pairs),
	    cmocka_unit_test(names_request),
	    cmocka_unit_test(drops_by_level),
	    cmocka_unit_test(cuts),
	    cmocka_unit_test(fills_line),
	    cmocka_unit_test(keeps_errno),
	    cmocka_unit_test(tells_the_journal),
	};

	return cmocka_run_group_tests(log_tests, NULL, NULL);
}
