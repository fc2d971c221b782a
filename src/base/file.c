/*
 * file.c: regular files only.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

/* NULL: a regular file. */
static const char *
fault_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return NULL;
	case S_IFIFO:
		return "is a FIFO, not a regular file";
	case S_IFDIR:
		return "is a folder, not a regular file";
	case S_IFSOCK:
		return "is a socket, not a regular file";
	case S_IFLNK:
		return "is a symbolic link, not a regular file";
	default:
		return "is a device, not a regular file";
	}
}

const char *
file_fault(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? fault_of(st.st_mode) : NULL;
}

int
file_open(const char *path, int flags, const char **why)
{
	int look = (flags & O_NOFOLLOW) ? AT_SYMLINK_NOFOLLOW : 0, fd;
	struct stat st;

	/* Before it is opened, as a device can mind that; and behind it, as
	 * somebody may have been quicker. */
	if (fstatat(AT_FDCWD, path, &st, look) != 0) {
		*why = strerror(errno);
		return -1;
	}
	if ((*why = fault_of(st.st_mode))) {
		errno = EINVAL;
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	if (fd < 0) {
		*why = strerror(errno);
		return -1;
	}
	if (fstat(fd, &st) == 0 && !(*why = fault_of(st.st_mode)))
		return fd;
	close(fd);
	*why = *why ? *why : "cannot be looked at";
	errno = EINVAL;
	return -1;
}

FILE *
file_stream(const char *path)
{
	const char *why;
	int fd = file_open(path, 0, &why);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (!f && fd >= 0)
		close(fd);
	return f;
}

bool
file_replace(const char *path, const char *text, mode_t mode, const char **why)
{
	char beside[4200];
	int fd;
	bool ok;

	snprintf(beside, sizeof(beside), "%s.new", path);
	unlink(beside); /* what a run that was ended has left, or worse */
	fd = open(
	    beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	ok = fd >= 0 && fchmod(fd, mode) == 0 && /* past our umask */
	    write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
	    rename(beside, path) == 0;
	*why = ok ? NULL : strerror(errno);
	if (fd >= 0) {
		close(fd);
		unlink(beside); /* gone already, if all went well */
	}
	return ok;
}
