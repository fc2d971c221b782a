/*
 * test_stmt.c: the table of statements as text: filled, numbered as it says,
 * within the project, with the audit row of each write. What PostgreSQL makes
 * of them is tested with PostgreSQL.
 */
#include "unit.h"

#include "api/handlers.h"
#include "db/db.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

#define BIT(s) (UINT64_C(1) << (s))

/* Not about one project, or about whose key it is. */
static const bool unbound[STMT__OP_MAX] = {
    [STMT_SCHEMA_VERSION] = true,
    [STMT_MASTER_KEYS] = true,
    [STMT_KEY_ROW] = true,
    [STMT_KEY_OF_HOLDER] = true,
    [STMT_INVITATION_FIND] = true,
    [STMT_END_STALLED] = true,
    [STMT_OP_PROJECT_FIND] = true,
    [STMT_OP_PROJECT_LIST] = true,
    [STMT_OP_PROJECT_DELETED] = true,
    [STMT_OP_KEY_FIND] = true,
    [STMT_OP_KEY_WHOSE] = true,
    [STMT_OP_KEY_UNUSED] = true,
    [STMT_OP_PROJECT_WHICH] = true,
    [STMT_OP_PURGE_DUE] = true,
    [STMT_OP_AUDIT_HEADS] = true,
    [STMT_REPLAY_BEGIN] = true,
    [STMT_REPLAY_COMMIT] = true,
    [STMT_REPLAY_ROLL_BACK] = true,
    [STMT_REPLAY_CLAIM] = true,
    [STMT_REPLAY_SWEEP] = true,
    [STMT_OP_REPLAY_SWEEP] = true,
    [STMT_OP_SETTINGS_SWEEP] = true,
    [STMT_OP_MAIL_STALE] = true,
    [STMT_OP_MAIL_OVER] = true,
    [STMT_OP_MAIL_CLAIM] = true,
    [STMT_OP_MAIL_SWEEP] = true,
    [STMT_OP_REFUSAL_SWEEP] = true,
};

/* Write without an audit row of their own: see src/db/sql. */
static const bool unlogged[STMT__OP_MAX] = {
    [STMT_KEY_USED] = true,
    [STMT_REFUSAL_ADD] = true,
    [STMT_SETTINGS_DEPLOY_KEY] = true,
    [STMT_SETTINGS_DEV_KEY] = true,
    [STMT_OP_SETTINGS_SWEEP] = true,
    [STMT_OP_MAIL_STALE] = true,
    [STMT_OP_MAIL_OVER] = true,
    [STMT_OP_MAIL_CLAIM] = true,
    [STMT_OP_MAIL_END] = true,
    [STMT_OP_MAIL_RETRY] = true,
    [STMT_OP_MAIL_SWEEP] = true,
    [STMT_OP_REFUSAL_SWEEP] = true,
};

/* The statement's text where no literal and no quoted name stands. */
static const char *
bare(size_t s)
{
	static char out[20000];
	const char *sql = stmt_info((enum stmt)s)->sql;
	char quote = '\0';
	size_t at = 0;

	assert_true(strlen(sql) < sizeof(out));
	for (; *sql; sql++) {
		if (quote) {
			quote = *sql == quote ? '\0' : quote;
			continue;
		}
		if (*sql == '\'' || *sql == '"')
			quote = *sql;
		else
			out[at++] = *sql;
	}
	if (quote)
		fail_msg("%s: an open quote", stmt_info((enum stmt)s)->name);
	out[at] = '\0';
	return out;
}

/* Whether the words stand in it, case and amount of space apart. */
static bool
has(const char *sql, const char *words)
{
	for (; *sql; sql++) {
		const char *s = sql, *w = words;

		while (*w && *s) {
			if (*w == ' ' && isspace((unsigned char)*s)) {
				s += strspn(s, " \n\t");
				w++;
			} else if (toupper((unsigned char)*s) == *w) {
				s++;
				w++;
			} else {
				break;
			}
		}
		if (*w == '\0')
			return true;
	}
	return false;
}

static bool
writes(const char *sql)
{
	return has(sql, "INSERT INTO") || has(sql, "UPDATE PROJECT ") ||
	    has(sql, "UPDATE SETTINGS ") || has(sql, "UPDATE MEMBER ") ||
	    has(sql, "UPDATE API_KEY ") || has(sql, "UPDATE MAIL_QUEUE ") ||
	    has(sql, "DELETE FROM");
}

static void
is_filled(void **state)
{
	(void)state;
	for (size_t i = 0; i < STMT__MAX; i++) {
		const struct stmt_info *s = stmt_info((enum stmt)i);

		if (!s->name || !s->sql || !s->sql[0])
			fail_msg("row %zu is empty", i);
		assert_in_range(strlen(s->name), 1, 63);
		assert_int_equal(strspn(s->name, "abcdefghijklmnopqrstuvwxyz_"),
		    strlen(s->name));
		assert_in_range(s->params, 0, STMT__PARAMS);
		/* the operator's are told by their name */
		assert_int_equal(strncmp(s->name, "op_", 3) == 0,
		    i >= STMT__API_MAX && i < STMT__OP_MAX);
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(
			    s->name, stmt_info((enum stmt)k)->name);
			if (i < STMT__API_MAX)
				assert_string_not_equal(
				    s->sql, stmt_info((enum stmt)k)->sql);
		}
	}
}

/* $1 to $n, each of them used, none beyond. */
static void
numbers_parameters(void **state)
{
	(void)state;
	for (size_t i = 0; i < STMT__MAX; i++) {
		const struct stmt_info *s = stmt_info((enum stmt)i);
		uint64_t used = 0;

		for (const char *p = s->sql; (p = strchr(p, '$')); p++) {
			long n = strtol(p + 1, NULL, 10);

			if (!isdigit((unsigned char)p[1]))
				continue; /* of a pattern */
			if (n < 1 || n > s->params)
				fail_msg(
				    "%s: $%ld of %d", s->name, n, s->params);
			used |= BIT(n - 1);
		}
		if (used != BIT(s->params) - 1)
			fail_msg("%s: not all of %d", s->name, s->params);
	}
}

static void
stays_in_the_project(void **state)
{
	static const char *const forms[] = {"PROJECT_ID = $1::UUID",
	    " ID = $1::UUID", "T.ID = $1::UUID", "VALUES ($1::UUID",
	    "PURGE_BEGIN($1::UUID", "PURGE_SOME($1::UUID",
	    "REPLAY_KEEP($1::UUID", "INVITATION_ACCEPT($1::UUID"};

	(void)state;
	for (size_t i = 0; i < STMT__OP_MAX; i++) {
		const char *sql = bare(i);
		bool found = false;

		for (size_t k = 0; k < COUNT(forms); k++)
			found = found || has(sql, forms[k]);
		if (!found && !unbound[i])
			fail_msg("%s", stmt_info((enum stmt)i)->name);
	}
}

/* Reads change nothing; a write logs who, what, and for which request. */
static void
logs_writes(void **state)
{
	size_t logged = 0;

	(void)state;
	for (size_t i = 0; i < STMT__OP_MAX; i++) {
		const char *sql = bare(i),
			   *name = stmt_info((enum stmt)i)->name;
		bool audit = has(sql, "INSERT INTO AUDIT ");

		if (unlogged[i] && (audit || !writes(sql)))
			fail_msg("%s", name);
		if (!unlogged[i] && writes(sql) != audit)
			fail_msg("%s", name);
		if (!audit)
			continue;
		logged++;
		if (!has(sql, i < STMT__API_MAX ? "$2::UUID" : "$2::TEXT") ||
		    !has(sql, "$3::UUID") || !has(sql, "$4::INET") ||
		    !has(sql, "$5::TEXT[]") ||
		    has(sql, "ACTOR_KEY") != (i < STMT__API_MAX))
			fail_msg("%s: its audit row", name);
	}
	assert_true(logged > 10);
}

/* What the design rules out, each with a fact behind it. */
static void
avoids(void **state)
{
	static const char *const never[] = {
	    "SELECT *",  /* 0A000 after a migration */
	    ".*",        /* so here; and a column more than granted */
	    "FOR SHARE", /* starves a revocation */
	    "BEGIN ",  /* the pipeline is the transaction, or replay_begin is */
	    "COMMIT ", /* ditto */
	    "SET LOCAL ", /* warns in a pipeline */
	    "JSONB_AGG",  /* twice as slow as json */
	    "TRUNCATE ",
	    ";",
	    "--",
	    "/*",
	};

	(void)state;
	for (size_t i = 0; i < STMT__MAX; i++) {
		const char *sql = bare(i);
		int depth = 0;

		for (size_t k = 0; i < STMT__OP_MAX && k < COUNT(never); k++)
			if (has(sql, never[k]))
				fail_msg("%s: %s",
				    stmt_info((enum stmt)i)->name, never[k]);
		for (; *sql; sql++) {
			depth += (*sql == '(') - (*sql == ')');
			assert_true(depth >= 0);
		}
		assert_int_equal(depth, 0);
	}
	for (size_t i = 0; i < STMT__API_MAX;
	     i++) /* the role may not read it */
		assert_false(has(bare(i), "EXCLUDED."));
}

/* Locks: the guard of a write its key and project; drains what they drain,
 * not together with the change. */
static void
locks(void **state)
{
	static const bool drains[STMT__API_MAX] = {
	    [STMT_PROJECT_DRAIN] = true,
	    [STMT_API_KEY_DRAIN] = true,
	};

	(void)state;
	assert_false(has(bare(STMT_GUARD_READ), " FOR "));
	assert_false(has(bare(STMT_GUARD_PROJECT), " FOR "));
	assert_true(has(bare(STMT_GUARD_WRITE), "FOR KEY SHARE OF K, T"));
	for (size_t i = 0; i < STMT__API_MAX; i++) {
		assert_int_equal(has(bare(i), " FOR UPDATE"), drains[i]);
		assert_int_equal(
		    has(bare(i), "FOR KEY SHARE"), i == STMT_GUARD_WRITE);
	}
}

/* What C compares a reason with is what the statement says. */
static void
says_why(void **state)
{
	const char *sql = stmt_info(STMT_SCHEMA_VERSION)->sql;

	(void)state;
	assert_non_null(strstr(sql, "'" DB_STANDBY "'"));
	assert_non_null(strstr(sql, "'" DB_READ_ONLY "'"));
}

/* A literal in the place of $1, of what takes no parameters. */
static void
takes_a_literal(void **state)
{
	char out[64];

	(void)state;
	assert_true(stmt_with(STMT_SESSION_TIMEOUT, "50", out, sizeof(out)));
	assert_string_equal(out, "SET statement_timeout = 50");
	assert_true(stmt_with(STMT_SESSION_TIMEOUT, "50", out, 27));
	assert_false(stmt_with(STMT_SESSION_TIMEOUT, "50", out, 26));
	assert_false(stmt_with(STMT_SESSION_OWNER, "50", out, sizeof(out)));
}

/* All guards ask for all that makes a key good. */
static void
guards(void **state)
{
	static const char *const asked[] = {"K.ID = $2::UUID",
	    "K.PROJECT_ID = $1::UUID", "K.DIGEST = $3::BYTEA",
	    "K.STAMP = $4::BIGINT", "K.REVOKED_AT IS NULL", "NOT K.DISABLED",
	    "K.ENDS_AT IS NULL", "K.ENDS_AT > NOW()", "T.DELETED_AT IS NULL",
	    "REFUSE()"};

	(void)state;
	for (size_t k = 0; k < COUNT(asked); k++) {
		assert_true(has(bare(STMT_GUARD_READ), asked[k]));
		assert_true(has(bare(STMT_GUARD_PROJECT), asked[k]));
		assert_true(has(bare(STMT_GUARD_WRITE), asked[k]));
	}
}

/* counters.def, the statement and the schema have the same ones. */
static void
counts_what_the_schema_does(void **state)
{
	static const char *const names[] = {
#define COUNTER(name) #name,
#include "db/counters.def"
	};
	const char *sql = stmt_info(STMT_COUNTERS_GET)->sql;
	static char schema[100000];
	char name[40], *at, *end;
	FILE *f = fopen("migrations/0001_schema.sql", "r");

	(void)state;
	if (!f)
		fail_msg("run me from the top folder of the project");
	assert_true(fread(schema, 1, sizeof(schema) - 1, f) > 1000);
	fclose(f);
	at = strstr(schema, "counter IN (");
	assert_non_null(at);
	end = strchr(at, ')');
	assert_non_null(end);
	*end = '\0';
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(name, sizeof(name), " AS \"%s\", ", names[i]);
		sql = strstr(sql, name);
		assert_non_null(sql);
		snprintf(name, sizeof(name), "'%s'", names[i]);
		at = strstr(at, name);
		assert_non_null(at);
		at += strlen(name);
	}
	assert_null(strchr(at, '\''));
	assert_null(strstr(sql + 1, "sum("));
}

/* Whether `list` has text[0..len). */
static bool
lists(const char *const *list, const char *text, size_t len)
{
	for (; *list; list++)
		if (strlen(*list) == len && memcmp(*list, text, len) == 0)
			return true;
	return false;
}

/* What the audit log can be asked for is what is written into it. */
static void
actions_are_those_written(void **state)
{
	static const char action[] = "abcdefghijklmnopqrstuvwxyz-.";
	bool found[64] = {false};

	(void)state;
	for (size_t s = 0; s < STMT__OP_MAX; s++) {
		const char *at =
		    strstr(stmt_info((enum stmt)s)->sql, "INSERT INTO audit ");

		while (at && (at = strchr(at, '\''))) {
			size_t len = strspn(++at, action);

			if (at[len] == '\'' && memchr(at, '.', len) &&
			    !lists(audit_actions, at, len))
				fail_msg("not listed: %.*s", (int)len, at);
			for (size_t i = 0; audit_actions[i]; i++)
				if (strlen(audit_actions[i]) == len &&
				    memcmp(audit_actions[i], at, len) == 0)
					found[i] = true;
			at = strchr(at, '\'') + 1;
		}
	}
	for (size_t i = 0; audit_actions[i]; i++)
		if (!found[i])
			fail_msg("never written: %s", audit_actions[i]);
}

/* The reader of statements above is not blind. */
static void
has_finds_words(void **state)
{
	(void)state;
	assert_true(has("select  *\nfrom x", "SELECT * FROM X"));
	assert_true(has("a UPDATE\tmember set", "UPDATE MEMBER "));
	assert_false(has("UPDATE members set", "UPDATE MEMBER "));
	assert_false(has("UPDATE", "UPDATE MEMBER"));
	assert_false(has("", "A"));
}

int
main(void)
{
	const struct CMUnitTest stmt_tests[] = {
	    cmocka_unit_test(is_filled),
	    cmocka_unit_test(numbers_parameters),
	    cmocka_unit_test(stays_in_the_project),
	    cmocka_unit_test(logs_writes),
	    cmocka_unit_test(avoids),
	    cmocka_unit_test(locks),
	    cmocka_unit_test(guards),
	    cmocka_unit_test(says_why),
	    cmocka_unit_test(takes_a_literal),
	    cmocka_unit_test(counts_what_the_schema_does),
	    cmocka_unit_test(actions_are_those_written),
	    cmocka_unit_test(has_finds_words),
	};

	return cmocka_run_group_tests(stmt_tests, NULL, NULL);
}
