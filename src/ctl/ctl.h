/*
 * ctl.h: what the commands of codecourierctl share. Exit statuses: 0 done,
 * 1 failed, 2 usage, 3 not found, 4 conflict, 5 database or keyring
 * unavailable.
 */
#ifndef CTL_H
#define CTL_H

#include "base/conf.h"
#include "base/uuid.h"
#include "crypt/seal.h"
#include "db/db.h"

#include <json-c/json_types.h>

enum ctl_exit {
	CTL_DONE,
	CTL_FAILED,
	CTL_USAGE,
	CTL_NOT_FOUND,
	CTL_CONFLICT,
	CTL_UNAVAILABLE
};

enum ctl_option {
	OPT_NAME,
	OPT_SLUG,
	OPT_OWNER_EMAIL,
	OPT_REPO_URL,
	OPT_ENVIRONMENT,
	OPT_SCOPE,
	OPT_EXPIRES,
	OPT_ALLOW_IP,
	OPT_RATE,
	OPT_DISABLE,
	OPT_ENABLE,
	OPT_GRACE,
	OPT_OUT,
	OPT_PLAN,
	OPT_DRY_RUN,
	OPT_KEYRING_COPIED,
	OPT_LIST,
	OPT_DELETED,
	OPT_ALL,
	OPT_UNUSED,
	OPT_HEAD,
	OPT_SINCE,
	OPT_FORMAT,
	OPT_JSON, /* these three with every command */
	OPT_HELP,
	OPT_VERSION,
	CTL_OPTIONS
};

/* One run of the command. */
struct ctl {
	struct conf conf;
	const char *no_conf; /* doctor only: why there is none */
	bool json;
	const char
	    *arg[4]; /* positional arguments behind the command's words */
	const char *option[CTL_OPTIONS]; /* values, by enum ctl_option */
	struct db *db;                   /* ctl_connect */
	struct keyring *keyring;         /* ctl_keyring */
	char operator_name[64];          /* login name, for the audit rows */
	char project_id[UUID_TEXT];      /* project_find, project_create */
	char request_id[UUID_TEXT];
};

typedef int ctl_command(struct ctl *c);
ctl_command ctl_init, ctl_migrate, ctl_status, ctl_doctor;
ctl_command ctl_project_create, ctl_project_list, ctl_project_show;
ctl_command ctl_project_update, ctl_project_delete, ctl_project_restore;
ctl_command ctl_project_purge, ctl_purge;
ctl_command ctl_member_list, ctl_member_accept, ctl_member_role;
ctl_command ctl_member_remove, ctl_provider_key_reveal, ctl_counter_add;
ctl_command ctl_key_create, ctl_key_list, ctl_key_find, ctl_key_update;
ctl_command ctl_key_rotate, ctl_key_revoke;
ctl_command ctl_mail_send, ctl_mail_list, ctl_mail_retry;
ctl_command ctl_audit_verify, ctl_audit_head, ctl_audit_export;

/*
 * Reports a failure: {"error":{code,message}} on stdout with --json, else a
 * line on stderr. A whole API key in it is cut to its prefix. Returns the exit
 * status that belongs to `e`; ERR_VALIDATION is CTL_USAGE.
 */
int ctl_fail(struct ctl *c, enum err e, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A fault of db_run. */
int ctl_db_fail(struct ctl *c, enum err e, const struct db_fault *fault);

/* Prints {"data": value} or, without --json, what plain_print makes of it.
 * Takes it over. Returns CTL_DONE, or reports that it is not whole (object.h).
 */
int ctl_print(struct ctl *c, struct json_object *value);

/* The same for the row of a query that ran, which is cleared. */
int ctl_print_row(struct ctl *c, struct db_query *q);
/* The same for all rows, of which there may be none. */
int ctl_print_rows(struct ctl *c, struct db_query *q);

/* Parses row 0, column 0 (JSON made by a statement); NULL: none. */
struct json_object *ctl_row(const struct db_query *q);
/* The same of all rows. */
struct json_object *ctl_rows(const struct db_query *q);

/* CTL_DONE or the reported failure's exit status. */
MUST_CHECK int ctl_connect(struct ctl *c);
MUST_CHECK int ctl_keyring(struct ctl *c);

/* The fields of an object that the options name, for ctl_write: {name,slug}.
 * False: none is given. */
#define CTL_FIELDS 160 /* bytes */
bool ctl_fields(const struct ctl *c, char out[CTL_FIELDS]);

/* A query whose first parameters are project, operator, request id, no
 * address, and `fields`, a text[]: what writing statements begin with. */
void ctl_write(
    struct ctl *c, struct db_query *q, enum stmt stmt, const char *fields);

/* Takes a --name, without the spaces at its ends; reports one that is not 1 to
 * 100 characters, or has control characters. */
#define CTL_NAME 401 /* 100 characters of 4 bytes */
MUST_CHECK int ctl_name(struct ctl *c, const char *given, char out[CTL_NAME]);

/* Whether the keyring is not what a row of STMT_MASTER_KEYS was sealed with;
 * see data_key_foreign. */
bool ctl_foreign(const struct keyring *ring, const struct db_query *q, int row,
    char *why, size_t size);

/* Waits until no write is open any more that began before the key, or with
 * NULL the project, was changed; see db_drain. `done`, for the message: what
 * it is for all new requests. */
MUST_CHECK int ctl_drain(struct ctl *c, const char *key_id, const char *done);

/* The configuration file that is in force. */
const char *ctl_conf_path(void);

/* Whether that is an installed host's, /etc/codecourier/NAME.conf; `unit` (80
 * bytes) is then its service: codecourier-api, for other names than api
 * codecourier-api@NAME. */
bool ctl_installed(char unit[80]);

/* Runs one statement, which is safe to repeat; one that writes; one that writes
 * behind the lock of c->project_id. On failure reports it and clears the query.
 */
MUST_CHECK int ctl_ask(struct ctl *c, struct db_query *q);
MUST_CHECK int ctl_do(struct ctl *c, struct db_query *q);
MUST_CHECK int ctl_do_locked(struct ctl *c, struct db_query *q);

/* Runs statements that write in one transaction; its fault is not reported. */
MUST_CHECK enum err ctl_run(
    struct ctl *c, struct db_query *q[], size_t n, struct db_fault *fault);
#define CTL_DEADLINE CLOCK_S(15)

#endif
