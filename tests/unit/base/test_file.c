/*
 * test_file.c: regular files are opened, all else is refused at once.
 */
#include "unit.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/banned.h"

#define SECONDS 20 /* what waits for a FIFO's other end is ended */

static char folder[] = "/tmp/test_file.XXXXXX";
static char path[64], target[64];

static int
start(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/file", folder);
	snprintf(target, sizeof(target), "%s/target", folder);
	alarm(SECONDS);
	return 0;
}

static int
clean(void **state)
{
	(void)state;
	alarm(0);
	unlink(path);
	unlink(target);
	return rmdir(folder);
}

/* How it is made, and what it is. */
static int
make_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_int_equal(write(fd, "text", 4), 4);
	return close(fd);
}

static int
make_fifo(const char *name)
{
	return mkfifo(name, 0600);
}

static int
make_folder(const char *name)
{
	return mkdir(name, 0700);
}

static int
make_socket(const char *name)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), rc;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", name);
	rc = bind(fd, (struct sockaddr *)&un, sizeof(un));
	close(fd);
	return rc;
}

static int
make_device(const char *name)
{
	return symlink("/dev/zero", name);
}

static int
make_terminal(const char *name)
{
	return symlink("/dev/tty", name);
}

#define NO(what) "is a " what ", not a regular file"

static const struct {
	int (*make)(const char *name);
	const char *fault;
} kinds[] = {
    {make_fifo, NO("FIFO")},
    {make_folder, NO("folder")},
    {make_socket, NO("socket")},
    {make_device, NO("device")},
    {make_terminal, NO("device")},
};

static void
assert_refused(int flags, int error, const char *fault)
{
	const char *why = NULL;
	int fd = file_open(path, flags, &why);

	assert_int_equal(fd, -1);
	assert_int_equal(errno, error);
	assert_string_equal(why, fault);
}

static void
opens_a_file(void **state)
{
	const char *why;
	char text[8] = "";
	FILE *f;
	int fd;

	(void)state;
	assert_int_equal(make_file(path), 0);
	fd = file_open(path, O_NOFOLLOW, &why);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_string_equal(text, "text");
	assert_int_equal(write(fd, "x", 1), -1);
	close(fd);
	assert_null(file_fault(path));
	f = file_stream(path);
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_string_equal(text, "text");
	fclose(f);
	unlink(path);
	assert_null(file_stream(path));
}

static void
follows_links_or_not(void **state)
{
	const char *why;
	int fd;

	(void)state;
	assert_int_equal(make_file(target), 0);
	assert_int_equal(symlink(target, path), 0);
	fd = file_open(path, 0, &why);
	assert_true(fd >= 0);
	close(fd);
	assert_refused(O_NOFOLLOW, EINVAL, NO("symbolic link"));
	unlink(target);
	assert_refused(0, ENOENT, strerror(ENOENT));
	assert_refused(O_NOFOLLOW, EINVAL, NO("symbolic link"));
	assert_null(file_fault(path));
	unlink(path);
	assert_int_equal(symlink(path, path), 0);
	assert_refused(0, ELOOP, strerror(ELOOP));
	unlink(path);
	assert_refused(0, ENOENT, strerror(ENOENT));
}

static void
refuses_all_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		assert_int_equal(kinds[i].make(path), 0);
		assert_refused(0, EINVAL, kinds[i].fault);
		assert_string_equal(file_fault(path), kinds[i].fault);
		assert_null(file_stream(path));
		remove(path);
		/* and behind a link */
		assert_int_equal(kinds[i].make(target), 0);
		assert_int_equal(symlink(target, path), 0);
		assert_refused(0, EINVAL, kinds[i].fault);
		assert_string_equal(file_fault(path), kinds[i].fault);
		unlink(path);
		remove(target);
	}
}

/* The text of a file and its mode. */
static void
assert_is(const char *want, mode_t mode)
{
	const char *why;
	char text[64] = "";
	struct stat st;
	int fd = file_open(path, O_NOFOLLOW, &why);

	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) >= 0);
	assert_string_equal(text, want);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	close(fd);
}

static void
replaces_whatever_is_there(void **state)
{
	char beside[72];
	const char *why;

	(void)state;
	snprintf(beside, sizeof(beside), "%s.new", path);
	umask(077);
	assert_true(file_replace(path, "one\n", 0644, &why));
	assert_is("one\n", 0644);
	assert_true(file_replace(path, "2", 0600, &why));
	assert_is("2", 0600);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (kinds[i].make == make_folder)
			continue;
		unlink(path);
		assert_int_equal(kinds[i].make(path), 0);
		assert_int_equal(kinds[i].make(beside), 0);
		assert_true(file_replace(path, "new", 0644, &why));
		assert_is("new", 0644);
		assert_int_equal(access(beside, F_OK), -1);
	}
	/* what a link leads to stays */
	unlink(path);
	assert_int_equal(make_file(target), 0);
	assert_int_equal(symlink(target, path), 0);
	assert_true(file_replace(path, "new", 0644, &why));
	assert_is("new", 0644);
	unlink(path);
	assert_int_equal(rename(target, path), 0);
	assert_is("text", 0600);
	unlink(path);
}

static void
leaves_a_folder(void **state)
{
	const char *why = NULL;
	char inside[80];

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(inside, sizeof(inside), "%s/x", path);
	assert_int_equal(make_file(inside), 0);
	assert_false(file_replace(path, "new", 0644, &why));
	assert_string_equal(why, strerror(EISDIR));
	unlink(inside);
	rmdir(path);
	assert_false(file_replace("/nowhere/x", "new", 0644, &why));
	assert_string_equal(why, strerror(ENOENT));
}

int
main(void)
{
	const struct CMUnitTest file_tests[] = {
	    cmocka_unit_test(opens_a_file),
	    cmocka_unit_test(follows_links_or_not),
	    cmocka_unit_test(refuses_all_else),
	    cmocka_unit_test(replaces_whatever_is_there),
	    cmocka_unit_test(leaves_a_folder),
	};

	return cmocka_run_group_tests(file_tests, start, clean);
}
