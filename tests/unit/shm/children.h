/*
 * children.h: processes that do with the host's file what they are told. For
 * test_worker.c and test_cold.c.
 */
#ifndef CHILDREN_H
#define CHILDREN_H

#include "unit.h"

#include "base/clock.h"
#include "base/secret.h"
#include "shm/cold.h"
#include "shm/share.h"
#include "shm/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define NOW  CLOCK_S(1000)
#define SOON 10000 /* ms in which another process must have got so far */

static char dir[] = "/tmp/test_children.XXXXXX";
static char path[64];

static inline struct host *
open_host(enum host_use use)
{
	char why[256] = "";
	struct host *h = host_open(dir, use, why, sizeof(why));

	if (!h)
		fail_msg("%s", why);
	return h;
}

/* ---- another process, told what to do by one character at a time ---- */

struct child {
	pid_t pid;
	int tell, hear;
};

static inline void
on_signal(int signal)
{
	(void)signal;
}

/* e, E: enter with key 1, 2 at 2 places; f: is one of them free; l: leave;
 * w: start as a worker; d: die soon; r: one request; a, b: serve project A, B;
 * R, F: read, be free; g, G: is A or B served by too many of four, now, much
 * later; h: is a worker free. Answers 1 or 0; q: ends. */
static inline void
obey(int in, int out)
{
	struct sigaction act = {.sa_handler = on_signal}; /* interrupts */
	struct worker_death dead;
	char why[256], command, done;
	struct host *h = host_open(dir, HOST_WORK, why, sizeof(why));

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
			done = cold_enter(h, 2, command == 'e' ? 1 : 2);
		else if (command == 'f')
			done = cold_has_room(h, 2);
		else if (command == 'l')
			cold_leave(h);
		else if (command == 'w')
			worker_start(h, 7, &dead);
		else if (command == 'd')
			worker_dies(h, SIGSEGV);
		else if (command == 'a' || command == 'b')
			worker_serves(h, command == 'a' ? "A" : "B", NOW);
		else if (command == 'R')
			worker_reads(h);
		else if (command == 'F')
			worker_is_free(h);
		else if (command == 'g' || command == 'G')
			done = worker_is_greedy(h, 4, 50,
			    NOW + (command == 'g' ? 0 : SHARE_LATELY));
		else if (command == 'h')
			done = worker_any_free(h);
		else
			worker_request(h);
		if (write(out, &done, 1) != 1)
			break;
	}
	_exit(h ? 0 : 1);
}

static inline struct child
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

static inline void
tell(const struct child *c, char command)
{
	assert_int_equal(write(c->tell, &command, 1), 1);
}

/* Its answer; -1: none within so many milliseconds. */
static inline int
answer(const struct child *c, int ms)
{
	struct pollfd p = {.fd = c->hear, .events = POLLIN};
	char done;

	if (poll(&p, 1, ms) != 1)
		return -1;
	return read(c->hear, &done, 1) == 1 ? done : -2;
}

static inline int
ask(const struct child *c, char command)
{
	tell(c, command);
	return answer(c, SOON);
}

static inline void
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

static inline int
start(void **state)
{
	(void)state;
	if (!secret_init() || !mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/%s", dir, HOST_FILE);
	return 0;
}

/* Each test begins without the file, whatever the one before left. */
static inline int
no_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static inline int
clean(void **state)
{
	no_file(state);
	return rmdir(dir);
}

#endif
