/*
 * test_places.c: workers' places in the host's file and the places of cold
 * keys, between processes, dead ones too.
 */
#include "unit.h"

#include "base/clock.h"
#include "shm/host.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/banned.h"

#define NOW  CLOCK_S(1000)
#define SOON 10000 /* ms in which another process must have got so far */

static char dir[] = "/tmp/test_places.XXXXXX";
static char path[64];

static struct host *
open_host(bool read_only)
{
	char why[256] = "";
	struct host *h = host_open(dir, read_only, why, sizeof(why));

	if (!h)
		fail_msg("%s", why);
	return h;
}

/* ---- another process, told what to do by one character at a time ---- */

struct child {
	pid_t pid;
	int tell, hear;
};

static void
on_signal(int signal)
{
	(void)signal;
}

/* e, E: enter with key 1, 2 at 2 places; f: is one of them free; l: leave;
 * w: start as a worker; d: die soon; r: one request; a, b: serve project A, B;
 * R, F: read, be free; g, G: is A or B served by too many of four, now, much
 * later; h: is a worker free. Answers 1 or 0; q: ends. */
static void
obey(int in, int out)
{
	struct sigaction act = {.sa_handler = on_signal}; /* interrupts */
	struct host_death dead;
	char why[256], command, done;
	struct host *h = host_open(dir, false, why, sizeof(why));

	sigaction(SIGUSR1, &act, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (h) {
		ssize_t n = read(in, &command, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n != 1 || command == 'q')
			break;
		done = 1;
		if (command == 'e' || command == 'E')
			done = host_cold_enter(h, 2, command == 'e' ? 1 : 2);
		else if (command == 'f')
			done = host_cold_room(h, 2);
		else if (command == 'l')
			host_cold_leave(h);
		else if (command == 'w')
			host_worker_start(h, 7, &dead);
		else if (command == 'd')
			host_worker_dies(h, SIGSEGV);
		else if (command == 'a' || command == 'b')
			host_serves(h, command == 'a' ? "A" : "B", NOW);
		else if (command == 'R')
			host_reads(h);
		else if (command == 'F')
			host_is_free(h);
		else if (command == 'g' || command == 'G')
			done = host_is_greedy(h, 4, 50,
			    NOW + (command == 'g' ? 0 : SHARE_LATELY));
		else if (command == 'h')
			done = host_has_free(h);
		else
			host_worker_request(h);
		if (write(out, &done, 1) != 1)
			break;
	}
	_exit(h ? 0 : 1);
}

static struct child
child_start(void)
{
	struct child c;
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	c.pid = fork();
	if (c.pid == 0) {
		close(in[1]);
		close(out[0]);
		obey(in[0], out[1]);
	}
	assert_true(c.pid > 0);
	close(in[0]);
	close(out[1]);
	c.tell = in[1];
	c.hear = out[0];
	return c;
}

static void
tell(const struct child *c, char command)
{
	assert_int_equal(write(c->tell, &command, 1), 1);
}

/* Its answer; -1: none within so many milliseconds. */
static int
answer(const struct child *c, int ms)
{
	struct pollfd p = {.fd = c->hear, .events = POLLIN};
	char done;

	if (poll(&p, 1, ms) != 1)
		return -1;
	return read(c->hear, &done, 1) == 1 ? done : -2;
}

static int
ask(const struct child *c, char command)
{
	tell(c, command);
	return answer(c, SOON);
}

static void
child_end(const struct child *c, bool killed)
{
	if (killed)
		kill(c->pid, SIGKILL);
	else
		tell(c, 'q');
	close(c->tell);
	close(c->hear);
	assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
}

/* ---- workers' places ---- */

static void
lists_workers(void **state)
{
	struct host_death dead;
	struct child a = child_start(), b = child_start(), c;
	struct host_worker w[4];
	int64_t now = (int64_t)time(NULL) * 1000;
	struct host *h;

	(void)state;
	assert_int_equal(ask(&b, 'l'), 1); /* it has made the file */
	h = open_host(true);
	assert_int_equal(host_workers(h, w, 4), 0);
	assert_int_equal(ask(&a, 'w'), 1);
	assert_int_equal(ask(&b, 'w'), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(&b, 'r'), 1);
	assert_int_equal(host_workers(h, w, 4), 2);
	assert_int_equal(w[0].pid, a.pid);
	assert_int_equal(w[0].program, 7);
	assert_int_equal(w[0].requests, 0);
	assert_int_equal(w[1].pid, b.pid);
	assert_int_equal(w[1].requests, 3);
	assert_true(w[1].started_ms >= now - 1000);
	assert_true(w[1].started_ms <= now + SOON);
	assert_int_equal(host_workers(h, w, 1), 1);
	assert_int_equal(host_workers(h, w, 0), 0);

	host_close(h);
	h = open_host(false); /* a worker sees itself, too */
	host_worker_start(h, 8, &dead);
	assert_int_equal(dead.pid, 0);
	assert_int_equal(host_workers(h, w, 4), 3);
	assert_int_equal(w[2].pid, getpid());
	assert_int_equal(w[2].program, 8);
	host_close(h);
	h = open_host(true);

	child_end(&b, true); /* its place is free, and taken anew */
	assert_int_equal(host_workers(h, w, 4), 1);
	c = child_start();
	assert_int_equal(ask(&c, 'w'), 1);
	assert_int_equal(host_workers(h, w, 4), 2);
	assert_int_equal(w[1].pid, c.pid);
	assert_int_equal(w[1].requests, 0);
	child_end(&a, false);
	child_end(&c, false);
	assert_int_equal(host_workers(h, w, 4), 0);
	assert_int_equal(host_stat(h, STAT_REQUESTS), 3);
	host_close(h);
}

/* Takes the only place; who had it before? */
static struct host_death
start_here(void)
{
	struct host *h = open_host(false);
	struct host_death dead;

	host_worker_start(h, 7, &dead);
	host_close(h);
	return dead;
}

static void
tells_of_the_dead(void **state)
{
	struct host_death dead;
	struct child c;

	(void)state;
	assert_int_equal(start_here().pid, 0);
	assert_int_equal(start_here().pid, 0); /* it was given back */
	c = child_start();
	assert_int_equal(ask(&c, 'w'), 1);
	child_end(&c, true);
	dead = start_here();
	assert_int_equal(dead.pid, c.pid);
	assert_int_equal(dead.signal, SIGKILL);
	c = child_start();
	assert_int_equal(ask(&c, 'w'), 1);
	assert_int_equal(ask(&c, 'd'), 1);
	child_end(&c, true);
	dead = start_here();
	assert_int_equal(dead.pid, c.pid);
	assert_int_equal(dead.signal, SIGSEGV);
	assert_int_equal(start_here().pid, 0); /* told once */
}

/* ---- a project's share of the workers ---- */

static void
each_does(const struct child *c, const char *commands)
{
	for (; *commands; c++, commands++)
		assert_int_equal(ask(c, *commands), 1);
}

/* Of four workers a project may have two while others wait. */
static void
knows_who_is_greedy(void **state)
{
	struct child c[4] = {
	    child_start(), child_start(), child_start(), child_start()};

	(void)state;
	each_does(c, "wwww");
	assert_int_equal(ask(&c[0], 'h'), 1);
	each_does(c, "aaaa"); /* there is no other */
	assert_int_equal(ask(&c[0], 'h'), 0);
	assert_int_equal(ask(&c[3], 'g'), 0);
	each_does(&c[3], "b");
	assert_int_equal(ask(&c[2], 'g'), 1);
	assert_int_equal(ask(&c[3], 'g'), 0); /* it is not B that is */
	assert_int_equal(ask(&c[2], 'G'), 0); /* B was here long ago */
	each_does(&c[2], "b");
	assert_int_equal(ask(&c[0], 'g'), 0); /* two of four */
	assert_int_equal(ask(&c[2], 'g'), 0);
	each_does(&c[2], "aF"); /* and the fourth is free */
	assert_int_equal(ask(&c[2], 'g'), 0);
	each_does(&c[3], "R");
	assert_int_equal(ask(&c[2], 'g'), 1); /* it was B's before */
	each_does(&c[3], "F");
	assert_int_equal(ask(&c[2], 'h'), 1);
	child_end(&c[3], false);
	assert_int_equal(ask(&c[2], 'h'), 0); /* and is no more */
	for (int i = 0; i < 3; i++)
		child_end(&c[i], false);
}

/* Who was killed at work seems to be at work for ever. */
static void
counts_no_dead(void **state)
{
	struct child c[4] = {
	    child_start(), child_start(), child_start(), child_start()};

	(void)state;
	each_does(c, "wwww");
	each_does(c, "aaab");
	assert_int_equal(ask(&c[2], 'g'), 1);
	child_end(&c[0], true);
	child_end(&c[1], true);
	assert_int_equal(ask(&c[2], 'g'), 0); /* one of two */
	c[0] = child_start();
	assert_int_equal(ask(&c[0], 'w'), 1); /* takes a dead one's place */
	assert_int_equal(ask(&c[2], 'h'), 1);
	each_does(&c[0], "a");
	assert_int_equal(ask(&c[2], 'g'), 1); /* two of three */
	child_end(&c[0], false);
	child_end(&c[2], false);
	child_end(&c[3], false);
}

/* ---- cold places ---- */

static void
has_so_many_cold_places(void **state)
{
	struct child a = child_start(), b = child_start(), c = child_start();

	(void)state;
	assert_int_equal(ask(&c, 'f'), 1);
	assert_int_equal(ask(&a, 'e'), 1);
	assert_int_equal(ask(&c, 'f'), 1);
	assert_int_equal(ask(&b, 'E'), 1);
	assert_int_equal(ask(&c, 'f'), 0);
	assert_int_equal(ask(&c, 'e'), 0); /* at once, whatever the key */
	assert_int_equal(ask(&c, 'E'), 0);
	assert_int_equal(ask(&c, 'l'), 1); /* not inside: changes nothing */
	assert_int_equal(ask(&c, 'E'), 0);
	assert_int_equal(ask(&a, 'l'), 1);
	assert_int_equal(ask(&c, 'e'), 1);
	assert_int_equal(ask(&a, 'e'), 0);
	child_end(&b, true); /* killed inside */
	assert_int_equal(ask(&a, 'f'), 1);
	assert_int_equal(ask(&a, 'E'), 1);
	assert_int_equal(ask(&a, 'l'), 1);
	assert_int_equal(ask(&a, 'E'), 1); /* again and again */
	child_end(&a, false);
	child_end(&c, false);
}

static void
waits_for_the_same_key(void **state)
{
	struct child a = child_start(), b = child_start(), c = child_start();
	int done;

	(void)state;
	assert_int_equal(ask(&a, 'e'), 1);
	tell(&b, 'e');
	assert_int_equal(answer(&b, 100), -1);
	assert_int_equal(ask(&c, 'E'), 0); /* who waits is inside */
	assert_int_equal(ask(&a, 'l'), 1);
	assert_int_equal(answer(&b, SOON), 1);

	tell(&a, 'e'); /* the one it waits for is killed */
	assert_int_equal(answer(&a, 100), -1);
	child_end(&b, true);
	assert_int_equal(answer(&a, SOON), 1);

	tell(&c, 'e'); /* a signal ends the wait, and frees the place */
	assert_int_equal(answer(&c, 100), -1);
	done = -1;
	for (int i = 0; i < 100 && done < 0; i++) {
		kill(c.pid, SIGUSR1); /* lost if the wait has not begun */
		done = answer(&c, 100);
	}
	assert_int_equal(done, 0);
	assert_int_equal(ask(&c, 'E'), 1);
	child_end(&a, false);
	child_end(&c, false);
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
	const struct CMUnitTest places_tests[] = {
	    cmocka_unit_test_setup(lists_workers, no_file),
	    cmocka_unit_test_setup(tells_of_the_dead, no_file),
	    cmocka_unit_test_setup(knows_who_is_greedy, no_file),
	    cmocka_unit_test_setup(counts_no_dead, no_file),
	    cmocka_unit_test_setup(has_so_many_cold_places, no_file),
	    cmocka_unit_test_setup(waits_for_the_same_key, no_file),
	};

	return cmocka_run_group_tests(places_tests, start, clean);
}
