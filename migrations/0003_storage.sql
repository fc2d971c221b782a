-- oldest-program: 1
-- How long values are kept. Prompts compress well: lz4 gives them back several
-- times faster than pglz, where the server has it. Sealed values are random
-- bytes: trying to compress them is work for nothing. Values that are there
-- stay as they are until they are written again.
SET LOCAL search_path = codecourier;

DO $$
DECLARE
	c text;
BEGIN
	FOREACH c IN ARRAY ARRAY['sandbox_system_prompt', 'claude_md',
		'issue_discovery_prompt']
	LOOP
		EXECUTE format('ALTER TABLE settings ALTER COLUMN %I '
			'SET COMPRESSION lz4', c);
	END LOOP;
EXCEPTION WHEN feature_not_supported THEN
	NULL; -- built without lz4
END
$$;

ALTER TABLE settings ALTER COLUMN env_vars SET STORAGE EXTERNAL,
	ALTER COLUMN deploy_env_vars SET STORAGE EXTERNAL,
	ALTER COLUMN test_user_credentials SET STORAGE EXTERNAL;
