-- oldest-program: 1
-- A counter's slot goes by the session instead of by chance: sessions that live
-- at the same time have neighbouring process ids, so 64 of them meet in few
-- slots, and a counter that one session adds to is one row.
SET LOCAL search_path = codecourier;

CREATE OR REPLACE FUNCTION counter_add(project uuid, counter text, n bigint)
	RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
BEGIN
	IF n IS NULL OR n NOT BETWEEN 1 AND 2147483647 THEN
		RAISE EXCEPTION 'n must be from 1 to 2147483647'
			USING ERRCODE = 'numeric_value_out_of_range';
	END IF;
	INSERT INTO counter AS c (project_id, counter, slot, value)
	SELECT p.id, counter_add.counter, pg_backend_pid() % 64, n
	FROM project p
	WHERE p.id = counter_add.project AND p.deleted_at IS NULL
	ON CONFLICT ON CONSTRAINT counter_pkey
		DO UPDATE SET value = c.value + excluded.value;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no such project'
			USING ERRCODE = 'no_data_found';
	END IF;
END
$$;
