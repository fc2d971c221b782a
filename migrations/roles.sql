-- roles.sql: the roles of the whole cluster and what each session of the API
-- role starts with. Run by `codecourierctl init` (needs CREATEROLE), safe to
-- repeat; it is no migration because roles belong to no single database.
--
-- codecourier           the API's workers; owns nothing
-- codecourier_owner     owns the schema; nobody logs in with it
-- codecourier_platform  other services of the platform: counter_add only
DO $$
DECLARE
	r text;
BEGIN
	FOREACH r IN ARRAY ARRAY['codecourier_owner', 'codecourier_platform']
	LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN', r);
		END IF;
	END LOOP;
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'codecourier') THEN
		CREATE ROLE codecourier LOGIN;
	END IF;
	-- An administrator without superuser must be able to SET ROLE. (From
	-- PostgreSQL 16 on who makes a role is its member without that.)
	IF NOT pg_has_role(current_user, 'codecourier_owner',
		CASE WHEN current_setting('server_version_num')::int < 160000
			THEN 'MEMBER' ELSE 'SET' END) THEN
		EXECUTE format('GRANT codecourier_owner TO %I', current_user);
	END IF;
	-- No query of ours needs a file; one of somebody who got at the role
	-- could fill the disk. Only a superuser may set it, or take it away.
	IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		ALTER ROLE codecourier SET temp_file_limit = '64MB';
	END IF;
END
$$;

ALTER ROLE codecourier SET default_transaction_isolation = 'read committed';
ALTER ROLE codecourier SET search_path = 'codecourier';
ALTER ROLE codecourier SET timezone = 'UTC';
-- The chain of bounded waits: lock < statement (set by the worker from its
-- configuration) < the request's deadline in the worker.
ALTER ROLE codecourier SET lock_timeout = '1s';
ALTER ROLE codecourier SET idle_in_transaction_session_timeout = '15s';
-- A worker that gave up has closed its connection: stop working for it.
ALTER ROLE codecourier SET client_connection_check_interval = '1s';
