-- oldest-program: 1
-- What a POST with an Idempotency-Key has answered, so that its retry is answered
-- alike and does nothing. The row is made in the transaction of the change; its
-- primary key is the last word on who was first. Nothing in it can be read, or
-- compared with anything, without the caller's API key (crypt/replay.h).
SET LOCAL search_path = codecourier;

CREATE TABLE replay (
	project_id uuid NOT NULL REFERENCES project,
	key_id uuid NOT NULL, -- the API key, of the project
	name bytea NOT NULL CONSTRAINT replay_name CHECK (length(name) = 32),
	request bytea NOT NULL
		CONSTRAINT replay_request CHECK (length(request) = 32),
	answer bytea NOT NULL, -- sealed: status, ETag, body
	drained uuid, -- a key that it waited for the last write of
	ends_at timestamptz NOT NULL DEFAULT now() + interval '24 hours',
	CONSTRAINT replay_once PRIMARY KEY (project_id, key_id, name)
);
CREATE INDEX replay_ends_at ON replay (ends_at);

-- Bytes kept of each project. A row of its own: others wait for it no longer
-- than a commit takes.
CREATE TABLE replay_room (
	project_id uuid PRIMARY KEY REFERENCES project,
	bytes bigint NOT NULL
) WITH (fillfactor = 50);

-- What a row counts as: its answer, and what a row takes beside it.
CREATE FUNCTION replay_bytes(answer bytea) RETURNS bigint
	LANGUAGE sql IMMUTABLE
	RETURN octet_length(answer) + 256;

-- Ends the pipeline, for the reason of that name (error.c); NULL: goes on.
CREATE FUNCTION replay_refuse(reason text) RETURNS boolean
	LANGUAGE plpgsql AS $$
BEGIN
	IF reason IS NOT NULL THEN
		RAISE EXCEPTION 'not done again' USING
			ERRCODE = 'raise_exception', CONSTRAINT = reason;
	END IF;
	RETURN true;
END
$$;

-- Keeps an answer, of one that has ended in its place; `most` bytes a project.
-- The room's row comes last of all, so nobody who holds it waits for another.
CREATE FUNCTION replay_keep(p uuid, k uuid, named bytea, asked bytea,
	sealed bytea, waited uuid, most bigint) RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
DECLARE
	freed bigint := 0;
	total bigint;
BEGIN
	DELETE FROM replay WHERE project_id = p AND key_id = k AND name = named
		AND ends_at <= now()
	RETURNING replay_bytes(answer) INTO freed;
	INSERT INTO replay (project_id, key_id, name, request, answer, drained)
	VALUES (p, k, named, asked, sealed, waited);
	INSERT INTO replay_room AS r (project_id, bytes)
	VALUES (p, replay_bytes(sealed))
	ON CONFLICT (project_id) DO UPDATE
		SET bytes = r.bytes + EXCLUDED.bytes - coalesce(freed, 0)
	RETURNING bytes INTO total;
	IF total > most THEN
		PERFORM replay_refuse('replay_room');
	END IF;
END
$$;

-- Removes rows that have ended, at most `most`, of all projects or of `p`, by one
-- at a time; returns how many.
CREATE FUNCTION replay_sweep(most integer, p uuid) RETURNS bigint
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
DECLARE
	n bigint;
BEGIN
	IF NOT pg_try_advisory_xact_lock('replay'::regclass::bigint) THEN
		RETURN 0;
	END IF;
	WITH gone AS (
		DELETE FROM replay WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM replay WHERE ends_at <= now()
				AND (p IS NULL OR project_id = p)
			ORDER BY ends_at LIMIT most FOR UPDATE SKIP LOCKED))
		RETURNING project_id, replay_bytes(answer) AS bytes
	), sums AS (
		SELECT project_id, sum(bytes) AS bytes, count(*) AS rows
		FROM gone GROUP BY project_id
	), freed AS (
		UPDATE replay_room r SET bytes = r.bytes - s.bytes
		FROM sums s WHERE r.project_id = s.project_id
	)
	SELECT coalesce(sum(rows), 0) INTO n FROM sums;
	RETURN n;
END
$$;

REVOKE ALL ON FUNCTION replay_bytes(bytea), replay_refuse(text),
	replay_keep(uuid, uuid, bytea, bytea, bytea, uuid, bigint),
	replay_sweep(integer, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION replay_refuse(text),
	replay_keep(uuid, uuid, bytea, bytea, bytea, uuid, bigint),
	replay_sweep(integer, uuid) TO codecourier;
GRANT SELECT ON replay, replay_room TO codecourier;
