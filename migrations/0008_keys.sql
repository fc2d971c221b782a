-- oldest-program: 1
-- Keys with scopes, an end, addresses, a rate, an off switch, and a successor.
SET LOCAL search_path = codecourier;

-- In the order of requests, which take a key's row first: else each of them holds
-- the one table and waits for the other, until this gives up.
LOCK TABLE api_key, project IN ACCESS EXCLUSIVE MODE;

-- Two characters of base62 that all keys of a project begin with from now on,
-- so that whoever has a key, and nothing else, can tell whose it is. Drawn of
-- 2^32 numbers: as even as it needs to be for what is public anyway.
CREATE FUNCTION key_room() RETURNS text
	LANGUAGE sql VOLATILE
	RETURN (
		SELECT substr(digits, 1 + (n / 62)::int, 1)
			|| substr(digits, 1 + (n % 62)::int, 1)
		FROM (SELECT
			'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'
			'abcdefghijklmnopqrstuvwxyz' AS digits,
			('x' || substr(gen_random_uuid()::text, 1, 8)
				)::bit(32)::bigint % (62 * 62) AS n) d);
ALTER TABLE project ADD COLUMN key_room text NOT NULL DEFAULT key_room()
	CONSTRAINT project_key_room CHECK (key_room ~ '^[0-9A-Za-z]{2}$');

-- When a key ends, `ends_at` says. `expires_at` is what programs before this
-- migration read: it follows by trigger, and has ended long ago for a key of
-- which they know too little (is_special), so that an old program never lets
-- such a key in. A later migration drops it.
-- `stamp` is another number after each change: what a worker remembers of a key
-- counts as long as its stamp is the row's.
ALTER TABLE api_key
	ADD COLUMN ends_at timestamptz,
	ADD COLUMN disabled boolean NOT NULL DEFAULT false,
	ADD COLUMN allowed_ips cidr[] NOT NULL DEFAULT '{}'
		CONSTRAINT api_key_allowed_ips CHECK (
			cardinality(allowed_ips) <= 50
			AND array_position(allowed_ips, NULL) IS NULL),
	ADD COLUMN rate_limit integer CONSTRAINT api_key_rate_limit
		CHECK (rate_limit BETWEEN 1 AND 1000000), -- a minute
	ADD COLUMN rate_window uuid, -- a chain's first key; NULL: its own
	ADD COLUMN rotated_from uuid,
	ADD COLUMN rotated_to uuid,
	ADD COLUMN updated_at timestamptz, -- NULL: as it was made
	ADD COLUMN stamp bigint NOT NULL DEFAULT 0;

-- A key that is more, or less, than what programs before this know of.
CREATE FUNCTION is_special(k api_key) RETURNS boolean
	LANGUAGE sql IMMUTABLE
	RETURN k.disabled OR k.ends_at IS NOT NULL OR k.rate_limit IS NOT NULL
		OR cardinality(k.allowed_ips) > 0
		OR NOT k.scopes @> ARRAY['projects:read', 'projects:write'];

UPDATE api_key SET ends_at = expires_at WHERE expires_at IS NOT NULL;

CREATE FUNCTION api_key_changed() RETURNS trigger
	LANGUAGE plpgsql SET search_path = codecourier, pg_temp AS $$
BEGIN
	NEW.expires_at := CASE WHEN is_special(NEW)
		THEN timestamptz 'epoch' END;
	IF TG_OP = 'UPDATE' AND (NEW.name, NEW.scopes, NEW.hash, NEW.ends_at,
			NEW.disabled, NEW.allowed_ips, NEW.rate_limit,
			NEW.rate_window, NEW.rotated_to, NEW.revoked_at)
		IS DISTINCT FROM (OLD.name, OLD.scopes, OLD.hash, OLD.ends_at,
			OLD.disabled, OLD.allowed_ips, OLD.rate_limit,
			OLD.rate_window, OLD.rotated_to, OLD.revoked_at)
	THEN
		NEW.stamp := ('x' || translate(gen_random_uuid()::text, '-', '')
			)::bit(64)::bigint;
		NEW.updated_at := now();
	END IF;
	RETURN NEW;
END
$$;
UPDATE api_key k SET expires_at = 'epoch' WHERE is_special(k);
CREATE TRIGGER api_key_changed BEFORE UPDATE OF name, scopes, hash, ends_at,
		expires_at, disabled, allowed_ips, rate_limit, rate_window,
		rotated_to, revoked_at ON api_key
	FOR EACH ROW EXECUTE FUNCTION api_key_changed();
CREATE TRIGGER api_key_made BEFORE INSERT ON api_key
	FOR EACH ROW EXECUTE FUNCTION api_key_changed();

-- Which scopes there are, the programs know; these are names at least.
CREATE FUNCTION are_scopes(names text[]) RETURNS boolean
	LANGUAGE sql IMMUTABLE
	RETURN array_to_string(names, ' ', '') ~
		'^[a-z][a-z-]*:(read|write)( [a-z][a-z-]*:(read|write))*$';
CREATE TRIGGER api_key_scopes_new BEFORE INSERT ON api_key
	FOR EACH ROW WHEN (NOT are_scopes(NEW.scopes))
	EXECUTE FUNCTION refuse_change();
CREATE TRIGGER api_key_scopes_changed BEFORE UPDATE OF scopes ON api_key
	FOR EACH ROW WHEN (NEW.scopes IS DISTINCT FROM OLD.scopes
		AND NOT are_scopes(NEW.scopes))
	EXECUTE FUNCTION refuse_change();

-- What the API's role may not do with a key: wake one that has ended, put off
-- the end of one that has a successor, or give one another successor.
CREATE TRIGGER api_key_stays_ended BEFORE UPDATE OF ends_at ON api_key
	FOR EACH ROW WHEN (OLD.ends_at <= now()
		AND NEW.ends_at IS DISTINCT FROM OLD.ends_at AND NOT is_owner())
	EXECUTE FUNCTION refuse_change();
CREATE TRIGGER api_key_rotated_ends BEFORE UPDATE OF ends_at ON api_key
	FOR EACH ROW WHEN (OLD.rotated_to IS NOT NULL
		AND OLD.ends_at IS NOT NULL
		AND coalesce(NEW.ends_at, 'infinity') > OLD.ends_at
		AND NOT is_owner())
	EXECUTE FUNCTION refuse_change();
CREATE TRIGGER api_key_rotated_once BEFORE UPDATE OF rotated_to ON api_key
	FOR EACH ROW WHEN (OLD.rotated_to IS NOT NULL
		AND NEW.rotated_to IS DISTINCT FROM OLD.rotated_to
		AND NOT is_owner())
	EXECUTE FUNCTION refuse_change();

-- The one way to a stored hash: by a key's prefix, one row. `state`: 'live', or
-- why it is not.
CREATE FUNCTION key_row(p text)
	RETURNS TABLE (id uuid, project_id uuid, digest bytea, stamp bigint,
		scopes text[], rate_limit integer, rate_window uuid,
		ends_at timestamptz, allowed_ips cidr[], key_room text,
		hash bytea, check_value bytea, state text)
	LANGUAGE plpgsql STABLE SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
BEGIN
	RETURN QUERY
	SELECT k.id, k.project_id, k.digest, k.stamp, k.scopes, k.rate_limit,
		coalesce(k.rate_window, k.id), k.ends_at, k.allowed_ips,
		o.key_room, k.hash, k.check_value,
		CASE WHEN o.deleted_at IS NOT NULL THEN 'its project is deleted'
			WHEN k.revoked_at IS NOT NULL THEN 'revoked'
			WHEN k.ends_at <= now() THEN 'expired'
			WHEN k.disabled THEN 'disabled'
			ELSE 'live' END
	FROM api_key k JOIN project o ON o.id = k.project_id
	WHERE k.prefix = key_row.p;
END
$$;

-- For programs before this: what they ask when they have found such a key
-- ended. They take it for a fault that passes (503), and it does.
CREATE OR REPLACE FUNCTION key_by_prefix(p text)
	RETURNS TABLE (id uuid, project_id uuid, hash bytea, digest bytea,
		check_value bytea, live boolean)
	LANGUAGE plpgsql STABLE SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
BEGIN
	IF EXISTS (SELECT FROM key_row(key_by_prefix.p) r
		JOIN api_key k ON k.id = r.id
		WHERE r.state = 'live' AND is_special(k))
	THEN
		RAISE EXCEPTION 'a key that this program is too old for'
			USING ERRCODE = 'insufficient_resources';
	END IF;
	RETURN QUERY
	SELECT r.id, r.project_id, r.hash, r.digest, r.check_value,
		r.state = 'live'
	FROM key_row(key_by_prefix.p) r;
END
$$;

-- Who ends a key by holding it: nobody knows who that is. Rows of before have
-- been held to less, and are many: none of them is looked at.
ALTER TABLE audit DROP CONSTRAINT audit_actor, ADD CONSTRAINT audit_actor
	CHECK (actor IN ('key', 'operator', 'holder')) NOT VALID;

REVOKE ALL ON FUNCTION key_room(), is_special(api_key), api_key_changed(),
	are_scopes(text[]), key_row(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION key_row(text), is_special(api_key),
	are_scopes(text[]) TO codecourier;
GRANT SELECT (ends_at, disabled, allowed_ips, rate_limit, rate_window,
	rotated_from, rotated_to, updated_at, stamp),
	INSERT (scopes, ends_at, disabled, allowed_ips, rate_limit, rate_window,
	rotated_from),
	UPDATE (name, scopes, ends_at, disabled, allowed_ips, rate_limit,
	rotated_to)
	ON api_key TO codecourier;
