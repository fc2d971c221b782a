-- oldest-program: 1
-- The same lookup in PL/pgSQL, which keeps its plan for the session: PostgreSQL
-- plans the body of an SQL function anew with each call, and that was more than
-- half of what a bad key cost.
SET LOCAL search_path = codecourier;

CREATE OR REPLACE FUNCTION key_by_prefix(p text)
	RETURNS TABLE (id uuid, project_id uuid, hash bytea, digest bytea,
		check_value bytea, live boolean)
	LANGUAGE plpgsql STABLE SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
BEGIN
	RETURN QUERY
	SELECT k.id, k.project_id, k.hash, k.digest, k.check_value,
		k.revoked_at IS NULL AND o.deleted_at IS NULL
		AND (k.expires_at IS NULL OR k.expires_at > now())
	FROM api_key k JOIN project o ON o.id = k.project_id
	WHERE k.prefix = key_by_prefix.p;
END
$$;
