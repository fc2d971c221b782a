/*
 * admin.h: what needs an administrator's connection: roles, the database,
 * migrations, and what doctor asks the server. For codecourierctl only.
 */
#ifndef DB_ADMIN_H
#define DB_ADMIN_H

#include "base/err.h"
#include "db/query.h"

#include <stddef.h>

/* Made from migrations/ by the Makefile; the last has sql NULL. */
struct migration {
	int version;
	const char *name; /* "0001_schema" */
	const char *sql;
};
extern const struct migration migrations[];
extern const char roles_sql[];
extern const char database_sql[];

/* The fields are for admin.c, migrate.c and facts.c. */
struct admin {
	struct pg_conn *conn;
	char *conninfo;
};

/* Connects; NULL with `why` (no password in it). `database`: instead of the
 * conninfo's, or NULL. */
struct admin *admin_open(
    const char *conninfo, const char *database, char *why, size_t size);
void admin_close(struct admin *a);

/*
 * Runs a statement of ours, unprepared; its rows are in `q` as after db_run.
 * False: `why` says `what` and the server's message, and `q` is cleared.
 */
MUST_CHECK bool admin_ask(struct admin *a, const char *what, struct db_query *q,
    char *why, size_t size);

/* The same for a statement without parameters, whose one text goes to `out`, ""
 * where there is none. */
MUST_CHECK bool admin_text(struct admin *a, const char *what, enum stmt stmt,
    char *out, size_t out_size, char *why, size_t size);

/* The same for a file of SQL, or what stmt_with has made: its rows are of no
 * use. */
MUST_CHECK bool admin_file(
    struct admin *a, const char *what, const char *sql, char *why, size_t size);

/* For admin.c, migrate.c and facts.c: sends it, and waits. Whatever comes back
 * is in `q`; false: it is a failure. */
MUST_CHECK bool admin_exec(struct admin *a, struct db_query *q);

/* What is there of what admin_create makes. */
struct admin_made {
	bool roles; /* all three */
	bool role;  /* the API's */
	bool database;
};
MUST_CHECK bool admin_look(
    struct admin *a, struct admin_made *made, char *why, size_t size);

/* Where a connection leads, as libpq has found it: conninfo, service file and
 * environment together. */
struct admin_server {
	char host[256];   /* or the folder of its socket */
	char address[64]; /* "" over a socket */
	char port[32];
	char user[64];
	char from[160]; /* the variables of the environment that had a say */
};
void admin_server(const struct admin *a, struct admin_server *s);

/*
 * Whether the database that `a` is connected to will do, whoever made it: its
 * encoding, and as long as no schema is in it (`empty`) its locale and whether
 * the owner's role may make one. False: `why` has the way out.
 */
MUST_CHECK bool admin_fits(struct admin *a, bool empty, char *why, size_t size);

/* Roles, then the database where it is missing. Safe to repeat. */
MUST_CHECK bool admin_create(struct admin *a, char *why, size_t size);

/* Gives the API's role its password; the server gets its SCRAM verifier, so
 * that the password is in no log of the server. */
MUST_CHECK bool admin_password(
    struct admin *a, const char *password, char *why, size_t size);

/* The schema's version, 0 for none, -1 on failure. */
int admin_version(struct admin *a, char *why, size_t size);

/* The program number from which on programs can serve the schema, 0 where
 * there is none, -1 on failure. */
int admin_oldest_program(struct admin *a, char *why, size_t size);

/* The same as the migration will say; 0: its line is missing. */
int migration_oldest_program(const struct migration *m);

/* The programs that are connected: program number (0: one that tells none)
 * and connections. Returns how many there are, at most `max`; -1 on failure. */
struct admin_program {
	int number;
	int connections;
};
int admin_programs(struct admin *a, struct admin_program *out, int max,
    char *why, size_t size);

/*
 * Applies every migration above the schema's version, each in a transaction
 * of its own together with its row in schema_version, under an advisory lock.
 * A lock that is not free within half a second is let go, for all who wait
 * behind it, and tried for again; after the tenth time it fails, and `why`
 * (512 bytes) names who holds the lock. `done` is called after each one.
 * False: stopped at the one that `why` names; those before it stay.
 */
MUST_CHECK bool admin_migrate(struct admin *a,
    void (*done)(const struct migration *m), char *why, size_t size);

/* What doctor asks of the server. */
struct db_facts {
	int max_connections; /* without those kept for superusers */
	int hosts;           /* that sessions of the API's role come from */
	double clock;        /* the server's time less ours, seconds */
	char data[512];      /* data directory, "" where it is not shown */
	bool commit_waits;   /* synchronous_commit, as the API's role has it */
	bool durable;        /* fsync and full_page_writes */
	char standbys[256];  /* synchronous_standby_names */
	int synchronous;     /* of those, connected */
};
MUST_CHECK bool admin_facts(
    struct admin *a, struct db_facts *f, char *why, size_t size);

#endif
