-- api_key.sql: the API's own keys.

-- An address alone goes without a length.
-- fragment: ADDRESSES(list)
ARRAY(
	SELECT CASE WHEN masklen(a) = CASE family(a) WHEN 4 THEN 32 ELSE 128 END
		THEN host(a) ELSE a::text END
	FROM unnest(@list) WITH ORDINALITY u (a, n) ORDER BY n
)

-- fragment: API_KEY
t.id, t.id AS _id, t.name, t.prefix, t.environment, t.scopes, t.disabled,
	@ADDRESSES(t.allowed_ips) AS "allowedIps", t.rate_limit AS "rateLimit",
	ms(t.created_at) AS "_creationTime",
	ms(coalesce(t.updated_at, t.created_at)) AS "updatedAt",
	ms(t.last_used_at) AS "lastUsedAt",
	ms(t.ends_at) AS "expiresAt",
	t.revoked_at IS NOT NULL AS revoked,
	ms(t.revoked_at) AS "revokedAt",
	t.rotated_from AS "rotatedFrom", t.rotated_to AS "rotatedTo",
	@ETAG(t.version, t.stamp)

-- fragment: API_KEY_ROW
id, project_id, name, prefix, environment, scopes, disabled, allowed_ips,
	rate_limit, rate_window, created_at, updated_at, last_used_at, ends_at,
	revoked_at, rotated_from, rotated_to, digest, version, stamp

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
-- fragment: LIVE_KEYS(condition)
(
	SELECT count(*) FROM api_key
	WHERE project_id = $1::uuid AND revoked_at IS NULL
		AND (ends_at IS NULL OR ends_at > now()) @condition
)

-- fragment: NEW_KEY(from)
SELECT @IDENTITY(t, p), row_to_json(o)::text, o.etag
FROM @OBJECTS(@from, @API_KEY), project p
WHERE p.id = t.project_id

-- fragment: API_KEY_GENERATE(audit)
WITH done AS (
	INSERT INTO api_key (project_id, name, prefix, environment, hash,
		check_value, scopes, ends_at, allowed_ips, rate_limit, disabled)
	SELECT $1::uuid, $6, $7, $8, $9::bytea, $10::bytea, $12::text[],
		@FROM_MS($13), $14::cidr[], $15::int, $16::boolean
	WHERE @LIVE_KEYS() < $11::int
	RETURNING @API_KEY_ROW
), @audit

-- name: api_key_generate
-- A write; $6 name, $7 prefix, $8 environment, $9 hash, $10 check value, $11 most
-- live keys, $12 scopes, $13 end in ms, $14 addresses, $15 rate, $16 disabled ->
-- identity, row, tag; no row: full. project_lock precedes.
@API_KEY_GENERATE(@AUDIT_KEY('api-key.generate', 'api-key', id))
@NEW_KEY(done);

-- fragment: KEY_STATE(rotated)
CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'
	WHEN t.ends_at <= now() THEN 'expired'
	WHEN t.disabled THEN 'disabled'
	@rotated ELSE 'live' END

-- name: api_key_look
-- $1 project, $2 key -> identity, row, tag, environment, 'live' or why it is not,
-- whether it has a successor, now in ms
SELECT @IDENTITY(t, p), row_to_json(o)::text, o.etag, t.environment,
	@KEY_STATE(), t.rotated_to IS NOT NULL, ms(now())
FROM @OBJECTS(api_key, @API_KEY), project p
WHERE t.project_id = $1::uuid AND t.id = $2::uuid AND p.id = t.project_id;

-- name: api_key_lock
-- $1 project, $2 key: it stays as the next statement sees it
SELECT true FROM api_key
WHERE project_id = $1::uuid AND id = $2::uuid
FOR NO KEY UPDATE;

-- name: api_key_whoami
-- $1 project, $2 key -> row; times as the platform's own page shows them
@SELECT_JSON(api_key, t.id AS "keyId", t.project_id AS "projectId", t.name,
	t.prefix, t.environment, t.scopes, @ISO(t.created_at) AS "createdAt",
	@ISO(t.last_used_at) AS "lastUsedAt", @ISO(t.ends_at) AS "expiresAt",
	t.rate_limit AS "rateLimit",
	@ADDRESSES(t.allowed_ips) AS "allowedIps")
WHERE t.project_id = $1::uuid AND t.id = $2::uuid;

-- As long as it is what was looked at, and neither revoked nor expired.
-- fragment: API_KEY_UPDATE(audit)
WITH done AS (
	UPDATE api_key SET
		@GIVEN('name', name, $8),
		@GIVEN('scopes', scopes, $9::text[]),
		@GIVEN('expiresAt', ends_at, @FROM_MS($10)),
		@GIVEN('allowedIps', allowed_ips, $11::cidr[]),
		@GIVEN('rateLimit', rate_limit, $12::int),
		@GIVEN('disabled', disabled, $13::boolean)
	WHERE project_id = $1::uuid AND id = $6::uuid AND stamp = $7::bigint
		AND revoked_at IS NULL
		AND (ends_at IS NULL OR ends_at > now())
	RETURNING @API_KEY_ROW
), @audit
@SELECT_TAGGED(done, @API_KEY)

-- name: api_key_update
-- A write; $6 key, $7 stamp, $8 name, $9 scopes, $10 end in ms, $11 addresses,
-- $12 rate, $13 disabled -> row, tag; none: it is another by now
@API_KEY_UPDATE(@AUDIT_KEY('api-key.update', 'api-key', id));

-- The new key has all of the old one; requests of both count as one's.
-- fragment: API_KEY_ROTATE(audit)
WITH made AS (
	INSERT INTO api_key (project_id, name, prefix, environment, hash,
		check_value, scopes, ends_at, allowed_ips, rate_limit,
		rate_window, rotated_from)
	SELECT project_id, name, $8, environment, $9::bytea, $10::bytea, scopes,
		ends_at, allowed_ips, rate_limit, coalesce(rate_window, id), id
	FROM api_key
	WHERE project_id = $1::uuid AND id = $6::uuid AND stamp = $7::bigint
		AND revoked_at IS NULL AND NOT disabled AND rotated_to IS NULL
		AND (ends_at IS NULL OR ends_at > now())
		AND ($12::int = 0 OR @LIVE_KEYS() < $11::int)
	RETURNING @API_KEY_ROW
), done AS (
	UPDATE api_key k SET rotated_to = made.id,
		ends_at = least(k.ends_at,
			now() + make_interval(secs => $12::int)),
		revoked_at = CASE WHEN $12::int = 0 THEN now() END
	FROM made
	WHERE k.project_id = $1::uuid AND k.id = made.rotated_from
	RETURNING k.id
), @audit

-- name: api_key_rotate
-- A write; $6 key, $7 stamp, $8 prefix, $9 hash, $10 check value of the new one,
-- $11 most live keys, $12 seconds that the old one goes on -> identity, row, tag; none:
-- full, or it is another by now. api_key_lock, project_lock precede.
@API_KEY_ROTATE(@AUDIT_KEY('api-key.rotate', 'api-key', id))
@NEW_KEY(made);

-- A second revocation changes nothing and logs nothing: only a fresh one carries
-- this transaction's time.
-- fragment: API_KEY_REVOKE(matches, audit)
WITH changed AS (
	UPDATE api_key SET revoked_at = coalesce(revoked_at, now())
	WHERE project_id = $1::uuid AND id = $6::uuid AND @matches
	RETURNING @API_KEY_ROW
), done AS (
	SELECT id FROM changed WHERE revoked_at = now()
), @audit
@SELECT_TAGGED(changed, @API_KEY)

-- name: api_key_revoke
-- A write; $6 key, $7 tags -> row, tag
@API_KEY_REVOKE(@MATCHES($7, version, stamp),
	@AUDIT_KEY('api-key.revoke', 'api-key', id));

-- name: api_key_tag
-- $1 project, $2 key -> tag
SELECT @ETAG(version, stamp) FROM api_key
WHERE project_id = $1::uuid AND id = $2::uuid;

-- Whom it obeys: who has shown the key that belongs to this digest. Another's
-- revocation may have come in between.
-- name: api_key_revoke_held
-- A write, $2 is the key that ends; $6 digest -> nothing
WITH done AS (
	UPDATE api_key SET revoked_at = now()
	WHERE project_id = $1::uuid AND id = $2::uuid
		AND digest = $6::bytea AND revoked_at IS NULL
	RETURNING id
), @AUDIT_HOLDER('api-key.revoke', 'api-key', id)
SELECT FROM done;

-- name: api_key_drain
-- $1 project, $2 key
SELECT true FROM api_key
WHERE project_id = $1::uuid AND id = $2::uuid
FOR UPDATE;

-- name: op_key_create
-- A write; as api_key_generate: $6 name, $7 prefix, $8 environment, $9 hash,
-- $10 check value, $11 most live keys, $12 scopes, $13 end in ms, $14 addresses,
-- $15 rate, $16 disabled -> row, id
@API_KEY_GENERATE(@AUDIT_OP('api-key.generate', 'api-key', id))
SELECT row_to_json(o)::text, t.id::text FROM @OBJECTS(done, @API_KEY);

-- name: op_key_update
-- A write; as api_key_update: $6 key, $7 stamp, $8 name, $9 scopes, $10 end in ms,
-- $11 addresses, $12 rate, $13 disabled -> row; none: it is another by now
@API_KEY_UPDATE(@AUDIT_OP('api-key.update', 'api-key', id));

-- name: op_key_rotate
-- A write; as api_key_rotate: $6 key, $7 stamp, $8 prefix, $9 hash, $10 check value
-- of the new one, $11 most live keys, $12 seconds that the old one goes on -> row,
-- id; none: full, or it is another by now. api_key_lock, project_lock precede.
@API_KEY_ROTATE(@AUDIT_OP('api-key.rotate', 'api-key', id))
SELECT row_to_json(o)::text, t.id::text FROM @OBJECTS(made, @API_KEY);

-- name: op_key_room
-- $1 project -> what its keys begin with, now in ms
SELECT key_room, ms(now()) FROM project WHERE id = $1::uuid;

-- name: op_key_find
-- $1 key -> project, whether that is deleted, what its keys begin with, then of the
-- key environment, stamp, state, whether it has a successor, its end and now in ms
SELECT t.project_id::text, p.deleted_at IS NOT NULL, p.key_room,
	t.environment, t.stamp::text, @KEY_STATE(), t.rotated_to IS NOT NULL,
	ms(t.ends_at), ms(now())
FROM api_key t JOIN project p ON p.id = t.project_id
WHERE t.id = $1::uuid;

-- One that has a successor is as good as live, to its end.
-- fragment: OP_KEY_STATE
@KEY_STATE(WHEN t.rotated_to IS NOT NULL THEN 'rotated')

-- fragment: OP_KEY
@API_KEY, @OP_KEY_STATE AS state

-- Whether those that have ended are wanted, too, and seconds in which a key was
-- neither used nor made.
-- fragment: OP_KEY_WANTED(ended, seconds)
(@ended::boolean OR (t.revoked_at IS NULL
		AND (t.ends_at IS NULL OR t.ends_at > now())))
	AND (@seconds::bigint IS NULL
		OR coalesce(t.last_used_at, t.created_at)
			<= now() - make_interval(secs => @seconds::bigint))

-- name: op_key_list
-- $1 project, $2 ended ones, too, $3 seconds without use -> rows, newest first
@SELECT_JSON(api_key, @OP_KEY)
WHERE t.project_id = $1::uuid AND @OP_KEY_WANTED($2, $3)
ORDER BY t.created_at DESC, t.id;

-- name: op_key_unused
-- $1 ended ones, too, $2 seconds without use -> rows of all live projects,
-- with their slugs
SELECT row_to_json(o)::text
FROM api_key t JOIN project p ON p.id = t.project_id, LATERAL (
	SELECT @OP_KEY, p.slug AS "projectSlug"
) o
WHERE p.deleted_at IS NULL AND @OP_KEY_WANTED($1, $2)
ORDER BY p.slug, t.created_at DESC, t.id;

-- name: op_key_whose
-- $1 prefix -> row, with its project
SELECT row_to_json(o)::text
FROM api_key t JOIN project p ON p.id = t.project_id, LATERAL (
	SELECT @API_KEY, CASE WHEN p.deleted_at IS NOT NULL THEN 'deleted'
			ELSE @OP_KEY_STATE END AS state,
		p.id AS "projectId", p.slug AS "projectSlug",
		p.name AS "projectName",
		ms(p.deleted_at) AS "projectDeletedAt"
) o
WHERE t.prefix = $1;

-- name: op_key_revoke
-- A write; $6 key -> row
@API_KEY_REVOKE(true, @AUDIT_OP('api-key.revoke', 'api-key', id));
