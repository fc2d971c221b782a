-- server.sql: whether the server will do, and what nobody else ends.

-- name: schema_version
-- -> version, oldest program, NULL or why nothing can be written
-- The reasons are those of stmt.h. With its schema: asked, too, where the session
-- could not be set up.
SELECT max(version)::text, max(oldest_program)::text,
	CASE WHEN pg_is_in_recovery() THEN 'connected to a standby'
	WHEN current_setting('transaction_read_only') = 'on'
	THEN 'the server is read-only' END
FROM codecourier.schema_version;

-- name: end_stalled
-- -> how many
-- No timeout of PostgreSQL 15 ends a pipeline whose client stopped in the middle
-- of it: its locks would stay for ever.
SELECT count(pg_terminate_backend(pid))::text
FROM pg_stat_activity
WHERE usename = current_user AND datname = current_database()
	AND wait_event = 'ClientRead'
	AND xact_start < now() - interval '15 seconds';
