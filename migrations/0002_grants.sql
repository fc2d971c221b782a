-- oldest-program: 1
-- What each role may do: column by column, so that a hole in the API's role
-- reads no sealed provider key and no hash, and un-revokes nothing.
SET LOCAL search_path = codecourier;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA codecourier FROM PUBLIC;
GRANT USAGE ON SCHEMA codecourier TO codecourier, codecourier_platform;
GRANT EXECUTE ON FUNCTION ms(timestamptz), refuse(), key_by_prefix(text)
	TO codecourier;
GRANT EXECUTE ON FUNCTION counter_add(uuid, text, bigint)
	TO codecourier_platform;

GRANT SELECT ON schema_version, project, data_key, member, counter
	TO codecourier;
GRANT UPDATE (name, slug, github_repo_url, updated_at, deleted_at, purge_at)
	ON project TO codecourier;

GRANT SELECT (project_id, env_vars_size, deploy_env_vars_size,
	sandbox_system_prompt, claude_md,
	issue_discovery_prompt, selected_skills, selected_commands,
	selected_scripts, env_vars, deploy_env_vars, test_user_credentials,
	convex_deploy_key_last4, convex_dev_key_last4, learning_template_id,
	learning_model, merging_template_id, merging_model, git_commit_name,
	git_commit_email, updated_at)
	ON settings TO codecourier;
GRANT UPDATE (env_vars_size, deploy_env_vars_size,
	sandbox_system_prompt, claude_md, issue_discovery_prompt,
	selected_skills, selected_commands, selected_scripts, env_vars,
	deploy_env_vars, test_user_credentials, convex_deploy_key,
	convex_deploy_key_last4, convex_dev_key, convex_dev_key_last4,
	learning_template_id, learning_model, merging_template_id,
	merging_model, git_commit_name, git_commit_email, updated_at)
	ON settings TO codecourier;

GRANT INSERT (project_id, email, role), UPDATE (role), DELETE
	ON member TO codecourier;

GRANT SELECT (project_id, provider, last4, created_at, updated_at),
	INSERT (project_id, provider, sealed, last4),
	UPDATE (sealed, last4, updated_at), DELETE
	ON provider_key TO codecourier;

GRANT SELECT (id, project_id, name, prefix, environment, scopes, digest,
	created_at, last_used_at, expires_at, revoked_at),
	INSERT (project_id, name, prefix, environment, hash, check_value),
	UPDATE (last_used_at, revoked_at)
	ON api_key TO codecourier;

GRANT INSERT (project_id, actor, actor_key, action, object, object_id, fields,
	request_id, address)
	ON audit TO codecourier;
