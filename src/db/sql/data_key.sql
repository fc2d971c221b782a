-- data_key.sql: the keys that values are sealed with, wrapped.

-- name: data_keys
-- $1 project -> id, master key id, wrapped
SELECT id::text, master_key, wrapped FROM data_key
WHERE project_id = $1::uuid
ORDER BY created_at DESC, id;

-- name: master_keys
-- -> of each master key its newest data key, in lines
-- The administrator's connection runs it, too, where no search path is set.
SELECT coalesce(string_agg(t, E'\n'), '') FROM (
	SELECT DISTINCT ON (master_key) concat_ws(' ', project_id, id,
		master_key, encode(wrapped, 'hex')) AS t
	FROM codecourier.data_key
	ORDER BY master_key, created_at DESC LIMIT 30
) AS newest;

-- name: admin_data_keys
-- -> how many
SELECT count(*)::text FROM codecourier.data_key;
