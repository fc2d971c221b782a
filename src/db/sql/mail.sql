-- mail.sql: invitations on their way to the host's mailer (migration 0014).

-- name: mail_add
-- $1 project, $2 email, or NULL, $3 user id, $4 sealed token -> whether it is queued
-- Behind the write; none: it has met no row.
SELECT mail_add(project_id, id, $4::bytea) FROM member
WHERE project_id = $1::uuid
	AND (lower(email) = lower($2) OR user_id = $3::uuid);

-- name: op_mail_stale
-- -> ids of messages and projects
-- A sender that died in the middle. One lives no longer than that, mailer included.
UPDATE mail_queue
SET state = CASE WHEN sealed IS NULL THEN 'dropped' ELSE 'doubt' END
WHERE id IN (
	SELECT id FROM mail_queue
	WHERE state = 'sending' AND claimed_at < now() - interval '10 minutes'
	FOR UPDATE SKIP LOCKED)
RETURNING id::text, project_id::text;

-- name: op_mail_over
-- -> ids of messages and projects
-- Never handed over, and the token is no longer good.
UPDATE mail_queue q SET state = 'dropped', sealed = NULL
FROM member m
WHERE q.state IN ('queued', 'failed', 'doubt') AND m.id = q.member_id
	AND m.invitation_ends_at <= now()
RETURNING q.id::text, q.project_id::text;

-- name: op_mail_claim
-- $1 claim -> id, project, token sealed and hashed, email, role, project's name,
-- end in ms; none: there is nothing to do
-- Committed before it is handed over: whoever dies in the middle has claimed it,
-- and nobody sends it twice.
WITH next AS (
	SELECT q.id AS next_id FROM mail_queue q
		JOIN member m ON m.id = q.member_id
		JOIN project p ON p.id = q.project_id
	WHERE q.state = 'queued' AND q.next_at <= now()
		AND m.status = 'pending' AND m.invitation_ends_at > now()
		AND p.deleted_at IS NULL
	ORDER BY q.next_at, q.id LIMIT 1
	FOR UPDATE OF q SKIP LOCKED
), taken AS (
	UPDATE mail_queue SET state = 'sending', claim = $1::uuid,
		claimed_at = now(), tries = tries + 1
	FROM next WHERE id = next_id
	RETURNING id, project_id, member_id, sealed
)
SELECT t.id::text, t.project_id::text, t.sealed, m.token_hash, m.email, m.role,
	p.name, ms(m.invitation_ends_at)
FROM taken t JOIN member m ON m.id = t.member_id
	JOIN project p ON p.id = t.project_id;

-- name: op_mail_end
-- $1 id, $2 claim, $3 state, $4 the mailer's exit status -> whether it was noted
-- May run twice. 'queued': again after 1, 2, 4, … minutes, at most 4 hours.
UPDATE mail_queue SET
	state = CASE WHEN $3 <> 'sent' AND sealed IS NULL THEN 'dropped'
		ELSE $3 END,
	sealed = CASE WHEN $3 <> 'sent' THEN sealed END,
	status = $4::int,
	next_at = now() + interval '1 minute' * least(power(2, tries - 1), 240)
WHERE id = $1::uuid AND claim = $2::uuid
RETURNING true;

-- fragment: MAIL_ROW
id, project_id, address, state, tries, status, queued_at, next_at

-- fragment: MAIL
t.id, (SELECT slug FROM project p WHERE p.id = t.project_id) AS "projectSlug",
	t.address AS email, t.state, t.tries, t.status,
	ms(t.queued_at) AS "queuedAt",
	CASE WHEN t.state = 'queued' THEN ms(t.next_at) END AS "nextAt"

-- name: op_mail_list
-- $1 project, or NULL -> rows: what is neither sent nor dropped
WITH sorted AS (
	SELECT @MAIL_ROW, row_number() OVER (ORDER BY queued_at, id) AS n
	FROM mail_queue
	WHERE state NOT IN ('sent', 'dropped')
		AND ($1::uuid IS NULL OR project_id = $1::uuid)
) @SELECT_JSON(sorted, @MAIL)
ORDER BY t.n;

-- name: op_mail_retry
-- $1 id -> row
WITH done AS (
	UPDATE mail_queue SET state = 'queued', next_at = now(), tries = 0
	WHERE id = $1::uuid AND state IN ('queued', 'failed', 'doubt')
	RETURNING @MAIL_ROW
)
@SELECT_JSON(done, @MAIL);

-- name: op_mail_sweep
-- $1 rows at most -> whether that was all
-- What counts for the day's bound no longer, and is of no other use.
WITH gone AS (
	DELETE FROM mail_queue WHERE id IN (
		SELECT id FROM mail_queue q
		WHERE queued_at < now() - interval '1 day'
			AND (state IN ('sent', 'dropped') OR NOT EXISTS (
				SELECT FROM member m WHERE m.id = q.member_id
					AND m.status = 'pending'
					AND m.invitation_ends_at > now()))
		LIMIT $1::int FOR UPDATE SKIP LOCKED)
	RETURNING id
)
SELECT count(*) < $1::int FROM gone;
