-- database.sql: what PostgreSQL lets everybody do in a database and nobody
-- needs in ours. Large objects and logical messages would fill the disk, or hide
-- something, past all tables and their grants. Run by init and migrate before
-- the migrations, safe to repeat; it is no migration because only a superuser
-- may (doctor asks for one where init had none).
DO $$
DECLARE
	f regprocedure;
BEGIN
	IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		RETURN;
	END IF;
	FOR f IN SELECT oid FROM pg_proc
		WHERE pronamespace = 'pg_catalog'::regnamespace
		AND (proname LIKE 'lo\_%' OR proname IN ('loread', 'lowrite',
			'pg_logical_emit_message'))
		AND has_function_privilege('codecourier', oid, 'EXECUTE')
	LOOP
		EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
	END LOOP;
END
$$;
