-- settings.sql: the settings of a project.

-- Columns in the order of settings.c's table of fields.
-- fragment: SETTINGS_COLUMNS
sandbox_system_prompt, claude_md, issue_discovery_prompt,
	selected_skills::text, selected_commands::text,
	selected_scripts::text, env_vars, deploy_env_vars,
	test_user_credentials, convex_deploy_key_last4,
	convex_dev_key_last4, learning_template_id, learning_model,
	merging_template_id, merging_model, git_commit_name,
	git_commit_email

-- fragment: SETTINGS_ROW
project_id, sandbox_system_prompt, claude_md,
	issue_discovery_prompt, selected_skills, selected_commands,
	selected_scripts, env_vars, deploy_env_vars,
	test_user_credentials, convex_deploy_key_last4,
	convex_dev_key_last4, learning_template_id, learning_model,
	merging_template_id, merging_model, git_commit_name,
	git_commit_email

-- name: settings_get
-- $1 project -> the columns
SELECT @SETTINGS_COLUMNS
FROM settings WHERE project_id = $1::uuid;

-- name: settings_update
-- A write; fields but the write-only ones, in order: $6 $7 $8 texts, $9 $10 $11
-- lists, $12 $13 $14 sealed, $15 $16 $17 $18 $19 $20 texts; $21 bytes of envVars,
-- $22 of deployEnvVars -> the columns
WITH done AS (
	UPDATE settings SET
		@GIVEN('sandboxSystemPrompt', sandbox_system_prompt, $6),
		@GIVEN('claudeMd', claude_md, $7),
		@GIVEN('issueDiscoveryPrompt', issue_discovery_prompt, $8),
		@GIVEN('selectedSkills', selected_skills,
			coalesce($9::jsonb, '[]')),
		@GIVEN('selectedCommands', selected_commands,
			coalesce($10::jsonb, '[]')),
		@GIVEN('selectedScripts', selected_scripts,
			coalesce($11::jsonb, '[]')),
		@GIVEN('envVars', env_vars, $12::bytea),
		@GIVEN('deployEnvVars', deploy_env_vars, $13::bytea),
		@GIVEN('testUserCredentials', test_user_credentials,
			$14::bytea),
		@GIVEN('learningTemplateId', learning_template_id, $15),
		@GIVEN('learningModel', learning_model, $16),
		@GIVEN('mergingTemplateId', merging_template_id, $17),
		@GIVEN('mergingModel', merging_model, $18),
		@GIVEN('gitCommitName', git_commit_name, $19),
		@GIVEN('gitCommitEmail', git_commit_email, $20),
		@GIVEN('envVars', env_vars_size, $21::int),
		@GIVEN('deployEnvVars', deploy_env_vars_size, $22::int),
		updated_at = now()
	WHERE project_id = $1::uuid
	RETURNING @SETTINGS_ROW
), @AUDIT_KEY('settings.update', 'settings', project_id)
SELECT @SETTINGS_COLUMNS
FROM done;

-- name: settings_deploy_key
-- $1 project, $2 sealed, $3 last4; no audit row of its own: settings_update
-- follows
-- Write-only columns: the API's role cannot read them, so they cannot stand in
-- the CASE of the statement above.
UPDATE settings SET convex_deploy_key = $2::bytea,
	convex_deploy_key_last4 = $3
WHERE project_id = $1::uuid;

-- name: settings_dev_key
-- $1 project, $2 sealed, $3 last4; the same
UPDATE settings SET convex_dev_key = $2::bytea,
	convex_dev_key_last4 = $3
WHERE project_id = $1::uuid;
