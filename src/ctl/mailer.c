/*
 * mailer.c: running the mailer. The message is a file in memory that is whole
 * before the program starts: should we die, it has no half of one.
 */
#include "ctl/mailer.h"

#include "base/text.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/banned.h"

/* A file with the text, at its beginning; -1: there is no room for it. */
static int
file_of(const char *text, size_t len)
{
	int fd = memfd_create("message", MFD_CLOEXEC);
	ssize_t n = 0;

	while (fd >= 0 && len > 0 && (n = write(fd, text, len)) > 0) {
		text += n;
		len -= (size_t)n;
	}
	if (fd >= 0 && len == 0 && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* In a group of its own, so that all of it can be killed, with no signal
 * blocked. Its process, or -1. */
static pid_t
start(char *const argv[], int input)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		    locale[] = "LC_ALL=C";
	char *const env[] = {path, locale, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t how;
	sigset_t none;
	pid_t pid;

	sigemptyset(&none);
	posix_spawnattr_init(&how);
	posix_spawnattr_setflags(
	    &how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&how, 0);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	if (posix_spawn(&pid, argv[0], &actions, &how, argv, env) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&how);
	return pid;
}

/* Its exit status; -1: none, as a signal has ended it, or we, as time was up.
 */
static int
wait_for(pid_t pid, int patience)
{
	struct pollfd ended = {pidfd_open(pid, 0), POLLIN, 0};
	int status = -1;

	if (ended.fd < 0 || poll(&ended, 1, patience) <= 0)
		kill(-pid, SIGKILL);
	if (ended.fd >= 0)
		close(ended.fd);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

enum mailer
mailer_hand(char *program, char *from, const char *to, const char *text,
    size_t len, int patience, int *status)
{
	static char dots[] = "-i", sender[] = "-f", end[] = "--";
	char address[255];
	char *const argv[] = {program, dots, sender, from, end, address, NULL};
	int input = file_of(text, len);
	pid_t pid;

	text_copy(address, sizeof(address), to);
	pid = input < 0 ? -1 : start(argv, input);

	*status = -1;
	if (input >= 0)
		close(input);
	if (pid < 0)
		return MAILER_ABSENT;
	*status = wait_for(pid, patience);
	switch (*status) {
	case -1:
		return MAILER_DOUBT;
	case EX_OK:
		return MAILER_TOOK;
	case EX_SOFTWARE:
	case EX_OSERR:
	case EX_OSFILE:
	case EX_CANTCREAT:
	case EX_IOERR:
	case EX_TEMPFAIL:
	case EX_NOPERM:
	case EX_CONFIG:
		return MAILER_LATER;
	default:
		return MAILER_REFUSED;
	}
}
