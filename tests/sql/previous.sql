-- The statements that workers of version 1.2.0 prepare. They are served by this
-- schema, beside those of this version.
PREPARE api_key_list AS WITH page AS (SELECT id, project_id, name,
	prefix, environment, scopes, disabled, allowed_ips, rate_limit,
	rate_window, created_at, updated_at, last_used_at, ends_at, revoked_at,
	rotated_from, rotated_to, digest, stamp, concat_ws(':', (extract(epoch
	FROM created_at) * 1000000)::bigint, id) AS sort, row_number() OVER
	(ORDER BY created_at DESC, id) AS n FROM api_key WHERE project_id =
	$1::uuid AND ($3::bigint IS NULL OR created_at < (timestamptz 'epoch' +
	$3::bigint * interval '1 microsecond') OR (created_at = (timestamptz
	'epoch' + $3::bigint * interval '1 microsecond') AND id > $4::uuid))
	ORDER BY created_at DESC, id LIMIT $2::int + 1) SELECT '[' ||
	coalesce(string_agg(row_to_json(o)::text, ',' ORDER BY t.n) FILTER
	(WHERE t.n <= $2::int), '') || ']', count(*) > $2::int, max(t.sort)
	FILTER (WHERE t.n = $2::int) FROM page t, LATERAL (SELECT t.id, t.id AS
	_id, t.name, t.prefix, t.environment, t.scopes, t.disabled, ARRAY(SELECT
	CASE WHEN masklen(a) = CASE family(a) WHEN 4 THEN 32 ELSE 128 END THEN
	host(a) ELSE a::text END FROM unnest(t.allowed_ips) WITH ORDINALITY u
	(a, n) ORDER BY n) AS "allowedIps", t.rate_limit AS "rateLimit",
	ms(t.created_at) AS "_creationTime", ms(coalesce(t.updated_at,
	t.created_at)) AS "updatedAt", ms(t.last_used_at) AS "lastUsedAt",
	ms(t.ends_at) AS "expiresAt", t.revoked_at IS NOT NULL AS revoked,
	ms(t.revoked_at) AS "revokedAt", t.rotated_from AS "rotatedFrom",
	t.rotated_to AS "rotatedTo") o;
PREPARE api_key_generate AS WITH done AS (INSERT INTO api_key
	(project_id, name, prefix, environment, hash, check_value, scopes,
	ends_at, allowed_ips, rate_limit, disabled) SELECT $1::uuid, $6, $7, $8,
	$9::bytea, $10::bytea, $12::text[], (timestamptz 'epoch' + $13::bigint *
	interval '1 millisecond'), $14::cidr[], $15::int, $16::boolean WHERE
	(SELECT count(*) FROM api_key WHERE project_id = $1::uuid AND revoked_at
	IS NULL AND (ends_at IS NULL OR ends_at > now())) < $11::int RETURNING
	id, project_id, name, prefix, environment, scopes, disabled,
	allowed_ips, rate_limit, rate_window, created_at, updated_at,
	last_used_at, ends_at, revoked_at, rotated_from, rotated_to, digest,
	stamp), logged AS (INSERT INTO audit (project_id, actor, actor_key,
	action, object, object_id, fields, request_id, address) SELECT $1::uuid,
	'key', $2::uuid, 'api-key.generate', 'api-key', id::text, $5::text[],
	$3::uuid, $4::inet FROM done) SELECT t.id::text, t.project_id::text,
	t.digest, t.stamp, t.scopes::text, coalesce(t.rate_limit, 0)::bigint,
	coalesce(t.rate_window, t.id), coalesce(ms(t.ends_at), 0), p.key_room,
	t.allowed_ips::text, row_to_json(o)::text FROM done t, LATERAL (SELECT
	t.id, t.id AS _id, t.name, t.prefix, t.environment, t.scopes,
	t.disabled, ARRAY(SELECT CASE WHEN masklen(a) = CASE family(a) WHEN 4
	THEN 32 ELSE 128 END THEN host(a) ELSE a::text END FROM
	unnest(t.allowed_ips) WITH ORDINALITY u (a, n) ORDER BY n) AS
	"allowedIps", t.rate_limit AS "rateLimit", ms(t.created_at) AS
	"_creationTime", ms(coalesce(t.updated_at, t.created_at)) AS
	"updatedAt", ms(t.last_used_at) AS "lastUsedAt", ms(t.ends_at) AS
	"expiresAt", t.revoked_at IS NOT NULL AS revoked, ms(t.revoked_at) AS
	"revokedAt", t.rotated_from AS "rotatedFrom", t.rotated_to AS
	"rotatedTo") o, project p WHERE p.id = t.project_id;
PREPARE api_key_look AS SELECT t.id::text, t.project_id::text, t.digest,
	t.stamp, t.scopes::text, coalesce(t.rate_limit, 0)::bigint,
	coalesce(t.rate_window, t.id), coalesce(ms(t.ends_at), 0), p.key_room,
	t.allowed_ips::text, row_to_json(o)::text, t.environment, CASE WHEN
	t.revoked_at IS NOT NULL THEN 'revoked' WHEN t.ends_at <= now() THEN
	'expired' WHEN t.disabled THEN 'disabled' ELSE 'live' END, t.rotated_to
	IS NOT NULL, ms(now()) FROM api_key t, LATERAL (SELECT t.id, t.id AS
	_id, t.name, t.prefix, t.environment, t.scopes, t.disabled, ARRAY(SELECT
	CASE WHEN masklen(a) = CASE family(a) WHEN 4 THEN 32 ELSE 128 END THEN
	host(a) ELSE a::text END FROM unnest(t.allowed_ips) WITH ORDINALITY u
	(a, n) ORDER BY n) AS "allowedIps", t.rate_limit AS "rateLimit",
	ms(t.created_at) AS "_creationTime", ms(coalesce(t.updated_at,
	t.created_at)) AS "updatedAt", ms(t.last_used_at) AS "lastUsedAt",
	ms(t.ends_at) AS "expiresAt", t.revoked_at IS NOT NULL AS revoked,
	ms(t.revoked_at) AS "revokedAt", t.rotated_from AS "rotatedFrom",
	t.rotated_to AS "rotatedTo") o, project p WHERE t.project_id = $1::uuid
	AND t.id = $2::uuid AND p.id = t.project_id;
PREPARE api_key_lock AS SELECT true FROM api_key WHERE project_id =
	$1::uuid AND id = $2::uuid FOR NO KEY UPDATE;
PREPARE api_key_whoami AS SELECT row_to_json(o)::text FROM api_key t,
	LATERAL (SELECT t.id AS "keyId", t.project_id AS "projectId", t.name,
	t.prefix, t.environment, t.scopes, to_char(t.created_at AT TIME ZONE
	'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "createdAt",
	to_char(t.last_used_at AT TIME ZONE 'UTC',
	'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "lastUsedAt", to_char(t.ends_at AT
	TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "expiresAt",
	t.rate_limit AS "rateLimit", ARRAY(SELECT CASE WHEN masklen(a) = CASE
	family(a) WHEN 4 THEN 32 ELSE 128 END THEN host(a) ELSE a::text END FROM
	unnest(t.allowed_ips) WITH ORDINALITY u (a, n) ORDER BY n) AS
	"allowedIps") o WHERE t.project_id = $1::uuid AND t.id = $2::uuid;
PREPARE api_key_update AS WITH done AS (UPDATE api_key SET name = CASE
	WHEN 'name' = ANY ($5::text[]) THEN $8 ELSE name END, scopes = CASE WHEN
	'scopes' = ANY ($5::text[]) THEN $9::text[] ELSE scopes END, ends_at =
	CASE WHEN 'expiresAt' = ANY ($5::text[]) THEN (timestamptz 'epoch' +
	$10::bigint * interval '1 millisecond') ELSE ends_at END, allowed_ips =
	CASE WHEN 'allowedIps' = ANY ($5::text[]) THEN $11::cidr[] ELSE
	allowed_ips END, rate_limit = CASE WHEN 'rateLimit' = ANY ($5::text[])
	THEN $12::int ELSE rate_limit END, disabled = CASE WHEN 'disabled' = ANY
	($5::text[]) THEN $13::boolean ELSE disabled END WHERE project_id =
	$1::uuid AND id = $6::uuid AND stamp = $7::bigint AND revoked_at IS NULL
	AND (ends_at IS NULL OR ends_at > now()) RETURNING id, project_id, name,
	prefix, environment, scopes, disabled, allowed_ips, rate_limit,
	rate_window, created_at, updated_at, last_used_at, ends_at, revoked_at,
	rotated_from, rotated_to, digest, stamp), logged AS (INSERT INTO audit
	(project_id, actor, actor_key, action, object, object_id, fields,
	request_id, address) SELECT $1::uuid, 'key', $2::uuid, 'api-key.update',
	'api-key', id::text, $5::text[], $3::uuid, $4::inet FROM done) SELECT
	row_to_json(o)::text FROM done t, LATERAL (SELECT t.id, t.id AS _id,
	t.name, t.prefix, t.environment, t.scopes, t.disabled, ARRAY(SELECT CASE
	WHEN masklen(a) = CASE family(a) WHEN 4 THEN 32 ELSE 128 END THEN
	host(a) ELSE a::text END FROM unnest(t.allowed_ips) WITH ORDINALITY u
	(a, n) ORDER BY n) AS "allowedIps", t.rate_limit AS "rateLimit",
	ms(t.created_at) AS "_creationTime", ms(coalesce(t.updated_at,
	t.created_at)) AS "updatedAt", ms(t.last_used_at) AS "lastUsedAt",
	ms(t.ends_at) AS "expiresAt", t.revoked_at IS NOT NULL AS revoked,
	ms(t.revoked_at) AS "revokedAt", t.rotated_from AS "rotatedFrom",
	t.rotated_to AS "rotatedTo") o;
PREPARE api_key_rotate AS WITH made AS (INSERT INTO api_key (project_id,
	name, prefix, environment, hash, check_value, scopes, ends_at,
	allowed_ips, rate_limit, rate_window, rotated_from) SELECT project_id,
	name, $8, environment, $9::bytea, $10::bytea, scopes, ends_at,
	allowed_ips, rate_limit, coalesce(rate_window, id), id FROM api_key
	WHERE project_id = $1::uuid AND id = $6::uuid AND stamp = $7::bigint AND
	revoked_at IS NULL AND NOT disabled AND rotated_to IS NULL AND (ends_at
	IS NULL OR ends_at > now()) AND ($12::int = 0 OR (SELECT count(*) FROM
	api_key WHERE project_id = $1::uuid AND revoked_at IS NULL AND (ends_at
	IS NULL OR ends_at > now())) < $11::int) RETURNING id, project_id, name,
	prefix, environment, scopes, disabled, allowed_ips, rate_limit,
	rate_window, created_at, updated_at, last_used_at, ends_at, revoked_at,
	rotated_from, rotated_to, digest, stamp), done AS (UPDATE api_key k SET
	rotated_to = made.id, ends_at = least(k.ends_at, now() +
	make_interval(secs => $12::int)), revoked_at = CASE WHEN $12::int = 0
	THEN now() END FROM made WHERE k.project_id = $1::uuid AND k.id =
	made.rotated_from RETURNING k.id), logged AS (INSERT INTO audit
	(project_id, actor, actor_key, action, object, object_id, fields,
	request_id, address) SELECT $1::uuid, 'key', $2::uuid, 'api-key.rotate',
	'api-key', id::text, $5::text[], $3::uuid, $4::inet FROM done) SELECT
	t.id::text, t.project_id::text, t.digest, t.stamp, t.scopes::text,
	coalesce(t.rate_limit, 0)::bigint, coalesce(t.rate_window, t.id),
	coalesce(ms(t.ends_at), 0), p.key_room, t.allowed_ips::text,
	row_to_json(o)::text FROM made t, LATERAL (SELECT t.id, t.id AS _id,
	t.name, t.prefix, t.environment, t.scopes, t.disabled, ARRAY(SELECT CASE
	WHEN masklen(a) = CASE family(a) WHEN 4 THEN 32 ELSE 128 END THEN
	host(a) ELSE a::text END FROM unnest(t.allowed_ips) WITH ORDINALITY u
	(a, n) ORDER BY n) AS "allowedIps", t.rate_limit AS "rateLimit",
	ms(t.created_at) AS "_creationTime", ms(coalesce(t.updated_at,
	t.created_at)) AS "updatedAt", ms(t.last_used_at) AS "lastUsedAt",
	ms(t.ends_at) AS "expiresAt", t.revoked_at IS NOT NULL AS revoked,
	ms(t.revoked_at) AS "revokedAt", t.rotated_from AS "rotatedFrom",
	t.rotated_to AS "rotatedTo") o, project p WHERE p.id = t.project_id;
PREPARE api_key_revoke AS WITH changed AS (UPDATE api_key SET revoked_at
	= coalesce(revoked_at, now()) WHERE project_id = $1::uuid AND id =
	$6::uuid RETURNING id, project_id, name, prefix, environment, scopes,
	disabled, allowed_ips, rate_limit, rate_window, created_at, updated_at,
	last_used_at, ends_at, revoked_at, rotated_from, rotated_to, digest,
	stamp), done AS (SELECT id FROM changed WHERE revoked_at = now()),
	logged AS (INSERT INTO audit (project_id, actor, actor_key, action,
	object, object_id, fields, request_id, address) SELECT $1::uuid, 'key',
	$2::uuid, 'api-key.revoke', 'api-key', id::text, $5::text[], $3::uuid,
	$4::inet FROM done) SELECT row_to_json(o)::text FROM changed t, LATERAL
	(SELECT t.id, t.id AS _id, t.name, t.prefix, t.environment, t.scopes,
	t.disabled, ARRAY(SELECT CASE WHEN masklen(a) = CASE family(a) WHEN 4
	THEN 32 ELSE 128 END THEN host(a) ELSE a::text END FROM
	unnest(t.allowed_ips) WITH ORDINALITY u (a, n) ORDER BY n) AS
	"allowedIps", t.rate_limit AS "rateLimit", ms(t.created_at) AS
	"_creationTime", ms(coalesce(t.updated_at, t.created_at)) AS
	"updatedAt", ms(t.last_used_at) AS "lastUsedAt", ms(t.ends_at) AS
	"expiresAt", t.revoked_at IS NOT NULL AS revoked, ms(t.revoked_at) AS
	"revokedAt", t.rotated_from AS "rotatedFrom", t.rotated_to AS
	"rotatedTo") o;
PREPARE api_key_revoke_held AS WITH done AS (UPDATE api_key SET
	revoked_at = now() WHERE project_id = $1::uuid AND id = $2::uuid AND
	digest = $6::bytea AND revoked_at IS NULL RETURNING id), logged AS
	(INSERT INTO audit (project_id, actor, actor_key, action, object,
	object_id, fields, request_id, address) SELECT $1::uuid, 'holder',
	NULL::uuid, 'api-key.revoke', 'api-key', id::text, $5::text[], $3::uuid,
	$4::inet FROM done) SELECT FROM done;
PREPARE api_key_drain AS SELECT true FROM api_key WHERE project_id =
	$1::uuid AND id = $2::uuid FOR UPDATE;
PREPARE counters_get AS SELECT row_to_json(o)::text FROM (SELECT
	coalesce(sum(value) FILTER (WHERE counter = 'runs'), 0)::bigint AS
	"runs", coalesce(sum(value) FILTER (WHERE counter = 'sandboxes'),
	0)::bigint AS "sandboxes", coalesce(sum(value) FILTER (WHERE counter =
	'workflows'), 0)::bigint AS "workflows", coalesce(sum(value) FILTER
	(WHERE counter = 'personas'), 0)::bigint AS "personas",
	coalesce(sum(value) FILTER (WHERE counter = 'issueSessions'), 0)::bigint
	AS "issueSessions", coalesce(sum(value) FILTER (WHERE counter =
	'issues'), 0)::bigint AS "issues", coalesce(sum(value) FILTER (WHERE
	counter = 'learnings'), 0)::bigint AS "learnings", (SELECT count(*) FROM
	member WHERE project_id = $1::uuid AND status = 'active') AS members,
	(SELECT count(*) FROM api_key WHERE project_id = $1::uuid AND revoked_at
	IS NULL AND (ends_at IS NULL OR ends_at > now()) AND NOT disabled) AS
	"apiKeys", (SELECT count(*) FROM provider_key WHERE project_id =
	$1::uuid) AS "providerKeys" FROM counter WHERE project_id = $1::uuid) o;
PREPARE data_keys AS SELECT id::text, master_key, wrapped FROM data_key
	WHERE project_id = $1::uuid ORDER BY created_at DESC, id;
PREPARE master_keys AS SELECT DISTINCT ON (master_key) project_id::text,
	id::text, master_key, wrapped FROM codecourier.data_key ORDER BY
	master_key, created_at DESC LIMIT 30;
PREPARE guard_read AS SELECT coalesce((SELECT k.last_used_at IS NULL OR
	k.last_used_at < now() - interval '1 minute' FROM api_key k JOIN project
	t ON t.id = k.project_id WHERE k.id = $2::uuid AND k.project_id =
	$1::uuid AND k.digest = $3::bytea AND k.stamp = $4::bigint AND
	k.revoked_at IS NULL AND NOT k.disabled AND (k.ends_at IS NULL OR
	k.ends_at > now()) AND t.deleted_at IS NULL), refuse());
PREPARE guard_project AS SELECT g.stale, g.project FROM (SELECT) one
	LEFT JOIN LATERAL (SELECT k.last_used_at IS NULL OR k.last_used_at <
	now() - interval '1 minute' AS stale, row_to_json(o)::text AS project
	FROM api_key k JOIN project t ON t.id = k.project_id, LATERAL (SELECT
	t.id, t.id AS _id, t.name, t.slug, t.github_repo_url AS "githubRepoUrl",
	ms(t.created_at) AS "_creationTime", ms(t.updated_at) AS "updatedAt") o
	WHERE k.id = $2::uuid AND k.project_id = $1::uuid AND k.digest =
	$3::bytea AND k.stamp = $4::bigint AND k.revoked_at IS NULL AND NOT
	k.disabled AND (k.ends_at IS NULL OR k.ends_at > now()) AND t.deleted_at
	IS NULL) g ON true WHERE g.stale IS NOT NULL OR refuse();
PREPARE guard_write AS SELECT coalesce((SELECT k.last_used_at IS NULL OR
	k.last_used_at < now() - interval '1 minute' FROM api_key k JOIN project
	t ON t.id = k.project_id WHERE k.id = $2::uuid AND k.project_id =
	$1::uuid AND k.digest = $3::bytea AND k.stamp = $4::bigint AND
	k.revoked_at IS NULL AND NOT k.disabled AND (k.ends_at IS NULL OR
	k.ends_at > now()) AND t.deleted_at IS NULL FOR KEY SHARE OF k, t),
	refuse());
PREPARE key_row AS SELECT t.id::text, t.project_id::text, t.digest,
	t.stamp, t.scopes::text, coalesce(t.rate_limit, 0)::bigint,
	coalesce(t.rate_window, t.id), coalesce(ms(t.ends_at), 0), t.key_room,
	t.allowed_ips::text, t.hash, t.check_value, t.state FROM key_row($1) t;
PREPARE key_of_holder AS SELECT t.id::text, t.project_id::text,
	t.digest, t.stamp, t.scopes::text, coalesce(t.rate_limit, 0)::bigint,
	coalesce(t.rate_window, t.id), coalesce(ms(t.ends_at), 0), t.key_room,
	t.allowed_ips::text, t.hash, t.check_value, CASE WHEN k.revoked_at IS
	NULL THEN 'live' ELSE 'revoked' END FROM key_row($1) t JOIN api_key k ON
	k.id = t.id;
PREPARE key_used AS UPDATE api_key SET last_used_at = now() WHERE id =
	(SELECT id FROM api_key WHERE project_id = $1::uuid AND id = $2::uuid
	AND revoked_at IS NULL AND (last_used_at IS NULL OR last_used_at < now()
	- interval '1 minute') FOR NO KEY UPDATE SKIP LOCKED) AND
	set_config('synchronous_commit', 'off', true) IS NOT NULL;
PREPARE member_list AS WITH page AS (SELECT id, user_id, email, name,
	role, status, invited_at, joined_at, created_at, concat_ws(':', (status
	= 'pending')::int, CASE role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1
	ELSE 2 END, (extract(epoch FROM created_at) * 1000000)::bigint, id) AS
	sort, row_number() OVER (ORDER BY (status = 'pending')::int, CASE role
	WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END, created_at, id) AS n
	FROM member WHERE project_id = $1::uuid AND ($3::bigint IS NULL OR
	((status = 'pending')::int, CASE role WHEN 'owner' THEN 0 WHEN 'admin'
	THEN 1 ELSE 2 END, created_at, id) > ($3::bigint, $4::bigint,
	(timestamptz 'epoch' + $5::bigint * interval '1 microsecond'),
	$6::uuid)) ORDER BY (status = 'pending')::int, CASE role WHEN 'owner'
	THEN 0 WHEN 'admin' THEN 1 ELSE 2 END, created_at, id LIMIT $2::int + 1)
	SELECT '[' || coalesce(string_agg(row_to_json(o)::text, ',' ORDER BY
	t.n) FILTER (WHERE t.n <= $2::int), '') || ']', count(*) > $2::int,
	max(t.sort) FILTER (WHERE t.n = $2::int) FROM page t, LATERAL (SELECT
	t.id, t.id AS _id, t.user_id AS "userId", t.email, t.name, t.role,
	t.status, ms(t.invited_at) AS "invitedAt", ms(t.joined_at) AS
	"joinedAt", ms(t.created_at) AS "_creationTime") o;
PREPARE member_lock AS SELECT true FROM member WHERE project_id =
	$1::uuid AND lower(email) = lower($2) FOR NO KEY UPDATE;
PREPARE member_invite AS WITH done AS (INSERT INTO member (project_id,
	email, role) SELECT $1::uuid, $6, $7 WHERE (SELECT count(*) FROM member
	WHERE project_id = $1::uuid) < $8::int RETURNING id, user_id, email,
	name, role, status, invited_at, joined_at, created_at), logged AS
	(INSERT INTO audit (project_id, actor, actor_key, action, object,
	object_id, fields, request_id, address) SELECT $1::uuid, 'key',
	$2::uuid, 'member.invite', 'member', id::text, $5::text[], $3::uuid,
	$4::inet FROM done) SELECT row_to_json(o)::text FROM done t, LATERAL
	(SELECT t.id, t.id AS _id, t.user_id AS "userId", t.email, t.name,
	t.role, t.status, ms(t.invited_at) AS "invitedAt", ms(t.joined_at) AS
	"joinedAt", ms(t.created_at) AS "_creationTime") o;
PREPARE member_remove AS WITH done AS (DELETE FROM member WHERE
	project_id = $1::uuid AND user_id = $6::uuid RETURNING id, user_id),
	logged AS (INSERT INTO audit (project_id, actor, actor_key, action,
	object, object_id, fields, request_id, address) SELECT $1::uuid, 'key',
	$2::uuid, 'member.remove', 'member', id::text, $5::text[], $3::uuid,
	$4::inet FROM done) SELECT row_to_json(o)::text FROM done t, LATERAL
	(SELECT t.id, t.id AS _id, t.user_id AS "userId", true AS removed) o;
PREPARE member_update_role AS WITH done AS (UPDATE member SET role = $7
	WHERE project_id = $1::uuid AND user_id = $6::uuid RETURNING id,
	user_id, email, name, role, status, invited_at, joined_at, created_at),
	logged AS (INSERT INTO audit (project_id, actor, actor_key, action,
	object, object_id, fields, request_id, address) SELECT $1::uuid, 'key',
	$2::uuid, 'member.update-role', 'member', id::text, $5::text[],
	$3::uuid, $4::inet FROM done) SELECT row_to_json(o)::text FROM done t,
	LATERAL (SELECT t.id, t.id AS _id, t.user_id AS "userId", t.email,
	t.name, t.role, t.status, ms(t.invited_at) AS "invitedAt",
	ms(t.joined_at) AS "joinedAt", ms(t.created_at) AS "_creationTime") o;
PREPARE project_update AS WITH done AS (UPDATE project SET name = CASE
	WHEN 'name' = ANY ($5::text[]) THEN $6 ELSE name END, slug = CASE WHEN
	'slug' = ANY ($5::text[]) THEN $7 ELSE slug END, github_repo_url = CASE
	WHEN 'githubRepoUrl' = ANY ($5::text[]) THEN 'https' || substr($8::text,
	6) ELSE github_repo_url END, updated_at = now() WHERE id = $1::uuid AND
	deleted_at IS NULL RETURNING id, name, slug, github_repo_url,
	created_at, updated_at), logged AS (INSERT INTO audit (project_id,
	actor, actor_key, action, object, object_id, fields, request_id,
	address) SELECT $1::uuid, 'key', $2::uuid, 'project.update', 'project',
	id::text, $5::text[], $3::uuid, $4::inet FROM done) SELECT
	row_to_json(o)::text FROM done t, LATERAL (SELECT t.id, t.id AS _id,
	t.name, t.slug, t.github_repo_url AS "githubRepoUrl", ms(t.created_at)
	AS "_creationTime", ms(t.updated_at) AS "updatedAt") o;
PREPARE project_delete AS WITH done AS (UPDATE project SET deleted_at =
	now(), purge_at = now() + make_interval(days => $6::int) WHERE id =
	$1::uuid AND deleted_at IS NULL RETURNING id, deleted_at, purge_at),
	logged AS (INSERT INTO audit (project_id, actor, actor_key, action,
	object, object_id, fields, request_id, address) SELECT $1::uuid, 'key',
	$2::uuid, 'project.delete', 'project', id::text, $5::text[], $3::uuid,
	$4::inet FROM done) SELECT row_to_json(o)::text FROM done t, LATERAL
	(SELECT t.id, t.id AS _id, true AS deleted, ms(t.deleted_at) AS
	"deletedAt", ms(t.purge_at) AS "purgeAt") o;
PREPARE project_drain AS SELECT true FROM project WHERE id = $1::uuid
	FOR UPDATE;
PREPARE project_lock AS SELECT true FROM project WHERE id = $1::uuid FOR
	NO KEY UPDATE;
PREPARE provider_key_list AS SELECT '[' ||
	coalesce(string_agg(row_to_json(o)::text, ',' ORDER BY t.provider), '')
	|| ']' FROM provider_key t, LATERAL (SELECT t.provider, t.last4,
	ms(t.created_at) AS "_creationTime", ms(t.updated_at) AS "updatedAt") o
	WHERE t.project_id = $1::uuid;
PREPARE provider_key_set AS WITH done AS (INSERT INTO provider_key
	(project_id, provider, sealed, last4) VALUES ($1::uuid, $6, $7::bytea,
	$8) ON CONFLICT (project_id, provider) DO UPDATE SET sealed = $7::bytea,
	last4 = $8, updated_at = now() RETURNING provider, last4, created_at,
	updated_at), logged AS (INSERT INTO audit (project_id, actor, actor_key,
	action, object, object_id, fields, request_id, address) SELECT $1::uuid,
	'key', $2::uuid, 'provider-key.set', 'provider-key', provider::text,
	$5::text[], $3::uuid, $4::inet FROM done) SELECT row_to_json(o)::text
	FROM done t, LATERAL (SELECT t.provider, t.last4, ms(t.created_at) AS
	"_creationTime", ms(t.updated_at) AS "updatedAt") o;
PREPARE provider_key_remove AS WITH done AS (DELETE FROM provider_key
	WHERE project_id = $1::uuid AND provider = $6 RETURNING provider),
	logged AS (INSERT INTO audit (project_id, actor, actor_key, action,
	object, object_id, fields, request_id, address) SELECT $1::uuid, 'key',
	$2::uuid, 'provider-key.remove', 'provider-key', provider::text,
	$5::text[], $3::uuid, $4::inet FROM done) SELECT row_to_json(o)::text
	FROM done t, LATERAL (SELECT t.provider, true AS removed) o;
PREPARE schema_version AS SELECT max(version)::text,
	max(oldest_program)::text, CASE WHEN pg_is_in_recovery() THEN
	'connected to a standby' WHEN current_setting('transaction_read_only') =
	'on' THEN 'the server is read-only' END FROM codecourier.schema_version;
PREPARE end_stalled AS SELECT count(pg_terminate_backend(pid))::text
	FROM pg_stat_activity WHERE usename = current_user AND datname =
	current_database() AND wait_event = 'ClientRead' AND xact_start < now()
	- interval '15 seconds';
PREPARE settings_get AS SELECT sandbox_system_prompt, claude_md,
	issue_discovery_prompt, selected_skills::text, selected_commands::text,
	selected_scripts::text, env_vars, deploy_env_vars,
	test_user_credentials, convex_deploy_key_last4, convex_dev_key_last4,
	learning_template_id, learning_model, merging_template_id,
	merging_model, git_commit_name, git_commit_email FROM settings WHERE
	project_id = $1::uuid;
PREPARE settings_update AS WITH done AS (UPDATE settings SET
	sandbox_system_prompt = CASE WHEN 'sandboxSystemPrompt' = ANY
	($5::text[]) THEN $6 ELSE sandbox_system_prompt END, claude_md = CASE
	WHEN 'claudeMd' = ANY ($5::text[]) THEN $7 ELSE claude_md END,
	issue_discovery_prompt = CASE WHEN 'issueDiscoveryPrompt' = ANY
	($5::text[]) THEN $8 ELSE issue_discovery_prompt END, selected_skills =
	CASE WHEN 'selectedSkills' = ANY ($5::text[]) THEN coalesce($9::jsonb,
	'[]') ELSE selected_skills END, selected_commands = CASE WHEN
	'selectedCommands' = ANY ($5::text[]) THEN coalesce($10::jsonb, '[]')
	ELSE selected_commands END, selected_scripts = CASE WHEN
	'selectedScripts' = ANY ($5::text[]) THEN coalesce($11::jsonb, '[]')
	ELSE selected_scripts END, env_vars = CASE WHEN 'envVars' = ANY
	($5::text[]) THEN $12::bytea ELSE env_vars END, deploy_env_vars = CASE
	WHEN 'deployEnvVars' = ANY ($5::text[]) THEN $13::bytea ELSE
	deploy_env_vars END, test_user_credentials = CASE WHEN
	'testUserCredentials' = ANY ($5::text[]) THEN $14::bytea ELSE
	test_user_credentials END, learning_template_id = CASE WHEN
	'learningTemplateId' = ANY ($5::text[]) THEN $15 ELSE
	learning_template_id END, learning_model = CASE WHEN 'learningModel' =
	ANY ($5::text[]) THEN $16 ELSE learning_model END, merging_template_id =
	CASE WHEN 'mergingTemplateId' = ANY ($5::text[]) THEN $17 ELSE
	merging_template_id END, merging_model = CASE WHEN 'mergingModel' = ANY
	($5::text[]) THEN $18 ELSE merging_model END, git_commit_name = CASE
	WHEN 'gitCommitName' = ANY ($5::text[]) THEN $19 ELSE git_commit_name
	END, git_commit_email = CASE WHEN 'gitCommitEmail' = ANY ($5::text[])
	THEN $20 ELSE git_commit_email END, env_vars_size = CASE WHEN 'envVars'
	= ANY ($5::text[]) THEN $21::int ELSE env_vars_size END,
	deploy_env_vars_size = CASE WHEN 'deployEnvVars' = ANY ($5::text[]) THEN
	$22::int ELSE deploy_env_vars_size END, updated_at = now() WHERE
	project_id = $1::uuid RETURNING project_id, sandbox_system_prompt,
	claude_md, issue_discovery_prompt, selected_skills, selected_commands,
	selected_scripts, env_vars, deploy_env_vars, test_user_credentials,
	convex_deploy_key_last4, convex_dev_key_last4, learning_template_id,
	learning_model, merging_template_id, merging_model, git_commit_name,
	git_commit_email), logged AS (INSERT INTO audit (project_id, actor,
	actor_key, action, object, object_id, fields, request_id, address)
	SELECT $1::uuid, 'key', $2::uuid, 'settings.update', 'settings',
	project_id::text, $5::text[], $3::uuid, $4::inet FROM done) SELECT
	sandbox_system_prompt, claude_md, issue_discovery_prompt,
	selected_skills::text, selected_commands::text, selected_scripts::text,
	env_vars, deploy_env_vars, test_user_credentials,
	convex_deploy_key_last4, convex_dev_key_last4, learning_template_id,
	learning_model, merging_template_id, merging_model, git_commit_name,
	git_commit_email FROM done;
PREPARE settings_deploy_key AS UPDATE settings SET convex_deploy_key =
	$2::bytea, convex_deploy_key_last4 = $3 WHERE project_id = $1::uuid;
PREPARE settings_dev_key AS UPDATE settings SET convex_dev_key =
	$2::bytea, convex_dev_key_last4 = $3 WHERE project_id = $1::uuid;
