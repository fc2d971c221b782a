-- oldest-program: 1
-- Tags: what a client has read of an object, and whether it still is that. A
-- version counts the changes; a random word goes with each, so that a database
-- that was brought back from a backup gives no tag a second time.
SET LOCAL search_path = codecourier;

-- In the order of requests, as in 0008.
LOCK TABLE api_key, project, settings, member, provider_key
	IN ACCESS EXCLUSIVE MODE;

-- 60 random bits.
CREATE FUNCTION new_word() RETURNS bigint
	LANGUAGE sql VOLATILE
	RETURN ('x' || translate(gen_random_uuid()::text, '-', '')
		)::bit(64)::bigint;

CREATE FUNCTION next_version() RETURNS trigger
	LANGUAGE plpgsql AS $$
BEGIN
	NEW.version := OLD.version + 1;
	NEW.word := codecourier.new_word();
	RETURN NEW;
END
$$;

-- The rows that are there share a word drawn now: it is no part of them, so
-- that none of them is written.
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['project', 'settings', 'member',
		'provider_key']
	LOOP
		EXECUTE format('ALTER TABLE %s '
			'ADD COLUMN version bigint NOT NULL DEFAULT 1, '
			'ADD COLUMN word bigint NOT NULL DEFAULT %L',
			t, new_word());
		EXECUTE format('ALTER TABLE %s '
			'ALTER COLUMN word SET DEFAULT new_word()', t);
	END LOOP;
END
$$;

-- Triggers, so that what older programs write counts, too. Whoever changes one
-- of these says when: `updated_at` stands in the last statement of each of their
-- changes, and in none that changes nothing to be seen.
CREATE TRIGGER project_version BEFORE UPDATE OF updated_at ON project
	FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER settings_version BEFORE UPDATE OF updated_at ON settings
	FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER provider_key_version BEFORE UPDATE OF updated_at ON provider_key
	FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER member_version BEFORE UPDATE ON member
	FOR EACH ROW WHEN (NEW.* IS DISTINCT FROM OLD.*)
	EXECUTE FUNCTION next_version();

-- A key has its word already, `stamp`, which changes with all of it but its last
-- use. The trigger sorts behind api_key_changed, which draws it.
ALTER TABLE api_key ADD COLUMN version bigint NOT NULL DEFAULT 1,
	ALTER COLUMN stamp SET DEFAULT new_word();
CREATE FUNCTION api_key_version() RETURNS trigger
	LANGUAGE plpgsql AS $$
BEGIN
	NEW.version := OLD.version + 1;
	RETURN NEW;
END
$$;
CREATE TRIGGER api_key_version BEFORE UPDATE ON api_key
	FOR EACH ROW WHEN (NEW.stamp IS DISTINCT FROM OLD.stamp)
	EXECUTE FUNCTION api_key_version();

REVOKE ALL ON FUNCTION new_word(), next_version(), api_key_version()
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION new_word() TO codecourier;
GRANT SELECT (version, word) ON settings, provider_key TO codecourier;
GRANT SELECT (version) ON api_key TO codecourier;
