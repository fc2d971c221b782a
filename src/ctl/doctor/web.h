/*
 * web.h: what doctor knows of the web server in front of the workers:
 * the addresses it answers at, and what a request there has met.
 */
#ifndef DOCTOR_WEB_H
#define DOCTOR_WEB_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* A certificate, in a file or as it was served. */
struct certificate {
	bool there;
	unsigned char digest[32];
	int64_t starts, ends; /* seconds since the epoch */
	char names[256];      /* that it is for */
	/* of one that was served: */
	bool fits;       /* it is for the name that was asked for */
	char chain[128]; /* why a client would not trust it; "": it would */
};

/* How a request has ended. */
struct answer {
	int error;     /* errno of the connection; 0: it was made */
	char tls[128]; /* why there is no TLS on it; "" */
	bool silent;   /* no whole answer within the time */
	int status;    /* 0: none that could be read */
	bool ours;     /* in the form that API and site give all of theirs */
	char message[200]; /* of one of our errors */
	struct certificate certificate;
};

/* An address of our site, with one of its names. */
struct door {
	char listen[80]; /* as the configuration has it */
	char name[256];  /* "": none */
	char path[16];   /* to ask for; "": the site refuses everything here */
	bool tls;
	bool proxied;      /* it wants the PROXY protocol */
	bool guarded;      /* it lets some clients in only */
	char file[2][256]; /* certificates */
	size_t files;
	struct answer answer;
};

struct web {
	const char *name; /* "nginx", "Apache" */
	const char *unit;
	char user[64];    /* who it is when it connects to the socket */
	bool known;       /* its configuration could be read */
	bool site;        /* it passes requests to our socket */
	bool serves;      /* it is what is in front of the workers */
	bool apart;       /* the workers answer its user, not itself: told */
	pid_t master;     /* 0: not found */
	char newest[256]; /* file of its configuration, */
	struct timespec changed; /* and when it was changed last */
	struct door *door;
	size_t doors;
};

/* A door more, all zero; NULL: no memory, or far too many. */
struct door *web_add(struct web *w);

/* What a finding calls a door: its address, and its name. Returns
 * `text`. */
const char *web_label(const struct door *door, char text[400]);

/* Remembers the file if it was changed last of all. */
void web_changed(struct web *w, const char *path);

/* The process that a file of nginx's or Apache's names; 0: none with this
 * program. */
pid_t web_master(const char *pid_file, const char *program);

/*
 * Asks for GET /readyz over FastCGI, as this user with its groups (NULL: as
 * who we are). False: we may not become that user.
 */
MUST_CHECK bool ask_workers(
    const char *socket, const char *user, struct answer *a);

/* The same at a door, with its name, over HTTP/1.1, by TLS if it has it, within
 * `limit` microseconds. */
void ask_door(struct door *door, int64_t limit);

/* The exchange over TLS on a connected socket, until the other side is done or
 * `deadline` (clock_us): text that ends with NUL in `in`. Fills a->tls, and the
 * certificate. */
void tls_exchange(int fd, const char *name, const char *out, char *in,
    size_t size, int64_t deadline, struct answer *a);

/* The first certificate of a PEM file; false: it cannot be read. */
MUST_CHECK bool tls_read(const char *path, struct certificate *c);

#endif
