-- purge.sql: removing deleted projects for good; migrations/0007_purge.sql.

-- name: op_purge_due
-- -> ids
-- Those that were begun go on, whatever their time is.
SELECT id::text FROM project
WHERE purge_at <= now()
	OR id IN (SELECT project_id FROM purge WHERE finished_at IS NULL)
ORDER BY purge_at, id;

-- name: op_purge_begin
-- $1 project, $2 operator, $3 request id, $4 only if due -> whether it has begun
SELECT purge_begin($1::uuid, $2, $3::uuid, $4::boolean);

-- name: op_purge_some
-- $1 project, $2 rows at most -> whether all are gone
SELECT purge_some($1::uuid, $2::int);

-- name: op_purge_get
-- $1 project -> row
@SELECT_JSON(purge, t.project_id AS "projectId", t.operator,
	t.removed AS rows, @DELETED,
	ms(t.started_at) AS "startedAt", ms(t.finished_at) AS "finishedAt")
WHERE t.project_id = $1::uuid;
