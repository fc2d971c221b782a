-- guard.sql: whose key it is, and whether it is good still.

-- fragment: GOOD_KEY
FROM api_key k JOIN project t ON t.id = k.project_id

-- fragment: IS_GOOD
WHERE k.id = $2::uuid AND k.project_id = $1::uuid
	AND k.digest = $3::bytea AND k.stamp = $4::bigint
	AND k.revoked_at IS NULL AND NOT k.disabled
	AND (k.ends_at IS NULL OR k.ends_at > now())
	AND t.deleted_at IS NULL

-- fragment: STALE
k.last_used_at IS NULL
	OR k.last_used_at < now() - interval '1 minute'

-- The key's row must still be what the verified-key table was filled from, and
-- live; else refuse() ends the pipeline. Its stamp changes with its scopes,
-- addresses and rate: what was allowed by those that the table remembers is
-- allowed by the row, in this transaction. coalesce() evaluates its second
-- argument only when the first is NULL (no such row).
-- fragment: GUARD(lock)
SELECT coalesce((
	SELECT @STALE
	@GOOD_KEY
	@IS_GOOD
	@lock
), refuse())

-- name: guard_read
-- $1 project, $2 key, $3 digest, $4 stamp -> last used is stale
@GUARD();

-- name: guard_project
-- $1 project, $2 key, $3 digest, $4 stamp -> last used is stale, the project, its tag
-- A row that is not there is NULL here, and refused: a third less work for
-- PostgreSQL than the guard and the project one after the other.
SELECT g.stale, g.project, g.etag
FROM (SELECT) one LEFT JOIN LATERAL (
	SELECT @STALE AS stale, row_to_json(o)::text AS project, o.etag
	@GOOD_KEY, LATERAL (SELECT @PROJECT) o
	@IS_GOOD
) g ON true
WHERE g.stale IS NOT NULL OR refuse();

-- name: guard_write
-- $1 project, $2 key, $3 digest, $4 stamp -> last used is stale; both rows stay as they are
@GUARD(FOR KEY SHARE OF k, t);

-- What makes a struct identity, of a key and its project: see auth_identity.
-- fragment: IDENTITY(key, project)
@key.id::text, @key.project_id::text, @key.digest, @key.stamp,
	@key.scopes::text, coalesce(@key.rate_limit, 0)::bigint,
	coalesce(@key.rate_window, @key.id), coalesce(ms(@key.ends_at), 0),
	@project.key_room, @key.allowed_ips::text

-- name: key_row
-- $1 prefix -> identity, hash, check value, 'live' or why it is not
SELECT @IDENTITY(t, t), t.hash, t.check_value, t.state FROM key_row($1) t;

-- name: key_of_holder
-- $1 prefix -> as key_row, but live is what is not revoked
SELECT @IDENTITY(t, t), t.hash, t.check_value,
	CASE WHEN k.revoked_at IS NULL THEN 'live' ELSE 'revoked' END
FROM key_row($1) t JOIN api_key k ON k.id = t.id;

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
