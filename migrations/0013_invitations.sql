-- oldest-program: 1
-- Invitations: who has been invited becomes a member by a token, without the
-- operator. It is in nobody's hands here: a member has its hash.
SET LOCAL search_path = codecourier;

-- In the order of requests.
LOCK TABLE member, audit IN ACCESS EXCLUSIVE MODE;

-- The hash of the last token of a member; it stays when it is used, so that a
-- retry of that finds its answer (replay). While it can be used `invitation_ends_at`
-- is set, and by the trigger below only.
ALTER TABLE member
	ADD COLUMN token_hash bytea
		CONSTRAINT member_token_hash CHECK (length(token_hash) = 32),
	ADD COLUMN invitation_ends_at timestamptz,
	ADD CONSTRAINT member_invitation CHECK (invitation_ends_at IS NULL
		OR (status = 'pending' AND token_hash IS NOT NULL));
CREATE UNIQUE INDEX member_token_once ON member (token_hash)
	WHERE token_hash IS NOT NULL;

-- A trigger, so that who becomes a member by an older program, or by the
-- operator's, needs no invitation any more; and so that nobody gives a token more
-- time than this. It sorts before member_version: the end is part of the row.
CREATE FUNCTION member_invited() RETURNS trigger
	LANGUAGE plpgsql AS $$
BEGIN
	-- of an INSERT there is no OLD: NULL
	NEW.invitation_ends_at := CASE WHEN NEW.status = 'pending'
		AND NEW.token_hash IS DISTINCT FROM OLD.token_hash
		AND NEW.token_hash IS NOT NULL THEN now() + interval '7 days' END;
	RETURN NEW;
END
$$;
CREATE TRIGGER member_invited BEFORE INSERT ON member
	FOR EACH ROW WHEN (NEW.token_hash IS NOT NULL)
	EXECUTE FUNCTION member_invited();
CREATE TRIGGER member_invited_again BEFORE UPDATE ON member
	FOR EACH ROW WHEN (NEW.token_hash IS DISTINCT FROM OLD.token_hash
		OR NEW.status <> OLD.status)
	EXECUTE FUNCTION member_invited();

-- Whose a token is, or was before it was used. No program of the API reads a
-- hash: it has to know the token's.
CREATE FUNCTION invitation_find(hash bytea)
	RETURNS TABLE (project_id uuid, member_id uuid)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
	SELECT m.project_id, m.id FROM member m
	WHERE m.token_hash = invitation_find.hash;
$$;

-- Of many at once the first one's UPDATE is seen by the others, who waited for
-- it. The project is looked at when its row is held, by a later snapshot: whoever
-- deletes it from then on waits for us (guard_write).
CREATE FUNCTION invitation_accept(p uuid, m uuid, hash bytea, called text)
	RETURNS TABLE (project_name text, user_id uuid, email text, role text,
		status text)
	LANGUAGE sql VOLATILE SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
	SELECT FROM project WHERE id = p FOR KEY SHARE;
	UPDATE member t SET status = 'active', joined_at = now(), name = called
	FROM project o
	WHERE t.project_id = p AND t.id = m
		AND t.token_hash = invitation_accept.hash
		AND t.invitation_ends_at > now()
		AND o.id = p AND o.deleted_at IS NULL
	RETURNING o.name, t.user_id, t.email, t.role, t.status;
$$;

-- Who accepts is known by the member that he becomes.
ALTER TABLE audit DROP CONSTRAINT audit_who, ADD CONSTRAINT audit_who CHECK (
	CASE actor WHEN 'key' THEN actor_key IS NOT NULL AND operator IS NULL
		WHEN 'operator' THEN actor_key IS NULL AND operator IS NOT NULL
		ELSE operator IS NULL END) NOT VALID;

REVOKE ALL ON FUNCTION member_invited(), invitation_find(bytea),
	invitation_accept(uuid, uuid, bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invitation_find(bytea),
	invitation_accept(uuid, uuid, bytea, text) TO codecourier;
REVOKE SELECT ON member FROM codecourier;
GRANT SELECT (id, project_id, user_id, email, name, role, status, created_at,
	invited_at, joined_at, version, word, invitation_ends_at),
	INSERT (token_hash), UPDATE (token_hash)
	ON member TO codecourier;
