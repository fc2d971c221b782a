/*
 * db.c: the database: who may log in, schema, connections, clock,
 * whether a commit is safe and whether it returns.
 */
#include "ctl/doctor/doctor.h"

#include "base/array.h"
#include "base/cidr.h"
#include "db/open.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define CLOCK_LIMIT 2.0 /* seconds: keys expire by the database's clock */
#define SPARE       3   /* connections of operators beside the workers */

static const char pooler_fix[] =
    "pool_mode = session for the database codecourier in pgbouncer.ini; or "
    "PgBouncer 1.21 or later with max_prepared_statements = 200";

/* What mends a connection that failed, by the words of libpq and server. */
static const char *
login_fix(const char *why)
{
	static const struct {
		const char *words, *fix;
	} fixes[] = {
	    {DB_STANDBY,
		"name the primary, or all hosts of the cluster, in host=, "
		"without target_session_attrs: it is read-write then and finds "
		"the primary"},
	    {"password",
		"put the role's password into the passfile= that "
		"CODECOURIER_DATABASE names, or give the role that one: psql, "
		"\\password codecourier"},
	    {"Peer authentication",
		"in pg_hba.conf, above other lines: local codecourier "
		"codecourier peer; then reload PostgreSQL"},
	    {"pg_hba.conf",
		"in the server's pg_hba.conf: hostssl codecourier codecourier "
		"ADDRESS scram-sha-256; then reload PostgreSQL"},
	    {"certificate",
		"sslrootcert= in the conninfo names the CA of the server's "
		"certificate, host= the name that is in it"},
	    {"connection slots",
		"raise max_connections, or lower "
		"CODECOURIER_WORKERS on the hosts"},
	    {"too many clients",
		"raise max_connections, or lower "
		"CODECOURIER_WORKERS on the hosts"},
	    {"pooler", pooler_fix},
	    {"does not exist", "codecourierctl init"},
	    {"not UTF8", "codecourierctl init says how to move it aside"},
	    {"upgrade the package",
		"upgrade the package codecourier-api on this host"},
	    {"schema", "codecourierctl migrate"},
	    {DB_READ_ONLY,
		"default_transaction_read_only = off in postgresql.conf, or "
		"name the server that can be written to in host="},
	};

	for (size_t i = 0; i < ARRAY_SIZE(fixes); i++)
		if (strstr(why, fixes[i].words))
			return fixes[i].fix;
	return "is PostgreSQL up (systemctl status postgresql), and does the "
	       "conninfo name its host?";
}

void
doctor_operator(struct doctor *d)
{
	if (d->admin && d->has_facts)
		return;
	if (geteuid() != 0 && strstr(d->admin_why, "Peer authentication"))
		doctor_unseen(d, "the database: we are not root");
	else if (db_is_tcp(d->c->conf.database) &&
	    !db_is_tcp(d->c->conf.admin_database))
		doctor_unseen(d,
		    "the database: CODECOURIER_ADMIN_DATABASE is not on its "
		    "host");
	else
		doctor_error(d, login_fix(d->admin_why),
		    "CODECOURIER_ADMIN_DATABASE: %s", d->admin_why);
}

/* libpq passes over a password file that others can read, and cannot read
 * somebody else's; as root it can. */
static void
check_passfile(struct doctor *d)
{
	const char *conninfo = d->c->conf.database;
	struct stat st;
	char file[256], fix[600];

	if (!d->installed || !db_is_tcp(conninfo) ||
	    !db_option(conninfo, "passfile", file, sizeof(file)) ||
	    stat(file, &st) != 0 ||
	    (st.st_uid == d->service && (st.st_mode & 07777) == 0600))
		return;
	snprintf(fix, sizeof(fix),
	    "chown codecourier:codecourier %s; chmod 0600 %s", file, file);
	doctor_error(d, fix,
	    "%s: mode %04o, owner %u; the workers want 0600 and themselves",
	    file, st.st_mode & 07777, (unsigned)st.st_uid);
}

/* As the workers log in, with all they prepare. */
void
doctor_login(struct doctor *d)
{
	const char *conninfo = d->c->conf.database;
	struct db *db = db_new(conninfo, DB_API, 5000);
	char host[512];

	if (!db)
		return;
	d->login = db_connect(db);
	if (!d->login) {
		if (geteuid() != 0 && geteuid() != d->service &&
		    strstr(db_reason(db), "Peer authentication"))
			doctor_unseen(d, "the workers' login: we are not root");
		else
			doctor_error(d, login_fix(db_reason(db)),
			    "the workers cannot work: CODECOURIER_DATABASE: %s",
			    db_reason(db));
	}
	db_free(db);
	check_passfile(d);
	if (d->installed && db_is_tcp(conninfo) &&
	    !db_option(conninfo, "hostaddr", host, sizeof(host)) &&
	    db_option(conninfo, "host", host, sizeof(host)) &&
	    !cidr_address(NULL, host))
		doctor_warn(d,
		    "add hostaddr=ADDRESS to CODECOURIER_DATABASE, beside "
		    "host=",
		    "the database is named by host alone, and the service may "
		    "ask no name server on another host");
}

void
doctor_schema(struct doctor *d)
{
	const char *migrate = "codecourierctl migrate";
	const char *upgrade = "upgrade the package codecourier-api on this "
			      "host";
	int newest = 0, version, oldest;
	char why[256];

	if (!d->admin) {
		doctor_unseen(d, "no connection to the database");
		return;
	}
	for (const struct migration *m = migrations; m->sql; m++)
		newest = m->version;
	version = admin_version(d->admin, why, sizeof(why));
	oldest =
	    version < 0 ? -1 : admin_oldest_program(d->admin, why, sizeof(why));
	if (oldest < 0)
		doctor_error(d, migrate, "%s", why);
	else if (version < DB_OLDEST_SCHEMA)
		doctor_error(d, version ? migrate : "codecourierctl init",
		    "schema version %d: this program needs %d", version,
		    DB_OLDEST_SCHEMA);
	else if (oldest > DB_PROGRAM)
		doctor_error(d, upgrade,
		    "schema version %d serves programs from number %d on, this "
		    "is %d",
		    version, oldest, DB_PROGRAM);
	else if (version < newest)
		doctor_warn(d, migrate,
		    "schema version %d is older than this program's, %d",
		    version, newest);
	else if (version > newest)
		doctor_warn(d, upgrade,
		    "schema version %d is newer than this program's, %d",
		    version, newest);
}

void
doctor_connections(struct doctor *d)
{
	const struct db_facts *f = &d->facts;
	int hosts, need;
	char fix[256];

	if (!d->has_facts) {
		doctor_unseen(d, "no connection to the database");
		return;
	}
	hosts = f->hosts > 0 ? f->hosts : 1;
	need = hosts * d->c->conf.workers + SPARE;
	if (need <= f->max_connections)
		return;
	snprintf(fix, sizeof(fix),
	    "max_connections = %d or more in postgresql.conf and restart it, "
	    "or fewer CODECOURIER_WORKERS, or PgBouncer",
	    need + 20);
	doctor_error(d, fix,
	    "the server gives %d connections; %d host%s with %d workers and "
	    "the operator want %d",
	    f->max_connections, hosts, hosts == 1 ? "" : "s",
	    d->c->conf.workers, need);
}

void
doctor_clock(struct doctor *d)
{
	if (!d->has_facts)
		doctor_unseen(d, "no connection to the database");
	else if (d->facts.clock > CLOCK_LIMIT || d->facts.clock < -CLOCK_LIMIT)
		doctor_error(d,
		    "timedatectl set-ntp true, here and on the database's host",
		    "the database's clock is %.0f s %s ours",
		    d->facts.clock < 0 ? -d->facts.clock : d->facts.clock,
		    d->facts.clock < 0 ? "behind" : "ahead of");
}

void
doctor_commit(struct doctor *d)
{
	const struct db_facts *f = &d->facts;
	char fix[256];

	if (!d->has_facts) {
		doctor_unseen(d, "no connection to the database");
		return;
	}
	if (f->commit_waits && f->standbys[0] && f->synchronous == 0) {
		snprintf(fix, sizeof(fix),
		    "bring a standby of that name back; or, in the knowledge "
		    "that there is one copy only: %s",
		    stmt_info(STMT_TELL_ALONE)->sql);
		doctor_error(d, fix,
		    "synchronous_standby_names is set and no such standby is "
		    "connected: every write hangs");
	}
	if (!f->commit_waits) {
		snprintf(fix, sizeof(fix),
		    "synchronous_commit = on in postgresql.conf, and for the "
		    "role: %s",
		    stmt_info(STMT_TELL_COMMIT)->sql);
		doctor_warn(d, fix,
		    "synchronous_commit is off: a crash of the server takes "
		    "back writes that were answered with success");
	}
	if (!f->durable)
		doctor_error(d,
		    "fsync = on, full_page_writes = on in postgresql.conf; "
		    "reload",
		    "fsync or full_page_writes is off: a crash of the host can "
		    "destroy the database");
}

void
doctor_pooler(struct doctor *d)
{
	enum db_pooler found;

	if (!db_pooler(d->c->conf.database, &found))
		doctor_unseen(d, "no login as the workers");
	else if (found == POOLER_BREAKS)
		doctor_error(d, pooler_fix,
		    "a pooler gives connections away with each transaction and "
		    "loses prepared statements");
}
