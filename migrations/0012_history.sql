-- oldest-program: 1
-- History of the settings. Row n tells who made version n, and holds what n has
-- replaced, of the fields that it changed and no others. So a field's value at
-- version n stands in the first row behind n that names it, else in settings; and
-- the oldest rows can go without a loss to newer ones.
-- Triggers keep it, so that what older programs write counts, too.
SET LOCAL search_path = codecourier;

-- In the order of requests. No settings come in between.
LOCK TABLE project IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE settings IN ACCESS EXCLUSIVE MODE;
LOCK TABLE data_key, audit IN SHARE ROW EXCLUSIVE MODE;

-- An UPDATE that sets it brings that version back; NULL at rest.
ALTER TABLE settings ADD COLUMN restored_from bigint;

-- Half of a page stays empty: who has made a version is written behind it, in
-- place. Columns of settings come by settings_keep().
CREATE TABLE settings_version (
	project_id uuid NOT NULL REFERENCES project,
	version bigint NOT NULL,
	at timestamptz NOT NULL DEFAULT now(),
	actor text NOT NULL DEFAULT 'operator',
	actor_key uuid,
	operator text,
	fields text[] NOT NULL DEFAULT '{}', -- names in JSON
	restored_from bigint,
	bytes integer NOT NULL DEFAULT 256, -- of what it holds, and of a row
	total bigint NOT NULL DEFAULT 256, -- bytes of all up to it
	PRIMARY KEY (project_id, version)
) WITH (fillfactor = 50);

-- A number of the session's, where it has one (session_history): programs
-- before this have none.
CREATE FUNCTION settings_bound(name text, usual bigint, lowest bigint)
	RETURNS bigint LANGUAGE sql STABLE
	RETURN greatest(lowest,
		coalesce(nullif(current_setting(name, true), '')::bigint, usual));

-- Drops versions beyond the bounds: one, mostly, or none. The first that may stay
-- is found from the low end.
CREATE FUNCTION settings_drop(p uuid, newest bigint) RETURNS void
	LANGUAGE plpgsql
	SET search_path = codecourier, pg_temp AS $$
DECLARE
	most bigint := settings_bound('codecourier.history_versions', 1000, 100);
	room bigint := settings_bound('codecourier.history_mib', 64, 4) << 20;
	low bigint;
BEGIN
	SELECT v.version INTO low FROM settings_version v
	WHERE v.project_id = p AND v.version > newest - most
		AND v.total - v.bytes >= (SELECT n.total FROM settings_version n
			WHERE n.project_id = p AND n.version = newest) - room
	ORDER BY v.version LIMIT 1;
	DELETE FROM settings_version WHERE project_id = p AND version < low;
END
$$;

-- The columns that are kept, and what each is called in JSON: its own name in lower
-- camel case; those that end in _size or _last4 belong to the one without.
CREATE VIEW settings_field AS
SELECT attname AS col, attnum AS n, format_type(atttypid, atttypmod) AS type,
	attstorage AS storage, attcompression AS compression,
	lower(left(camel, 1)) || substr(camel, 2) AS name
FROM pg_attribute, LATERAL (SELECT replace(initcap(replace(regexp_replace(
	attname, '_(size|last4)$', ''), '_', ' ')), ' ', '') AS camel) AS w
WHERE attrelid = 'settings'::regclass AND attnum > 0 AND NOT attisdropped
	AND attname NOT IN ('project_id', 'updated_at', 'version', 'word',
		'restored_from');

-- Gives settings_version what columns settings has got, and makes the triggers'
-- functions, which name each of them.
CREATE FUNCTION settings_keep() RETURNS void
	LANGUAGE plpgsql
	SET search_path = codecourier, pg_temp AS $keep$
DECLARE
	c record;
	f record;
	looks text := '';
	back text := '';
	names text;
	kept text;
	merged text;
BEGIN
	FOR c IN SELECT * FROM settings_field s
		WHERE NOT EXISTS (SELECT FROM pg_attribute
			WHERE attrelid = 'settings_version'::regclass
				AND attname = s.col)
		ORDER BY n
	LOOP
		EXECUTE format('ALTER TABLE settings_version ADD COLUMN %I %s',
			c.col, c.type);
		IF c.storage = 'e' THEN
			EXECUTE format('ALTER TABLE settings_version '
				'ALTER COLUMN %I SET STORAGE EXTERNAL', c.col);
		END IF;
		IF c.compression = 'l' THEN
			EXECUTE format('ALTER TABLE settings_version '
				'ALTER COLUMN %I SET COMPRESSION lz4', c.col);
		END IF;
		-- what the API's role cannot read there it cannot read here
		IF has_column_privilege('codecourier', 'settings'::regclass,
			c.col, 'SELECT')
		THEN
			EXECUTE format('GRANT SELECT (%I) ON settings_version '
				'TO codecourier', c.col);
		END IF;
	END LOOP;

	-- A sealed value has its nonce in the first 41 bytes: two that begin alike are
	-- one, and 1 MiB is not read for that.
	FOR f IN SELECT name, min(n),
			string_agg(format(look, 'old', col), ', ' ORDER BY n) AS old,
			string_agg(format(look, 'new', col), ', ' ORDER BY n) AS new,
			string_agg(format('was.%1$I := OLD.%1$I; size := size + '
				'coalesce(pg_column_size(OLD.%1$I), 0);', col),
				' ' ORDER BY n) AS keeps,
			string_agg(format('NEW.%1$I := was.%1$I;', col), ' '
				ORDER BY n) AS undoes
		FROM settings_field, LATERAL (SELECT CASE type WHEN 'bytea'
			THEN 'substr(%1$I.%2$I, 1, 41), octet_length(%1$I.%2$I)'
			ELSE '%1$I.%2$I' END AS look) AS l
		GROUP BY name ORDER BY 2
	LOOP
		looks := looks || format(
			'IF ROW(%s) IS DISTINCT FROM ROW(%s) THEN '
			'was.fields := was.fields || %L::text; %s END IF; ',
			f.old, f.new, f.name, f.keeps);
		back := back || format('IF %L = ANY (was.fields) THEN %s END IF; ',
			f.name, f.undoes);
	END LOOP;
	SELECT string_agg(format('%I', col), ', ' ORDER BY n),
		string_agg(format('was.%I', col), ', ' ORDER BY n),
		string_agg(format('%1$I = CASE WHEN %2$L = ANY (v.fields) THEN '
			'v.%1$I ELSE EXCLUDED.%1$I END', col, name), ', '
			ORDER BY n)
	INTO names, kept, merged FROM settings_field;

	-- The row of a version can be there: write-only fields are set by
	-- statements of their own, before the one that counts.
	EXECUTE format($f$
CREATE OR REPLACE FUNCTION settings_written() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $written$
DECLARE
	was settings_version;
	size integer := 256;
BEGIN
	was.fields := '{}';
	%s
	IF NEW.version = OLD.version AND was.fields = '{}' THEN
		RETURN NEW;
	END IF;
	INSERT INTO settings_version AS v (project_id, version, fields,
		restored_from, bytes, total, %s)
	VALUES (NEW.project_id, OLD.version + 1, was.fields,
		NEW.restored_from, size, size + coalesce((
			SELECT o.total FROM settings_version o
			WHERE o.project_id = NEW.project_id
				AND o.version <= OLD.version
			ORDER BY o.version DESC LIMIT 1), 0), %s)
	ON CONFLICT (project_id, version) DO UPDATE SET
		fields = v.fields || ARRAY(SELECT unnest(EXCLUDED.fields)
			EXCEPT SELECT unnest(v.fields)),
		restored_from = EXCLUDED.restored_from,
		bytes = v.bytes + EXCLUDED.bytes,
		total = v.total + EXCLUDED.bytes, %s;
	PERFORM settings_drop(NEW.project_id, OLD.version + 1);
	NEW.restored_from := NULL;
	RETURN NEW;
END
$written$ $f$, looks, names, kept, merged);

	-- One version after the other is undone. The first is held: an older one may
	-- be dropped meanwhile, and the statement begin again.
	EXECUTE format($f$
CREATE OR REPLACE FUNCTION settings_bring_back() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $back$
DECLARE
	was settings_version;
BEGIN
	PERFORM FROM settings_version v WHERE v.project_id = NEW.project_id
		AND v.version = NEW.restored_from FOR KEY SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the version has gone meanwhile'
			USING ERRCODE = 'serialization_failure';
	END IF;
	FOR was IN SELECT * FROM settings_version v
		WHERE v.project_id = NEW.project_id
			AND v.version > NEW.restored_from
		ORDER BY v.version DESC
	LOOP
		%s
	END LOOP;
	RETURN NEW;
END
$back$ $f$, back);
END
$keep$;
SELECT settings_keep();

-- Who has changed something is told by its audit row, in the same transaction. A
-- change without one is the operator's.
CREATE FUNCTION settings_signed() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
BEGIN
	UPDATE settings_version SET at = NEW.at, actor = NEW.actor,
		actor_key = NEW.actor_key, operator = NEW.operator
	WHERE project_id = NEW.project_id AND version = (
		SELECT s.version FROM settings s
		WHERE s.project_id = NEW.project_id);
	RETURN NULL;
END
$$;

CREATE FUNCTION settings_begun() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
BEGIN
	INSERT INTO settings_version (project_id, version)
	VALUES (NEW.project_id, NEW.version);
	RETURN NULL;
END
$$;

INSERT INTO settings_version (project_id, version)
SELECT project_id, version FROM settings;

-- By their names: what is brought back is judged as any other change, then
-- counted (settings_version), then kept.
CREATE TRIGGER settings_bring_back BEFORE UPDATE OF restored_from ON settings
	FOR EACH ROW WHEN (NEW.restored_from IS NOT NULL)
	EXECUTE FUNCTION settings_bring_back();
CREATE TRIGGER settings_written BEFORE UPDATE ON settings
	FOR EACH ROW EXECUTE FUNCTION settings_written();
CREATE TRIGGER settings_begun AFTER INSERT ON settings
	FOR EACH ROW EXECUTE FUNCTION settings_begun();
CREATE TRIGGER settings_signed AFTER INSERT ON audit
	FOR EACH ROW WHEN (NEW.object = 'settings')
	EXECUTE FUNCTION settings_signed();

-- Some version may be sealed with any data key that there was: nothing removes one
-- but the purge of its project.
CREATE FUNCTION data_key_stays() RETURNS trigger
	LANGUAGE plpgsql
	SET search_path = codecourier, pg_temp AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM purge WHERE project_id = OLD.project_id) THEN
		RAISE EXCEPTION 'a data key lives as long as its project'
			USING ERRCODE = 'check_violation',
			CONSTRAINT = 'data_key_stays';
	END IF;
	RETURN OLD;
END
$$;
CREATE TRIGGER data_key_stays BEFORE DELETE ON data_key
	FOR EACH ROW EXECUTE FUNCTION data_key_stays();

REVOKE ALL ON FUNCTION settings_bound(text, bigint, bigint),
	settings_drop(uuid, bigint), settings_keep(), settings_written(),
	settings_bring_back(), settings_signed(), settings_begun(),
	data_key_stays() FROM PUBLIC;
GRANT UPDATE (restored_from) ON settings TO codecourier;
GRANT SELECT (project_id, version, at, actor, actor_key, operator, fields,
	restored_from) ON settings_version TO codecourier;
