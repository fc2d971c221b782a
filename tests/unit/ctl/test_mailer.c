/*
 * test_mailer.c: what becomes of a message by how the mailer ends, and that one
 * that hangs is ended. tests/http/test_mail.py has the rest.
 */
#include "unit.h"

#include "ctl/mailer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/banned.h"

#define LONG 60000 /* ms; no test waits for it */

static char folder[] = "/tmp/test_mailer.XXXXXX", program[64];

/* A mailer that does this; a shell's words. */
static enum mailer
hand(const char *words, int patience, int *status)
{
	static char from[] = "a@b.example";
	FILE *f;

	unlink(program);
	f = fopen(program, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", words);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(program, 0700), 0);
	return mailer_hand(
	    program, from, "c@d.example", "text\n", 5, patience, status);
}

static void
tells_how_it_ends(void **state)
{
	static const struct {
		const char *words;
		enum mailer what;
		int status;
	} cases[] = {
	    {"exit 0", MAILER_TOOK, 0},
	    {"test \"$*\" = '-i -f a@b.example -- c@d.example'", MAILER_TOOK,
		0},
	    {"test \"$(cat)\" = text", MAILER_TOOK, 0},
	    {"test -f /proc/self/fd/0 && test $(wc -c) = 5", MAILER_TOOK, 0},
	    {"exit 75", MAILER_LATER, 75},
	    {"exit 1", MAILER_REFUSED, 1},
	    {"kill -9 $$", MAILER_DOUBT, -1},
	    {"kill -TERM $$", MAILER_DOUBT, -1},
	};
	int status;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (hand(cases[i].words, LONG, &status) != cases[i].what ||
		    status != cases[i].status)
			fail_msg("%s: %d", cases[i].words, status);
	}
}

static void
tells_that_there_is_none(void **state)
{
	static char nothing[] = "/nonexistent", from[] = "a@b.example";
	int status;

	(void)state;
	assert_int_equal(
	    mailer_hand(nothing, from, "c@d.example", "", 0, LONG, &status),
	    MAILER_ABSENT);
	assert_int_equal(status, -1);
}

/* With what it has started: the end of a pipe that all of it holds comes. */
static void
ends_one_that_hangs(void **state)
{
	char words[160], fifo[80];
	struct pollfd end = {.events = POLLIN};
	int status;

	(void)state;
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	end.fd = open(fifo, O_RDONLY | O_NONBLOCK);
	assert_true(end.fd >= 0);
	snprintf(
	    words, sizeof(words), "exec >%s; sleep 1000 & sleep 1000", fifo);
	/* one that had no time to begin holds nothing yet */
	for (int ms = 300; ms < LONG && !(end.revents & POLLHUP); ms *= 4) {
		assert_int_equal(hand(words, ms, &status), MAILER_DOUBT);
		assert_int_equal(status, -1);
		poll(&end, 1, 1000);
	}
	assert_true(end.revents & POLLHUP);
	close(end.fd);
	unlink(fifo);
}

static int
make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(program, sizeof(program), "%s/sendmail", folder);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	unlink(program);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_how_it_ends),
	    cmocka_unit_test(tells_that_there_is_none),
	    cmocka_unit_test(ends_one_that_hangs),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
