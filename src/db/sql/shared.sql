-- shared.sql: pieces of statements of more than one resource.

-- Objects become JSON here, once for each kind, so that a list, a write's answer
-- and the next GET cannot differ. The rows of `t` as objects `o`:
-- row_to_json(o) is what the API shows.
-- fragment: OBJECTS(from, columns)
@from t, LATERAL (SELECT @columns) o

-- fragment: SELECT_JSON(from, columns)
SELECT row_to_json(o)::text FROM @OBJECTS(@from, @columns)

-- The same of an object that has a tag, which comes behind it.
-- fragment: SELECT_TAGGED(from, columns)
SELECT row_to_json(o)::text, o.etag FROM @OBJECTS(@from, @columns)

-- What an object is told apart by from what it was: how often it has changed, and
-- the last change's word (0009_tags.sql).
-- fragment: TAG(version, word)
@version || '-' || to_hex(@word)

-- The same as HTTP has it.
-- fragment: ETAG(version, word)
'"' || @TAG(@version, @word) || '"' AS etag

-- Whether a row has one of the tags of If-Match, a text[]; NULL: none was sent.
-- Stands in the very statement that changes the row: PostgreSQL looks once more
-- at one that it had to wait for.
-- fragment: MATCHES(tags, version, word)
(@tags::text[] IS NULL OR ARRAY['*', @TAG(@version, @word)] && @tags::text[])

-- A field that the request gave takes its value, NULL included.
-- fragment: GIVEN(field, column, value)
@column = CASE WHEN @field = ANY ($5::text[]) THEN @value ELSE @column END

-- The audit row of a write whose changed rows stand in the CTE `done`.
-- fragment: AUDIT(kind, column, actor, action, object, id)
logged AS (
	INSERT INTO audit (project_id, actor, @column, action, object,
		object_id, fields, request_id, address)
	SELECT $1::uuid, @kind, @actor, @action, @object,
		@id::text, $5::text[], $3::uuid, $4::inet FROM done
)

-- A caller of the API did it, with its key.
-- fragment: AUDIT_KEY(action, object, id)
@AUDIT('key', actor_key, $2::uuid, @action, @object, @id)

-- Whoever holds what it is about did it; who that is nobody knows.
-- fragment: AUDIT_HOLDER(action, object, id)
@AUDIT('holder', actor_key, NULL::uuid, @action, @object, @id)

-- Somebody with the operator's command did it.
-- fragment: AUDIT_OP(action, object, id)
@AUDIT('operator', operator, $2::text, @action, @object, @id)

-- Who did what the row `t` tells.
-- fragment: ACTOR
(SELECT row_to_json(w) FROM (
	SELECT t.actor AS type, t.actor_key AS id, coalesce(t.operator, (
		SELECT name FROM api_key WHERE project_id = $1::uuid
			AND id = t.actor_key)) AS name
) w)

-- A page of a list, of the CTE `page`: rows 1..limit as a JSON array, whether
-- more follow, and the sort values of the last row given, for the cursor.
-- fragment: PAGE(columns)
@PAGE_OF(row_to_json(o)::text, @columns)

-- The same, of rows with other text.
-- fragment: PAGE_OF(row, columns)
SELECT '[' || coalesce(string_agg(@row, ','
		ORDER BY t.n) FILTER (WHERE t.n <= $2::int), '') || ']',
	count(*) > $2::int,
	max(t.sort) FILTER (WHERE t.n = $2::int)
FROM @OBJECTS(page, @columns)

-- fragment: MICROS(time)
(extract(epoch FROM @time) * 1000000::numeric)::bigint

-- fragment: FROM_MICROS(number)
(timestamptz 'epoch' + @number::bigint * interval '1 microsecond')

-- fragment: FROM_MS(number)
(timestamptz 'epoch' + @number::bigint * interval '1 millisecond')

-- fragment: ISO(time)
to_char(@time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
