-- How workers of version 1.1.0, to which a key is one that may do everything, ask
-- for one. They go on serving as long as no migration raises oldest-program to 2.
PREPARE guard_read AS SELECT coalesce((SELECT k.last_used_at IS NULL OR
	k.last_used_at < now() - interval '1 minute' FROM api_key k JOIN project
	t ON t.id = k.project_id WHERE k.id = $2::uuid AND k.project_id =
	$1::uuid AND k.digest = $3::bytea AND k.revoked_at IS NULL AND
	(k.expires_at IS NULL OR k.expires_at > now()) AND t.deleted_at IS
	NULL), refuse());
PREPARE guard_project AS SELECT g.stale, g.project FROM (SELECT) one LEFT JOIN
	LATERAL (SELECT k.last_used_at IS NULL OR k.last_used_at < now() -
	interval '1 minute' AS stale, row_to_json(o)::text AS project FROM
	api_key k JOIN project t ON t.id = k.project_id, LATERAL (SELECT t.id,
	t.id AS _id, t.name, t.slug, t.github_repo_url AS "githubRepoUrl",
	ms(t.created_at) AS "_creationTime", ms(t.updated_at) AS "updatedAt") o
	WHERE k.id = $2::uuid AND k.project_id = $1::uuid AND k.digest =
	$3::bytea AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR
	k.expires_at > now()) AND t.deleted_at IS NULL) g ON true WHERE g.stale
	IS NOT NULL OR refuse();
PREPARE guard_write AS SELECT coalesce((SELECT k.last_used_at IS NULL OR
	k.last_used_at < now() - interval '1 minute' FROM api_key k JOIN project
	t ON t.id = k.project_id WHERE k.id = $2::uuid AND k.project_id =
	$1::uuid AND k.digest = $3::bytea AND k.revoked_at IS NULL AND
	(k.expires_at IS NULL OR k.expires_at > now()) AND t.deleted_at IS NULL
	FOR KEY SHARE OF k, t), refuse());
PREPARE key_by_prefix AS SELECT id::text, project_id::text, hash, digest,
	check_value, live FROM key_by_prefix($1);
