/*
 * doctor.h: one run of codecourierctl doctor. A check is a function and a row
 * of the table in doctor.c: it looks at one thing and says what is wrong with
 * it and what mends that. It changes nothing.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "ctl/ctl.h"
#include "ctl/doctor/web.h"
#include "db/admin.h"

#include <pwd.h>
#include <sys/types.h>

/* What doctor wants of nginx's configuration, beside struct web. */
struct nginx_conf {
	long worker_connections;
	char pid[256];   /* file, or "" */
	char body[256];  /* the site's client_body_temp_path, or "" */
	char spool[256]; /* and fastcgi_temp_path */
	bool believing;  /* whatever a client says of its address */
	char why[512];   /* it could not be read; "": there is none to read */
};

enum { WEB_NGINX, WEB_APACHE, WEBS };

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
	struct web web[WEBS];
	bool asked;           /* the workers, and how it ended: */
	struct answer answer; /* of the last web server's user */
	const char *check;    /* the one that runs, by name */
	bool broken;          /* an error is among the findings */
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

/* Reads the web servers' configurations into d->web, before any check. */
void doctor_read_nginx(struct doctor *d);
void doctor_read_apache(struct doctor *d);
/* Decides which of them is in front of the workers. */
void doctor_choose_web(struct doctor *d);

/* The dump of nginx -T; it is cut to pieces. False: no memory. */
bool doctor_parse_nginx(struct doctor *d, char *dump);

/* The web server in front of the workers, or the one before `w`; NULL: none
 * more. */
struct web *doctor_web(struct doctor *d, struct web *w);

/* Asks at the socket, as the web server's user: d->answer. */
void doctor_reach(struct doctor *d);
/* Whether the workers have answered that they can serve. */
bool doctor_is_fine(const struct doctor *d);

/* The living workers (room for HOST_WORKERS), or -1: `why`. */
struct worker_seen;
int doctor_find_workers(
    struct doctor *d, struct worker_seen *w, char *why, size_t size);

/* Whether the file was changed after the process had begun. */
bool doctor_is_newer(const char *path, int pid);

/* One of nginx's folders for bodies and answers, `name` its directive: in
 * memory, and on a host a file system of its own, of `user`, not nearly full.
 */
void doctor_spool_at(
    struct doctor *d, const char *name, const char *path, const char *user);

/* How to start the workers again, as a fix; the text is static. */
const char *doctor_restart(const struct doctor *d);

doctor_check doctor_conf, doctor_keyring, doctor_sealed, doctor_copied,
    doctor_runtime, doctor_socket, doctor_disk;
doctor_check doctor_role, doctor_texts, doctor_mail;
doctor_check doctor_operator, doctor_login, doctor_schema, doctor_connections,
    doctor_clock, doctor_commit, doctor_pooler;
doctor_check doctor_nginx, doctor_apache, doctor_site, doctor_spool,
    doctor_answers, doctor_doors, doctor_certificate, doctor_web_server;
doctor_check doctor_service, doctor_timers, doctor_dropin, doctor_running,
    doctor_workers, doctor_backlog, doctor_cores;

#endif
