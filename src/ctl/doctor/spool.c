/*
 * spool.c: nginx's folders for what it does not keep in its own memory:
 * bodies on their way to a worker, answers to slow clients.
 */
#include "ctl/doctor/doctor.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "base/banned.h"

#define FULL 90 /* percent */

/* The file system of the path, or of the next folder above that exists. */
static bool
is_in_memory(const char *path)
{
	char name[300], *slash;
	struct statfs fs;

	snprintf(name, sizeof(name), "%s", path);
	while (statfs(name, &fs) != 0) {
		slash = strrchr(name, '/');
		if (!slash || slash == name)
			return false;
		*slash = '\0';
	}
	return fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
}

/* Whether something is mounted there. */
static bool
is_its_own(const char *path, const struct stat *st)
{
	char up[300];
	struct stat above;

	snprintf(up, sizeof(up), "%s/..", path);
	return stat(up, &above) == 0 && above.st_dev != st->st_dev;
}

static void
check_owner(
    struct doctor *d, const char *path, const struct stat *st, const char *user)
{
	struct passwd *pw = getpwnam(user);

	if (pw && st->st_uid != pw->pw_uid)
		doctor_error(d, "systemctl reload nginx, which mends that",
		    "%s does not belong to %s (nginx): large bodies are 503",
		    path, user);
	if ((st->st_mode & 0777) != 0700)
		doctor_error(d, "chmod 700 it, then systemctl reload nginx",
		    "%s has mode %04o: secrets in the clear lie there", path,
		    (unsigned)(st->st_mode & 07777));
}

static void
check_fill(struct doctor *d, const char *path)
{
	struct statvfs fs;
	unsigned long long used;

	if (statvfs(path, &fs) != 0 || fs.f_blocks == 0)
		return;
	used = fs.f_blocks - fs.f_bfree;
	if (used * 100 >= (unsigned long long)fs.f_blocks * FULL)
		doctor_warn(d,
		    "who sends them stands in nginx's log of the site; more "
		    "room: size= in a drop-in of its mount unit, then "
		    "systemctl restart it and reload nginx",
		    "%s is nearly full (%llu of %llu KiB): bodies above 64 KiB "
		    "are 503, long answers to slow clients are cut",
		    path, used * fs.f_frsize / 1024,
		    (unsigned long long)fs.f_blocks * fs.f_frsize / 1024);
}

void
doctor_spool_at(
    struct doctor *d, const char *name, const char *path, const char *user)
{
	struct stat st;

	if (!path[0])
		path = "/var/lib/nginx"; /* Debian's default */
	if (!is_in_memory(path)) {
		doctor_error(d,
		    "client_body_temp_path and fastcgi_temp_path below /run "
		    "in the site; shred what lies in the old ones",
		    "%s is %s, a disk: large bodies and answers lie there with "
		    "secrets in the clear",
		    name, path);
		return;
	}
	if (stat(path, &st) != 0) {
		doctor_error(d, "systemctl reload nginx, which makes it",
		    "%s is %s, which is not there: large bodies are 503", name,
		    path);
		return;
	}
	check_owner(d, path, &st, user);
	if (!d->installed)
		return;
	if (is_its_own(path, &st))
		check_fill(d, path);
	else
		doctor_warn(d,
		    "systemctl enable --now run-codecourier_body.mount "
		    "run-codecourier_answer.mount; systemctl reload nginx",
		    "%s is %s, part of the file system of /run, which "
		    "it can fill",
		    name, path);
}
