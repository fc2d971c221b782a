/*
 * test_host.c: the file that the workers of a host share: how it is made, and
 * what is refused as such a file. Places and locks: test_worker.c, test_cold.c.
 */
#include "unit.h"

#include "base/secret.h"
#include "shm/cold.h"
#include "shm/host.h"
#include "shm/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/banned.h"

#define MODE "not a file of ours with mode 0600"
#define SIZE "wrong size, remove it"

static char dir[] = "/tmp/test_host.XXXXXX";
static char path[64];

/* The library under test sees this user; 0: the real one. */
static uid_t pretended;

uid_t
geteuid(void)
{
	return pretended ? pretended : getuid();
}

static struct host *
open_host(enum host_use use)
{
	char why[256] = "";
	struct host *h = host_open(dir, use, why, sizeof(why));

	if (!h)
		fail_msg("%s", why);
	return h;
}

static void
assert_refused(enum host_use use, const char *reason)
{
	char why[256] = "";
	struct host *h = host_open(dir, use, why, sizeof(why));

	if (h)
		fail_msg("taken instead of: %s", reason);
	assert_non_null(strstr(why, reason));
}

static void
makes_the_file(void **state)
{
	mode_t mask = umask(0);
	struct host *a = open_host(HOST_WORK), *b = open_host(HOST_WORK);
	struct host *reader = open_host(HOST_LOOK);
	static const unsigned char zeros[64];
	struct stat st;

	(void)state;
	umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_true(st.st_size > HOST_TABLE_SIZE);
	/* no hole that a full file system could turn into a SIGBUS */
	assert_true(st.st_blocks * 512 >= st.st_size);
	assert_memory_not_equal(host_secret(a), zeros, 64);
	assert_memory_equal(host_secret(a), host_secret(b), 64);
	assert_memory_equal(host_secret(a), host_secret(reader), 64);
	assert_ptr_not_equal(host_table(a), host_table(b));
	((char *)host_table(a))[HOST_TABLE_SIZE - 1] = 0x55;
	assert_int_equal(((char *)host_table(b))[HOST_TABLE_SIZE - 1], 0x55);
	host_close(a);
	host_close(b);
	a = open_host(HOST_WORK); /* outlives its workers */
	assert_memory_equal(host_secret(a), host_secret(reader), 64);
	host_close(reader);
	unlink(path);
	b = open_host(HOST_WORK); /* a new boot: another secret */
	assert_memory_not_equal(host_secret(a), host_secret(b), 64);
	host_close(a);
	host_close(b);
}

static void
refuses_other_files(void **state)
{
	static const mode_t modes[] = {
	    0601, 0602, 0604, 0610, 0620, 0640, 0644, 0660, 0666, 0777};
	char target[80], reason[64];

	(void)state;
	host_close(open_host(HOST_WORK));
	for (size_t i = 0; i < COUNT(modes); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_refused(HOST_WORK, MODE);
		assert_refused(HOST_LOOK, MODE);
	}
	assert_int_equal(chmod(path, 0600), 0);
	pretended = 4321;
	assert_refused(HOST_WORK, MODE);
	host_close(open_host(HOST_LOOK)); /* an operator's look is fine */
	pretended = 0;

	snprintf(target, sizeof(target), "%s.real", path);
	snprintf(reason, sizeof(reason), "cannot open: %s", strerror(ELOOP));
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	assert_refused(HOST_WORK, reason);
	assert_refused(HOST_LOOK, reason);
	unlink(target);
	assert_refused(HOST_WORK, reason); /* nothing is made through it */
	assert_int_equal(access(target, F_OK), -1);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(HOST_WORK, MODE);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_refused(HOST_WORK, "cannot open: ");
	rmdir(path);
	assert_refused(HOST_LOOK, strerror(ENOENT));
	assert_int_equal(access(path, F_OK), -1);
}

static void
refuses_other_contents(void **state)
{
	struct stat st;
	char magic[8];
	int fd;

	(void)state;
	host_close(open_host(HOST_WORK));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	assert_refused(HOST_WORK, SIZE);
	assert_refused(HOST_LOOK, SIZE);
	assert_int_equal(truncate(path, st.st_size + 1), 0);
	assert_refused(HOST_WORK, SIZE);
	assert_int_equal(truncate(path, 1), 0);
	assert_refused(HOST_WORK, SIZE);
	/* the right size and nothing in it: died while it was made */
	assert_int_equal(truncate(path, 0), 0);
	assert_refused(HOST_LOOK, SIZE);
	assert_int_equal(truncate(path, st.st_size), 0);
	assert_refused(HOST_WORK, "half made");
	unlink(path);
	host_close(open_host(HOST_WORK));
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, magic, 8, 0), 8);
	magic[0] ^= 1; /* another layout */
	assert_int_equal(pwrite(fd, magic, 8, 0), 8);
	close(fd);
	assert_refused(HOST_WORK, "not ours");
	assert_refused(HOST_LOOK, "not ours");
}

/* No room for the file: said so, and later, with room, it is made. */
static void
refuses_without_room(void **state)
{
	struct rlimit small = {1 << 20, 1 << 20};
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		char why[256] = "";

		signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &small) != 0)
			_exit(1);
		if (host_open(dir, HOST_WORK, why, sizeof(why)))
			_exit(2);
		_exit(strncmp(why, "no room: ", 9) == 0 ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	host_close(open_host(HOST_WORK));
}

/* Many first workers at once: one file, one secret, all of them have it. */
static void
is_made_once(void **state)
{
	struct host *h;
	unsigned char secret[64];
	int go[2], out[2];

	(void)state;
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	for (int i = 0; i < 8; i++) {
		if (fork() != 0)
			continue;
		close(go[1]);
		(void)!read(go[0], secret, 1); /* until all are there */
		h = host_open(dir, HOST_WORK, (char[256]){0}, 256);
		memset(secret, 0, sizeof(secret));
		if (h)
			memcpy(secret, host_secret(h), sizeof(secret));
		_exit(write(out[1], secret, 64) == 64 ? 0 : 1);
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < 8; i++)
		wait(NULL);
	h = open_host(HOST_WORK);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(read(out[0], secret, 64), 64);
		assert_memory_equal(secret, host_secret(h), 64);
	}
	close(out[0]);
	close(out[1]);
	host_close(h);
}

static void
counts(void **state)
{
	struct host *h = open_host(HOST_WORK);

	(void)state;
	for (int i = 0; i < 4; i++) {
		if (fork() != 0)
			continue;
		for (int n = 0; n < 20000; n++) {
			host_count(h, STAT_SCRYPT_RUNS);
			worker_request(h); /* without a place */
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++)
		wait(NULL);
	assert_int_equal(host_stat(h, STAT_SCRYPT_RUNS), 80000);
	assert_int_equal(host_stat(h, STAT_REQUESTS), 80000);
	assert_int_equal(host_stat(h, STAT_ERRORS), 0);
	assert_int_equal(host_stat(h, STAT_VERIFIED_HITS), 0);
	assert_int_equal(host_stat(h, STAT_CHECK_REFUSALS), 0);
	assert_int_equal(host_stat(h, STAT_COLD_REFUSALS), 0);
	host_close(h);
}

/* Processes with different tables of routes: each route has one row, also
 * after all of them have ended. */
static void
gives_each_route_a_row(void **state)
{
	static const char *const paths[] = {"/a", "/b", "/c", "/d", "/e"};
	struct host *h = open_host(HOST_WORK);
	unsigned seen = 0;
	int go[2];
	char c;

	(void)state;
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	for (int i = 0; i < 8; i++) {
		if (fork() != 0)
			continue;
		host_close(h);
		h = open_host(HOST_WORK); /* locks are a process's own */
		close(go[1]);
		(void)!read(go[0], &c, 1); /* until all are there */
		for (int n = 0; n < 5; n++) {
			const char *route = paths[(i + n) % 5];

			stats_answer(
			    host_stats(h), host_route(h, "GET", route), 200, 1);
		}
		_exit(0);
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < 8; i++)
		wait(NULL);
	host_close(h);
	h = open_host(HOST_WORK);
	for (int i = 0; i < 5; i++) {
		int row = host_route(h, "GET", paths[i]);

		assert_in_range(row, 1, 5);
		seen |= 1u << row;
		assert_int_equal(host_stats(h)->row[row].answers[0], 8);
	}
	assert_int_equal(seen, 0x3e);
	assert_false(stats_is_named(host_stats(h), 6));
	host_close(h);
}

static void
works_without(void **state)
{
	struct worker_death dead;
	struct worker_seen w[1];

	(void)state;
	host_count(NULL, STAT_REQUESTS);
	worker_start(NULL, 1, &dead);
	assert_int_equal(dead.pid, 0);
	worker_dies(NULL, 9);
	assert_null(host_stats(NULL));
	assert_int_equal(host_route(NULL, "GET", "/a"), 0);
	worker_request(NULL);
	assert_int_equal(host_stat(NULL, STAT_REQUESTS), 0);
	assert_int_equal(worker_list(NULL, w, 1), 0);
	assert_true(cold_enter(NULL, 1, 1));
	assert_true(cold_enter(NULL, 1, 1));
	cold_leave(NULL);
	worker_reads(NULL);
	worker_serves(NULL, "A", 1);
	worker_is_free(NULL);
	assert_false(worker_is_greedy(NULL, 1, 50, 1));
	assert_false(worker_any_free(NULL));
	assert_null(host_table(NULL));
	host_close(NULL);
}

static int
start(void **state)
{
	(void)state;
	if (!secret_init() || !mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/%s", dir, HOST_FILE);
	return 0;
}

/* Each test begins without the file, whatever the one before left. */
static int
no_file(void **state)
{
	(void)state;
	unlink(path);
	rmdir(path);
	pretended = 0;
	return 0;
}

static int
clean(void **state)
{
	no_file(state);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest host_tests[] = {
	    cmocka_unit_test_setup(makes_the_file, no_file),
	    cmocka_unit_test_setup(refuses_other_files, no_file),
	    cmocka_unit_test_setup(refuses_other_contents, no_file),
	    cmocka_unit_test_setup(refuses_without_room, no_file),
	    cmocka_unit_test_setup(is_made_once, no_file),
	    cmocka_unit_test_setup(counts, no_file),
	    cmocka_unit_test_setup(gives_each_route_a_row, no_file),
	    cmocka_unit_test(works_without),
	};

	return cmocka_run_group_tests(host_tests, start, clean);
}
