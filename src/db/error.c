/*
 * error.c: the two tables that turn what PostgreSQL says into our errors.
 */
#include "db/error.h"

#include "base/text.h"
#include "base/array.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

/* What field.c refuses first; so it stands here for the day it does not. */
#define ONE_LINE(column, field)                                                \
	{                                                                      \
		column "_text", ERR_VALIDATION, field,                         \
		    "Must not have control characters."                        \
	}

/* of the settings, those that a trigger holds to one line */
#define SETTING(name, column, kind, rule, max) SETTING_##kind(name, column)

#define SETTING_LINE(name, column) ONE_LINE("settings_" #column, #name),
#define SETTING_TEXT(name, column)
#define SETTING_JSON(name, column)
#define SETTING_SEALED(name, column)
#define SETTING_WRITE_ONLY(name, column)

static const struct {
	const char *constraint;
	enum err err;
	const char *field;
	const char *message;
} constraints[] = {
    {"api_key_prefix_once", ERR_CONFLICT, NULL, NULL},
    {"replay_found", ERR_REPLAY, NULL, NULL},
    {"replay_once", ERR_RUNNING, NULL, NULL},
    {"replay_room", ERR_FULL, NULL, NULL},
    {"replay_running", ERR_RUNNING, NULL, NULL},
    {"member_email_once", ERR_CONFLICT, "email",
	"This address belongs to a member or has been invited already."},
    {"member_last_owner", ERR_CONFLICT, "targetUserId",
	"A project keeps at least one active owner."},
    {"settings_env_size", ERR_VALIDATION, NULL, NULL},
    {"project_slug_live", ERR_CONFLICT, "slug", "This slug is taken."},
    {"project_slug_text", ERR_VALIDATION, "slug",
	"Must not have the form of an id."},
    ONE_LINE("project_name", "name"),
    ONE_LINE("project_github_repo_url", "githubRepoUrl"),
    ONE_LINE("api_key_name", "name"),
    ONE_LINE("member_name", "name"),
#include "db/settings.def"
};

/* Classes (two characters) or whole codes (five). Whole codes first. */
static const struct {
	const char *sqlstate;
	enum err err;
} states[] = {
    {"28000", ERR_AUTH_INVALID}, /* raised by refuse() */
    {"25006", ERR_UNAVAILABLE},  /* read-only: failover under way */
    {"55P03", ERR_UNAVAILABLE},  /* lock_timeout */
    {"57014", ERR_UNAVAILABLE},  /* statement_timeout */
    {"P0002", ERR_NOT_FOUND}, {"08", ERR_UNAVAILABLE}, /* connection */
    {"40", ERR_UNAVAILABLE}, /* serialization, deadlock: retries used up */
    {"53", ERR_UNAVAILABLE}, /* resources: disk full, connections, memory */
    {"57", ERR_UNAVAILABLE}, /* operator intervention */
    {"58", ERR_UNAVAILABLE}, /* system error outside PostgreSQL */
};

enum err
db_error_map(
    const char *sqlstate, const char *constraint, struct db_fault *fault)
{
	memset(fault, 0, sizeof(*fault));
	for (size_t i = 0; constraint && i < ARRAY_SIZE(constraints); i++) {
		if (strcmp(constraint, constraints[i].constraint) != 0)
			continue;
		fault->field = constraints[i].field;
		fault->message = constraints[i].message;
		fault->constraint = constraints[i].constraint;
		return constraints[i].err;
	}
	for (size_t i = 0; sqlstate && i < ARRAY_SIZE(states); i++) {
		const char *s = states[i].sqlstate;

		if (strncmp(sqlstate, s, strlen(s)) == 0)
			return states[i].err;
	}
	return ERR_INTERNAL;
}

bool
db_error_again(const char *sqlstate)
{
	static const char *const list[] = {"40001", "40P01", NULL};

	return text_is_one_of(sqlstate, list);
}

bool
db_error_stale(const char *sqlstate)
{
	/* no such prepared statement; its result type changed; read-only */
	static const char *const list[] = {"26000", "0A000", "25006", NULL};

	return text_is_one_of(sqlstate, list);
}

bool
db_error_shutdown(const char *sqlstate)
{
	static const char *const list[] = {"57P01", "57P02", "57P03", NULL};

	return text_is_one_of(sqlstate, list);
}

#define POOLER "a pooler in front of the server loses prepared statements"

const char *
db_error_cause(const char *sqlstate)
{
	static const struct {
		const char *sqlstate, *cause;
	} causes[] = {
	    {"25006", "the server is read-only"},
	    {"26000", POOLER},
	    {"42P01", "the schema is missing or older than this program"},
	    {"42P05", POOLER},
	    {"42501", "a right is missing: codecourierctl migrate"},
	    {"53100", "the disk of the database is full"},
	    {"53200", "the database has no memory left"},
	    {"53300", "the database has no connection left"},
	    {"55P03", "a lock was not free in time"},
	    {"57014", "the statement took too long"},
	    {"58030", "the database cannot read or write its files"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(causes); i++)
		if (strcmp(sqlstate, causes[i].sqlstate) == 0)
			return causes[i].cause;
	return "";
}

void
db_error_line(char *why, size_t size, const char *what, const char *message)
{
	char *nl;

	snprintf(why, size, "%s%s%s", what, what[0] ? ": " : "", message);
	while ((nl = strchr(why, '\n')))
		*nl = nl[1] ? ' ' : '\0';
}
