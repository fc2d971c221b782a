/*
 * files.c: owners, modes, and room on the disks.
 */
#include "ctl/doctor/doctor.h"

#include "crypt/data_key.h"
#include "ctl/copied.h"
#include "db/open.h"
#include "shm/host.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/banned.h"

#define MIB ((unsigned long long)1 << 20)

static const char *
user_name(uid_t uid, char name[32])
{
	struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(name, 32, "%s", pw->pw_name);
	else
		snprintf(name, 32, "%u", (unsigned)uid);
	return name;
}

/* It can hold a password. */
void
doctor_conf(struct doctor *d)
{
	const char *path = ctl_conf_path();
	struct group *gr = getgrnam("codecourier");
	struct stat st;
	char fix[256];

	snprintf(fix, sizeof(fix), "chown root:codecourier %s; chmod 0640 %s",
	    path, path);
	if (d->c->no_conf && access(path, R_OK) != 0 && errno == EACCES) {
		doctor_unseen(
		    d, "%s: we are neither root nor in its group", path);
		return;
	}
	if (d->c->no_conf) {
		doctor_error(d,
		    "mend it; codecourier-api.conf(5) has all names and values",
		    "%s", d->c->no_conf);
		return;
	}
	if (stat(path, &st) != 0) {
		if (errno != ENOENT || d->installed)
			doctor_error(d, fix, "%s: %s", path, strerror(errno));
		return; /* all defaults */
	}
	if ((st.st_mode & 07) != 0)
		doctor_error(d, fix, "%s: mode %04o, everybody can read it",
		    path, st.st_mode & 07777);
	if ((st.st_mode & 020) != 0)
		doctor_error(d, fix, "%s: mode %04o, its group can write it",
		    path, st.st_mode & 07777);
	if (d->installed && st.st_uid != 0)
		doctor_error(d, fix, "%s does not belong to root", path);
	if (d->installed && gr &&
	    (st.st_gid != gr->gr_gid || (st.st_mode & 040) == 0))
		doctor_error(d, fix,
		    "%s: the group codecourier, which the workers are in, "
		    "cannot read it",
		    path);
}

void
doctor_keyring(struct doctor *d)
{
	const char *path = d->c->conf.keyring;
	struct keyring *ring;
	struct stat st;
	char fix[256], why[256], name[32];

	snprintf(fix, sizeof(fix), "chown %s %s; chmod 0600 %s",
	    user_name(d->service, name), path, path);
	if (lstat(path, &st) != 0) {
		if (errno == EACCES)
			doctor_unseen(d, "%s: we are not root", path);
		else
			doctor_error(d,
			    "bring the copy back; for a new database: "
			    "codecourierctl init",
			    "%s: %s", path, strerror(errno));
		return;
	}
	if (S_ISREG(st.st_mode) &&
	    ((st.st_mode & 07777) != 0600 || st.st_uid != d->service)) {
		doctor_error(d, fix,
		    "%s: mode %04o, owner %u; the workers want 0600 and "
		    "themselves",
		    path, st.st_mode & 07777, (unsigned)st.st_uid);
		return;
	}
	if (geteuid() != 0 && geteuid() != st.st_uid) {
		doctor_unseen(d, "%s: what it holds, we are not root", path);
		return;
	}
	ring = keyring_load(path, why, sizeof(why));
	if (!ring)
		doctor_error(
		    d, "mend the line, or bring the copy back", "%s", why);
	keyring_free(ring);
}

/* Whether the keyring is the one that the database was sealed with. */
void
doctor_sealed(struct doctor *d)
{
	char why[256];
	struct keyring *ring =
	    keyring_load(d->c->conf.keyring, why, sizeof(why));
	struct db_query q;

	db_query_init(&q, STMT_MASTER_KEYS);
	if (!ring || !d->admin ||
	    !admin_ask(d->admin, "data keys", &q, why, sizeof(why))) {
		doctor_unseen(d, "no keyring to read, or no database");
		keyring_free(ring);
		return;
	}
	for (int i = 0; i < db_rows(&q); i++)
		if (ctl_foreign(ring, &q, i, why, sizeof(why)))
			doctor_error(d,
			    "bring the copy of the keyring back that has it",
			    "%s", why);
	db_query_clear(&q);
	keyring_free(ring);
}

void
doctor_copied(struct doctor *d)
{
	const char *path = d->c->conf.keyring;
	char why[256], print[17], fix[512];
	struct keyring *ring = keyring_load(path, why, sizeof(why));

	if (!ring) {
		doctor_unseen(d, "no keyring to read");
		return;
	}
	keyring_fingerprint(ring, print);
	keyring_free(ring);
	if (copied_is(d->c, print))
		return;
	snprintf(fix, sizeof(fix),
	    "copy %s to a safe place, apart from backups of the database, then "
	    "say so: codecourierctl doctor --keyring-copied",
	    path);
	doctor_warn(d, fix,
	    "nobody has said that there is a copy of the keyring (fingerprint "
	    "%s); without it nothing sealed can be read",
	    print);
}

void
doctor_runtime(struct doctor *d)
{
	const char *dir = d->c->conf.runtime_dir;
	const char *fix = d->installed
	    ? "systemd-tmpfiles --create, then restart the service"
	    : "chmod 0700 the folder, or name one of the workers' own in "
	      "CODECOURIER_RUNTIME_DIR";
	struct stat st;
	char path[256], name[32];

	if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
		doctor_error(d, fix, "%s: %s", dir,
		    errno ? strerror(errno) : "no folder");
		return;
	}
	if (st.st_uid != d->service)
		doctor_error(d, fix, "%s belongs to %s, not to the workers",
		    dir, user_name(st.st_uid, name));
	if ((st.st_mode & 07) != 0 || (st.st_mode & 020) != 0)
		doctor_error(d, fix, "%s: mode %04o lets others in", dir,
		    st.st_mode & 07777);
	if (d->installed && (st.st_mode & S_ISGID) == 0)
		doctor_error(d, fix,
		    "%s: mode %04o has no setgid bit, so the socket is not "
		    "given nginx's group",
		    dir, st.st_mode & 07777);
	snprintf(path, sizeof(path), "%s/" HOST_FILE, dir);
	if (lstat(path, &st) == 0 &&
	    (!S_ISREG(st.st_mode) || (st.st_mode & 07777) != 0600 ||
		st.st_uid != d->service))
		doctor_error(d, "remove it and restart the service",
		    "%s is not a file of the workers, 0600", path);
}

/*
 * Whether a process has the socket. /proc/net/unix does not show it: the unit
 * has a network namespace of its own. A connection of another type is refused
 * with EPROTOTYPE where somebody is there, and takes no worker. Where we may
 * not connect at all we cannot tell.
 */
static bool
is_listening(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool found;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	found = fd >= 0 &&
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
	    (errno == EPROTOTYPE || errno == EACCES);
	if (fd >= 0)
		close(fd);
	return found;
}

void
doctor_socket(struct doctor *d)
{
	const char *start = doctor_restart(d);
	struct stat st, dir;
	char name[32];

	if (stat(d->c->conf.runtime_dir, &dir) != 0)
		return; /* doctor_runtime has said so */
	if (lstat(d->socket, &st) != 0) {
		if (errno == EACCES)
			doctor_unseen(d, "%s: we are not root", d->socket);
		else
			doctor_error(
			    d, start, "%s: %s", d->socket, strerror(errno));
		return;
	}
	if (!S_ISSOCK(st.st_mode)) {
		doctor_error(d, start, "%s is no socket", d->socket);
		return;
	}
	if (!is_listening(d->socket))
		doctor_error(d, start, "nobody listens on %s", d->socket);
	if (st.st_uid != d->service && st.st_uid != 0)
		doctor_error(d, start, "%s belongs to %s, not to the workers",
		    d->socket, user_name(st.st_uid, name));
	if ((st.st_mode & 07) != 0)
		doctor_error(d, start,
		    "%s: mode %04o; whoever can connect can block a worker",
		    d->socket, st.st_mode & 07777);
	doctor_reach(d);
}

static void
check_free_bytes(struct doctor *d, const char *path, unsigned long long least,
    const char *fix)
{
	struct statvfs v;
	unsigned long long room, all;

	if (statvfs(path, &v) != 0) {
		doctor_unseen(d, "%s: %s", path, strerror(errno));
		return;
	}
	room = (unsigned long long)v.f_bavail * v.f_frsize;
	all = (unsigned long long)v.f_blocks * v.f_frsize;
	if (room < least)
		doctor_error(d, fix, "%s: full, %llu MiB free of %llu", path,
		    room / MIB, all / MIB);
	else if (room < 4 * least && room < all / 20)
		doctor_warn(d, fix, "%s: %llu MiB free of %llu", path,
		    room / MIB, all / MIB);
	if (v.f_files > 0 && v.f_favail == 0)
		doctor_error(d, fix, "%s: no inode is left", path);
}

void
doctor_disk(struct doctor *d)
{
	check_free_bytes(d, d->c->conf.runtime_dir, 8 * MIB,
	    "make room in it (du -x), or make that tmpfs larger; then restart "
	    "the service");
	check_free_bytes(d, "/var/log", 64 * MIB,
	    "journalctl --vacuum-size=200M; logrotate -f /etc/logrotate.conf");
	if (d->has_facts && d->facts.data[0] &&
	    !db_is_tcp(d->c->conf.admin_database))
		check_free_bytes(d, d->facts.data, 256 * MIB,
		    "make room at once: PostgreSQL stops when it cannot write; "
		    "look for replication slots that hold WAL back");
}
