/*
 * facts.c: what doctor asks of the server, and init of a database that is
 * there, each in one statement.
 */
#include "db/admin.h"

#include "db/db.h"

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/banned.h"

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
fact(const struct db_query *q, int column)
{
	return (int)strtol(db_value(q, 0, column, NULL), NULL, 10);
}

/* The server's reason alone. */
static const char *
reason(const struct db_query *q)
{
	const char *text =
	    PQresultErrorField(q->result, PG_DIAG_MESSAGE_PRIMARY);

	return text ? text : "connection lost";
}

static void
take_facts(struct db_facts *f, const struct db_query *q, double between)
{
	f->max_connections = fact(q, 0);
	f->hosts = fact(q, 1);
	f->clock = strtod(db_value(q, 0, 2, NULL), NULL) - between;
	snprintf(f->data, sizeof(f->data), "%s", db_value(q, 0, 3, NULL));
	f->commit_waits = db_bool(q, 0, 4);
	f->durable = db_bool(q, 0, 5);
	snprintf(
	    f->standbys, sizeof(f->standbys), "%s", db_value(q, 0, 6, NULL));
	f->synchronous = fact(q, 7);
}

bool
admin_facts(struct admin *a, struct db_facts *f, char *why, size_t size)
{
	double before = now();
	struct db_query q;
	bool ok;

	memset(f, 0, sizeof(*f));
	db_query_init(&q, STMT_ADMIN_FACTS);
	ok = admin_exec(a, &q);
	if (ok)
		take_facts(f, &q, (before + now()) / 2);
	else
		snprintf(why, size, "%s", reason(&q));
	db_query_clear(&q);
	return ok;
}

/* Texts are compared and folded byte by byte then, as everywhere else. */
static bool
is_plain(const char *locale)
{
	static const char *const plain[] = {
	    "C", "POSIX", "C.UTF-8", "C.UTF8", "C.utf8"};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (strcmp(locale, plain[i]) == 0)
			return true;
	return false;
}

/* How the database is put out of the way, and what comes then. */
static void
add_aside(char *why, size_t size, const char *then)
{
	size_t used = strlen(why);

	snprintf(why + used, size - used,
	    ". Move it aside, with psql: %s; then codecourierctl init makes it "
	    "as it must be%s",
	    stmt_info(STMT_TELL_ASIDE)->sql, then);
}

static bool
judge(const struct db_query *q, bool empty, char *why, size_t size)
{
	const char *encoding = db_value(q, 0, 0, NULL);
	const char *collate = db_value(q, 0, 1, NULL);
	const char *ctype = db_value(q, 0, 2, NULL);
	bool icu = db_bool(q, 0, 3);

	if (strcmp(encoding, "UTF8") != 0) {
		snprintf(why, size,
		    "the database " DB_NAME " has the encoding %.32s, not UTF8",
		    encoding);
		add_aside(why, size,
		    empty ? ""
			  : ", and pg_dump -Fc " DB_NAME "_before | pg_restore "
			    "--clean --if-exists -d " DB_NAME
			    " fills it again");
		return false;
	}
	if (empty && (icu || !is_plain(collate) || !is_plain(ctype)))
		snprintf(why, size,
		    "the database " DB_NAME " has the locale %.32s, %.32s%s, "
		    "not C: texts would be compared in another way",
		    collate, ctype, icu ? " (ICU)" : "");
	else if (empty && !db_bool(q, 0, 5))
		snprintf(why, size,
		    "the database " DB_NAME " is %.63s's, and the role "
		    "codecourier_owner may make nothing in it",
		    db_value(q, 0, 4, NULL));
	else
		return true;
	add_aside(why, size, "");
	return false;
}

bool
admin_fits(struct admin *a, bool empty, char *why, size_t size)
{
	struct db_query q;
	bool ok;

	db_query_init(&q, STMT_ADMIN_FITS);
	ok = admin_exec(a, &q);
	if (!ok)
		snprintf(
		    why, size, "the database " DB_NAME ": %.200s", reason(&q));
	ok = ok && judge(&q, empty, why, size);
	db_query_clear(&q);
	return ok;
}
