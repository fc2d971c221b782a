/*
 * stmt.c: the table of statements. Objects become JSON here (row_to_json),
 * once for each kind, so that a list, a write's answer and the next GET
 * cannot differ.
 */
#include "db/stmt.h"

#include <stddef.h>

#include "base/banned.h"

/* clang-format off: SQL reads better as it is laid out here */

/* The rows of `t` as objects `o`: row_to_json(o) is what the API shows. */
#define OBJECTS(columns, t) t " t, LATERAL (SELECT " columns ") o"
#define SELECT_JSON(columns, t)                                                \
	"SELECT row_to_json(o)::text FROM " OBJECTS(columns, t)

#define PROJECT                                                                \
	"t.id, t.id AS _id, t.name, t.slug, "                                  \
	"t.github_repo_url AS \"githubRepoUrl\", "                             \
	"ms(t.created_at) AS \"_creationTime\", "                              \
	"ms(t.updated_at) AS \"updatedAt\""
#define DELETED                                                                \
	", ms(t.deleted_at) AS \"deletedAt\", ms(t.purge_at) AS \"purgeAt\""
#define PROJECT_ROW "id, name, slug, github_repo_url, created_at, updated_at"

#define MEMBER                                                                 \
	"t.id, t.id AS _id, t.user_id AS \"userId\", t.email, t.name, "        \
	"t.role, t.status, ms(t.invited_at) AS \"invitedAt\", "                \
	"ms(t.joined_at) AS \"joinedAt\", "                                    \
	"ms(t.created_at) AS \"_creationTime\""
#define MEMBER_ROW                                                             \
	"id, user_id, email, name, role, status, invited_at, joined_at, "      \
	"created_at"
#define MEMBER_STATUS "(status = 'pending')::int"
#define MEMBER_RANK                                                            \
	"CASE role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END"
#define MEMBER_SORT MEMBER_STATUS ", " MEMBER_RANK ", created_at, id"

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

/* Columns in the order of settings.c's table of fields. */
#define SETTINGS_COLUMNS                                                       \
	"sandbox_system_prompt, claude_md, issue_discovery_prompt, "           \
	"selected_skills::text, selected_commands::text, "                     \
	"selected_scripts::text, env_vars, deploy_env_vars, "                  \
	"test_user_credentials, convex_deploy_key_last4, "                     \
	"convex_dev_key_last4, learning_template_id, learning_model, "         \
	"merging_template_id, merging_model, git_commit_name, "                \
	"git_commit_email"
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

#define SUM(counter)                                                           \
	"coalesce(sum(value) FILTER (WHERE counter = '" counter                \
	"'), 0)::bigint AS \"" counter "\", "

/* The audit row of a write whose changed rows stand in the CTE `done`. */
#define AUDIT(actor, column, type, action, object, id)                         \
	", logged AS (INSERT INTO audit (project_id, actor, " column ", "      \
	"action, object, object_id, fields, request_id, address) "             \
	"SELECT $1::uuid, '" actor "', $2::" type ", '" action "', '" object   \
	"', " id "::text, $5::text[], $3::uuid, $4::inet FROM done) "
#define AUDIT_KEY(action, object, id)                                          \
	AUDIT("key", "actor_key", "uuid", action, object, id)
#define AUDIT_OP(action, object, id)                                           \
	AUDIT("operator", "operator", "text", action, object, id)

/*
 * The key's row must still be what the verified-key table was filled from,
 * and live; else refuse() ends the pipeline. coalesce() evaluates its second
 * argument only when the first is NULL (no such row).
 */
#define GOOD_KEY "FROM api_key k JOIN project t ON t.id = k.project_id"
#define IS_GOOD                                                                \
	" WHERE k.id = $2::uuid AND k.project_id = $1::uuid "                  \
	"AND k.digest = $3::bytea AND k.revoked_at IS NULL "                   \
	"AND (k.expires_at IS NULL OR k.expires_at > now()) "                  \
	"AND t.deleted_at IS NULL"
#define STALE                                                                  \
	"k.last_used_at IS NULL "                                              \
	"OR k.last_used_at < now() - interval '1 minute'"
#define GUARD(lock)                                                            \
	"SELECT coalesce((SELECT " STALE " " GOOD_KEY IS_GOOD lock             \
	"), refuse())"

/* A page of a list: rows 1..limit as a JSON array, whether more follow, and
 * the sort values of the last row given, for the cursor. */
#define PAGE(columns)                                                          \
	"SELECT '[' || coalesce(string_agg(row_to_json(o)::text, ',' "         \
	"ORDER BY t.n) FILTER (WHERE t.n <= $2::int), '') || ']', "            \
	"count(*) > $2::int, "                                                 \
	"max(t.sort) FILTER (WHERE t.n = $2::int) "                            \
	"FROM " OBJECTS(columns, "page")
#define MICROS(t) "(extract(epoch FROM " t ") * 1000000)::bigint"
#define FROM_MICROS(p)                                                         \
	"(timestamptz 'epoch' + " p "::bigint * interval '1 microsecond')"

/* revoked and expired ones do not count */
#define LIVE_KEYS                                                              \
	"(SELECT count(*) FROM api_key WHERE project_id = $1::uuid "           \
	"AND revoked_at IS NULL "                                              \
	"AND (expires_at IS NULL OR expires_at > now()))"
#define API_KEY_CREATE(audit)                                                  \
	"WITH done AS (INSERT INTO api_key (project_id, name, prefix, "        \
	"environment, hash, check_value) "                                     \
	"SELECT $1::uuid, $6, $7, $8, $9::bytea, $10::bytea "                  \
	"WHERE " LIVE_KEYS " < $11::int "                                      \
	"RETURNING " API_KEY_ROW ", digest)" audit                             \
	"SELECT row_to_json(o)::text, t.id::text, t.digest "                   \
	"FROM " OBJECTS(API_KEY, "done")
#define PROJECT_DELETE(audit)                                                  \
	"WITH done AS (UPDATE project SET deleted_at = now(), "                \
	"purge_at = now() + make_interval(days => $6::int) "                   \
	"WHERE id = $1::uuid AND deleted_at IS NULL "                          \
	"RETURNING id, deleted_at, purge_at)" audit SELECT_JSON(               \
	    "t.id, t.id AS _id, true AS deleted" DELETED, "done")
/* A second revocation changes nothing and logs nothing: only a fresh one
 * carries this transaction's time. */
#define API_KEY_REVOKE(audit)                                                  \
	"WITH changed AS (UPDATE api_key "                                     \
	"SET revoked_at = coalesce(revoked_at, now()) "                        \
	"WHERE project_id = $1::uuid AND id = $6::uuid "                       \
	"RETURNING " API_KEY_ROW "), "                                         \
	"done AS (SELECT id FROM changed WHERE revoked_at = now())" audit      \
	SELECT_JSON(API_KEY, "changed")
/* clang-format on */

/* clang-format off: SQL reads better as it is laid out here */
static const struct stmt_info statements[] = {
    [STMT_SCHEMA_VERSION] = {"schema_version", 0,
	"SELECT max(version)::text, max(oldest_program)::text, "
	"CASE WHEN pg_is_in_recovery() THEN '" DB_STANDBY "' "
	"WHEN current_setting('transaction_read_only') = 'on' "
	"THEN '" DB_READ_ONLY "' END FROM schema_version"},
    [STMT_MASTER_KEYS] = {"master_keys", 0,
	"SELECT coalesce(string_agg(t, E'\\n'), '') FROM (SELECT DISTINCT ON "
	"(master_key) concat_ws(' ', project_id, id, master_key, "
	"encode(wrapped, 'hex')) AS t FROM codecourier.data_key "
	"ORDER BY master_key, created_at DESC LIMIT 30) AS newest"},
    [STMT_GUARD_READ] = {"guard_read", 3, GUARD("")},
    /* A row that is not there is NULL here, and refused: a third less work
     * for PostgreSQL than the guard and the project one after the other. */
    [STMT_GUARD_PROJECT] = {"guard_project", 3,
	"SELECT g.stale, g.project FROM (SELECT) one LEFT JOIN LATERAL "
	"(SELECT " STALE " AS stale, row_to_json(o)::text AS project " GOOD_KEY
	", LATERAL (SELECT " PROJECT ") o" IS_GOOD
	") g ON true WHERE g.stale IS NOT NULL OR refuse()"},
    [STMT_GUARD_WRITE] = {"guard_write", 3, GUARD(" FOR KEY SHARE OF k, t")},
    [STMT_KEY_BY_PREFIX] = {"key_by_prefix", 1,
	"SELECT id::text, project_id::text, hash, digest, check_value, live "
	"FROM key_by_prefix($1)"},
    /* Durable enough: a lost minute of last use hurts nobody. */
    [STMT_KEY_USED] = {"key_used", 2,
	"UPDATE api_key SET last_used_at = now() WHERE id = ("
	"SELECT id FROM api_key WHERE project_id = $1::uuid "
	"AND id = $2::uuid AND revoked_at IS NULL "
	"AND (last_used_at IS NULL "
	"OR last_used_at < now() - interval '1 minute') "
	"FOR NO KEY UPDATE SKIP LOCKED) "
	"AND set_config('synchronous_commit', 'off', true) IS NOT NULL"},
    /* No timeout of PostgreSQL 15 ends a pipeline whose client stopped in the
     * middle of it: its locks would stay for ever. */
    [STMT_END_STALLED] = {"end_stalled", 0,
	"SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity "
	"WHERE usename = current_user AND datname = current_database() "
	"AND wait_event = 'ClientRead' "
	"AND xact_start < now() - interval '15 seconds'"},

    /* text_is_repo_url takes the scheme in any case */
    [STMT_PROJECT_UPDATE] = {"project_update", 8,
	"WITH done AS (UPDATE project SET " GIVEN("name", "name", "$6") GIVEN(
	    "slug", "slug", "$7") GIVEN("githubRepoUrl", "github_repo_url",
	    "'https' || substr($8::text, 6)") "updated_at = now() "
					      "WHERE id = $1::uuid AND "
					      "deleted_at IS NULL "
					      "RETURNING " PROJECT_ROW
					      ")" AUDIT_KEY("project.update",
						  "project", "id")
						  SELECT_JSON(PROJECT, "done")},
    [STMT_PROJECT_DELETE] = {"project_delete", 6,
	PROJECT_DELETE(AUDIT_KEY("project.delete", "project", "id"))},
    [STMT_PROJECT_DRAIN] = {"project_drain", 1,
	"SELECT true FROM project WHERE id = $1::uuid FOR UPDATE"},

    /* Held to the end of the transaction, so that changes of this kind go one
     * after the other; the next statement's snapshot is taken after the wait.
     */
    [STMT_PROJECT_LOCK] = {"project_lock", 1,
	"SELECT true FROM project WHERE id = $1::uuid FOR NO KEY UPDATE"},

    [STMT_DATA_KEYS] = {"data_keys", 1,
	"SELECT id::text, master_key, wrapped FROM data_key "
	"WHERE project_id = $1::uuid ORDER BY created_at DESC, id"},
    [STMT_SETTINGS_GET] = {"settings_get", 1,
	"SELECT " SETTINGS_COLUMNS " FROM settings "
	"WHERE project_id = $1::uuid"},
    [STMT_SETTINGS_UPDATE] = {"settings_update", 22,
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
	    GIVEN("mergingTemplateId", "merging_template_id", "$17") GIVEN(
		"mergingModel", "merging_model", "$18") GIVEN("gitCommitName",
		"git_commit_name", "$19") GIVEN("gitCommitEmail",
		"git_commit_email", "$20") GIVEN("envVars", "env_vars_size",
		"$21::int") GIVEN("deployEnvVars", "deploy_env_vars_size",
		"$22::int") "updated_at = now() WHERE project_id = $1::uuid "
			    "RETURNING " SETTINGS_ROW
			    ")" AUDIT_KEY("settings.update", "settings",
				"project_id") "SELECT " SETTINGS_COLUMNS
					      " FROM done"},
    /* Write-only columns: the API's role cannot read them, so they cannot stand
     * in the CASE of the statement above. */
    [STMT_SETTINGS_DEPLOY_KEY] = {"settings_deploy_key", 3,
	"UPDATE settings SET convex_deploy_key = $2::bytea, "
	"convex_deploy_key_last4 = $3 WHERE project_id = $1::uuid"},
    [STMT_SETTINGS_DEV_KEY] = {"settings_dev_key", 3,
	"UPDATE settings SET convex_dev_key = $2::bytea, "
	"convex_dev_key_last4 = $3 WHERE project_id = $1::uuid"},

    [STMT_MEMBER_LIST] = {"member_list", 6,
	"WITH page AS (SELECT " MEMBER_ROW ", concat_ws(':', " MEMBER_STATUS
	", " MEMBER_RANK ", " MICROS(
	    "created_at") ", id) AS sort, "
			  "row_number() OVER (ORDER BY " MEMBER_SORT ") AS n "
			  "FROM member WHERE project_id = $1::uuid "
			  "AND ($3::bigint IS NULL OR (" MEMBER_SORT ") "
			  "> ($3::bigint, $4::bigint, " FROM_MICROS(
			      "$5") ", $6::uuid)) "
				    "ORDER BY " MEMBER_SORT
				    " LIMIT $2::int + 1) " PAGE(MEMBER)},
    /* Object row before project row, as everywhere: the insert below waits for
     * who is removing this very member. */
    [STMT_MEMBER_LOCK] = {"member_lock", 2,
	"SELECT true FROM member WHERE project_id = $1::uuid "
	"AND lower(email) = lower($2) FOR NO KEY UPDATE"},
    [STMT_MEMBER_INVITE] = {"member_invite", 8,
	"WITH done AS (INSERT INTO member (project_id, email, role) "
	"SELECT $1::uuid, $6, $7 WHERE (SELECT count(*) FROM member "
	"WHERE project_id = $1::uuid) < $8::int "
	"RETURNING " MEMBER_ROW ")" AUDIT_KEY("member.invite", "member", "id")
	    SELECT_JSON(MEMBER, "done")},
    [STMT_MEMBER_REMOVE] = {"member_remove", 6,
	"WITH done AS (DELETE FROM member WHERE project_id = $1::uuid "
	"AND user_id = $6::uuid RETURNING id, user_id)" AUDIT_KEY(
	    "member.remove", "member", "id")
	    SELECT_JSON("t.id, t.id AS _id, t.user_id AS \"userId\", "
			"true AS removed",
		"done")},
    [STMT_MEMBER_ROLE] = {"member_role", 7,
	"WITH done AS (UPDATE member SET role = $7 "
	"WHERE project_id = $1::uuid AND user_id = $6::uuid "
	"RETURNING " MEMBER_ROW ")" AUDIT_KEY(
	    "member.update-role", "member", "id") SELECT_JSON(MEMBER, "done")},

    [STMT_PROVIDER_KEY_LIST] = {"provider_key_list", 1,
	"SELECT '[' || coalesce(string_agg(row_to_json(o)::text, ',' "
	"ORDER BY t.provider), '') || ']' "
	"FROM " OBJECTS(
	    PROVIDER_KEY, "provider_key") " WHERE t.project_id = $1::uuid"},
    /* The parameters are repeated because `excluded.` reads the column, and
     * this role may not read a sealed key. */
    [STMT_PROVIDER_KEY_SET] = {"provider_key_set", 8,
	"WITH done AS (INSERT INTO provider_key "
	"(project_id, provider, sealed, last4) "
	"VALUES ($1::uuid, $6, $7::bytea, $8) "
	"ON CONFLICT (project_id, provider) DO UPDATE "
	"SET sealed = $7::bytea, last4 = $8, updated_at = now() "
	"RETURNING " PROVIDER_KEY_ROW ")" AUDIT_KEY("provider-key.set",
	    "provider-key", "provider") SELECT_JSON(PROVIDER_KEY, "done")},
    [STMT_PROVIDER_KEY_REMOVE] = {"provider_key_remove", 6,
	"WITH done AS (DELETE FROM provider_key WHERE project_id = $1::uuid "
	"AND provider = $6 RETURNING provider)" AUDIT_KEY(
	    "provider-key.remove", "provider-key", "provider")
	    SELECT_JSON("t.provider, true AS removed", "done")},

    [STMT_API_KEY_LIST] = {"api_key_list", 4,
	"WITH page AS (SELECT " API_KEY_ROW ", concat_ws(':', " MICROS(
	    "created_at") ", id) AS sort, "
			  "row_number() OVER (ORDER BY created_at DESC, id) AS "
			  "n "
			  "FROM api_key WHERE project_id = $1::uuid "
			  "AND ($3::bigint IS NULL OR created_at "
			  "< " FROM_MICROS("$3") " OR (created_at "
						 "= " FROM_MICROS(
						     "$3") " AND id > "
							   "$4::uuid)) "
							   "ORDER BY "
							   "created_at DESC, "
							   "id LIMIT $2::int + "
							   "1) " PAGE(API_KEY)},
    [STMT_API_KEY_CREATE] = {"api_key_create", 11,
	API_KEY_CREATE(AUDIT_KEY("api-key.generate", "api-key", "id"))},
    [STMT_API_KEY_REVOKE] = {"api_key_revoke", 6,
	API_KEY_REVOKE(AUDIT_KEY("api-key.revoke", "api-key", "id"))},
    [STMT_API_KEY_DRAIN] = {"api_key_drain", 2,
	"SELECT true FROM api_key WHERE project_id = $1::uuid "
	"AND id = $2::uuid FOR UPDATE"},

    [STMT_COUNTERS_GET] = {"counters_get", 1,
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
			     "AS \"providerKeys\" "
			     "FROM counter WHERE project_id = $1::uuid) o"},

    [STMT_OP_PROJECT_FIND] = {"op_project_find", 2,
	"SELECT id::text FROM project "
	"WHERE (id = $1::uuid OR slug = $2) AND deleted_at IS NULL"},
    [STMT_OP_PROJECT_GET] = {"op_project_get", 1,
	SELECT_JSON(PROJECT, "project") " WHERE t.id = $1::uuid"},
    [STMT_OP_PROJECT_LIST] = {"op_project_list", 0,
	SELECT_JSON(
	    PROJECT, "project") " WHERE t.deleted_at IS NULL ORDER BY t.slug"},
    [STMT_OP_PROJECT_DELETED] = {"op_project_deleted", 0,
	SELECT_JSON(
	    PROJECT DELETED, "project") " WHERE t.deleted_at IS NOT NULL ORDER "
					"BY t.deleted_at DESC, t.id"},
    [STMT_OP_PROJECT_WHICH] = {"op_project_which", 2,
	"SELECT id::text, deleted_at IS NOT NULL FROM project "
	"WHERE id = $1::uuid OR slug = $2"},
    [STMT_OP_PROJECT_DELETE] = {"op_project_delete", 6,
	PROJECT_DELETE(AUDIT_OP("project.delete", "project", "id"))},
    [STMT_OP_PROJECT_RESTORE] = {"op_project_restore", 6,
	"WITH done AS (UPDATE project SET deleted_at = NULL, purge_at = NULL, "
	"slug = coalesce($6, slug), updated_at = CASE WHEN $6 IS NULL "
	"THEN updated_at ELSE now() END "
	"WHERE id = $1::uuid AND deleted_at IS NOT NULL "
	"AND NOT EXISTS (SELECT FROM purge WHERE project_id = $1::uuid) "
	"RETURNING " PROJECT_ROW
	")" AUDIT_OP("project.restore", "project", "id") SELECT_JSON(PROJECT
	    ", (SELECT coalesce(json_agg(k), '[]') FROM "
	    "(SELECT " API_KEY " FROM api_key t WHERE t.project_id = $1::uuid "
	    "AND t.revoked_at IS NULL "
	    "AND (t.expires_at IS NULL OR t.expires_at > now()) "
	    "ORDER BY t.created_at DESC, t.id) k) AS keys",
	    "done")},
    /* Those that were begun go on, whatever their time is. */
    [STMT_OP_PURGE_DUE] = {"op_purge_due", 0,
	"SELECT id::text FROM project WHERE purge_at <= now() OR id IN "
	"(SELECT project_id FROM purge WHERE finished_at IS NULL) "
	"ORDER BY purge_at, id"},
    [STMT_OP_PURGE_BEGIN] = {"op_purge_begin", 4,
	"SELECT purge_begin($1::uuid, $2, $3::uuid, $4::boolean)"},
    [STMT_OP_PURGE_SOME] = {"op_purge_some", 2,
	"SELECT purge_some($1::uuid, $2::int)"},
    [STMT_OP_PURGE_GET] = {"op_purge_get", 1,
	SELECT_JSON("t.project_id AS \"projectId\", t.operator, "
		    "t.removed AS rows" DELETED
		    ", ms(t.started_at) AS \"startedAt\", "
		    "ms(t.finished_at) AS \"finishedAt\"",
	    "purge") " WHERE t.project_id = $1::uuid"},
    /* Foreign keys are checked at the end of the statement. */
    [STMT_OP_PROJECT_CREATE] = {"op_project_create", 11,
	"WITH made AS (INSERT INTO project (id, name, slug) "
	"VALUES ($1::uuid, $6, $7) RETURNING " PROJECT_ROW "), "
	"keyed AS (INSERT INTO data_key (id, project_id, master_key, wrapped) "
	"VALUES ($9::uuid, $1::uuid, $10, $11::bytea)), "
	"settled AS (INSERT INTO settings (project_id) VALUES ($1::uuid)), "
	"done AS (INSERT INTO member "
	"(project_id, email, role, status, joined_at) "
	"VALUES ($1::uuid, $8, 'owner', 'active', now()) "
	"RETURNING project_id)" AUDIT_OP("project.create", "project",
	    "project_id") SELECT_JSON(PROJECT, "made")},
    [STMT_OP_MEMBER_ACCEPT] = {"op_member_accept", 7,
	"WITH done AS (UPDATE member SET status = 'active', "
	"joined_at = coalesce(joined_at, now()), "
	"name = coalesce($7, name) "
	"WHERE project_id = $1::uuid AND lower(email) = lower($6) "
	"AND (status <> 'active' OR name IS DISTINCT FROM coalesce($7, name)) "
	"RETURNING " MEMBER_ROW ")" AUDIT_OP("member.accept", "member",
	    "id") ", found AS (SELECT " MEMBER_ROW " FROM done UNION ALL "
		  "SELECT " MEMBER_ROW
		  " FROM member WHERE project_id = $1::uuid "
		  "AND lower(email) = lower($6) AND NOT EXISTS (SELECT FROM "
		  "done)) " SELECT_JSON(MEMBER, "found")},
    [STMT_OP_KEY_CREATE] = {"op_key_create", 11,
	API_KEY_CREATE(AUDIT_OP("api-key.generate", "api-key", "id"))},
    [STMT_OP_KEY_FIND] = {"op_key_find", 1,
	"SELECT project_id::text FROM api_key WHERE id = $1::uuid"},
    [STMT_OP_KEY_WHOSE] = {"op_key_whose", 1,
	"SELECT row_to_json(o)::text FROM api_key t "
	"JOIN project p ON p.id = t.project_id, LATERAL (SELECT " API_KEY
	", p.id AS \"projectId\", p.slug AS \"projectSlug\", "
	"p.name AS \"projectName\", "
	"ms(p.deleted_at) AS \"projectDeletedAt\") o WHERE t.prefix = $1"},
    [STMT_OP_KEY_REVOKE] = {"op_key_revoke", 6,
	API_KEY_REVOKE(AUDIT_OP("api-key.revoke", "api-key", "id"))},
    [STMT_OP_REVEAL] = {"op_reveal", 6,
	"WITH done AS (SELECT provider, sealed FROM provider_key "
	"WHERE project_id = $1::uuid AND provider = $6)" AUDIT_OP(
	    "provider-key.reveal", "provider-key",
	    "provider") "SELECT sealed FROM done"},
    /* No row: the sum would fall below zero. */
    [STMT_OP_COUNTER_ADD] = {"op_counter_add", 7,
	"WITH before AS (SELECT coalesce(sum(value), 0) AS sum FROM counter "
	"WHERE project_id = $1::uuid AND counter = $6), "
	"done AS (INSERT INTO counter AS c (project_id, counter, slot, value) "
	"SELECT $1::uuid, $6, 0, $7::bigint FROM before "
	"WHERE before.sum + $7::bigint >= 0 "
	"ON CONFLICT ON CONSTRAINT counter_pkey "
	"DO UPDATE SET value = c.value + excluded.value "
	"RETURNING counter)" AUDIT_OP("counter.add", "counter",
	    "counter") "SELECT (before.sum + $7::bigint)::text FROM before, "
		       "done"},
};
/* clang-format on */

_Static_assert(sizeof(statements) / sizeof(statements[0]) == STMT__MAX,
    "every statement has its row");

const struct stmt_info *
stmt_info(enum stmt s)
{
	return &statements[s];
}
