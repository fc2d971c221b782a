-- replay.sql: a POST with an Idempotency-Key, whose transaction stays open until
-- its answer is kept in it (http/once.h).

-- name: replay_begin
-- what follows is one transaction, up to replay_commit
BEGIN;

-- name: replay_commit
-- all of it
COMMIT;

-- name: replay_roll_back
-- none of it
ROLLBACK;

-- name: replay_claim
-- $1 name, the first 64 bits of it -> nothing of use
-- Whoever has it until the end of the transaction is the one that does it.
SELECT replay_refuse(CASE WHEN NOT pg_try_advisory_xact_lock($1::bigint)
	THEN 'replay_running' END);

-- fragment: KEPT
FROM replay WHERE project_id = $1::uuid AND key_id = $2::uuid
	AND name = $3::bytea AND ends_at > now()

-- name: replay_look
-- $1 project, $2 key, $3 name -> request, sealed answer, what it has drained
-- Not in the statement of the claim: its snapshot would be older than the lock,
-- and not see what the one before has just committed.
SELECT request, answer, drained::text @KEPT;

-- name: replay_halt
-- $1 project, $2 key, $3 name, $4 most bytes -> nothing of use
-- Nothing more is done where an answer is kept, or could not be.
SELECT replay_refuse(CASE WHEN EXISTS (SELECT @KEPT) THEN 'replay_found'
	WHEN EXISTS (SELECT FROM replay_room WHERE project_id = $1::uuid
		AND bytes >= $4::bigint) THEN 'replay_room' END);

-- name: replay_keep
-- $1 project, $2 key, $3 name, $4 request, $5 sealed answer, $6 what it drains,
-- $7 most bytes -> nothing of use
SELECT FROM replay_keep($1::uuid, $2::uuid, $3::bytea, $4::bytea, $5::bytea,
	$6::uuid, $7::bigint);

-- name: replay_sweep
-- $1 rows at most, $2 of this project or NULL -> how many are gone
-- As durable as it needs to be: what comes back has ended all the same.
SELECT replay_sweep($1::int, $2::uuid)
WHERE set_config('synchronous_commit', 'off', true) IS NOT NULL;

-- name: op_replay_sweep
-- $1 rows at most -> whether there are no more
SELECT replay_sweep($1::int, NULL) < $1::int;
