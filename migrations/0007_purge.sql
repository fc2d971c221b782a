-- oldest-program: 1
-- Removing a deleted project for good. The data keys go first: from then on
-- nothing sealed can be opened, whatever becomes of the rest. Then its rows, so
-- many a transaction, until none is left. What stays is that it was done.
SET LOCAL search_path = codecourier;

CREATE TABLE purge (
	project_id uuid PRIMARY KEY, -- no foreign key: this outlives it
	deleted_at timestamptz NOT NULL,
	purge_at timestamptz NOT NULL, -- later than started_at: by hand
	operator text NOT NULL,
	request_id uuid NOT NULL,
	started_at timestamptz NOT NULL DEFAULT now(), -- the keys went then
	finished_at timestamptz,
	removed bigint NOT NULL DEFAULT 0 -- rows
);
CREATE INDEX project_purge_at ON project (purge_at)
	WHERE purge_at IS NOT NULL;

-- A purge that has begun: its owners may go, too.
CREATE OR REPLACE FUNCTION member_last_owner() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND NEW.role = 'owner' AND NEW.status = 'active'
		AND NEW.project_id = OLD.project_id
	THEN
		RETURN NULL;
	END IF;
	PERFORM FROM project WHERE id = OLD.project_id FOR NO KEY UPDATE;
	IF NOT EXISTS (SELECT FROM member WHERE project_id = OLD.project_id
		AND role = 'owner' AND status = 'active')
		AND NOT EXISTS (SELECT FROM purge
			WHERE project_id = OLD.project_id)
	THEN
		RAISE EXCEPTION 'a project keeps one active owner'
			USING ERRCODE = 'check_violation',
			CONSTRAINT = 'member_last_owner';
	END IF;
	RETURN NULL;
END
$$;

-- The first step, which ends the way back. False: the project is not deleted,
-- or `due` is asked for and it is not; nothing was done. Safe to repeat.
CREATE FUNCTION purge_begin(p uuid, who text, request uuid, due boolean)
	RETURNS boolean LANGUAGE plpgsql
	SET search_path = codecourier, pg_temp AS $$
DECLARE
	gone project;
	n bigint;
BEGIN
	SELECT * INTO gone FROM project WHERE id = p FOR UPDATE;
	IF gone.deleted_at IS NULL OR (due AND gone.purge_at > now()
		AND NOT EXISTS (SELECT FROM purge WHERE project_id = p))
	THEN
		RETURN false;
	END IF;
	INSERT INTO purge (project_id, deleted_at, purge_at, operator,
		request_id)
	VALUES (p, gone.deleted_at, gone.purge_at, who, request)
	ON CONFLICT DO NOTHING;
	DELETE FROM data_key WHERE project_id = p;
	GET DIAGNOSTICS n = ROW_COUNT;
	UPDATE purge SET removed = removed + n WHERE project_id = p;
	RETURN true;
END
$$;

-- The next rows, at most `most` (2 or more), of whatever table belongs to a
-- project, the project's own last. True: all are gone.
CREATE FUNCTION purge_some(p uuid, most integer) RETURNS boolean
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
	LOOP
		EXECUTE format('DELETE FROM %s WHERE ctid = ANY (ARRAY('
			'SELECT ctid FROM %s WHERE project_id = $1 LIMIT $2))',
			t, t) USING p, most - total;
		GET DIAGNOSTICS n = ROW_COUNT;
		total := total + n;
	END LOOP;
	finished := total < most;
	IF finished THEN
		DELETE FROM project WHERE id = p;
		total := total + 1;
	END IF;
	UPDATE purge SET removed = removed + total,
		finished_at = CASE WHEN finished THEN clock_timestamp() END
	WHERE project_id = p;
	RETURN finished;
END
$$;

REVOKE ALL ON FUNCTION purge_begin(uuid, text, uuid, boolean),
	purge_some(uuid, integer) FROM PUBLIC;
