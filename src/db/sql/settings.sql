-- settings.sql: the settings of a project.

-- SETTINGS_COLUMNS, SETTINGS_ROW, SETTINGS_SET, SETTINGS_FIRST and SETTINGS_THEN are
-- settings.awk's, made of settings.def: a column, or what a parameter sets, for each
-- of its rows.

-- name: settings_get
-- $1 project -> the columns, the version, the tag
SELECT @SETTINGS_COLUMNS, version, @ETAG(version, word)
FROM settings WHERE project_id = $1::uuid;

-- name: settings_update
-- A write; $6 tags, $7.. the settings but the write-only ones, in the order of
-- settings.def, then the bytes of those that are variables -> the columns, the
-- version, the tag
WITH done AS (
	UPDATE settings SET
		@SETTINGS_SET,
		updated_at = now()
	WHERE project_id = $1::uuid AND @MATCHES($6, version, word)
	RETURNING project_id, @SETTINGS_ROW, version, word
), @AUDIT_KEY('settings.update', 'settings', project_id)
SELECT @SETTINGS_COLUMNS, version, @ETAG(version, word)
FROM done;

-- name: settings_tag
-- $1 project -> tag
SELECT @ETAG(version, word) FROM settings WHERE project_id = $1::uuid;

-- Where a version is told: the first row behind it that names a field holds what the
-- field was (0012_history.sql). A row that is not counted yet is nobody's.
-- fragment: FIRST(column, name)
min(v.version) FILTER (WHERE @name = ANY (v.fields)) AS @column

-- fragment: THEN(field, column)
CASE WHEN f.@field IS NULL THEN @column ELSE (
	SELECT @column FROM settings_version
	WHERE project_id = $1::uuid AND version = f.@field) END

-- fragment: IS_VERSION(n)
EXISTS (SELECT FROM settings_version v WHERE v.project_id = $1::uuid
	AND v.version = @n::bigint AND v.version <= settings.version)

-- name: settings_versions
-- $1 project, $2 limit, $3 cursor: version -> a page
WITH page AS (
	SELECT v.version, v.at, v.actor, v.actor_key, v.operator, v.fields,
		v.restored_from, v.version::text AS sort,
		row_number() OVER (ORDER BY v.version DESC) AS n
	FROM settings_version v JOIN settings s USING (project_id)
	WHERE project_id = $1::uuid AND v.version <= s.version
		AND ($3::bigint IS NULL OR v.version < $3::bigint)
	ORDER BY v.version DESC
	LIMIT $2::int + 1
) @PAGE(t.version, ms(t.at) AS "_creationTime", @ACTOR AS actor, t.fields,
	t.restored_from AS "restoredFrom");

-- name: settings_version
-- $1 project, $2 version -> the columns, the version
SELECT @SETTINGS_THEN, $2::bigint
FROM settings, LATERAL (
	SELECT @SETTINGS_FIRST
	FROM settings_version v
	WHERE v.project_id = $1::uuid AND v.version > $2::bigint
		AND v.version <= settings.version
) f
WHERE project_id = $1::uuid AND @IS_VERSION($2);

-- name: settings_rollback
-- A write; $6 tags, $7 version -> the columns, the version, the tag
-- What is sealed moves as it is: a trigger does it.
WITH done AS (
	UPDATE settings SET restored_from = $7::bigint, updated_at = now()
	WHERE project_id = $1::uuid AND @MATCHES($6, version, word)
		AND @IS_VERSION($7)
	RETURNING project_id, @SETTINGS_ROW, version, word
), @AUDIT_KEY('settings.rollback', 'settings', project_id)
SELECT @SETTINGS_COLUMNS, version, @ETAG(version, word)
FROM done;

-- name: settings_version_tag
-- $1 project, $2 version -> tag of the settings that have it
SELECT @ETAG(version, word) FROM settings
WHERE project_id = $1::uuid AND @IS_VERSION($2);

-- name: op_settings_sweep
-- $1 rows at most, $2 days -> whether there are no more
-- Versions that are older, but for the newest 100 of a project. The oldest stands
-- first: of a project where it may stay no other is looked at.
WITH due AS (
	SELECT s.project_id, s.version - 100 AS newest
	FROM settings s, LATERAL (
		SELECT version, at FROM settings_version v
		WHERE v.project_id = s.project_id ORDER BY version LIMIT 1
	) oldest
	WHERE oldest.at < now() - make_interval(days => $2::int)
		AND oldest.version <= s.version - 100
	LIMIT $1::int
), gone AS (
	DELETE FROM settings_version WHERE ctid = ANY (ARRAY(
		SELECT old.ctid FROM due d, LATERAL (
			SELECT ctid FROM settings_version v
			WHERE v.project_id = d.project_id
				AND v.version <= d.newest
				AND v.at < now() - make_interval(days => $2::int)
			ORDER BY v.version LIMIT $1::int
		) old LIMIT $1::int))
	RETURNING version
)
SELECT count(*) < $1::int FROM gone;

-- name: settings_variables
-- $1 project, $2 envVars or deployEnvVars -> sealed, bytes of the other ones, the tag, the
-- version
SELECT CASE $2::text WHEN 'envVars' THEN env_vars ELSE deploy_env_vars END,
	CASE $2::text WHEN 'envVars' THEN deploy_env_vars_size
		ELSE env_vars_size END::bigint,
	@ETAG(version, word), version
FROM settings WHERE project_id = $1::uuid;

-- name: settings_import
-- A write; $6 sealed, $7 bytes of names and values, $8 tag of what was read -> the
-- tag and the version, if that was still there
-- What is written was made of it: who has read another version reads again.
WITH done AS (
	UPDATE settings SET
		@GIVEN('envVars', env_vars, $6::bytea),
		@GIVEN('envVars', env_vars_size, $7::int),
		@GIVEN('deployEnvVars', deploy_env_vars, $6::bytea),
		@GIVEN('deployEnvVars', deploy_env_vars_size, $7::int),
		updated_at = now()
	WHERE project_id = $1::uuid
		AND '"' || @TAG(version, word) || '"' = $8::text
	RETURNING project_id, version, word
), @AUDIT_KEY('settings.import', 'settings', project_id)
SELECT @ETAG(version, word), version FROM done;

-- name: settings_deploy_key
-- $1 project, $2 sealed, $3 last4, $4 tags; no audit row and no version of its own:
-- settings_update follows, and finds the tags as this one did
-- Write-only columns: the API's role cannot read them, so they cannot stand in
-- the CASE of the statement above.
UPDATE settings SET convex_deploy_key = $2::bytea,
	convex_deploy_key_last4 = $3
WHERE project_id = $1::uuid AND @MATCHES($4, version, word);

-- name: settings_dev_key
-- $1 project, $2 sealed, $3 last4, $4 tags; the same
UPDATE settings SET convex_dev_key = $2::bytea,
	convex_dev_key_last4 = $3
WHERE project_id = $1::uuid AND @MATCHES($4, version, word);
