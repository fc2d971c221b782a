/*
 * fatal.c: the last word of a worker, see fatal.h.
 */
#include "shm/fatal.h"

#include "base/array.h"
#include "base/log.h"
#include "shm/worker.h"

#include <signal.h>
#include <string.h>

#include "base/banned.h"

static struct host *shared;

/* The default is back (SA_RESETHAND) and the signal open (SA_NODEFER): the
 * process dies of it as if we had not been here. */
static void
on_death(int sig)
{
	worker_dies(shared, sig);
	raise(sig);
}

/* Those that stop, go on or do nothing. */
static bool
is_harmless(int sig)
{
	static const int harmless[] = {SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP,
	    SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};

	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (sig == harmless[i])
			return true;
	return false;
}

static void
catch_all(void)
{
	static char stack[16384]; /* the worker's own may be what is full */
	const stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction sa = {.sa_handler = on_death,
	    .sa_flags = SA_RESETHAND | SA_NODEFER | SA_ONSTACK};
	struct sigaction old;
	sigset_t blocked;

	sigemptyset(&sa.sa_mask);
	sigaltstack(&other, NULL);
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		if (!is_harmless(sig) && sigismember(&blocked, sig) == 0 &&
		    sigaction(sig, NULL, &old) == 0 &&
		    old.sa_handler == SIG_DFL)
			sigaction(sig, &sa, NULL);
}

void
fatal_start(struct host *h, int program)
{
	struct worker_death dead;
	const char *name;

	worker_start(h, program, &dead);
	name = dead.pid ? sigabbrev_np(dead.signal) : NULL;
	if (dead.pid)
		log_msg(LOG_ERROR, "worker %d died of signal %d%s%s%s",
		    dead.pid, dead.signal, name ? " (SIG" : "",
		    name ? name : "", name ? ")" : "");
	shared = h;
	if (h)
		catch_all();
}
