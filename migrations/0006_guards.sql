-- oldest-program: 1
-- What the API's role could do that nobody would see, or nobody could undo:
-- bring a deleted project back, delete one so that it is purged at once, turn
-- the times that the API shows; and texts that deceive whoever reads them.
--
-- Triggers, and not CHECK constraints: a CHECK, NOT VALID or not, also judges
-- an UPDATE of other columns. A key whose name was taken before this could not
-- be revoked any more, a project with an old slug not be deleted. What is there
-- stays until it is changed; doctor lists it. Rows that nobody updates have a
-- CHECK ... NOT VALID.
SET LOCAL search_path = codecourier;

-- Whether nobody less than the operator asks.
CREATE OR REPLACE FUNCTION is_owner() RETURNS boolean
	LANGUAGE sql STABLE
	RETURN pg_has_role(current_user, 'codecourier_owner', 'MEMBER');

-- No character of category Cc, no U+2028/9, no bidi control, as
-- text_has_control() of src/text.c has it.
CREATE OR REPLACE FUNCTION one_line(t text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN t !~ ('[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f'
		'\u2028-\u202e\u2066-\u2069]');

-- Somebody would take it for the id of another project.
CREATE OR REPLACE FUNCTION is_id(t text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN t ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';

-- The constraint's name is the trigger's, or what the trigger gives.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger
	LANGUAGE plpgsql AS $$
DECLARE
	name text := coalesce(TG_ARGV[0], TG_NAME);
BEGIN
	RAISE EXCEPTION 'not to be written so: %', name
		USING ERRCODE = 'check_violation', CONSTRAINT = name;
END
$$;

REVOKE ALL ON FUNCTION is_owner(), one_line(text), is_id(text), refuse_change()
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_owner(), one_line(text), is_id(text)
	TO codecourier;

-- The operator restores and purges; the API changes nothing of what is deleted.
CREATE OR REPLACE TRIGGER project_stays_deleted BEFORE UPDATE ON project
	FOR EACH ROW WHEN (OLD.deleted_at IS NOT NULL AND NOT is_owner())
	EXECUTE FUNCTION refuse_change();
-- A day at least for the operator to notice: what CODECOURIER_PURGE_DAYS has
-- as its least.
CREATE OR REPLACE TRIGGER project_deleted_now BEFORE UPDATE ON project
	FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL
		AND (NEW.deleted_at <> now()
			OR NEW.purge_at < now() + interval '1 day')
		AND NOT is_owner())
	EXECUTE FUNCTION refuse_change();

-- Times that the API's role writes are those of its transaction.
CREATE OR REPLACE TRIGGER api_key_revoked_now BEFORE UPDATE ON api_key
	FOR EACH ROW WHEN (OLD.revoked_at IS NULL
		AND NEW.revoked_at <> now() AND NOT is_owner())
	EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER api_key_used_now BEFORE UPDATE ON api_key
	FOR EACH ROW WHEN (NEW.last_used_at IS DISTINCT FROM OLD.last_used_at
		AND NEW.last_used_at IS DISTINCT FROM now() AND NOT is_owner())
	EXECUTE FUNCTION refuse_change();

DO $$
DECLARE
	t text;
	c text[];
BEGIN
	FOREACH t IN ARRAY ARRAY['project', 'settings', 'provider_key'] LOOP
		EXECUTE format('CREATE OR REPLACE TRIGGER %1$s_updated_now '
			'BEFORE UPDATE ON %1$s FOR EACH ROW '
			'WHEN (NEW.updated_at IS DISTINCT FROM OLD.updated_at '
			'AND NEW.updated_at IS DISTINCT FROM now() '
			'AND NOT is_owner()) '
			'EXECUTE FUNCTION refuse_change()', t);
	END LOOP;
	-- table, column, what is right
	FOREACH c SLICE 1 IN ARRAY ARRAY[
		['project', 'name', 'one_line(%s)'],
		['project', 'slug', 'NOT is_id(%s)'],
		['project', 'github_repo_url', 'one_line(%s)'],
		['member', 'name', 'one_line(%s)'],
		['member', 'email', 'one_line(%s)'],
		['api_key', 'name', 'one_line(%s)'],
		['provider_key', 'last4', 'one_line(%s)'],
		['settings', 'convex_deploy_key_last4', 'one_line(%s)'],
		['settings', 'convex_dev_key_last4', 'one_line(%s)'],
		['settings', 'learning_template_id', 'one_line(%s)'],
		['settings', 'learning_model', 'one_line(%s)'],
		['settings', 'merging_template_id', 'one_line(%s)'],
		['settings', 'merging_model', 'one_line(%s)'],
		['settings', 'git_commit_name', 'one_line(%s)'],
		['settings', 'git_commit_email', 'one_line(%s)']]
	LOOP
		EXECUTE format('CREATE OR REPLACE TRIGGER %1$s_%2$s_new '
			'BEFORE INSERT ON %1$s FOR EACH ROW '
			'WHEN (NOT (%3$s)) EXECUTE FUNCTION '
			'refuse_change(%1$s_%2$s_text)',
			c[1], c[2], format(c[3], 'NEW.' || c[2]));
		EXECUTE format('CREATE OR REPLACE TRIGGER %1$s_%2$s_changed '
			'BEFORE UPDATE ON %1$s FOR EACH ROW '
			'WHEN (NEW.%2$s IS DISTINCT FROM OLD.%2$s '
			'AND NOT (%3$s)) EXECUTE FUNCTION '
			'refuse_change(%1$s_%2$s_text)',
			c[1], c[2], format(c[3], 'NEW.' || c[2]));
	END LOOP;
END
$$;

ALTER TABLE audit DROP CONSTRAINT IF EXISTS audit_one_line,
	ADD CONSTRAINT audit_one_line CHECK (one_line(action)
		AND one_line(object) AND one_line(object_id)
		AND one_line(operator)
		AND one_line(array_to_string(fields, ' '))) NOT VALID;
ALTER TABLE data_key DROP CONSTRAINT IF EXISTS data_key_one_line,
	ADD CONSTRAINT data_key_one_line CHECK (one_line(master_key)) NOT VALID;
