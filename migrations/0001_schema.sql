-- oldest-program: 1
-- Tables, constraints, functions and triggers. Constraint names are part of
-- the program: src/db_error.c maps them to codes and fields.
CREATE SCHEMA codecourier;
SET LOCAL search_path = codecourier;

CREATE TABLE schema_version (
	version integer PRIMARY KEY,
	oldest_program integer NOT NULL, -- an older program refuses to serve
	applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE project (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	name text NOT NULL
		CONSTRAINT project_name CHECK (length(name) BETWEEN 1 AND 100),
	slug text NOT NULL CONSTRAINT project_slug
		CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
	github_repo_url text CONSTRAINT project_github_repo_url CHECK (
		length(github_repo_url) <= 500
		AND github_repo_url LIKE 'https://%'),
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	deleted_at timestamptz,
	purge_at timestamptz,
	CONSTRAINT project_purge CHECK (
		(deleted_at IS NULL) = (purge_at IS NULL))
);
CREATE UNIQUE INDEX project_slug_live ON project (slug)
	WHERE deleted_at IS NULL;

-- A project's key for its sealed values, wrapped by a key of the keyring.
CREATE TABLE data_key (
	id uuid PRIMARY KEY,
	project_id uuid NOT NULL REFERENCES project,
	master_key text NOT NULL, -- id of the line in the keyring file
	wrapped bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX data_key_project ON data_key (project_id, created_at);

-- One row a project, made with it. bytea columns hold sealed values.
CREATE TABLE settings (
	project_id uuid PRIMARY KEY REFERENCES project,
	sandbox_system_prompt text,
	claude_md text,
	issue_discovery_prompt text,
	selected_skills jsonb NOT NULL DEFAULT '[]',
	selected_commands jsonb NOT NULL DEFAULT '[]',
	selected_scripts jsonb NOT NULL DEFAULT '[]',
	env_vars bytea,
	deploy_env_vars bytea,
	env_vars_size integer NOT NULL DEFAULT 0, -- bytes of names and values
	deploy_env_vars_size integer NOT NULL DEFAULT 0,
	test_user_credentials bytea,
	convex_deploy_key bytea,
	convex_deploy_key_last4 text,
	convex_dev_key bytea,
	convex_dev_key_last4 text,
	learning_template_id text,
	learning_model text,
	merging_template_id text,
	merging_model text,
	git_commit_name text,
	git_commit_email text,
	updated_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT settings_prompts CHECK (
		octet_length(sandbox_system_prompt) <= 262144
		AND octet_length(claude_md) <= 262144
		AND octet_length(issue_discovery_prompt) <= 262144),
	CONSTRAINT settings_selected CHECK (
		jsonb_typeof(selected_skills) = 'array'
		AND jsonb_array_length(selected_skills) <= 500
		AND jsonb_typeof(selected_commands) = 'array'
		AND jsonb_array_length(selected_commands) <= 500
		AND jsonb_typeof(selected_scripts) = 'array'
		AND jsonb_array_length(selected_scripts) <= 500),
	CONSTRAINT settings_short CHECK (
		length(learning_template_id) <= 200
		AND length(learning_model) <= 200
		AND length(merging_template_id) <= 200
		AND length(merging_model) <= 200
		AND length(git_commit_name) <= 200
		AND length(git_commit_email) <= 200),
	CONSTRAINT settings_last4 CHECK (
		(convex_deploy_key IS NULL) = (convex_deploy_key_last4 IS NULL)
		AND (convex_dev_key IS NULL) = (convex_dev_key_last4 IS NULL))
);

-- user_id is made with the membership, so that the same person has another
-- one in every project and nobody learns where else an address is known.
CREATE TABLE member (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	project_id uuid NOT NULL REFERENCES project,
	user_id uuid NOT NULL DEFAULT gen_random_uuid(),
	email text NOT NULL CONSTRAINT member_email CHECK (
		length(email) <= 254 AND email ~ '^[!-?A-~]+@[!-?A-~]+$'),
	name text CONSTRAINT member_name CHECK (length(name) BETWEEN 1 AND 100),
	role text NOT NULL CONSTRAINT member_role
		CHECK (role IN ('owner', 'admin', 'member')),
	status text NOT NULL DEFAULT 'pending' CONSTRAINT member_status
		CHECK (status IN ('active', 'pending')),
	created_at timestamptz NOT NULL DEFAULT now(),
	invited_at timestamptz NOT NULL DEFAULT now(),
	joined_at timestamptz,
	CONSTRAINT member_joined CHECK (
		(status = 'active') = (joined_at IS NOT NULL))
);
CREATE UNIQUE INDEX member_email_once ON member (project_id, lower(email));
CREATE UNIQUE INDEX member_user_once ON member (project_id, user_id);

CREATE TABLE provider_key (
	project_id uuid NOT NULL REFERENCES project,
	provider text NOT NULL CONSTRAINT provider_key_provider CHECK (
		provider IN ('e2b', 'anthropic', 'anthropic_token',
			'openrouter', 'openai', 'github')),
	sealed bytea NOT NULL,
	last4 text NOT NULL
		CONSTRAINT provider_key_last4 CHECK (length(last4) = 4),
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (project_id, provider)
);

CREATE TABLE api_key (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	project_id uuid NOT NULL REFERENCES project,
	name text NOT NULL
		CONSTRAINT api_key_name CHECK (length(name) BETWEEN 1 AND 100),
	prefix text NOT NULL CONSTRAINT api_key_prefix
		CHECK (prefix ~ '^cc_(live|test)_[0-9A-Za-z]{8}$'),
	environment text NOT NULL DEFAULT 'live' CONSTRAINT api_key_environment
		CHECK (prefix LIKE 'cc\_' || environment || '\_%'),
	scopes text[] NOT NULL
		DEFAULT ARRAY['projects:read', 'projects:write'],
	hash bytea NOT NULL,  -- scrypt, the MCF string of libscrypt
	check_value bytea NOT NULL
		CONSTRAINT api_key_check_value CHECK (length(check_value) = 4),
	-- What the guard compares: follows the hash by construction.
	digest bytea NOT NULL GENERATED ALWAYS AS (sha256(hash)) STORED,
	created_at timestamptz NOT NULL DEFAULT now(),
	last_used_at timestamptz,
	expires_at timestamptz,
	revoked_at timestamptz
) WITH (fillfactor = 80); -- last_used_at changes in place (HOT)
CREATE UNIQUE INDEX api_key_prefix_once ON api_key (prefix);
CREATE INDEX api_key_project ON api_key (project_id, created_at DESC, id);

-- Usage counters, each spread over 64 slots so that increments do not queue
-- behind one row; half-empty pages let a slot change in place.
CREATE TABLE counter (
	project_id uuid NOT NULL REFERENCES project,
	counter text NOT NULL CONSTRAINT counter_name CHECK (
		counter IN ('runs', 'sandboxes', 'workflows', 'personas',
			'issueSessions', 'issues', 'learnings')),
	slot smallint NOT NULL
		CONSTRAINT counter_slot CHECK (slot BETWEEN 0 AND 63),
	value bigint NOT NULL,
	PRIMARY KEY (project_id, counter, slot)
) WITH (fillfactor = 50);

-- Written in the transaction of every write. Names and ids, never values.
CREATE TABLE audit (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	project_id uuid NOT NULL REFERENCES project,
	at timestamptz NOT NULL DEFAULT now(),
	actor text NOT NULL
		CONSTRAINT audit_actor CHECK (actor IN ('key', 'operator')),
	actor_key uuid,	    -- API key, for actor 'key'
	operator text,	    -- login name on the host, for actor 'operator'
	action text NOT NULL,
	object text NOT NULL,
	object_id text NOT NULL,
	fields text[] NOT NULL DEFAULT '{}',
	request_id uuid,
	address inet,
	CONSTRAINT audit_who CHECK (
		(actor = 'key') = (actor_key IS NOT NULL)
		AND (actor = 'operator') = (operator IS NOT NULL))
);
CREATE INDEX audit_project ON audit (project_id, at);

-- Milliseconds since the epoch, the API's form of a time.
CREATE FUNCTION ms(t timestamptz) RETURNS bigint
	LANGUAGE sql STABLE
	RETURN trunc(extract(epoch FROM t) * 1000)::bigint;

-- Ends the pipeline: the key that asks is not, or no longer, good.
CREATE FUNCTION refuse() RETURNS boolean
	LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'key refused' USING ERRCODE = '28000';
END
$$;

-- The one way to a stored hash: by a key's prefix, one row.
CREATE FUNCTION key_by_prefix(p text)
	RETURNS TABLE (id uuid, project_id uuid, hash bytea, digest bytea,
		check_value bytea, live boolean)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = codecourier, pg_temp
BEGIN ATOMIC
	SELECT k.id, k.project_id, k.hash, k.digest, k.check_value,
		k.revoked_at IS NULL AND p.deleted_at IS NULL
		AND (k.expires_at IS NULL OR k.expires_at > now())
	FROM api_key k JOIN project p ON p.id = k.project_id
	WHERE k.prefix = key_by_prefix.p;
END;

CREATE FUNCTION api_key_stays_revoked() RETURNS trigger
	LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'a revoked key stays revoked'
		USING ERRCODE = 'check_violation',
		CONSTRAINT = 'api_key_stays_revoked';
END
$$;
CREATE TRIGGER api_key_stays_revoked BEFORE UPDATE ON api_key
	FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL
		AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
	EXECUTE FUNCTION api_key_stays_revoked();

-- A trigger and not a CHECK, which would write the row to the server's log.
CREATE FUNCTION settings_env_size() RETURNS trigger
	LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'environment variables are limited to 1 MiB together'
		USING ERRCODE = 'check_violation',
		CONSTRAINT = 'settings_env_size';
END
$$;
CREATE TRIGGER settings_env_size BEFORE INSERT OR UPDATE ON settings
	FOR EACH ROW WHEN (
		NEW.env_vars_size + NEW.deploy_env_vars_size > 1048576)
	EXECUTE FUNCTION settings_env_size();

-- A project keeps one active owner. The project row is the lock: FOR NO KEY
-- UPDATE lets two changes of owners pass one after the other only, and does
-- not clash with the FOR KEY SHARE of foreign keys and of the guard (FOR
-- UPDATE would deadlock with both). The search after it runs with a snapshot
-- taken after the wait (READ COMMITTED, volatile function).
CREATE FUNCTION member_last_owner() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND NEW.role = 'owner' AND NEW.status = 'active'
		AND NEW.project_id = OLD.project_id
	THEN
		RETURN NULL;
	END IF;
	PERFORM FROM project WHERE id = OLD.project_id FOR NO KEY UPDATE;
	IF NOT EXISTS (SELECT FROM member WHERE project_id = OLD.project_id
		AND role = 'owner' AND status = 'active')
	THEN
		RAISE EXCEPTION 'a project keeps one active owner'
			USING ERRCODE = 'check_violation',
			CONSTRAINT = 'member_last_owner';
	END IF;
	RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER member_last_owner AFTER UPDATE OR DELETE ON member
	FOR EACH ROW WHEN (OLD.role = 'owner' AND OLD.status = 'active')
	EXECUTE FUNCTION member_last_owner();

-- What other services of the platform call. n: 1 to 2^31 - 1.
CREATE FUNCTION counter_add(project uuid, counter text, n bigint) RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = codecourier, pg_temp AS $$
BEGIN
	IF n IS NULL OR n NOT BETWEEN 1 AND 2147483647 THEN
		RAISE EXCEPTION 'n must be from 1 to 2147483647'
			USING ERRCODE = 'numeric_value_out_of_range';
	END IF;
	INSERT INTO counter AS c (project_id, counter, slot, value)
	SELECT p.id, counter_add.counter, floor(random() * 64)::smallint, n
	FROM project p
	WHERE p.id = counter_add.project AND p.deleted_at IS NULL
	ON CONFLICT ON CONSTRAINT counter_pkey
		DO UPDATE SET value = c.value + excluded.value;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no such project'
			USING ERRCODE = 'no_data_found';
	END IF;
END
$$;
