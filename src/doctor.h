/*
 * doctor.h: one run of codecourierctl doctor. A check is a function and a row
 * of the table in doctor.c: it looks at one thing and says what is wrong with
 * it and what mends that. It changes nothing.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "ctl.h"
#include "db_admin.h"

#include <pwd.h>
#include <sys/types.h>

/* What doctor wants of nginx's configuration. */
struct nginx_conf {
	long worker_connections;
	char user[64];
	bool site;       /* some server passes to our socket */
	char body[256];  /* the site's client_body_temp_path, or "" */
	char spool[256]; /* and fastcgi_temp_path */
	size_t certificates;
	char certificate[8][256];
};

struct doctor {
	struct ctl *c;
	bool installed;      /* not the private stack of make run */
	char unit[80];       /* the service, if installed */
	uid_t service;       /* who the workers are */
	char socket[108];    /* the configuration sees to the length */
	struct admin *admin; /* NULL: admin_why */
	char admin_why[512];
	struct db_facts facts;
	bool has_facts;
	bool login; /* the workers' own succeeds */
	struct nginx_conf nginx;
	bool has_nginx;
	const char *check; /* the one that runs, by name */
	bool broken;       /* an error is among the findings */
	struct json_object *findings, *unseen;
};

typedef void doctor_check(struct doctor *d);

/* An error: it does not work, or will not. A warning: it works, for now. */
void doctor_error(struct doctor *d, const char *fix, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void doctor_warn(struct doctor *d, const char *fix, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* What we cannot see, mostly as we are not root. No finding. */
void doctor_unseen(struct doctor *d, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Runs a program and keeps what it prints on both of its outputs (at most 4
 * MiB, NUL-terminated; free it). Returns its exit status, -1 when it did not
 * run; then *out is NULL.
 */
int doctor_run(char *const argv[], char **out);

/* How to start the workers again, as a fix; the text is static. */
const char *doctor_restart(const struct doctor *d);

doctor_check doctor_conf, doctor_keyring, doctor_sealed, doctor_copied,
    doctor_runtime, doctor_socket, doctor_disk;
doctor_check doctor_operator, doctor_login, doctor_schema, doctor_connections,
    doctor_clock, doctor_commit, doctor_pooler;
doctor_check doctor_nginx, doctor_site, doctor_spool, doctor_certificate;
doctor_check doctor_service, doctor_workers, doctor_backlog, doctor_cores;

#endif
