-- provider_key.sql: keys of other services, sealed.

-- fragment: PROVIDER_KEY
t.provider, t.last4, ms(t.created_at) AS "_creationTime",
	ms(t.updated_at) AS "updatedAt"

-- fragment: PROVIDER_KEY_ROW
provider, last4, created_at, updated_at

-- name: provider_key_list
-- $1 project -> a list
SELECT '[' || coalesce(string_agg(row_to_json(o)::text, ','
	ORDER BY t.provider), '') || ']'
FROM @OBJECTS(provider_key, @PROVIDER_KEY)
WHERE t.project_id = $1::uuid;

-- name: provider_key_set
-- A write; $6 provider, $7 sealed, $8 last4 -> row
-- The parameters are repeated because `excluded.` reads the column, and this
-- role may not read a sealed key.
WITH done AS (
	INSERT INTO provider_key (project_id, provider, sealed, last4)
	VALUES ($1::uuid, $6, $7::bytea, $8)
	ON CONFLICT (project_id, provider) DO UPDATE
	SET sealed = $7::bytea, last4 = $8, updated_at = now()
	RETURNING @PROVIDER_KEY_ROW
), @AUDIT_KEY('provider-key.set', 'provider-key', provider)
@SELECT_JSON(done, @PROVIDER_KEY);

-- name: provider_key_remove
-- A write; $6 provider -> row
WITH done AS (
	DELETE FROM provider_key
	WHERE project_id = $1::uuid AND provider = $6
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
