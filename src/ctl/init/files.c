/*
 * files.c: files that belong to the service: their contents, owners and modes.
 */
#include "ctl/init/steps.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/random.h"
#include "base/secret.h"
#include "ctl/dropin.h"
#include "db/open.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

/* The service's user; NULL where this host has none, or we are not root and
 * can give nothing away. */
static const struct passwd *
service_user(void)
{
	return geteuid() == 0 ? getpwnam("codecourier") : NULL;
}

bool
files_make_passfile(const char *path, char *why, size_t size)
{
	const struct passwd *pw = service_user();
	unsigned char random[24];
	char password[BASE64_SIZE(sizeof(random))];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok = fd >= 0;

	random_bytes(random, sizeof(random));
	base64_encode(password, sizeof(password), random, sizeof(random));
	ok = ok && dprintf(fd, "*:*:*:codecourier:%s\n", password) > 0 &&
	    (!pw || fchown(fd, pw->pw_uid, pw->pw_gid) == 0) && fsync(fd) == 0;
	if (!ok)
		snprintf(why, size, "%s: %s", path, strerror(errno));
	if (!ok && fd >= 0)
		unlink(path);
	if (fd >= 0)
		close(fd);
	secret_wipe(random, sizeof(random));
	secret_wipe(password, sizeof(password));
	return ok;
}

int
files_keyring(struct init *i)
{
	const char *path = i->c->conf.keyring;
	const struct passwd *pw = service_user();
	char why[512];

	i->keyring_made = access(path, F_OK) != 0;
	if (i->keyring_made && !i->dry &&
	    !keyring_create(path, why, sizeof(why))) {
		if (access(path, F_OK) != 0)
			return ctl_fail(
			    i->c, ERR_UNAVAILABLE, "keyring: %s", why);
		i->keyring_made = false; /* another init was faster */
	}
	if (i->keyring_made && !i->dry && pw &&
	    lchown(path, pw->pw_uid, pw->pw_gid) != 0)
		return ctl_fail(i->c, ERR_UNAVAILABLE, "keyring: %s: %s", path,
		    strerror(errno));
	if (i->keyring_made)
		run_made(i, "keyring %s", path);
	else
		run_there(i, "keyring %s", path);
	return CTL_DONE;
}

/* Owner and mode of a file of an installed host. */
static int
set_owner(struct init *i, const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	const char *why;
	int fd = file_open(path, O_NOFOLLOW, &why);
	struct stat st;
	bool ok, right;

	if (fd < 0 && errno == ENOENT)
		return CTL_DONE; /* dry, or a host that takes all defaults */
	ok = fd >= 0 && fstat(fd, &st) == 0;
	right = ok && st.st_uid == uid && st.st_gid == gid &&
	    (st.st_mode & 07777) == mode;
	if (ok && !right && !i->dry)
		ok = fchown(fd, uid, gid) == 0 && fchmod(fd, mode) == 0;
	if (fd >= 0)
		close(fd);
	if (!ok)
		return ctl_fail(i->c, ERR_INTERNAL,
		    "%s: cannot set owner and mode: %s", path,
		    fd < 0 ? why : strerror(errno));
	if (!right)
		run_made(i, "owner and mode of %s", path);
	return CTL_DONE;
}

int
files_owners(struct init *i)
{
	const struct passwd *pw = service_user();
	const char *conninfo = i->c->conf.database;
	char unit[80], file[256];
	uid_t uid;
	gid_t gid;
	int rc;

	if (!pw || !ctl_installed(unit))
		return CTL_DONE;
	uid = pw->pw_uid;
	gid = pw->pw_gid;
	rc = set_owner(i, ctl_conf_path(), 0, gid, 0640);
	if (!rc)
		rc = set_owner(i, i->c->conf.keyring, uid, gid, 0600);
	if (!rc && db_is_tcp(conninfo) &&
	    db_option(conninfo, "passfile", file, sizeof(file)))
		rc = set_owner(i, file, uid, gid, 0600);
	return rc;
}

int
files_network(struct init *i)
{
	char path[128], why[512], unit[80];
	bool changed;

	if (!dropin_write(i->c, i->dry ? DROPIN_LOOK : DROPIN_WRITE, path,
		&changed, why, sizeof(why)))
		return ctl_fail(i->c, ERR_INTERNAL, "%s", why);
	if (!path[0])
		return CTL_DONE;
	if (changed)
		run_made(i, "drop-in %s", path);
	else
		run_there(i, "drop-in %s", path);
	if (changed && ctl_installed(unit))
		run_next(i,
		    "systemctl daemon-reload, then systemctl restart %s: the "
		    "drop-in lets it reach the database",
		    unit);
	return CTL_DONE;
}
