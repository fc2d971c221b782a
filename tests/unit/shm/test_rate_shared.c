/*
 * test_rate_shared.c: the windows of many keys in the host's file, between
 * processes: stopped and killed ones, too.
 */
#include "children.h"

#include "shm/rate.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/banned.h"

/* What the processes of a test share beside the file. */
static struct common {
	_Atomic int ready, let_in, other;
	_Atomic bool go;
} * common;

static struct rate_seen seen;

/* All in the first set, or of any. */
static const unsigned char *
name_of(uint32_t set, uint32_t number)
{
	static unsigned char id[RATE_ID];

	memcpy(id, &set, sizeof(set));
	memcpy(id + 4, &number, sizeof(number));
	return id;
}

static int64_t now = NOW;

static int64_t
the_time(void)
{
	return now;
}

static enum rate_answer
enter(struct host *h, uint32_t number, int limit)
{
	return rate_enter(
	    host_rates(h), name_of(0, number), limit, the_time, &seen);
}

/* `n` processes that do `work` when all of them are there. Their ids. */
static void
fork_all(pid_t *pid, int n, void work(struct host *))
{
	atomic_store(&common->ready, 0);
	atomic_store(&common->go, false);
	for (int i = 0; i < n; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] > 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		struct host *h = open_host(HOST_WORK);

		atomic_fetch_add(&common->ready, 1);
		while (!atomic_load(&common->go))
			usleep(100);
		work(h);
		_exit(0);
	}
	while (atomic_load(&common->ready) < n)
		usleep(100);
	atomic_store(&common->go, true);
}

static void
wait_all(const pid_t *pid, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
}

/* ---- one window, many processes ---- */

enum { LIMIT = 20000, WORKERS = 8 };

static void
enter_until_spent(struct host *h)
{
	enum rate_answer a;

	while ((a = enter(h, 1, LIMIT)) != RATE_SPENT)
		if (a == RATE_LET_IN)
			atomic_fetch_add(&common->let_in, 1);
}

static void
is_exact_over_all(void **state)
{
	struct host *h = open_host(HOST_WORK);
	pid_t pid[WORKERS];

	(void)state;
	fork_all(pid, WORKERS, enter_until_spent);
	wait_all(pid, WORKERS);
	assert_int_equal(atomic_load(&common->let_in), LIMIT);
	assert_int_equal(enter(h, 1, LIMIT), RATE_SPENT);
	host_close(h);
}

/* Each that was killed may have been counted and not have told. */
static void
is_exact_while_they_are_killed(void **state)
{
	struct host *h = open_host(HOST_WORK);
	pid_t pid[WORKERS];
	int killed = 0, n;

	(void)state;
	fork_all(pid, WORKERS, enter_until_spent);
	for (int i = 0; i < 200; i++) {
		kill(pid[i % WORKERS], SIGKILL);
		assert_int_equal(
		    waitpid(pid[i % WORKERS], NULL, 0), pid[i % WORKERS]);
		killed++;
		if (atomic_load(&common->let_in) > LIMIT - 100)
			break;
		pid[i % WORKERS] = fork();
		if (pid[i % WORKERS] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			enter_until_spent(open_host(HOST_WORK));
			_exit(0);
		}
		usleep(500);
	}
	for (int i = 0; i < WORKERS; i++)
		waitpid(pid[i], NULL, 0);
	while (enter(h, 1, LIMIT) == RATE_LET_IN)
		atomic_fetch_add(&common->let_in, 1);
	n = atomic_load(&common->let_in);
	assert_in_range(n, LIMIT - killed, LIMIT);
	host_close(h);
}

/* ---- killed or stopped with the mutex in hand ---- */

static void
die_inside(struct host *h)
{
	struct rate_set *s = host_rates(h)->set;

	pthread_mutex_lock(&s->mutex);
	s->window[0].bucket[0].n = 3; /* and the sum is not made yet */
	_exit(0);
}

static void
mends_what_a_killed_one_left(void **state)
{
	struct host *h = open_host(HOST_WORK);
	pid_t pid;

	(void)state;
	for (int round = 0; round < 3; round++) { /* again and again */
		assert_int_equal(enter(h, 1, 1000), RATE_LET_IN);
		fork_all(&pid, 1, die_inside);
		wait_all(&pid, 1);
		assert_int_equal(enter(h, 1, 4), RATE_LET_IN);
		assert_int_equal(seen.left, 0);
		assert_int_equal(enter(h, 1, 4), RATE_SPENT);
		now += CLOCK_S(61);
		atomic_store(&host_rates(h)->set[0].window[0].first, 0);
		atomic_store(&host_rates(h)->set[0].window[0].end, 0);
	}
	host_close(h);
}

static void
stop_inside(struct host *h)
{
	struct rate_set *s = host_rates(h)->set;

	pthread_mutex_lock(&s->mutex);
	kill(getpid(), SIGSTOP);
	pthread_mutex_unlock(&s->mutex);
}

static void
lets_nobody_in_past_a_stopped_one(void **state)
{
	struct host *h = open_host(HOST_WORK);
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(enter(h, 1, 5), RATE_LET_IN);
	for (int killed = 0; killed < 2; killed++) {
		fork_all(&pid, 1, stop_inside);
		assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
		assert_true(WIFSTOPPED(status));
		assert_int_equal(enter(h, 1, 5), RATE_BUSY);
		assert_int_equal(enter(h, 2, 5), RATE_BUSY);
		rate_take_back(host_rates(h), name_of(0, 1), the_time, &seen);
		/* the others are not in that set */
		assert_int_equal(rate_enter(host_rates(h), name_of(1, 1), 5,
				     the_time, &seen),
		    RATE_LET_IN);
		kill(pid, killed ? SIGKILL : SIGCONT);
		wait_all(&pid, 1);
		assert_int_equal(enter(h, 1, 5), RATE_LET_IN);
		assert_int_equal(seen.left, 3 - killed);
	}
	host_close(h);
}

/* ---- many windows ---- */

enum { KEYS = 2000 };

static void
enter_each_once(struct host *h)
{
	for (uint32_t i = 0; i < KEYS; i++) {
		enum rate_answer a = rate_enter(
		    host_rates(h), name_of(i, i), 3, the_time, &seen);

		if (a == RATE_LET_IN)
			atomic_fetch_add(&common->let_in, 1);
		else
			atomic_fetch_add(&common->other, a != RATE_SPENT);
	}
}

/* All of them meet each key for the first time at about the same moment. */
static void
has_one_window_a_key(void **state)
{
	struct host *h = open_host(HOST_WORK);
	pid_t pid[WORKERS];

	(void)state;
	fork_all(pid, WORKERS, enter_each_once);
	wait_all(pid, WORKERS);
	assert_int_equal(atomic_load(&common->let_in), KEYS * 3);
	assert_int_equal(atomic_load(&common->other), 0);
	assert_int_equal(rate_in_use(host_rates(h), now), KEYS);
	assert_int_equal(rate_in_use(host_rates(h), now + CLOCK_S(60)), 0);
	host_close(h);
}

/* A window is another key's when nobody in it counts any more, not before; as
 * long as all are in use, who comes is not let in. */
static void
takes_what_is_not_in_use(void **state)
{
	struct host *h = open_host(HOST_WORK);
	uint32_t n;

	(void)state;
	for (n = 0; n < RATE_WAYS; n++) {
		now += CLOCK_MS(1);
		assert_int_equal(enter(h, n, 2), RATE_LET_IN);
	}
	assert_int_equal(enter(h, n, 2), RATE_NO_ROOM);
	assert_int_equal(enter(h, 0, 2), RATE_LET_IN);
	rate_take_back(host_rates(h), name_of(0, n), the_time, &seen);
	assert_int_equal(enter(h, n, 2), RATE_NO_ROOM);
	now += CLOCK_S(60) - CLOCK_MS(RATE_WAYS - 1) - 1 + CLOCK_MS(1);
	/* the first one of key 1 was here a moment less than 60 s ago */
	assert_int_equal(enter(h, n, 2), RATE_NO_ROOM);
	now += 1;
	assert_int_equal(enter(h, n, 2), RATE_LET_IN);
	assert_int_equal(enter(h, n + 1, 2), RATE_NO_ROOM);
	/* what is taken back is free at once */
	rate_take_back(host_rates(h), name_of(0, n), the_time, &seen);
	assert_int_equal(enter(h, n, 2), RATE_LET_IN);
	assert_int_equal(enter(h, n, 2), RATE_LET_IN);
	assert_int_equal(enter(h, n, 2), RATE_SPENT);
	host_close(h);
}

/* Without the file a process counts for itself; without memory, too, nobody
 * is let in. */
static void
counts_without_the_file(void **state)
{
	struct rates *alone = rate_alone();

	(void)state;
	assert_null(host_rates(NULL));
	assert_non_null(alone);
	assert_int_equal(
	    rate_enter(alone, name_of(0, 1), 1, the_time, &seen), RATE_LET_IN);
	assert_int_equal(
	    rate_enter(alone, name_of(0, 1), 1, the_time, &seen), RATE_SPENT);
	assert_int_equal(
	    rate_enter(NULL, name_of(0, 1), 1, the_time, &seen), RATE_NO_ROOM);
	assert_int_equal(rate_in_use(alone, now), 1);
	assert_int_equal(rate_in_use(NULL, now), 0);
	free(alone);
}

static int
begin(void **state)
{
	memset(common, 0, sizeof(*common));
	return no_file(state);
}

static int
begin_all(void **state)
{
	const int rw = PROT_READ | PROT_WRITE, all = MAP_SHARED | MAP_ANONYMOUS;

	/* cppcheck-suppress invalidFunctionArg ; mmap wants the -1 */
	common = mmap(NULL, sizeof(*common), rw, all, -1, 0);
	return common == MAP_FAILED ? -1 : start(state);
}

int
main(void)
{
	const struct CMUnitTest rate_shared_tests[] = {
	    cmocka_unit_test_setup(is_exact_over_all, begin),
	    cmocka_unit_test_setup(is_exact_while_they_are_killed, begin),
	    cmocka_unit_test_setup(mends_what_a_killed_one_left, begin),
	    cmocka_unit_test_setup(lets_nobody_in_past_a_stopped_one, begin),
	    cmocka_unit_test_setup(has_one_window_a_key, begin),
	    cmocka_unit_test_setup(takes_what_is_not_in_use, begin),
	    cmocka_unit_test_setup(counts_without_the_file, begin),
	};

	return cmocka_run_group_tests(rate_shared_tests, begin_all, clean);
}
