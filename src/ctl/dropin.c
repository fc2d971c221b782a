/*
 * dropin.c: the unit lets the service talk over unix sockets only. Where
 * its database is on another host, a drop-in opens the way there, and to
 * nobody else.
 */
#include "ctl/dropin.h"

#include "base/file.h"
#include "db/open.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define UNITS "/etc/systemd/system"

/* Adds a host's addresses to the text, each once. */
static bool
allow_host(const char *host, char *text, size_t size, char *why, size_t whysize)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	char address[NI_MAXHOST], line[NI_MAXHOST + 32];
	int rc = getaddrinfo(host, NULL, &hints, &list);

	if (rc != 0) {
		snprintf(why, whysize, "database host %s: %s", host,
		    gai_strerror(rc));
		return false;
	}
	for (struct addrinfo *i = list; i; i = i->ai_next) {
		size_t len = strlen(text);

		if (getnameinfo(i->ai_addr, i->ai_addrlen, address,
			sizeof(address), NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		snprintf(line, sizeof(line), "IPAddressAllow=%s\n", address);
		if (!strstr(text, line))
			snprintf(text + len, size - len, "%s", line);
	}
	freeaddrinfo(list);
	return true;
}

static bool
write_text(
    const char *conninfo, char *text, size_t size, char *why, size_t whysize)
{
	char hosts[1024], *save, *host;

	snprintf(text, size,
	    "# Written by codecourierctl init: the service may talk to the "
	    "database of\n# CODECOURIER_DATABASE, and to nobody else.\n"
	    "[Service]\nPrivateNetwork=no\n"
	    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n");
	if (!db_option(conninfo, "hostaddr", hosts, sizeof(hosts)) &&
	    !db_option(conninfo, "host", hosts, sizeof(hosts))) {
		snprintf(why, whysize,
		    "CODECOURIER_DATABASE names no host. (The service has "
		    "neither our environment nor a service file.)");
		return false;
	}
	for (host = strtok_r(hosts, ",", &save); host;
	     host = strtok_r(NULL, ",", &save))
		if (!allow_host(host, text, size, why, whysize))
			return false;
	return true;
}

static bool
is_there(const char *path, const char *text)
{
	char found[4096];
	const char *why;
	int fd = file_open(path, 0, &why);
	ssize_t n = fd < 0 ? -1 : read(fd, found, sizeof(found));

	if (fd >= 0)
		close(fd);
	return n >= 0 && (size_t)n == strlen(text) &&
	    memcmp(found, text, (size_t)n) == 0;
}

bool
dropin_write(const struct ctl *c, enum dropin_way way, char path[128],
    bool *changed, char *why, size_t size)
{
	char text[4096], unit[80], folder[112];
	const char *fault;

	*changed = false;
	path[0] = '\0';
	if (!ctl_installed(unit) || !db_is_tcp(c->conf.database))
		return true;
	snprintf(folder, sizeof(folder), UNITS "/%s.d", unit);
	snprintf(path, 128, "%s/database.conf", folder);
	if (!write_text(c->conf.database, text, sizeof(text), why, size))
		return false;
	*changed = !is_there(path, text);
	if (!*changed || way == DROPIN_LOOK)
		return true;
	if (mkdir(folder, 0755) == 0) {
		if (chmod(folder, 0755) != 0) /* past our umask */
			folder[0] = '\0';
	} else if (errno != EEXIST) {
		folder[0] = '\0';
	}
	if (!folder[0]) {
		snprintf(why, size, UNITS "/%s.d: %s", unit, strerror(errno));
		return false;
	}
	if (file_replace(path, text, 0644, &fault))
		return true;
	snprintf(why, size, "%s: %s", path, fault);
	return false;
}
