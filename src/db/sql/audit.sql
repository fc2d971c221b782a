-- audit.sql: the audit log: read, and held against its own chain (migration 0011).

-- fragment: AUDIT_COLUMNS
id, at, actor, actor_key, operator, action, object, object_id, fields,
	request_id, address, number, hash

-- Filters of a row, NULL: any; and those behind the cursor. Whoever polls, or reads
-- all of a long log, has no more of it read than the page: what is said of time
-- stands in the index's condition, and the other forms have PostgreSQL expect rows
-- enough to take them in its order (tests/sql/test_audit_list.py).
-- fragment: AUDIT_WANTED(at, number, action, actor, key, object, id)
project_id = $1::uuid
	AND (@at, id) >= (coalesce(@FROM_MS($10), '-infinity'),
		uuid '00000000-0000-0000-0000-000000000000')
	AND @at < coalesce(@FROM_MS($11), 'infinity')
	AND @at <= coalesce(@FROM_MICROS($3), 'infinity')
	AND coalesce((@at, @number, id) <
		(@FROM_MICROS($3), $4::bigint, $5::uuid), $3 IS NULL)
	AND coalesce(@action = $6::text, $6 IS NULL)
	AND coalesce(@actor = $7::text, $7 IS NULL)
	AND coalesce(@key = $8::uuid, $8 IS NULL)
	AND coalesce(@object = $9::text OR @id = $9, $9 IS NULL)

-- What only some rows have stands at the end.
-- fragment: AUDIT_JSON
left(row_to_json(o)::text, -1) || coalesce(',"count":' || t.count, '') || '}'

-- name: audit_list
-- $1 project, $2 limit, cursor: $3 µs, $4 number, $5 id; filters, NULL: any: $6
-- action, $7 kind of actor, $8 its key, $9 object's kind or id, $10 since, $11
-- until, in ms -> a page
-- Refusals stand among the rows, without number and hash.
WITH found AS (
	(SELECT @AUDIT_COLUMNS, NULL::bigint AS count
	FROM audit
	WHERE @AUDIT_WANTED(at, number, action, actor, actor_key, object,
		object_id) AND $6 IS DISTINCT FROM 'refused'
	ORDER BY at DESC, number DESC, id DESC
	LIMIT $2::int + 1)
	UNION ALL
	(SELECT id, at, 'key', key_id, NULL, 'refused', 'api-key', key_id::text,
		ARRAY[reason], request_id, address, NULL, NULL, count
	FROM refused
	WHERE @AUDIT_WANTED(at, 0, 'refused', 'key', key_id, 'api-key',
		key_id::text)
	ORDER BY at DESC, id DESC
	LIMIT $2::int + 1)
), page AS (
	SELECT @AUDIT_COLUMNS, count,
		concat_ws(':', @MICROS(at), coalesce(number, 0), id) AS sort,
		row_number() OVER (ORDER BY at DESC, coalesce(number, 0) DESC,
			id DESC) AS n
	FROM found
	ORDER BY at DESC, coalesce(number, 0) DESC, id DESC
	LIMIT $2::int + 1
) @PAGE_OF(@AUDIT_JSON, t.id, ms(t.at) AS at, @ACTOR AS actor,
	t.action, t.object, t.object_id AS "objectId", t.fields,
	t.request_id AS "requestId", host(t.address) AS address, t.number,
	encode(t.hash, 'hex') AS hash);

-- name: refusal_add
-- $1 project, $2 key, $3 reason, $4 minute, in ms, $5 host, $6 how many, of the
-- first one $7 request id, $8 address
INSERT INTO refused AS r (project_id, key_id, reason, at, host, count, request_id,
	address)
VALUES ($1::uuid, $2::uuid, $3, @FROM_MS($4), $5, $6::bigint, $7::uuid, $8::inet)
ON CONFLICT ON CONSTRAINT refused_once
DO UPDATE SET count = r.count + $6::bigint;

-- name: op_refusal_sweep
-- $1 rows at most -> whether that was all
-- A key that is over and goes on being sent makes a row a minute.
WITH gone AS (
	DELETE FROM refused WHERE id IN (
		SELECT id FROM refused WHERE at < now() - interval '1 year'
		LIMIT $1::int FOR UPDATE SKIP LOCKED)
	RETURNING id
)
SELECT count(*) < $1::int FROM gone;

-- What a row tells, its hash's text: as audit_hash of the migration has it, and not
-- by asking it. Who can edit rows can edit functions, too, and make functions and
-- operators: so each name here has arguments of the very types that PostgreSQL's
-- own has, or its schema, and none of another schema fits better.
-- fragment: AUDIT_PART(value)
|| coalesce(octet_length(@value)::text || ':' || (@value), '-')

-- fragment: AUDIT_HASH(previous)
sha256(convert_to(''
	@AUDIT_PART(encode(@previous, 'hex'))
	@AUDIT_PART(t.project_id::text)
	@AUDIT_PART(t.number::text)
	@AUDIT_PART(t.id::text)
	@AUDIT_PART(@MICROS(t.at)::text)
	@AUDIT_PART(t.actor)
	@AUDIT_PART(t.actor_key::text)
	@AUDIT_PART(t.operator)
	@AUDIT_PART(t.action)
	@AUDIT_PART(t.object)
	@AUDIT_PART(t.object_id)
	@AUDIT_PART(t.fields::text)
	@AUDIT_PART(t.request_id::text)
	@AUDIT_PART(t.address::text), 'UTF8'::name))

-- Whether there is such a row of the project.
-- fragment: AUDIT_HAS(condition)
EXISTS (SELECT FROM audit o WHERE o.project_id = $1::uuid AND @condition)

-- What has been done to the first row that does not follow the one before it: its
-- name, and whether it is that one which was touched. Whose number and hash are
-- right is the row it always was, so the one before it is another.
-- fragment: AUDIT_FAULT
CASE WHEN t.number IS NULL OR t.number <= t.before THEN 'inserted'
	WHEN t.number > t.before + 1 THEN 'missing'
	WHEN t.previous = t.before_hash THEN CASE
		WHEN @AUDIT_HAS(o.previous = t.previous AND o.id <> t.id)
		THEN 'inserted' ELSE 'edited' END
	WHEN t.hash = @AUDIT_HASH(t.before_hash) THEN 'edited'
	WHEN t.hash = @AUDIT_HASH(t.previous) THEN 'edited before'
	WHEN @AUDIT_HAS(o.hash = t.previous AND o.number < t.before)
		THEN 'inserted before'
	WHEN @AUDIT_HAS(o.hash = t.previous AND o.id <> t.id) THEN 'moved'
	WHEN @AUDIT_HAS(o.previous = t.before_hash AND o.id <> t.id)
		THEN 'inserted'
	ELSE 'missing' END

-- name: op_audit_verify
-- $1 project, $2 number and $3 hash of the last row looked at (NULL and zeros to
-- begin with), $4 rows at most -> how many there were, the last one's number and
-- hash, the head's number and hash; what is wrong, if anything: its name, number
-- and id of the row, number and id of the one before it
WITH page AS (
	SELECT @AUDIT_COLUMNS, project_id, previous,
		pg_catalog.lag(t.number, 1, coalesce($2::bigint, 0)) OVER w
			AS before,
		pg_catalog.lag(t.hash, 1, decode($3, 'hex')) OVER w
			AS before_hash,
		pg_catalog.lag(t.id) OVER w AS before_id
	FROM (
		SELECT @AUDIT_COLUMNS, project_id, previous FROM audit
		WHERE project_id = $1::uuid
			AND ($2::bigint IS NULL OR number > $2::bigint)
		ORDER BY number NULLS FIRST LIMIT $4::int
	) t WINDOW w AS (ORDER BY t.number NULLS FIRST)
), bad AS (
	SELECT @AUDIT_COLUMNS, project_id, previous, before, before_hash,
		before_id FROM page t
	WHERE t.number IS DISTINCT FROM t.before + 1
		OR t.previous IS DISTINCT FROM t.before_hash
		OR t.hash IS DISTINCT FROM @AUDIT_HASH(t.previous)
	ORDER BY t.number NULLS FIRST LIMIT 1
)
SELECT (SELECT count(*) FROM page), l.number, encode(l.hash, 'hex'),
	h.number, encode(h.hash, 'hex'), b.fault, b.number, b.id::text,
	b.before, b.before_id::text
FROM (SELECT) one
	LEFT JOIN LATERAL (SELECT number, hash FROM page
		ORDER BY number DESC NULLS LAST LIMIT 1) l ON true
	LEFT JOIN audit_head h ON h.project_id = $1::uuid
	LEFT JOIN LATERAL (SELECT t.number, t.id, t.before, t.before_id,
		@AUDIT_FAULT AS fault FROM bad t) b ON true;

-- name: op_audit_hash
-- $1 project, $2 number -> hash
SELECT encode(hash, 'hex') FROM audit
WHERE project_id = $1::uuid AND number = $2::bigint;

-- name: op_audit_heads
-- $1 id, or $2 slug, or neither: all -> row; id, slug, its number and hash. Of a
-- deleted project, too, until its purge begins; of one without a head, which only
-- who falsifies a log can have made
SELECT row_to_json(o)::text, o."projectId"::text, o."projectSlug", o.number,
	o.hash
FROM project p LEFT JOIN audit_head t ON t.project_id = p.id, LATERAL (
	SELECT p.slug AS "projectSlug", p.id AS "projectId", t.number,
		encode(t.hash, 'hex') AS hash
) o
WHERE (($1::uuid IS NULL AND $2::text IS NULL)
		OR p.id = $1::uuid OR p.slug = $2)
	AND (p.deleted_at IS NULL
		OR NOT EXISTS (SELECT FROM purge g WHERE g.project_id = p.id))
ORDER BY p.slug, p.id;

-- name: op_audit_purged
-- $1 project -> whether it is still being removed; then number and hash of its last
-- row
SELECT EXISTS (SELECT FROM project WHERE id = $1::uuid), audit_number,
	encode(audit_hash, 'hex')
FROM purge WHERE project_id = $1::uuid;

-- name: op_audit_export
-- $1 project, $2 number of the last row given, or NULL, $3 since, in ms, or NULL,
-- $4 rows at most -> rows, in the order of the chain, and their numbers. All that
-- a hash is made of, times whole.
SELECT row_to_json(o)::text, o.number FROM audit t, LATERAL (
	SELECT t.number, to_char(t.at AT TIME ZONE 'UTC',
			'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
		t.project_id AS "projectId", t.id, t.actor,
		t.actor_key AS "actorKey", t.operator, t.action, t.object,
		t.object_id AS "objectId", t.fields,
		t.request_id AS "requestId", t.address::text AS address,
		encode(t.previous, 'hex') AS previous,
		encode(t.hash, 'hex') AS hash
) o
WHERE t.project_id = $1::uuid
	AND ($2::bigint IS NULL OR t.number > $2::bigint)
	AND ($3::bigint IS NULL OR t.at >= @FROM_MS($3))
ORDER BY t.number LIMIT $4::int;
