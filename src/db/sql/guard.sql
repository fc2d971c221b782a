-- guard.sql: whose key it is, and whether it is good still.

-- fragment: GOOD_KEY
FROM api_key k JOIN project t ON t.id = k.project_id

-- fragment: IS_GOOD
WHERE k.id = $2::uuid AND k.project_id = $1::uuid
	AND k.digest = $3::bytea AND k.revoked_at IS NULL
	AND (k.expires_at IS NULL OR k.expires_at > now())
	AND t.deleted_at IS NULL

-- fragment: STALE
k.last_used_at IS NULL
	OR k.last_used_at < now() - interval '1 minute'

-- The key's row must still be what the verified-key table was filled from, and
-- live; else refuse() ends the pipeline. coalesce() evaluates its second
-- argument only when the first is NULL (no such row).
-- fragment: GUARD(lock)
SELECT coalesce((
	SELECT @STALE
	@GOOD_KEY
	@IS_GOOD
	@lock
), refuse())

-- name: guard_read
-- $1 project, $2 key, $3 digest -> last used is stale
@GUARD();

-- name: guard_project
-- $1 project, $2 key, $3 digest -> last used is stale, the project
-- A row that is not there is NULL here, and refused: a third less work for
-- PostgreSQL than the guard and the project one after the other.
SELECT g.stale, g.project
FROM (SELECT) one LEFT JOIN LATERAL (
	SELECT @STALE AS stale, row_to_json(o)::text AS project
	@GOOD_KEY, LATERAL (SELECT @PROJECT) o
	@IS_GOOD
) g ON true
WHERE g.stale IS NOT NULL OR refuse();

-- name: guard_write
-- $1 project, $2 key, $3 digest -> last used is stale; both rows stay as they are
@GUARD(FOR KEY SHARE OF k, t);

-- name: key_by_prefix
-- $1 prefix -> id, project, hash, digest, check value, is live
SELECT id::text, project_id::text, hash, digest, check_value, live
FROM key_by_prefix($1);

-- name: key_used
-- $1 project, $2 key
-- Durable enough: a lost minute of last use hurts nobody.
UPDATE api_key SET last_used_at = now()
WHERE id = (
	SELECT id FROM api_key
	WHERE project_id = $1::uuid AND id = $2::uuid AND revoked_at IS NULL
		AND (last_used_at IS NULL
			OR last_used_at < now() - interval '1 minute')
	FOR NO KEY UPDATE SKIP LOCKED
)
AND set_config('synchronous_commit', 'off', true) IS NOT NULL;
