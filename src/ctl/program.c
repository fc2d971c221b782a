/*
 * program.c: a child with both of its outputs in a pipe, and nothing of our
 * environment.
 */
#include "ctl/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/banned.h"

#define OUTPUT_MAX ((size_t)4 << 20)

/* All that comes, until the other side is done; NULL without memory. */
static char *
read_all(int fd)
{
	size_t used = 0, room = 65536;
	char *text = malloc(room + 1), *more;
	ssize_t n;

	while (text && (n = read(fd, text + used, room - used)) > 0) {
		used += (size_t)n;
		if (used < room)
			continue;
		if (room >= OUTPUT_MAX)
			break;
		room *= 2;
		more = realloc(text, room + 1);
		if (!more)
			free(text);
		text = more;
	}
	if (text)
		text[used] = '\0';
	return text;
}

int
program_run(char *const argv[], char **out)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		    locale[] = "LC_ALL=C";
	char *const env[] = {path, locale, NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], status = -1;
	pid_t pid;

	*out = NULL;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
	if (posix_spawn(&pid, argv[0], &actions, NULL, argv, env) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (pid > 0)
		*out = read_all(ends[0]);
	close(ends[0]); /* one that prints on meets SIGPIPE */
	if (pid > 0 && waitpid(pid, &status, 0) == pid && *out)
		return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	return -1;
}
