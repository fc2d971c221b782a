-- oldest-program: 1
-- An audit log that proves itself: the rows of a project are a chain. Each has
-- the next number, the hash of the row before it, and a hash of all that it
-- tells, that one included. A row that is edited, removed, put in or moved breaks
-- it (`codecourierctl audit verify`); a chain that was made anew from some row on
-- has another end than the one that was written down elsewhere (`audit head`).
SET LOCAL search_path = codecourier;

-- In the order of requests. No row comes in between; programs before this read
-- none.
LOCK TABLE project, member IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE purge, audit IN ACCESS EXCLUSIVE MODE;

ALTER TABLE audit
	ADD COLUMN number bigint,
	ADD COLUMN previous bytea, -- 32 times zero before the first
	ADD COLUMN hash bytea;

-- Where the chain of a project ends. One row changes with each write of it, in
-- place (no index has what changes, and the pages stay half empty).
CREATE TABLE audit_head (
	project_id uuid PRIMARY KEY REFERENCES project,
	number bigint NOT NULL DEFAULT 0,
	hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
	at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

-- What a row tells, and what it follows, as one number of 256 bits: of each value
-- its length and the text, as 3:abc; NULL is -.
-- src/db/sql/audit.sql says the same once more: who looks for what an owner of
-- the database has done does not ask a function that this owner can change.
CREATE FUNCTION audit_hash(a audit) RETURNS bytea
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = codecourier, pg_temp AS $$
DECLARE
	part text;
	message text := '';
BEGIN
	FOREACH part IN ARRAY ARRAY[encode(a.previous, 'hex'),
		a.project_id::text, a.number::text, a.id::text,
		(extract(epoch FROM a.at) * 1000000)::bigint::text, -- µs
		a.actor, a.actor_key::text, a.operator, a.action, a.object,
		a.object_id, a.fields::text, a.request_id::text,
		a.address::text]
	LOOP
		message := message
			|| coalesce(octet_length(part) || ':' || part, '-');
	END LOOP;
	RETURN sha256(convert_to(message, 'UTF8'));
END
$$;

-- The head is locked as late as can be: the audit row is the last that a writing
-- statement makes, behind the rows of key, object and project. Whoever has it
-- waits for nothing but the disk, so the next one's `at` is later. A clock that
-- was set back waits for the chain.
-- It is a trigger, so that programs before this have their rows chained, too; and
-- whatever an INSERT says of number, hashes and time counts for nothing.
CREATE FUNCTION audit_chain() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
DECLARE
	head audit_head;
BEGIN
	SELECT * INTO head FROM audit_head WHERE project_id = NEW.project_id
	FOR NO KEY UPDATE;
	IF NOT FOUND THEN -- the first row of a new project
		INSERT INTO audit_head (project_id) VALUES (NEW.project_id)
		ON CONFLICT DO NOTHING;
		SELECT * INTO STRICT head FROM audit_head
		WHERE project_id = NEW.project_id FOR NO KEY UPDATE;
	END IF;
	NEW.number := head.number + 1;
	NEW.previous := head.hash;
	NEW.at := greatest(clock_timestamp(), head.at);
	NEW.hash := audit_hash(NEW);
	UPDATE audit_head SET number = NEW.number, hash = NEW.hash, at = NEW.at
	WHERE project_id = NEW.project_id;
	RETURN NEW;
END
$$;

-- An owner who goes, or becomes less, has member_last_owner take the project's
-- row, at the end of the statement: behind the head, where others come from the
-- project's row to the head. So it is taken before.
CREATE FUNCTION member_project_lock() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
BEGIN
	PERFORM FROM project WHERE id = OLD.project_id FOR NO KEY UPDATE;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER member_project_lock BEFORE UPDATE OR DELETE ON member
	FOR EACH ROW WHEN (OLD.role = 'owner' AND OLD.status = 'active')
	EXECUTE FUNCTION member_project_lock();

-- What is there becomes the beginning of the chains. `at` is when a transaction
-- began, as it was then.
DO $$
DECLARE
	a audit;
	head audit_head;
BEGIN
	FOR a IN SELECT * FROM audit ORDER BY project_id, at, id LOOP
		IF head.project_id IS DISTINCT FROM a.project_id THEN
			INSERT INTO audit_head SELECT (head).*
			WHERE head.project_id IS NOT NULL;
			head.project_id := a.project_id;
			head.number := 0;
			head.hash := decode(repeat('00', 32), 'hex');
		END IF;
		head.number := head.number + 1;
		a.number := head.number;
		a.previous := head.hash;
		head.hash := audit_hash(a);
		head.at := a.at;
		UPDATE audit SET number = a.number, previous = a.previous,
			hash = head.hash WHERE id = a.id;
	END LOOP;
	INSERT INTO audit_head SELECT (head).*
	WHERE head.project_id IS NOT NULL;
END
$$;

ALTER TABLE audit ALTER COLUMN number SET NOT NULL,
	ALTER COLUMN previous SET NOT NULL,
	ALTER COLUMN hash SET NOT NULL;
CREATE UNIQUE INDEX audit_number ON audit (project_id, number);
CREATE TRIGGER audit_chain BEFORE INSERT ON audit
	FOR EACH ROW EXECUTE FUNCTION audit_chain();

-- Refusals of keys, outside of the chain: a row a minute, whatever loops. A worker
-- counts and adds when it has time.
CREATE TABLE refused (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	project_id uuid NOT NULL REFERENCES project,
	at timestamptz NOT NULL, -- the minute
	key_id uuid NOT NULL,
	reason text NOT NULL CONSTRAINT refused_reason CHECK (reason IN (
		'address', 'rate', 'scope', 'expired', 'disabled', 'revoked')),
	host text NOT NULL CONSTRAINT refused_host_text CHECK (one_line(host)),
	count bigint NOT NULL,
	request_id uuid, -- of the first one
	address inet,
	CONSTRAINT refused_once UNIQUE (project_id, at, key_id, reason, host)
);

-- What is left of the chain of a project that is gone: its end. NULL: it went
-- before this, or is going.
ALTER TABLE purge ADD COLUMN audit_number bigint,
	ADD COLUMN audit_hash bytea;

-- The head goes last, with the project's row, and is kept in `purge`: until then a
-- row can still be added (a key that is revoked, say). `most`: 3 or more.
CREATE OR REPLACE FUNCTION purge_some(p uuid, most integer) RETURNS boolean
	LANGUAGE plpgsql
	SET search_path = codecourier, pg_temp AS $$
DECLARE
	t regclass;
	n bigint;
	total bigint := 0;
	finished boolean;
BEGIN
	-- one at a time: two hosts may have the same timer
	SELECT finished_at IS NOT NULL INTO STRICT finished
	FROM purge WHERE project_id = p FOR UPDATE;
	IF finished THEN
		RETURN true;
	END IF;
	FOR t IN SELECT DISTINCT conrelid::regclass FROM pg_constraint
		WHERE contype = 'f' AND confrelid = 'project'::regclass
			AND conrelid <> 'audit_head'::regclass
	LOOP
		EXECUTE format('DELETE FROM %s WHERE ctid = ANY (ARRAY('
			'SELECT ctid FROM %s WHERE project_id = $1 LIMIT $2))',
			t, t) USING p, most - total;
		GET DIAGNOSTICS n = ROW_COUNT;
		total := total + n;
	END LOOP;
	finished := total < most - 1;
	IF finished THEN
		UPDATE purge SET audit_number = h.number, audit_hash = h.hash
		FROM audit_head h WHERE h.project_id = p AND purge.project_id = p;
		DELETE FROM audit_head WHERE project_id = p;
		GET DIAGNOSTICS n = ROW_COUNT;
		DELETE FROM project WHERE id = p;
		total := total + n + 1;
	END IF;
	UPDATE purge SET removed = removed + total,
		finished_at = CASE WHEN finished THEN clock_timestamp() END
	WHERE project_id = p;
	RETURN finished;
END
$$;

GRANT SELECT (id, project_id, at, actor, actor_key, operator, action, object,
	object_id, fields, request_id, address, number, hash)
	ON audit TO codecourier;
GRANT SELECT (id, project_id, at, key_id, reason, host, count, request_id,
	address),
	INSERT (project_id, at, key_id, reason, host, count, request_id,
	address), UPDATE (count)
	ON refused TO codecourier;
REVOKE ALL ON FUNCTION audit_hash(audit), audit_chain(),
	member_project_lock() FROM PUBLIC;
