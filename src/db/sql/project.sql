-- project.sql: the project's own row.

-- fragment: PROJECT
t.id, t.id AS _id, t.name, t.slug,
	t.github_repo_url AS "githubRepoUrl",
	ms(t.created_at) AS "_creationTime",
	ms(t.updated_at) AS "updatedAt",
	@ETAG(t.version, t.word)

-- fragment: DELETED
ms(t.deleted_at) AS "deletedAt", ms(t.purge_at) AS "purgeAt"

-- fragment: PROJECT_ROW
id, name, slug, github_repo_url, created_at, updated_at, version, word

-- text_is_repo_url takes the scheme in any case.
-- fragment: PROJECT_UPDATE(matches, audit)
WITH done AS (
	UPDATE project SET
		@GIVEN('name', name, $6),
		@GIVEN('slug', slug, $7),
		@GIVEN('githubRepoUrl', github_repo_url,
			'https' || substr($8::text, 6)),
		updated_at = now()
	WHERE id = $1::uuid AND deleted_at IS NULL AND @matches
	RETURNING @PROJECT_ROW
), @audit
@SELECT_TAGGED(done, @PROJECT)

-- name: project_update
-- A write; $6 name, $7 slug, $8 URL, $9 tags -> row, tag
@PROJECT_UPDATE(@MATCHES($9, version, word),
	@AUDIT_KEY('project.update', 'project', id));

-- fragment: PROJECT_DELETE(matches, audit)
WITH done AS (
	UPDATE project SET deleted_at = now(),
		purge_at = now() + make_interval(days => $6::int)
	WHERE id = $1::uuid AND deleted_at IS NULL AND @matches
	RETURNING id, deleted_at, purge_at
), @audit
@SELECT_JSON(done, t.id, t.id AS _id, true AS deleted, @DELETED)

-- name: project_delete
-- A write; $6 days until the purge, $7 tags -> row
@PROJECT_DELETE(@MATCHES($7, version, word),
	@AUDIT_KEY('project.delete', 'project', id));

-- name: project_tag
-- $1 project -> tag
SELECT @ETAG(version, word) FROM project
WHERE id = $1::uuid AND deleted_at IS NULL;

-- name: project_drain
-- $1 project
SELECT true FROM project WHERE id = $1::uuid FOR UPDATE;

-- name: project_lock
-- $1 project; before a count that a write depends on
-- Held to the end of the transaction, so that changes of this kind go one after
-- the other; the next statement's snapshot is taken after the wait.
SELECT true FROM project WHERE id = $1::uuid FOR NO KEY UPDATE;

-- name: op_project_find
-- $1 id, or $2 slug -> id
SELECT id::text FROM project
WHERE (id = $1::uuid OR slug = $2) AND deleted_at IS NULL;

-- name: op_project_get
-- $1 project -> row
@SELECT_JSON(project, @PROJECT)
WHERE t.id = $1::uuid;

-- name: op_project_list
-- -> rows
@SELECT_JSON(project, @PROJECT)
WHERE t.deleted_at IS NULL ORDER BY t.slug;

-- name: op_project_deleted
-- -> those that are, last deleted first
@SELECT_JSON(project, @PROJECT, @DELETED)
WHERE t.deleted_at IS NOT NULL ORDER BY t.deleted_at DESC, t.id;

-- name: op_project_which
-- $1 id, or $2 slug -> id, is deleted: of all
SELECT id::text, deleted_at IS NOT NULL FROM project
WHERE id = $1::uuid OR slug = $2;

-- name: op_project_create
-- A write; $6 name, $7 slug, $8 email, $9 data key id, $10 master key id,
-- $11 wrapped -> row
-- Foreign keys are checked at the end of the statement.
WITH made AS (
	INSERT INTO project (id, name, slug)
	VALUES ($1::uuid, $6, $7)
	RETURNING @PROJECT_ROW
), keyed AS (
	INSERT INTO data_key (id, project_id, master_key, wrapped)
	VALUES ($9::uuid, $1::uuid, $10, $11::bytea)
), settled AS (
	INSERT INTO settings (project_id) VALUES ($1::uuid)
), done AS (
	INSERT INTO member (project_id, email, role, status, joined_at)
	VALUES ($1::uuid, $8, 'owner', 'active', now())
	RETURNING project_id
), @AUDIT_OP('project.create', 'project', project_id)
@SELECT_JSON(made, @PROJECT);

-- name: op_project_update
-- A write; $6 name, $7 slug, $8 URL -> row
@PROJECT_UPDATE(true, @AUDIT_OP('project.update', 'project', id));

-- name: op_project_delete
-- A write; $6 days until the purge -> row
@PROJECT_DELETE(true, @AUDIT_OP('project.delete', 'project', id));

-- name: op_project_restore
-- A write; $6 slug -> row, with the keys that live; or no row: its purge has
-- begun. project_lock precedes.
WITH done AS (
	UPDATE project SET deleted_at = NULL, purge_at = NULL,
		slug = coalesce($6, slug),
		updated_at = CASE WHEN $6 IS NULL THEN updated_at ELSE now() END
	WHERE id = $1::uuid AND deleted_at IS NOT NULL
		AND NOT EXISTS (SELECT FROM purge WHERE project_id = $1::uuid)
	RETURNING @PROJECT_ROW
), @AUDIT_OP('project.restore', 'project', id)
@SELECT_JSON(done, @PROJECT, (
	SELECT coalesce(json_agg(k), '[]') FROM (
		SELECT @OP_KEY FROM api_key t
		WHERE t.project_id = $1::uuid AND t.revoked_at IS NULL
			AND (t.ends_at IS NULL OR t.ends_at > now())
		ORDER BY t.created_at DESC, t.id
	) k
) AS keys);
