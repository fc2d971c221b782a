/*
 * stmt.c: the table of statements. Object rows are built here as JSON
 * (row_to_json on a sub-select), once per kind of object, so that a list, a
 * write's answer and the next GET cannot differ.
 */
#include "stmt.h"

#include <stddef.h>

#include "banned.h"

/* The rows of `t` as objects `o`: row_to_json(o) is what the API shows. */
#define OBJECTS(columns, t) t " t, LATERAL (SELECT " columns ") o"
#define SELECT_JSON(columns, t)                                                \
	"SELECT row_to_json(o)::text FROM " OBJECTS(columns, t)

#define PROJECT                                                                \
	"t.id, t.id AS _id, t.name, t.slug, "                                  \
	"t.github_repo_url AS \"githubRepoUrl\", "                             \
	"ms(t.created_at) AS \"_creationTime\", "                              \
	"ms(t.updated_at) AS \"updatedAt\""
#define PROJECT_ROW "id, name, slug, github_repo_url, created_at, updated_at"

#define MEMBER                                                                 \
	"t.id, t.id AS _id, t.user_id AS \"userId\", t.email, t.name, "        \
	"t.role, t.status, ms(t.invited_at) AS \"invitedAt\", "                \
	"ms(t.joined_at) AS \"joinedAt\", "                                    \
	"ms(t.created_at) AS \"_creationTime\""
#define MEMBER_ROW                                                             \
	"id, user_id, email, name, role, status, invited_at, joined_at, "      \
	"created_at"

#define PROVIDER_KEY                                                           \
	"t.provider, t.last4, ms(t.created_at) AS \"_creationTime\", "         \
	"ms(t.updated_at) AS \"updatedAt\""
#define PROVIDER_KEY_ROW "provider, last4, created_at, updated_at"

#define API_KEY                                                                \
	"t.id, t.id AS _id, t.name, t.prefix, t.environment, t.scopes, "       \
	"ms(t.created_at) AS \"_creationTime\", "                              \
	"ms(t.last_used_at) AS \"lastUsedAt\", "                               \
	"ms(t.expires_at) AS \"expiresAt\", "                                  \
	"t.revoked_at IS NOT NULL AS revoked, "                                \
	"ms(t.revoked_at) AS \"revokedAt\""
#define API_KEY_ROW                                                            \
	"id, name, prefix, environment, scopes, created_at, last_used_at, "    \
	"expires_at, revoked_at"

/* The audit row of a write whose changed rows stand in the CTE `done`. */
#define AUDIT(actor, actor_column, actor_type, action, object, id, fields)     \
	", logged AS (INSERT INTO audit (project_id, actor, " actor_column     \
	", action, object, object_id, fields, request_id, address) "           \
	"SELECT $1::uuid, '" actor "', $2::" actor_type ", '" action           \
	"', '" object "', " id "::text, " fields                               \
	", $3::uuid, $4::inet FROM done) "
#define AUDIT_KEY(action, object, id, fields)                                  \
	AUDIT("key", "actor_key", "uuid", action, object, id, fields)
#define AUDIT_OP(action, object, id, fields)                                   \
	AUDIT("operator", "operator", "text", action, object, id, fields)
#define NO_FIELDS "'{}'::text[]"

/*
 * The key's row must still be what the verified-key table was filled from,
 * and live; else refuse() ends the pipeline. coalesce() evaluates its second
 * argument only when the first is NULL (no such row).
 */
#define GUARD(lock)                                                            \
	"SELECT coalesce((SELECT k.last_used_at IS NULL "                      \
	"OR k.last_used_at < now() - interval '1 minute' "                     \
	"FROM api_key k JOIN project p ON p.id = k.project_id "                \
	"WHERE k.id = $2::uuid AND k.project_id = $1::uuid "                   \
	"AND k.digest = $3::bytea AND k.revoked_at IS NULL "                   \
	"AND (k.expires_at IS NULL OR k.expires_at > now()) "                  \
	"AND p.deleted_at IS NULL" lock "), refuse())"

/* A page of a list: rows 1..limit as a JSON array, whether more follow, and
 * the sort values of the last row given, for the cursor. */
#define PAGE(columns)                                                          \
	"SELECT '[' || coalesce(string_agg(row_to_json(o)::text, ',' "         \
	"ORDER BY t.n) FILTER (WHERE t.n <= $2::int), '') || ']', "            \
	"count(*) > $2::int, "                                                 \
	"max(t.sort) FILTER (WHERE t.n = $2::int) FROM " OBJECTS(              \
	    columns, "page")
#define MICROS(t) "(extract(epoch FROM " t ") * 1000000)::bigint"
#define FROM_MICROS(p)                                                         \
	"(timestamptz 'epoch' + " p "::bigint * interval '1 microsecond')"

#define MEMBER_SORT                                                            \
	"(m.status = 'pending')::int, "                                        \
	"CASE m.role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END, "     \
	"m.created_at, m.id"

/* Columns in the order of settings.c's field table. */
#define JSON_TEXT(column) "to_json(" column ")::text, "
#define LAST4(column)     "'{\"last4\":' || to_json(" column ")::text || '}', "
#define SETTINGS_COLUMNS                                                       \
	JSON_TEXT("sandbox_system_prompt")                                     \
	JSON_TEXT("claude_md")                                                 \
	JSON_TEXT("issue_discovery_prompt")                                    \
	"selected_skills::text, selected_commands::text, "                     \
	"selected_scripts::text, "                                             \
	"env_vars, deploy_env_vars, test_user_credentials, " LAST4(            \
	    "convex_deploy_key_last4") LAST4("convex_dev_key_last4")           \
	    JSON_TEXT("learning_template_id") JSON_TEXT("learning_model")      \
		JSON_TEXT("merging_template_id") JSON_TEXT("merging_model")    \
		    JSON_TEXT(                                                 \
			"git_commit_name") "to_json(git_commit_email)::text"
#define SETTINGS_ROW                                                           \
	"project_id, sandbox_system_prompt, claude_md, "                       \
	"issue_discovery_prompt, selected_skills, selected_commands, "         \
	"selected_scripts, env_vars, deploy_env_vars, "                        \
	"test_user_credentials, convex_deploy_key_last4, "                     \
	"convex_dev_key_last4, learning_template_id, learning_model, "         \
	"merging_template_id, merging_model, git_commit_name, "                \
	"git_commit_email"
/* A field that the request gave takes its value, NULL included. */
#define GIVEN(field, column, value)                                            \
	column " = CASE WHEN '" field "' = ANY ($5::text[]) THEN " value       \
	       " ELSE " column " END, "

#define API_KEY_CREATE(audit)                                                  \
	"WITH done AS (INSERT INTO api_key (project_id, name, prefix, "        \
	"environment, hash, check_value) "                                     \
	"VALUES ($1::uuid, $5, $6, $7, $8::bytea, $9::bytea) "                 \
	"RETURNING " API_KEY_ROW ", digest)" audit                             \
	"SELECT row_to_json(o)::text, t.id::text, t.digest FROM " OBJECTS(     \
	    API_KEY, "done")
/* A second revocation changes nothing and logs nothing: only a fresh one
 * carries this transaction's time. */
#define API_KEY_REVOKE(audit)                                                  \
	"WITH changed AS (UPDATE api_key "                                     \
	"SET revoked_at = coalesce(revoked_at, now()) "                        \
	"WHERE project_id = $1::uuid AND id = $5::uuid "                       \
	"RETURNING " API_KEY_ROW "), done AS ("                                \
	"SELECT id FROM changed WHERE revoked_at = now())" audit               \
	SELECT_JSON(API_KEY, "changed")

static const struct stmt_info statements[] = {
    [STMT_SCHEMA_VERSION] = {"schema_version",
	"SELECT max(version)::text, max(oldest_program)::text "
	"FROM schema_version",
	0},
    [STMT_GUARD_READ] = {"guard_read", GUARD(""), 3},
    [STMT_GUARD_WRITE] = {"guard_write", GUARD(" FOR KEY SHARE OF k, p"), 3},
    [STMT_KEY_BY_PREFIX] = {"key_by_prefix",
	"SELECT id::text, project_id::text, hash, digest, check_value, live "
	"FROM key_by_prefix($1)",
	1},
    /* Durable enough: a lost minute of last-used hurts nobody. */
    [STMT_KEY_USED] = {"key_used",
	"UPDATE api_key SET last_used_at = now() WHERE id = ("
	"SELECT id FROM api_key WHERE project_id = $1::uuid "
	"AND id = $2::uuid AND revoked_at IS NULL "
	"AND (last_used_at IS NULL "
	"OR last_used_at < now() - interval '1 minute') "
	"FOR NO KEY UPDATE SKIP LOCKED) "
	"AND set_config('synchronous_commit', 'off', true) IS NOT NULL",
	2},
    /* No timeout of PostgreSQL 15 ends a pipeline whose client stopped in
     * the middle of it: its locks would stay for ever. */
    [STMT_END_STALLED] = {"end_stalled",
	"SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity "
	"WHERE usename = current_user AND datname = current_database() "
	"AND wait_event = 'ClientRead' "
	"AND xact_start < now() - interval '15 seconds'",
	0},

    [STMT_PROJECT_GET] = {"project_get",
	SELECT_JSON(PROJECT, "project") " WHERE t.id = $1::uuid", 1},
    [STMT_PROJECT_UPDATE] = {"project_update",
	"WITH done AS (UPDATE project SET " GIVEN("name", "name", "$6") GIVEN(
	    "slug", "slug", "$7") GIVEN("githubRepoUrl", "github_repo_url",
	    "$8") "updated_at = now() "
		  "WHERE id = $1::uuid AND deleted_at IS NULL "
		  "RETURNING " PROJECT_ROW
		  ")" AUDIT_KEY("project.update", "project", "id", "$5::text[]")
		      SELECT_JSON(PROJECT, "done"),
	8},
    [STMT_PROJECT_DELETE] = {"project_delete",
	"WITH done AS (UPDATE project SET deleted_at = now(), "
	"purge_at = now() + make_interval(days => $5::int) "
	"WHERE id = $1::uuid AND deleted_at IS NULL "
	"RETURNING id, deleted_at, purge_at)" AUDIT_KEY(
	    "project.delete", "project", "id", NO_FIELDS)
	    SELECT_JSON("t.id, t.id AS _id, true AS deleted, "
			"ms(t.deleted_at) AS \"deletedAt\", ms(t.purge_at) AS "
			"\"purgeAt\"",
		"done"),
	5},
    [STMT_PROJECT_DRAIN] = {"project_drain",
	"SELECT true FROM project WHERE id = $1::uuid FOR UPDATE", 1},

    [STMT_DATA_KEYS] = {"data_keys",
	"SELECT id::text, master_key, wrapped FROM data_key "
	"WHERE project_id = $1::uuid ORDER BY created_at DESC, id",
	1},
    [STMT_SETTINGS_GET] = {"settings_get",
	"SELECT " SETTINGS_COLUMNS " FROM settings WHERE project_id = $1::uuid",
	1},
    [STMT_SETTINGS_UPDATE] = {"settings_update",
	"WITH done AS (UPDATE settings SET " GIVEN("sandboxSystemPrompt",
	    "sandbox_system_prompt", "$6") GIVEN("claudeMd", "claude_md",
	    "$7") GIVEN("issueDiscoveryPrompt", "issue_discovery_prompt",
	    "$8") GIVEN("selectedSkills", "selected_skills",
	    "coalesce($9::jsonb, '[]')") GIVEN("selectedCommands",
	    "selected_commands",
	    "coalesce($10::jsonb, '[]')") GIVEN("selectedScripts",
	    "selected_scripts", "coalesce($11::jsonb, '[]')") GIVEN("envVars",
	    "env_vars", "$12::bytea") GIVEN("deployEnvVars", "deploy_env_vars",
	    "$13::bytea") GIVEN("testUserCredentials", "test_user_credentials",
	    "$14::bytea") GIVEN("learningTemplateId", "learning_template_id",
	    "$15") GIVEN("learningModel", "learning_model", "$16")
	    GIVEN("mergingTemplateId", "merging_template_id", "$17")
		GIVEN("mergingModel", "merging_model", "$18")
		    GIVEN("gitCommitName", "git_commit_name", "$19") GIVEN(
			"gitCommitEmail", "git_commit_email",
			"$20") "updated_at = now() WHERE project_id = $1::uuid "
			       "RETURNING " SETTINGS_ROW ")" AUDIT_KEY(
				   "settings.update", "settings", "project_id",
				   "$5::text[]") "SELECT " SETTINGS_COLUMNS
						 " FROM done",
	20},
    /* Write-only columns: the API's role cannot read them, so they cannot
     * stand in the CASE of the statement above. */
    [STMT_SETTINGS_DEPLOY_KEY] = {"settings_deploy_key",
	"UPDATE settings SET convex_deploy_key = $2::bytea, "
	"convex_deploy_key_last4 = $3 WHERE project_id = $1::uuid",
	3},
    [STMT_SETTINGS_DEV_KEY] = {"settings_dev_key",
	"UPDATE settings SET convex_dev_key = $2::bytea, "
	"convex_dev_key_last4 = $3 WHERE project_id = $1::uuid",
	3},

    [STMT_MEMBER_LIST] = {"member_list",
	"WITH page AS (SELECT m.*, concat_ws(':', (m.status = 'pending')::int, "
	"CASE m.role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 "
	"END, " MICROS(
	    "m.created_at") ", m.id) AS sort, "
			    "row_number() OVER (ORDER BY " MEMBER_SORT
			    ") AS n FROM member m "
			    "WHERE m.project_id = $1::uuid AND ($3::bigint IS "
			    "NULL OR (" MEMBER_SORT
			    ") > ($3::bigint, $4::bigint, " FROM_MICROS(
				"$5") ", $6::uuid)) ORDER BY " MEMBER_SORT
				      " LIMIT $2::int + 1) " PAGE(MEMBER),
	6},
    [STMT_MEMBER_INVITE] = {"member_invite",
	"WITH done AS (INSERT INTO member (project_id, email, role) "
	"VALUES ($1::uuid, $5, $6) RETURNING " MEMBER_ROW
	")" AUDIT_KEY("member.invite", "member", "id", "$7::text[]")
	    SELECT_JSON(MEMBER, "done"),
	7},
    [STMT_MEMBER_REMOVE] = {"member_remove",
	"WITH done AS (DELETE FROM member WHERE project_id = $1::uuid "
	"AND user_id = $5::uuid RETURNING id, user_id)" AUDIT_KEY(
	    "member.remove", "member", "id", NO_FIELDS)
	    SELECT_JSON("t.id, t.id AS _id, t.user_id AS \"userId\", "
			"true AS removed",
		"done"),
	5},
    [STMT_MEMBER_ROLE] = {"member_role",
	"WITH done AS (UPDATE member SET role = $6 "
	"WHERE project_id = $1::uuid AND user_id = $5::uuid "
	"RETURNING " MEMBER_ROW ")" AUDIT_KEY("member.update-role", "member",
	    "id", "'{role}'::text[]") SELECT_JSON(MEMBER, "done"),
	6},

    [STMT_PROVIDER_KEY_LIST] = {"provider_key_list",
	"SELECT '[' || coalesce(string_agg(row_to_json(o)::text, ',' "
	"ORDER BY t.provider), '') || ']' FROM " OBJECTS(
	    PROVIDER_KEY, "provider_key") " WHERE t.project_id = $1::uuid",
	1},
    /* The parameters are repeated because `excluded.` reads the column, and
     * this role may not read a sealed key. */
    [STMT_PROVIDER_KEY_SET] = {"provider_key_set",
	"WITH done AS (INSERT INTO provider_key "
	"(project_id, provider, sealed, last4) "
	"VALUES ($1::uuid, $5, $6::bytea, $7) "
	"ON CONFLICT (project_id, provider) DO UPDATE "
	"SET sealed = $6::bytea, last4 = $7, updated_at = now() "
	"RETURNING " PROVIDER_KEY_ROW ")" AUDIT_KEY("provider-key.set",
	    "provider-key", "provider", "'{provider,key}'::text[]")
	    SELECT_JSON(PROVIDER_KEY, "done"),
	7},
    [STMT_PROVIDER_KEY_REMOVE] = {"provider_key_remove",
	"WITH done AS (DELETE FROM provider_key WHERE project_id = $1::uuid "
	"AND provider = $5 RETURNING provider)" AUDIT_KEY(
	    "provider-key.remove", "provider-key", "provider", NO_FIELDS)
	    SELECT_JSON("t.provider, true AS removed", "done"),
	5},

    [STMT_API_KEY_LIST] = {"api_key_list",
	"WITH page AS (SELECT " API_KEY_ROW ", concat_ws(':', " MICROS(
	    "created_at") ", id) AS sort, "
			  "row_number() OVER (ORDER BY created_at DESC, id) AS "
			  "n FROM api_key "
			  "WHERE project_id = $1::uuid AND ($3::bigint IS NULL "
			  "OR created_at < " FROM_MICROS(
			      "$3") " OR "
				    "(created_at "
				    "= " FROM_MICROS("$3") " AND "
							   "id > "
							   "$4::"
							   "uuid)"
							   ") "
							   "ORDER"
							   " BY "
							   "creat"
							   "ed_"
							   "at "
							   "DESC,"
							   " id "
							   "LIMIT"
							   " $2::"
							   "int "
							   "+ "
							   "1)"
							   " " PAGE(API_KEY),
	4},
    [STMT_API_KEY_CREATE] = {"api_key_create",
	API_KEY_CREATE(
	    AUDIT_KEY("api-key.generate", "api-key", "id", "$10::text[]")),
	10},
    [STMT_API_KEY_REVOKE] = {"api_key_revoke",
	API_KEY_REVOKE(AUDIT_KEY("api-key.revoke", "api-key", "id", NO_FIELDS)),
	5},
    [STMT_API_KEY_DRAIN] = {"api_key_drain",
	"SELECT true FROM api_key WHERE project_id = $1::uuid "
	"AND id = $2::uuid FOR UPDATE",
	2},

#define SUM(counter)                                                           \
	"coalesce(sum(value) FILTER (WHERE counter = '" counter                \
	"'), 0)::bigint AS \"" counter "\", "
    [STMT_COUNTERS_GET] = {"counters_get",
	"SELECT row_to_json(o)::text FROM (SELECT " SUM("runs") SUM(
	    "sandboxes") SUM("workflows") SUM("personas") SUM("issueSessions")
	    SUM("issues") SUM(
		"learnings") "(SELECT count(*) FROM member WHERE project_id = "
			     "$1::uuid "
			     "AND status = 'active') AS members, "
			     "(SELECT count(*) FROM api_key WHERE project_id = "
			     "$1::uuid "
			     "AND revoked_at IS NULL AND (expires_at IS NULL "
			     "OR expires_at > now())) AS \"apiKeys\", "
			     "(SELECT count(*) FROM provider_key WHERE "
			     "project_id = $1::uuid) "
			     "AS \"providerKeys\" FROM counter WHERE "
			     "project_id = $1::uuid) o",
	1},

    [STMT_OP_PROJECT_FIND] = {"op_project_find",
	"SELECT id::text FROM project "
	"WHERE (id::text = $1 OR slug = $1) AND deleted_at IS NULL "
	"ORDER BY id::text = $1 DESC LIMIT 1",
	1},
    [STMT_OP_PROJECT_LIST] = {"op_project_list",
	SELECT_JSON(
	    PROJECT, "project") " WHERE t.deleted_at IS NULL ORDER BY t.slug",
	0},
    /* The new project's parts refer to it with a deferred look: foreign keys
     * are checked at the end of the statement. */
    [STMT_OP_PROJECT_CREATE] = {"op_project_create",
	"WITH made AS (INSERT INTO project (id, name, slug) "
	"VALUES ($1::uuid, $5, $6) RETURNING " PROJECT_ROW "), "
	"keyed AS (INSERT INTO data_key (id, project_id, master_key, wrapped) "
	"VALUES ($8::uuid, $1::uuid, $9, $10::bytea)), "
	"settled AS (INSERT INTO settings (project_id) VALUES ($1::uuid)), "
	"done AS (INSERT INTO member (project_id, email, role, status, "
	"joined_at) VALUES ($1::uuid, $7, 'owner', 'active', now()) "
	"RETURNING project_id)" AUDIT_OP("project.create", "project",
	    "project_id", "'{name,slug,ownerEmail}'::text[]")
	    SELECT_JSON(PROJECT, "made"),
	10},
    [STMT_OP_MEMBER_ACCEPT] = {"op_member_accept",
	"WITH done AS (UPDATE member SET status = 'active', "
	"joined_at = coalesce(joined_at, now()), name = coalesce($6, name) "
	"WHERE project_id = $1::uuid AND lower(email) = lower($5) "
	"RETURNING " MEMBER_ROW ")" AUDIT_OP("member.accept", "member", "id",
	    "$7::text[]") SELECT_JSON(MEMBER, "done"),
	7},
    [STMT_OP_KEY_CREATE] = {"op_key_create",
	API_KEY_CREATE(
	    AUDIT_OP("api-key.generate", "api-key", "id", "$10::text[]")),
	10},
    [STMT_OP_KEY_FIND] = {"op_key_find",
	"SELECT project_id::text FROM api_key WHERE id = $1::uuid", 1},
    [STMT_OP_KEY_REVOKE] = {"op_key_revoke",
	API_KEY_REVOKE(AUDIT_OP("api-key.revoke", "api-key", "id", NO_FIELDS)),
	5},
    [STMT_OP_REVEAL] = {"op_reveal",
	"WITH done AS (SELECT provider, sealed FROM provider_key "
	"WHERE project_id = $1::uuid AND provider = $5)" AUDIT_OP(
	    "provider-key.reveal", "provider-key", "provider",
	    NO_FIELDS) "SELECT sealed FROM done",
	5},
    /* The project row is the lock between operators, so that two of them
     * cannot take the sum below zero together; increments by counter_add go
     * on. No row: it would fall below zero. */
    [STMT_OP_COUNTER_ADD] = {"op_counter_add",
	"WITH locked AS (SELECT id FROM project WHERE id = $1::uuid "
	"FOR NO KEY UPDATE), before AS (SELECT coalesce(sum(c.value), 0) AS "
	"sum "
	"FROM locked LEFT JOIN counter c ON c.project_id = locked.id "
	"AND c.counter = $5), "
	"done AS (INSERT INTO counter AS c "
	"(project_id, counter, slot, value) "
	"SELECT $1::uuid, $5, 0, $6::bigint FROM before "
	"WHERE before.sum + $6::bigint >= 0 "
	"ON CONFLICT ON CONSTRAINT counter_pkey "
	"DO UPDATE SET value = c.value + excluded.value RETURNING "
	"counter)" AUDIT_OP("counter.add", "counter", "counter",
	    "'{n}'::text[]") "SELECT (before.sum + $6::bigint)::text FROM "
			     "before, done",
	6},
};

_Static_assert(sizeof(statements) / sizeof(statements[0]) == STMT__MAX,
    "every statement has its row");

const struct stmt_info *
stmt_info(enum stmt s)
{
	return &statements[s];
}
