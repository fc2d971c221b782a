-- session.sql: what a connection of ours begins with, and what tells whether a
-- pooler stands between.

-- fragment: SET(name, value)
set_config('@name', '@value', false)

-- name: session_timeout
-- $1 milliseconds, written into the text: SET takes no parameters
-- First, and cheap: the role's own could be a millisecond.
SET statement_timeout = $1;

-- name: session_settings
-- -> nothing of use
-- The role's own settings (roles.sql) can be changed by whoever gets at the role,
-- and stay: what an answer depends on is set for each session. Of a read-only
-- session only that of the login's own making is put aside: a server that its
-- administrator has made read-only stays so.
SELECT
	@SET(search_path, codecourier),
	@SET(standard_conforming_strings, on),
	@SET(exit_on_error, off),
	@SET(default_transaction_isolation, read committed),
	@SET(default_transaction_deferrable, off),
	@SET(timezone, UTC),
	(SELECT @SET(default_transaction_read_only, off)
		FROM pg_db_role_setting d JOIN pg_roles r ON r.oid = d.setrole
		WHERE r.rolname = session_user AND EXISTS (
			SELECT FROM unnest(d.setconfig) s
			WHERE s LIKE 'default_transaction_read_only=%')
		LIMIT 1);

-- name: session_settings_api
-- -> nothing of use
-- A worker's waits are bounded, and no value gets into the server's log.
SELECT
	@SET(lock_timeout, 1s),
	@SET(idle_in_transaction_session_timeout, 15s),
	@SET(idle_session_timeout, 0),
	@SET(client_connection_check_interval, 1s),
	@SET(debug_print_parse, off),
	@SET(debug_print_rewritten, off),
	@SET(debug_print_plan, off),
	@SET(log_parameter_max_length_on_error, 0);

-- name: session_history
-- $1 versions, $2 MiB -> nothing of use
-- How much a trigger keeps of what settings were (0012_history.sql).
SELECT set_config('codecourier.history_versions', $1, false),
	set_config('codecourier.history_mib', $2, false);

-- name: session_owner
-- the operator's commands work as the owner of all
SET ROLE codecourier_owner;

-- name: session_backend
-- -> process id
SELECT pg_backend_pid();

-- name: session_any
-- -> anything: to be prepared
SELECT 1;

-- name: session_renamed
-- -> how many
-- A pooler that knows prepared statements gives them names of its own.
SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'PGBOUNCER\_%';
