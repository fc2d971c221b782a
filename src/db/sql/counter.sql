-- counter.sql: what the other services count, and what is counted here.

-- fragment: SUM(counter)
coalesce(sum(value) FILTER (WHERE counter = '@counter'), 0)::bigint
	AS "@counter"

-- name: counters_get
-- $1 project -> an object
SELECT row_to_json(o)::text FROM (
	SELECT @EACH(COUNTER, SUM),
		(SELECT count(*) FROM member WHERE project_id = $1::uuid
			AND status = 'active') AS members,
		@LIVE_KEYS(AND NOT disabled) AS "apiKeys",
		(SELECT count(*) FROM provider_key
			WHERE project_id = $1::uuid) AS "providerKeys"
	FROM counter WHERE project_id = $1::uuid
) o;

-- name: op_counter_add
-- A write; $6 counter, $7 n -> the new sum; no row: it would fall below zero.
-- project_lock precedes. Slot 64 is no session's (0015_counter_operator.sql).
WITH before AS (
	SELECT coalesce(sum(value), 0) AS sum FROM counter
	WHERE project_id = $1::uuid AND counter = $6
), done AS (
	INSERT INTO counter AS c (project_id, counter, slot, value)
	SELECT $1::uuid, $6, 64, $7::bigint FROM before
	WHERE before.sum + $7::bigint >= 0
	ON CONFLICT ON CONSTRAINT counter_pkey
	DO UPDATE SET value = c.value + excluded.value
	RETURNING counter
), @AUDIT_OP('counter.add', 'counter', counter)
SELECT (before.sum + $7::bigint)::text FROM before, done;
