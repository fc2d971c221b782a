/*
 * test_worker.c: workers' places in the host's file, between processes, dead
 * ones too, and a project's share of the workers.
 */
#include "children.h"

#include "base/banned.h"

static void
lists_workers(void **state)
{
	struct worker_death dead;
	struct child a = child_start(), b = child_start(), c;
	struct worker_seen w[4];
	int64_t now = (int64_t)time(NULL) * 1000;
	struct host *h;

	(void)state;
	assert_int_equal(ask(&b, 'l'), 1); /* it has made the file */
	h = open_host(HOST_LOOK);
	assert_int_equal(worker_list(h, w, 4), 0);
	assert_int_equal(ask(&a, 'w'), 1);
	assert_int_equal(ask(&b, 'w'), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(&b, 'r'), 1);
	assert_int_equal(worker_list(h, w, 4), 2);
	assert_int_equal(w[0].pid, a.pid);
	assert_int_equal(w[0].program, 7);
	assert_int_equal(w[0].requests, 0);
	assert_int_equal(w[1].pid, b.pid);
	assert_int_equal(w[1].requests, 3);
	assert_true(w[1].started_ms >= now - 1000);
	assert_true(w[1].started_ms <= now + SOON);
	assert_int_equal(worker_list(h, w, 1), 1);
	assert_int_equal(worker_list(h, w, 0), 0);

	host_close(h);
	h = open_host(HOST_WORK); /* a worker sees itself, too */
	worker_start(h, 8, &dead);
	assert_int_equal(dead.pid, 0);
	assert_int_equal(worker_list(h, w, 4), 3);
	assert_int_equal(w[2].pid, getpid());
	assert_int_equal(w[2].program, 8);
	host_close(h);
	h = open_host(HOST_LOOK);

	child_end(&b, true); /* its place is free, and taken anew */
	assert_int_equal(worker_list(h, w, 4), 1);
	c = child_start();
	assert_int_equal(ask(&c, 'w'), 1);
	assert_int_equal(worker_list(h, w, 4), 2);
	assert_int_equal(w[1].pid, c.pid);
	assert_int_equal(w[1].requests, 0);
	child_end(&a, false);
	child_end(&c, false);
	assert_int_equal(worker_list(h, w, 4), 0);
	assert_int_equal(host_stat(h, STAT_REQUESTS), 3);
	host_close(h);
}

/* Takes the only place; who had it before? */
static struct worker_death
start_here(void)
{
	struct host *h = open_host(HOST_WORK);
	struct worker_death dead;

	worker_start(h, 7, &dead);
	host_close(h);
	return dead;
}

static void
tells_of_the_dead(void **state)
{
	struct worker_death dead;
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

int
main(void)
{
	const struct CMUnitTest worker_tests[] = {
	    cmocka_unit_test_setup(lists_workers, no_file),
	    cmocka_unit_test_setup(tells_of_the_dead, no_file),
	    cmocka_unit_test_setup(knows_who_is_greedy, no_file),
	    cmocka_unit_test_setup(counts_no_dead, no_file),
	};

	return cmocka_run_group_tests(worker_tests, start, clean);
}
