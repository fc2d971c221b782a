-- oldest-program: 1
-- Invitations on their way: `codecourierctl mail send` hands them to the host's
-- mailer, so that no worker waits for it. A row outlives its token for a day, as it
-- counts that long.
SET LOCAL search_path = codecourier;

-- In the order of requests.
LOCK TABLE project, member IN SHARE ROW EXCLUSIVE MODE;

-- queued, sending: claimed by a sender; then sent, failed: refused for good, doubt:
-- nobody knows, or dropped: of no use any more. Nothing leads out of failed and
-- doubt but the operator, or that it is dropped.
CREATE TABLE mail_queue (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	project_id uuid NOT NULL REFERENCES project,
	member_id uuid NOT NULL, -- who may be gone
	address text NOT NULL -- in lower case: what is counted
		CONSTRAINT mail_queue_address_text CHECK (one_line(address)),
	sealed bytea, -- the token
	state text NOT NULL DEFAULT 'queued' CONSTRAINT mail_queue_state
		CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'doubt',
			'dropped')),
	queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	next_at timestamptz NOT NULL DEFAULT now(),
	tries integer NOT NULL DEFAULT 0,
	status integer, -- what the mailer has ended with
	claim uuid, -- of the run that has it, or had it last
	claimed_at timestamptz,
	CONSTRAINT mail_queue_sealed CHECK (sealed IS NOT NULL
		OR state IN ('sending', 'sent', 'dropped')),
	CONSTRAINT mail_queue_wiped CHECK (sealed IS NULL
		OR state NOT IN ('sent', 'dropped'))
);
CREATE INDEX mail_queue_next ON mail_queue (next_at) WHERE state = 'queued';
CREATE INDEX mail_queue_member ON mail_queue (member_id);
CREATE INDEX mail_queue_address ON mail_queue (address, queued_at);
CREATE INDEX mail_queue_project ON mail_queue (project_id, queued_at);

-- Queues a token for a member who is invited, unless there has been too much mail:
-- 5 messages an address and day, whatever the project, 50 a project and hour.
-- Whether it did. The locks are held to the end, so that who comes next counts
-- this one. What is kept for a retry alone comes behind it in a transaction, so
-- whoever has them waits for nobody who wants them.
CREATE FUNCTION mail_add(p uuid, m uuid, token bytea) RETURNS boolean
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
DECLARE
	lock CONSTANT integer := 'mail_queue'::regclass::integer;
	whose text;
BEGIN
	SELECT lower(email) INTO whose FROM member
	WHERE project_id = p AND id = m AND status = 'pending';
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM pg_advisory_xact_lock(lock, hashtext(p::text));
	PERFORM pg_advisory_xact_lock(lock, hashtext(whose));
	INSERT INTO mail_queue (project_id, member_id, address, sealed)
	SELECT p, m, whose, token
	WHERE (SELECT count(*) FROM mail_queue WHERE address = whose
			AND queued_at > clock_timestamp() - interval '1 day') < 5
		AND (SELECT count(*) FROM mail_queue WHERE project_id = p
			AND queued_at > clock_timestamp() - interval '1 hour')
			< 50;
	RETURN FOUND;
END
$$;

-- A token that nobody can accept any more goes to nobody, whoever ended it. The one
-- that a sender has right now is wiped; what becomes of it the sender will say.
CREATE FUNCTION mail_drop() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
BEGIN
	UPDATE mail_queue SET sealed = NULL,
		state = CASE state WHEN 'sending' THEN state ELSE 'dropped' END
	WHERE member_id = OLD.id AND sealed IS NOT NULL;
	RETURN NULL;
END
$$;
CREATE TRIGGER member_mail_gone AFTER DELETE ON member
	FOR EACH ROW WHEN (OLD.status = 'pending')
	EXECUTE FUNCTION mail_drop();
CREATE TRIGGER member_mail_drop AFTER UPDATE ON member
	FOR EACH ROW WHEN (OLD.status = 'pending' AND (NEW.status <> 'pending'
		OR OLD.token_hash IS DISTINCT FROM NEW.token_hash))
	EXECUTE FUNCTION mail_drop();

REVOKE ALL ON FUNCTION mail_add(uuid, uuid, bytea), mail_drop() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mail_add(uuid, uuid, bytea) TO codecourier;
