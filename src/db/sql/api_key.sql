-- api_key.sql: the API's own keys.

-- fragment: API_KEY
t.id, t.id AS _id, t.name, t.prefix, t.environment, t.scopes,
	ms(t.created_at) AS "_creationTime",
	ms(t.last_used_at) AS "lastUsedAt",
	ms(t.expires_at) AS "expiresAt",
	t.revoked_at IS NOT NULL AS revoked,
	ms(t.revoked_at) AS "revokedAt"

-- fragment: API_KEY_ROW
id, name, prefix, environment, scopes, created_at, last_used_at,
	expires_at, revoked_at

-- name: api_key_list
-- $1 project, $2 limit, cursor: $3 µs, $4 id -> a page
WITH page AS (
	SELECT @API_KEY_ROW,
		concat_ws(':', @MICROS(created_at), id) AS sort,
		row_number() OVER (ORDER BY created_at DESC, id) AS n
	FROM api_key
	WHERE project_id = $1::uuid
		AND ($3::bigint IS NULL OR created_at < @FROM_MICROS($3)
			OR (created_at = @FROM_MICROS($3) AND id > $4::uuid))
	ORDER BY created_at DESC, id
	LIMIT $2::int + 1
) @PAGE(@API_KEY);

-- revoked and expired ones do not count
-- fragment: LIVE_KEYS
(
	SELECT count(*) FROM api_key
	WHERE project_id = $1::uuid AND revoked_at IS NULL
		AND (expires_at IS NULL OR expires_at > now())
)

-- fragment: API_KEY_GENERATE(audit)
WITH done AS (
	INSERT INTO api_key (project_id, name, prefix, environment, hash,
		check_value)
	SELECT $1::uuid, $6, $7, $8, $9::bytea, $10::bytea
	WHERE @LIVE_KEYS < $11::int
	RETURNING @API_KEY_ROW, digest
), @audit
SELECT row_to_json(o)::text, t.id::text, t.digest
FROM @OBJECTS(done, @API_KEY)

-- name: api_key_generate
-- A write; $6 name, $7 prefix, $8 environment, $9 hash, $10 check value, $11 most
-- live keys -> row, id, digest; no row: full. project_lock precedes.
@API_KEY_GENERATE(@AUDIT_KEY('api-key.generate', 'api-key', id));

-- A second revocation changes nothing and logs nothing: only a fresh one carries
-- this transaction's time.
-- fragment: API_KEY_REVOKE(audit)
WITH changed AS (
	UPDATE api_key SET revoked_at = coalesce(revoked_at, now())
	WHERE project_id = $1::uuid AND id = $6::uuid
	RETURNING @API_KEY_ROW
), done AS (
	SELECT id FROM changed WHERE revoked_at = now()
), @audit
@SELECT_JSON(changed, @API_KEY)

-- name: api_key_revoke
-- A write; $6 key -> row
@API_KEY_REVOKE(@AUDIT_KEY('api-key.revoke', 'api-key', id));

-- name: api_key_drain
-- $1 project, $2 key
SELECT true FROM api_key
WHERE project_id = $1::uuid AND id = $2::uuid
FOR UPDATE;

-- name: op_key_create
-- A write; as api_key_generate: $6 name, $7 prefix, $8 environment, $9 hash,
-- $10 check value, $11 most live keys
@API_KEY_GENERATE(@AUDIT_OP('api-key.generate', 'api-key', id));

-- name: op_key_find
-- $1 key -> project
SELECT project_id::text FROM api_key WHERE id = $1::uuid;

-- name: op_key_whose
-- $1 prefix -> row, with its project
SELECT row_to_json(o)::text
FROM api_key t JOIN project p ON p.id = t.project_id, LATERAL (
	SELECT @API_KEY, p.id AS "projectId", p.slug AS "projectSlug",
		p.name AS "projectName",
		ms(p.deleted_at) AS "projectDeletedAt"
) o
WHERE t.prefix = $1;

-- name: op_key_revoke
-- A write; $6 key -> row
@API_KEY_REVOKE(@AUDIT_OP('api-key.revoke', 'api-key', id));
