-- data_key.sql: the keys that values are sealed with, wrapped.

-- name: data_keys
-- $1 project -> id, master key id, wrapped
SELECT id::text, master_key, wrapped FROM data_key
WHERE project_id = $1::uuid
ORDER BY created_at DESC, id;

-- name: master_keys
-- -> of each master key its newest data key: project, id, master key id, wrapped
-- The administrator's connection runs it, too, where no search path is set.
SELECT DISTINCT ON (master_key) project_id::text, id::text, master_key, wrapped
FROM codecourier.data_key
ORDER BY master_key, created_at DESC LIMIT 30;

-- name: admin_data_keys
-- -> how many
SELECT count(*)::text FROM codecourier.data_key;
