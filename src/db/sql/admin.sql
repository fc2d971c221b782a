-- admin.sql: roles, database and migrations, on the administrator's connection.
-- What is schema stands in migrations/. Names have their schema: nobody has set
-- the search path.

-- name: admin_made
-- -> whether all roles are there, the API's is, the database is
SELECT
	(SELECT count(*) = 3 FROM pg_roles WHERE rolname IN (
		'codecourier', 'codecourier_owner', 'codecourier_platform')),
	EXISTS (SELECT FROM pg_roles WHERE rolname = 'codecourier'),
	EXISTS (SELECT FROM pg_database WHERE datname = 'codecourier');

-- name: admin_lock
-- one init or migrate at a time; the number is any, and ours
-- Ends with the session: two at once would both create.
SELECT pg_advisory_lock(7235419266031571);

-- name: admin_create_database
-- what the locale is, texts are compared by
CREATE DATABASE codecourier OWNER codecourier_owner TEMPLATE template0
ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';

-- name: admin_close_database
-- to everybody, then
REVOKE ALL ON DATABASE codecourier FROM PUBLIC;

-- name: admin_open_database
-- to those who need it
GRANT CONNECT ON DATABASE codecourier TO codecourier, codecourier_platform;

-- name: admin_password
-- $1 SCRAM verifier, written into the text: ALTER ROLE takes no parameters
ALTER ROLE codecourier PASSWORD $1;

-- name: admin_has_schema
-- -> NULL: it has none
SELECT to_regclass('codecourier.schema_version')::text;

-- name: admin_version
-- -> the schema's
SELECT coalesce(max(version), 0)::text FROM codecourier.schema_version;

-- name: admin_oldest_program
-- -> the number from which on programs can serve it
SELECT coalesce(max(oldest_program), 0)::text FROM codecourier.schema_version;

-- name: admin_programs
-- -> program number (0: it tells none), connections
SELECT coalesce(substring(application_name
		FROM '^codecourier/([0-9]{1,6})$'), '0'), count(*)::text
FROM pg_stat_activity
WHERE usename = 'codecourier' AND datname = 'codecourier'
GROUP BY 1 ORDER BY 1;

-- name: admin_server_version
-- -> as the server tells it
SELECT current_setting('server_version');

-- name: admin_lock_timeout
-- $1 a time, written into the text: SET takes no parameters
SET lock_timeout = $1;

-- name: admin_begin
-- a migration, unless it says no-transaction
BEGIN;

-- name: admin_commit
-- the same
COMMIT;

-- name: admin_rollback
-- the same
ROLLBACK;

-- name: admin_migrated
-- $1 version, $2 oldest program
INSERT INTO codecourier.schema_version (version, oldest_program)
VALUES ($1::int, $2::int);

-- name: admin_holders
-- $1 process id -> who holds the lock that it waits for, in words
-- Never the text of a query, which can hold anything.
SELECT string_agg(format(
		'process %s, role %s, %s, its transaction open for %s s',
		pid, coalesce(usename, '?'), coalesce(state, '?'),
		coalesce(round(extract(epoch FROM
			clock_timestamp() - xact_start))::text, '?')), '; ')
FROM pg_stat_activity
WHERE pid = ANY (pg_blocking_pids($1::int));

-- name: admin_fits
-- -> encoding, collate, ctype, is ICU's, owner, whether our owner may create
-- PostgreSQL 14 has no column datlocprovider, and no other provider.
SELECT pg_encoding_to_char(encoding), datcollate, datctype,
	coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'i',
	pg_get_userbyid(datdba),
	coalesce((SELECT has_database_privilege(r.oid, d.oid, 'CREATE')
		FROM pg_roles r WHERE rolname = 'codecourier_owner'), false)
FROM pg_database d WHERE datname = current_database();
