-- data.sql: a data set as large as wanted. psql variables: projects, keys (a
-- file of lines as `make keys` prints them, without the key itself).
-- Triggers (foreign keys among them) are left out: the rows are made to fit.
\set ON_ERROR_STOP on
SET session_replication_role = replica;
SET synchronous_commit = off;
SET maintenance_work_mem = '256MB';
CREATE SCHEMA bench;
SET search_path = codecourier, bench;

CREATE TABLE bench.usable (n serial, prefix text, hash text, check_value text,
	sha256 text);
\copy bench.usable (prefix, hash, check_value, sha256) from pstdin
CREATE UNLOGGED TABLE bench.project_n AS
	SELECT n, CASE WHEN n % step = 0 THEN n / step END AS usable,
		gen_random_uuid() AS id
	FROM generate_series(1, :projects) n,
	(SELECT :projects / count(*) AS step FROM bench.usable) s;
-- What pgbench updates: it makes the ids from the number of its client.
CREATE FUNCTION bench.id(n bigint) RETURNS uuid LANGUAGE sql
	RETURN ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid;
UPDATE bench.project_n SET id = bench.id(usable) WHERE usable <= 16;

INSERT INTO project (id, name, slug, github_repo_url)
	SELECT id, 'Project ' || n, 'project-' || n,
		'https://git.example.org/team/project-' || n
	FROM bench.project_n;
INSERT INTO settings (project_id, claude_md, git_commit_name, git_commit_email)
	SELECT id, repeat('Project ' || n || ': write tests first. ', 8),
		'Agent', 'agent@example.org'
	FROM bench.project_n;
INSERT INTO member (project_id, email, role, status, joined_at)
	SELECT id, 'owner-' || n || '@example.org', 'owner', 'active', now()
	FROM bench.project_n;
INSERT INTO data_key (id, project_id, master_key, wrapped)
	SELECT gen_random_uuid(), id, 'filler', sha512(id::text::bytea)
	FROM bench.project_n;

-- Three keys a project; as many of the first ones as are usable. A filler's
-- prefix: an odd factor makes of each number another one of 32 bits, in no
-- order, as random prefixes have none.
CREATE UNLOGGED TABLE bench.key_n AS
	SELECT n, k, id AS project_id, CASE WHEN k = 1 THEN usable END AS usable
	FROM bench.project_n, generate_series(1, 3) k;
INSERT INTO api_key (id, project_id, name, prefix, hash, check_value,
		last_used_at)
	SELECT CASE WHEN f.usable <= 16 THEN bench.id(100000000000 + f.usable)
			ELSE gen_random_uuid() END,
		f.project_id, 'Key ' || k,
		coalesce(u.prefix, 'cc_live_' || lpad(to_hex(
			(f.n * 3::bigint + k) * 2654435761 % 4294967296), 8, '0')),
		convert_to(coalesce(u.hash, '$s1$0c0801$'
			|| encode(substr(h, 1, 18), 'base64') || '$'
			|| replace(encode(h, 'base64'), E'\n', '')), 'UTF8'),
		coalesce(decode(u.check_value, 'hex'), substr(h, 1, 4)), now()
	FROM bench.key_n f
	LEFT JOIN bench.usable u ON u.n = f.usable,
	LATERAL (SELECT sha512((f.n * 3::bigint + f.k)::text::bytea)) s (h);

-- What PHP checks a key against, and the row of counter_add's rival.
CREATE TABLE bench.lamp_key (sha256 bytea PRIMARY KEY, key_id uuid NOT NULL,
	project_id uuid NOT NULL, last_used_at timestamptz,
	expires_at timestamptz, revoked_at timestamptz);
INSERT INTO bench.lamp_key (sha256, key_id, project_id, last_used_at)
	SELECT coalesce(decode(u.sha256, 'hex'), sha256(k.id::text::bytea)),
		k.id, k.project_id, now()
	FROM api_key k LEFT JOIN bench.usable u ON u.prefix = k.prefix;
CREATE TABLE bench.one_row (id int PRIMARY KEY, value bigint NOT NULL);
INSERT INTO bench.one_row VALUES (1, 0);
GRANT USAGE ON SCHEMA bench TO codecourier;
GRANT SELECT, UPDATE (last_used_at) ON bench.lamp_key TO codecourier;
GRANT SELECT, UPDATE ON bench.one_row TO codecourier;
DROP TABLE bench.project_n, bench.key_n;
VACUUM ANALYZE;
CHECKPOINT;
