-- settings.sql: the settings of a project.

-- SETTINGS_COLUMNS, SETTINGS_ROW and SETTINGS_SET are settings.awk's, made of
-- settings.def: a column, or what a parameter sets, for each of its rows.

-- name: settings_get
-- $1 project -> the columns, the tag
SELECT @SETTINGS_COLUMNS, @ETAG(version, word)
FROM settings WHERE project_id = $1::uuid;

-- name: settings_update
-- A write; $6 tags, $7.. the settings but the write-only ones, in the order of
-- settings.def, then the bytes of those that are variables -> the columns, the tag
WITH done AS (
	UPDATE settings SET
		@SETTINGS_SET,
		updated_at = now()
	WHERE project_id = $1::uuid AND @MATCHES($6, version, word)
	RETURNING project_id, @SETTINGS_ROW, version, word
), @AUDIT_KEY('settings.update', 'settings', project_id)
SELECT @SETTINGS_COLUMNS, @ETAG(version, word)
FROM done;

-- name: settings_tag
-- $1 project -> tag
SELECT @ETAG(version, word) FROM settings WHERE project_id = $1::uuid;

-- name: settings_variables
-- $1 project, $2 envVars or deployEnvVars -> sealed, bytes of the other ones, the tag
SELECT CASE $2::text WHEN 'envVars' THEN env_vars ELSE deploy_env_vars END,
	CASE $2::text WHEN 'envVars' THEN deploy_env_vars_size
		ELSE env_vars_size END::bigint,
	@ETAG(version, word)
FROM settings WHERE project_id = $1::uuid;

-- name: settings_import
-- A write; $6 sealed, $7 bytes of names and values, $8 tag of what was read -> the
-- tag, if that was still there
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
SELECT @ETAG(version, word) FROM done;

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
