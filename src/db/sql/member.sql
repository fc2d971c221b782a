-- member.sql: who belongs to a project, and who has been invited.

-- fragment: MEMBER
t.id, t.id AS _id, t.user_id AS "userId", t.email, t.name,
	t.role, t.status, ms(t.invited_at) AS "invitedAt",
	ms(t.joined_at) AS "joinedAt",
	ms(t.created_at) AS "_creationTime",
	ms(t.invitation_ends_at) AS "invitationExpiresAt",
	@ETAG(t.version, t.word)

-- fragment: MEMBER_ROW
id, user_id, email, name, role, status, invited_at, joined_at, created_at,
	invitation_ends_at, version, word

-- fragment: MEMBER_STATUS
(status = 'pending')::int

-- fragment: MEMBER_RANK
CASE role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END

-- fragment: MEMBER_SORT
@MEMBER_STATUS, @MEMBER_RANK, created_at, id

-- name: member_list
-- $1 project, $2 limit, cursor: $3 status, $4 role, $5 µs, $6 id -> a page
WITH page AS (
	SELECT @MEMBER_ROW,
		concat_ws(':', @MEMBER_STATUS, @MEMBER_RANK,
			@MICROS(created_at), id) AS sort,
		row_number() OVER (ORDER BY @MEMBER_SORT) AS n
	FROM member
	WHERE project_id = $1::uuid
		AND ($3::bigint IS NULL OR (@MEMBER_SORT)
			> ($3::bigint, $4::bigint, @FROM_MICROS($5), $6::uuid))
	ORDER BY @MEMBER_SORT
	LIMIT $2::int + 1
) @PAGE(@MEMBER);

-- name: member_lock
-- $1 project, $2 email
-- Object row before project row, as everywhere: the insert below waits for who
-- is removing this very member.
SELECT true FROM member
WHERE project_id = $1::uuid AND lower(email) = lower($2)
FOR NO KEY UPDATE;

-- name: member_invite
-- A write; $6 email, $7 role, $8 most members, $9 token's hash -> row, tag; none:
-- full. member_lock, project_lock precede.
WITH done AS (
	INSERT INTO member (project_id, email, role, token_hash)
	SELECT $1::uuid, $6, $7, $9::bytea
	WHERE (SELECT count(*) FROM member WHERE project_id = $1::uuid)
		< $8::int
	RETURNING @MEMBER_ROW
), @AUDIT_KEY('member.invite', 'member', id)
@SELECT_TAGGED(done, @MEMBER);

-- name: member_resend
-- A write; $6 user id, $7 new token's hash -> row, tag; none: no such member, or it
-- is active
WITH done AS (
	UPDATE member SET token_hash = $7::bytea
	WHERE project_id = $1::uuid AND user_id = $6::uuid
		AND status = 'pending'
	RETURNING @MEMBER_ROW
), @AUDIT_KEY('member.resend', 'member', id)
@SELECT_TAGGED(done, @MEMBER);

-- name: invitation_find
-- $1 token's hash -> project, member, whatever has become of the invitation
SELECT project_id::text, member_id::text FROM invitation_find($1::bytea);

-- Whom it obeys: who has shown the token that belongs to this hash.
-- name: invitation_accept
-- A write, $2 is the member that accepts; $6 token's hash, $7 name -> row; none:
-- used, withdrawn or expired by now, or its project is deleted
WITH done AS (
	SELECT project_name, user_id, email, role, status
	FROM invitation_accept($1::uuid, $2::uuid, $6::bytea, $7)
), @AUDIT('holder', actor_key, $2::uuid, 'member.accept', 'member', $2)
@SELECT_JSON(done, $1::uuid AS "projectId", t.project_name AS "projectName",
	t.user_id AS "userId", t.email, t.role, t.status);

-- fragment: MEMBER_REMOVE(matches, audit)
WITH done AS (
	DELETE FROM member
	WHERE project_id = $1::uuid AND user_id = $6::uuid AND @matches
	RETURNING id, user_id
), @audit
@SELECT_JSON(done, t.id, t.id AS _id, t.user_id AS "userId", true AS removed)

-- name: member_remove
-- A write; $6 user id, $7 tags -> row
@MEMBER_REMOVE(@MATCHES($7, version, word),
	@AUDIT_KEY('member.remove', 'member', id));

-- fragment: MEMBER_UPDATE_ROLE(matches, audit)
WITH done AS (
	UPDATE member SET role = $7
	WHERE project_id = $1::uuid AND user_id = $6::uuid AND @matches
	RETURNING @MEMBER_ROW
), @audit
@SELECT_TAGGED(done, @MEMBER)

-- name: member_update_role
-- A write; $6 user id, $7 role, $8 tags -> row, tag
@MEMBER_UPDATE_ROLE(@MATCHES($8, version, word),
	@AUDIT_KEY('member.update-role', 'member', id));

-- name: member_tag
-- $1 project, $2 user id -> tag
SELECT @ETAG(version, word) FROM member
WHERE project_id = $1::uuid AND user_id = $2::uuid;

-- name: op_member_list
-- $1 project -> rows, in the order of member_list
WITH sorted AS (
	SELECT @MEMBER_ROW, row_number() OVER (ORDER BY @MEMBER_SORT) AS n
	FROM member WHERE project_id = $1::uuid
) @SELECT_JSON(sorted, @MEMBER)
ORDER BY t.n;

-- name: op_member_find
-- $1 project, $2 user id, or $3 email -> user id
SELECT user_id::text FROM member
WHERE project_id = $1::uuid
	AND (user_id = $2::uuid OR lower(email) = lower($3));

-- name: op_member_remove
-- A write; $6 user id -> row
@MEMBER_REMOVE(true, @AUDIT_OP('member.remove', 'member', id));

-- name: op_member_role
-- A write; $6 user id, $7 role -> row
@MEMBER_UPDATE_ROLE(true, @AUDIT_OP('member.update-role', 'member', id));

-- name: op_member_accept
-- A write; $6 email, $7 name -> row, changed or not. project_lock precedes.
WITH done AS (
	UPDATE member SET status = 'active',
		joined_at = coalesce(joined_at, now()),
		name = coalesce($7, name)
	WHERE project_id = $1::uuid AND lower(email) = lower($6)
		AND (status <> 'active'
			OR name IS DISTINCT FROM coalesce($7, name))
	RETURNING @MEMBER_ROW
), @AUDIT_OP('member.accept', 'member', id),
found AS (
	SELECT @MEMBER_ROW FROM done
	UNION ALL
	SELECT @MEMBER_ROW FROM member
	WHERE project_id = $1::uuid AND lower(email) = lower($6)
		AND NOT EXISTS (SELECT FROM done)
)
@SELECT_JSON(found, @MEMBER);
