/*
 * role.c: what somebody who got at the API's role could leave behind,
 * and texts in the database that deceive whoever reads them.
 */
#include "ctl/doctor/doctor.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define NAME(column) "translate(quote_ident(" column "), E'\\t\\n', '__')"

/*
 * A line a finding: what, TAB, its fix. Compared is what roles.sql says, whose
 * text goes in; no value of a setting comes out. synchronous_commit is the
 * operator's (see doctor_commit). Who may make roles is no stranger: from
 * PostgreSQL 16 on whoever makes a role is its member.
 */
/* clang-format off */
static const char left_sql[] =
    "WITH wanted AS (SELECT lower(m[1]) AS name, m[2] AS value "
    "FROM regexp_matches($roles$%s$roles$, "
    "'ALTER ROLE codecourier SET (\\w+) = ''([^'']*)''', 'g') m), "
    "me AS (SELECT oid FROM pg_roles WHERE rolname = 'codecourier'), "
    "super AS (SELECT rolsuper FROM pg_roles WHERE rolname = session_user), "
    "found AS (SELECT lower(split_part(s, '=', 1)) AS name, "
    "substring(s FROM '=(.*)') AS value, b.datname AS db "
    "FROM pg_db_role_setting d JOIN me ON me.oid = d.setrole "
    "LEFT JOIN pg_database b ON b.oid = d.setdatabase, "
    "unnest(d.setconfig) s) "
    "SELECT coalesce(string_agg(what || E'\\t' || fix, E'\\n'), '') FROM ("
    "SELECT 'the role codecourier lacks its setting ' || name AS what, "
    "'codecourierctl init' AS fix FROM wanted w "
    "WHERE NOT EXISTS (SELECT FROM found f WHERE f.name = w.name "
    "AND f.value = w.value AND f.db IS NULL) "
    "AND (name <> 'temp_file_limit' OR (SELECT rolsuper FROM super)) "
    "UNION ALL "
    "SELECT 'the role codecourier has a setting that nobody here has made: ' "
    "|| " NAME("name") ", 'ALTER ROLE codecourier ' || coalesce('IN DATABASE ' "
    "|| " NAME("db") " || ' ', '') || 'RESET ' || " NAME("name") " "
    "FROM found f WHERE name <> 'synchronous_commit' AND NOT EXISTS "
    "(SELECT FROM wanted w WHERE w.name = f.name AND f.db IS NULL) "
    "UNION ALL "
    "SELECT 'the rights of the role codecourier were given to ' || "
    NAME("r.rolname") ", 'REVOKE codecourier FROM ' || " NAME("r.rolname") " "
    "FROM pg_auth_members m JOIN me ON me.oid = m.roleid "
    "JOIN pg_roles r ON r.oid = m.member "
    "WHERE NOT r.rolsuper AND NOT r.rolcreaterole "
    "UNION ALL "
    "SELECT 'the role codecourier has the rights of ' || " NAME("r.rolname")
    ", 'REVOKE ' || " NAME("r.rolname") " || ' FROM codecourier' "
    "FROM pg_auth_members m JOIN me ON me.oid = m.member "
    "JOIN pg_roles r ON r.oid = m.roleid "
    "UNION ALL "
    "SELECT count(*) || ' large objects belong to the role codecourier, "
    "which makes none', 'look at them, then: SELECT lo_unlink(oid) FROM "
    "pg_largeobject_metadata WHERE lomowner = ''codecourier''::regrole' "
    "FROM pg_largeobject_metadata l JOIN me ON me.oid = l.lomowner "
    "HAVING count(*) > 0 "
    "UNION ALL "
    "SELECT count(*) || ' prepared transactions of the role codecourier "
    "hold their locks', 'ROLLBACK PREPARED each gid that pg_prepared_xacts "
    "shows' FROM pg_prepared_xacts WHERE owner = 'codecourier' "
    "HAVING count(*) > 0 "
    "UNION ALL "
    "SELECT 'everybody may make large objects in the database', "
    "'codecourierctl migrate' FROM super WHERE rolsuper "
    "AND has_function_privilege('codecourier', 'lo_from_bytea(oid, bytea)', "
    "'EXECUTE')) AS findings";
/* clang-format on */

void
doctor_role(struct doctor *d)
{
	char sql[8192], lines[4096], why[256], *line, *save, *fix;

	if (!d->admin) {
		doctor_unseen(d, "no connection to the database");
		return;
	}
	if (snprintf(sql, sizeof(sql), left_sql, roles_sql) >=
		(int)sizeof(sql) ||
	    !admin_run(d->admin, "role", sql, lines, sizeof(lines), why,
		sizeof(why))) {
		doctor_unseen(d, "what the role codecourier has");
		return;
	}
	for (line = strtok_r(lines, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		fix = strchr(line, '\t');
		if (!fix) /* the last one, cut */
			break;
		*fix++ = '\0';
		doctor_warn(d, fix, "%s", line);
	}
}

/* The texts that migration 0006 guards, by table and what names a row. */
static const struct {
	const char *table, *row, *column, *fault;
} texts[] = {
    {"project", "id", "slug", "codecourier.is_id(t.slug)"},
#define LINE(table, row, column)                                               \
	{                                                                      \
		table, row, column, "NOT codecourier.one_line(t." column ")"   \
	}
    LINE("project", "id", "name"),
    LINE("project", "id", "github_repo_url"),
    LINE("member", "id", "name"),
    LINE("member", "id", "email"),
    LINE("api_key", "id", "name"),
    LINE("provider_key", "project_id", "last4"),
    LINE("settings", "project_id", "convex_deploy_key_last4"),
    LINE("settings", "project_id", "convex_dev_key_last4"),
    LINE("settings", "project_id", "learning_template_id"),
    LINE("settings", "project_id", "learning_model"),
    LINE("settings", "project_id", "merging_template_id"),
    LINE("settings", "project_id", "merging_model"),
    LINE("settings", "project_id", "git_commit_name"),
    LINE("settings", "project_id", "git_commit_email"),
#undef LINE
};

/* The rows of one column: how many, and the first few. */
static void
look_at(struct doctor *d, size_t i)
{
	char sql[512], found[256], why[256], fix[256], *ids;
	bool slug = strcmp(texts[i].column, "slug") == 0;

	snprintf(sql, sizeof(sql),
	    "SELECT count(*) || ' ' || array_to_string((array_agg(t.%s::text))"
	    "[1:3], ', ') FROM codecourier.%s t WHERE %s HAVING count(*) > 0",
	    texts[i].row, texts[i].table, texts[i].fault);
	if (!admin_run(d->admin, "texts", sql, found, sizeof(found), why,
		sizeof(why))) {
		doctor_unseen(d, "%s", why);
		return;
	}
	ids = strchr(found, ' ');
	if (!ids)
		return;
	*ids++ = '\0';
	snprintf(fix, sizeof(fix),
	    "by the API; or UPDATE codecourier.%s SET %s = '...' WHERE %s = "
	    "'...'",
	    texts[i].table, texts[i].column, texts[i].row);
	doctor_warn(d, fix, "%s.%s of %s rows %s (%s %s)", texts[i].table,
	    texts[i].column, found,
	    slug ? "has the form of another project's id"
		 : "has control characters, which act on a terminal",
	    texts[i].row, ids);
}

void
doctor_texts(struct doctor *d)
{
	char there[64], why[256];

	if (!d->admin ||
	    !admin_run(d->admin, "texts",
		"SELECT to_regproc('codecourier.one_line')::text", there,
		sizeof(there), why, sizeof(why)))
		doctor_unseen(d, "no connection to the database");
	else if (!there[0])
		doctor_unseen(d, "a schema older than version 7");
	else
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			look_at(d, i);
}
