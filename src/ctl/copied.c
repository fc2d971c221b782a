/*
 * copied.c: the word is a file beside the keyring.
 */
#include "ctl/copied.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/banned.h"

/* The marker stands beside the keyring and names it: another keyring, or one
 * with another key, wants another copy. */
static void
marker_of(const struct ctl *c, char path[4200])
{
	snprintf(path, 4200, "%s.copied", c->conf.keyring);
}

bool
copied_is(const struct ctl *c, const char *fingerprint)
{
	char path[4200], text[64] = "";
	const char *why;
	ssize_t n = -1;
	int fd;

	marker_of(c, path);
	fd = file_open(path, O_NOFOLLOW, &why);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	return n > 0 && strncmp(text, fingerprint, strlen(fingerprint)) == 0;
}

int
copied_confirm(struct ctl *c)
{
	char path[4200], why[256], print[17], when[32], text[64];
	time_t now = time(NULL);
	struct keyring *ring;
	const char *fault;
	struct tm tm;

	if (c->no_conf)
		return ctl_fail(
		    c, ERR_INTERNAL, "configuration: %s", c->no_conf);
	ring = keyring_load(c->conf.keyring, why, sizeof(why));
	if (!ring)
		return ctl_fail(c, ERR_UNAVAILABLE, "keyring: %s", why);
	keyring_fingerprint(ring, print);
	keyring_free(ring);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	marker_of(c, path);
	snprintf(text, sizeof(text), "%s %s\n", print, when);
	if (file_replace(path, text, 0644, &fault))
		return CTL_DONE;
	return ctl_fail(c, ERR_INTERNAL, "%s: %s", path, fault);
}
