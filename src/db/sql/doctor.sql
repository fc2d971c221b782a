-- doctor.sql: what doctor asks the server, and what it says to type.

-- fragment: SETTING(name)
current_setting('@name')

-- name: admin_facts
-- -> connections, hosts of workers, clock, data directory or '', whether a commit
-- waits, whether all is written, names of standbys, those connected
-- Of synchronous_commit the role's own setting, then the database's, stand above
-- the server's. sync_state is NULL for who may not see it (pg_read_all_stats):
-- taken for one.
SELECT
	(@SETTING(max_connections)::int
		- @SETTING(superuser_reserved_connections)::int)::text,
	(SELECT count(DISTINCT coalesce(host(client_addr), ''))
		FROM pg_stat_activity WHERE usename = 'codecourier')::text,
	extract(epoch FROM clock_timestamp())::text,
	coalesce((SELECT setting FROM pg_settings
		WHERE name = 'data_directory'), ''),
	coalesce((
		SELECT substring(s FROM '=(.*)')
		FROM pg_db_role_setting d, unnest(d.setconfig) s
		WHERE s LIKE 'synchronous\_commit=%'
			AND d.setrole IN (0, (SELECT oid FROM pg_roles
				WHERE rolname = 'codecourier'))
			AND d.setdatabase IN (0, (SELECT oid FROM pg_database
				WHERE datname = current_database()))
		ORDER BY d.setrole DESC, d.setdatabase DESC LIMIT 1
	), @SETTING(synchronous_commit)) <> 'off',
	@SETTING(fsync) = 'on' AND @SETTING(full_page_writes) = 'on',
	@SETTING(synchronous_standby_names),
	(SELECT count(*) FROM pg_stat_replication
		WHERE coalesce(sync_state, 'sync') IN ('sync', 'quorum'))::text;

-- fragment: NAME(column)
translate(quote_ident(@column), E'\t\n', '__')

-- name: admin_role
-- $1 text of roles.sql -> what, its fix
-- What somebody who got at the API's role could leave behind. Compared is what
-- roles.sql says; no value of a setting comes out. synchronous_commit is the
-- operator's (see doctor_commit). Who may make roles is no stranger: from
-- PostgreSQL 16 on whoever makes a role is its member.
WITH wanted AS (
	SELECT lower(m[1]) AS name, m[2] AS value
	FROM regexp_matches($1::text,
		'ALTER ROLE codecourier SET (\w+) = ''([^'']*)''', 'g') m
), me AS (
	SELECT oid FROM pg_roles WHERE rolname = 'codecourier'
), super AS (
	SELECT rolsuper FROM pg_roles WHERE rolname = session_user
), found AS (
	SELECT lower(split_part(s, '=', 1)) AS name,
		substring(s FROM '=(.*)') AS value, b.datname AS db
	FROM pg_db_role_setting d JOIN me ON me.oid = d.setrole
		LEFT JOIN pg_database b ON b.oid = d.setdatabase,
		unnest(d.setconfig) s
)
SELECT 'the role codecourier lacks its setting ' || name AS what,
	'codecourierctl init' AS fix
FROM wanted w
WHERE NOT EXISTS (SELECT FROM found f WHERE f.name = w.name
		AND f.value = w.value AND f.db IS NULL)
	AND (name <> 'temp_file_limit' OR (SELECT rolsuper FROM super))
UNION ALL
SELECT 'the role codecourier has a setting that nobody here has made: '
		|| @NAME(name),
	'ALTER ROLE codecourier '
		|| coalesce('IN DATABASE ' || @NAME(db) || ' ', '')
		|| 'RESET ' || @NAME(name)
FROM found f
WHERE name <> 'synchronous_commit' AND NOT EXISTS (
	SELECT FROM wanted w WHERE w.name = f.name AND f.db IS NULL)
UNION ALL
SELECT 'the rights of the role codecourier were given to ' || @NAME(r.rolname),
	'REVOKE codecourier FROM ' || @NAME(r.rolname)
FROM pg_auth_members m JOIN me ON me.oid = m.roleid
	JOIN pg_roles r ON r.oid = m.member
WHERE NOT r.rolsuper AND NOT r.rolcreaterole
UNION ALL
SELECT 'the role codecourier has the rights of ' || @NAME(r.rolname),
	'REVOKE ' || @NAME(r.rolname) || ' FROM codecourier'
FROM pg_auth_members m JOIN me ON me.oid = m.member
	JOIN pg_roles r ON r.oid = m.roleid
UNION ALL
SELECT count(*) || ' large objects belong to the role codecourier, '
		|| 'which makes none',
	'look at them, then: SELECT lo_unlink(oid) FROM '
		|| 'pg_largeobject_metadata '
		|| 'WHERE lomowner = ''codecourier''::regrole'
FROM pg_largeobject_metadata l JOIN me ON me.oid = l.lomowner
HAVING count(*) > 0
UNION ALL
SELECT count(*) || ' prepared transactions of the role codecourier '
		|| 'hold their locks',
	'ROLLBACK PREPARED each gid that pg_prepared_xacts shows'
FROM pg_prepared_xacts WHERE owner = 'codecourier'
HAVING count(*) > 0
UNION ALL
SELECT 'everybody may make large objects in the database',
	'codecourierctl migrate'
FROM super
WHERE rolsuper AND has_function_privilege('codecourier',
	'lo_from_bytea(oid, bytea)', 'EXECUTE');

-- name: admin_guards_texts
-- -> whether the schema is one that does (0006)
SELECT to_regproc('codecourier.one_line') IS NOT NULL;

-- The rows of one column: how many, and the first few.
-- fragment: BAD(n, table, row, column, fault, is_bad)
SELECT @n AS n, '@table.@column of ' || count(*) || ' rows ' || @fault
		|| ' (@row ' || array_to_string((array_agg(t.@row::text))[1:3], ', ') || ')'
		AS what,
	'by the API; or UPDATE codecourier.@table SET @column = ''...'' '
		|| 'WHERE @row = ''...''' AS fix
FROM codecourier.@table t WHERE @is_bad
HAVING count(*) > 0

-- fragment: BAD_LINE(n, table, row, column)
@BAD(@n, @table, @row, @column,
	'has control characters, which act on a terminal',
	NOT codecourier.one_line(t.@column))

-- name: admin_texts
-- -> what, its fix
-- The texts that migration 0006 guards: rows of before may deceive.
SELECT what, fix FROM (
	@BAD(1, project, id, slug,
		'has the form of another project''s id',
		codecourier.is_id(t.slug))
	UNION ALL @BAD_LINE(2, project, id, name)
	UNION ALL @BAD_LINE(3, project, id, github_repo_url)
	UNION ALL @BAD_LINE(4, member, id, name)
	UNION ALL @BAD_LINE(5, member, id, email)
	UNION ALL @BAD_LINE(6, api_key, id, name)
	UNION ALL @BAD_LINE(7, provider_key, project_id, last4)
	@SETTINGS_BAD_LINES
) f ORDER BY n;

-- name: admin_queues_mail
-- -> whether the schema is one that does (0014)
SELECT to_regclass('codecourier.mail_queue') IS NOT NULL;

-- name: admin_mail
-- -> what, its fix
SELECT count(*) || ' messages may have been sent or not: the mailer was killed',
	'codecourierctl mail list; then mail retry, or resend the invitation'
FROM codecourier.mail_queue WHERE state = 'doubt' HAVING count(*) > 0
UNION ALL
SELECT count(*) || ' messages were refused by the mailer for good',
	'codecourierctl mail list; then mail retry, or resend the invitation'
FROM codecourier.mail_queue WHERE state = 'failed' HAVING count(*) > 0
UNION ALL
SELECT count(*) || ' messages have waited for more than an hour',
	'journalctl -u codecourier-mail; systemctl start codecourier-mail'
FROM codecourier.mail_queue
WHERE state = 'queued' AND queued_at < now() - interval '1 hour'
HAVING count(*) > 0;

-- name: tell_alone
-- a cluster whose standbys are gone goes on with one copy
ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();

-- name: tell_commit
-- a commit waits for the disk
ALTER ROLE codecourier RESET synchronous_commit;

-- name: tell_aside
-- a database that will not do makes room
ALTER DATABASE codecourier RENAME TO codecourier_before;
