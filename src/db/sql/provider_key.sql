-- provider_key.sql: keys of other services, sealed.

-- fragment: PROVIDER_KEY
t.provider, t.last4, ms(t.created_at) AS "_creationTime",
	ms(t.updated_at) AS "updatedAt", @ETAG(t.version, t.word)

-- fragment: PROVIDER_KEY_ROW
provider, last4, created_at, updated_at, version, word

-- name: provider_key_list
-- $1 project -> a list
SELECT '[' || coalesce(string_agg(row_to_json(o)::text, ','
	ORDER BY t.provider), '') || ']'
FROM @OBJECTS(provider_key, @PROVIDER_KEY)
WHERE t.project_id = $1::uuid;

-- name: provider_key_set
-- A write; $6 provider, $7 sealed, $8 last4 -> row, tag
-- The parameters are repeated because `excluded.` reads the column, and this
-- role may not read a sealed key.
WITH done AS (
	INSERT INTO provider_key (project_id, provider, sealed, last4)
	VALUES ($1::uuid, $6, $7::bytea, $8)
	ON CONFLICT (project_id, provider) DO UPDATE
	SET sealed = $7::bytea, last4 = $8, updated_at = now()
	RETURNING @PROVIDER_KEY_ROW
), @AUDIT_KEY('provider-key.set', 'provider-key', provider)
@SELECT_TAGGED(done, @PROVIDER_KEY);

-- name: provider_key_replace
-- A write; as provider_key_set, $6 provider, $7 sealed, $8 last4, and $9 tags -> row,
-- tag; none: it is not there, or another by now
-- Never a new one: that has no tag yet, and the old may go while this begins.
WITH done AS (
	UPDATE provider_key
	SET sealed = $7::bytea, last4 = $8, updated_at = now()
	WHERE project_id = $1::uuid AND provider = $6
		AND @MATCHES($9, version, word)
	RETURNING @PROVIDER_KEY_ROW
), @AUDIT_KEY('provider-key.set', 'provider-key', provider)
@SELECT_TAGGED(done, @PROVIDER_KEY);

-- name: provider_key_tag
-- $1 project, $2 provider -> tag
SELECT @ETAG(version, word) FROM provider_key
WHERE project_id = $1::uuid AND provider = $2;

-- name: provider_key_remove
-- A write; $6 provider, $7 tags -> row
WITH done AS (
	DELETE FROM provider_key
	WHERE project_id = $1::uuid AND provider = $6
		AND @MATCHES($7, version, word)
	RETURNING provider
), @AUDIT_KEY('provider-key.remove', 'provider-key', provider)
@SELECT_JSON(done, t.provider, true AS removed);

-- name: op_provider_key_reveal
-- A write; $6 provider -> sealed
WITH done AS (
	SELECT provider, sealed FROM provider_key
	WHERE project_id = $1::uuid AND provider = $6
), @AUDIT_OP('provider-key.reveal', 'provider-key', provider)
SELECT sealed FROM done;
