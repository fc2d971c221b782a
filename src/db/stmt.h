/*
 * stmt.h: every SQL statement of the project, by name. Callers never hold SQL.
 *
 * Conventions: $1 is the project id in every statement of a handler, so that
 * no object of another project can be reached. A statement that writes takes
 * the actor next ($2 API key id or the operator's name, $3 request id, $4 the
 * client's address, $5 the names of the fields that the request gave, as
 * text[]) and writes its audit row itself, in the same statement.
 * Result columns are text, json, bytea or boolean: results travel in binary
 * format, in which text and json are their own bytes.
 */
#ifndef STMT_H
#define STMT_H

/* Why a server is not served from, as a reason begins. What a standby holds
 * may be old: a key that was revoked on the primary is still good there. */
#define DB_STANDBY   "connected to a standby"
#define DB_READ_ONLY "the server is read-only"

/* clang-format off */
enum stmt {
	/* the API's: prepared on each connection of a worker */
	STMT_SCHEMA_VERSION,	/* -> version, oldest program, NULL or why
				   nothing can be written */
	STMT_MASTER_KEYS,	/* -> for sealed.h */
	STMT_GUARD_READ,	/* 2 key, digest -> last used is stale */
	STMT_GUARD_PROJECT,	/* the same -> stale, the project */
	STMT_GUARD_WRITE,	/* the same, and both rows FOR KEY SHARE */
	STMT_KEY_BY_PREFIX,	/* 1 prefix -> id, project, hash, digest,
				   check value, live */
	STMT_KEY_USED,		/* 2 key */
	STMT_END_STALLED,	/* -> how many */
	STMT_PROJECT_UPDATE,	/* 6 name, slug, URL */
	STMT_PROJECT_DELETE,	/* 6 days until the purge */
	STMT_PROJECT_DRAIN,
	STMT_PROJECT_LOCK,	/* before a count that a write depends on */
	STMT_DATA_KEYS,		/* -> id, master key id, wrapped */
	STMT_SETTINGS_GET,
	STMT_SETTINGS_UPDATE,	/* 6 fields but the keys below, in order,
				   21 bytes of envVars, of deployEnvVars */
	STMT_SETTINGS_DEPLOY_KEY, /* 2 sealed, last4; no audit row of its */
	STMT_SETTINGS_DEV_KEY,	/* own: SETTINGS_UPDATE follows */
	STMT_MEMBER_LIST,	/* 2 limit, 3.. cursor: status, role, µs, id */
	STMT_MEMBER_LOCK,	/* 2 email */
	STMT_MEMBER_INVITE,	/* 6 email, role, most members -> row; none:
				   full. MEMBER_LOCK, PROJECT_LOCK precede */
	STMT_MEMBER_REMOVE,	/* 6 user id */
	STMT_MEMBER_ROLE,	/* 6 user id, role */
	STMT_PROVIDER_KEY_LIST,
	STMT_PROVIDER_KEY_SET,	/* 6 provider, sealed, last4 */
	STMT_PROVIDER_KEY_REMOVE, /* 6 provider */
	STMT_API_KEY_LIST,	/* 2 limit, 3.. cursor: µs, id */
	STMT_API_KEY_CREATE,	/* 6 name, prefix, environment, hash, check
				   value, most live keys -> row, id, digest;
				   no row: full. PROJECT_LOCK precedes */
	STMT_API_KEY_REVOKE,	/* 6 key id */
	STMT_API_KEY_DRAIN,	/* 2 key id */
	STMT_COUNTERS_GET,
	STMT__API_MAX,

	/* the operator's command only */
	STMT_OP_PROJECT_FIND = STMT__API_MAX, /* 1 id, or 2 slug -> id */
	STMT_OP_PROJECT_GET,
	STMT_OP_PROJECT_LIST,
	STMT_OP_PROJECT_DELETED, /* those that are, last deleted first */
	STMT_OP_PROJECT_WHICH,	/* 1 id, slug -> id, is deleted: of all */
	STMT_OP_PROJECT_DELETE,	/* as PROJECT_DELETE */
	STMT_OP_PROJECT_RESTORE, /* 6 slug -> row, with the keys that live; or
				   no row: its purge has begun. PROJECT_LOCK
				   precedes */
	STMT_OP_PURGE_DUE,	/* -> ids */
	STMT_OP_PURGE_BEGIN,	/* 2 operator, request id, only if due ->
				   whether it has begun */
	STMT_OP_PURGE_SOME,	/* 2 rows at most -> whether all are gone */
	STMT_OP_PURGE_GET,
	STMT_OP_PROJECT_CREATE,	/* 6 name, slug, email, data key id, master
				   key id, wrapped */
	STMT_OP_MEMBER_ACCEPT,	/* 6 email, name; PROJECT_LOCK precedes */
	STMT_OP_KEY_CREATE,	/* as API_KEY_CREATE */
	STMT_OP_KEY_FIND,	/* 1 key id -> project */
	STMT_OP_KEY_WHOSE,	/* 1 prefix -> row, with its project */
	STMT_OP_KEY_REVOKE,	/* as API_KEY_REVOKE */
	STMT_OP_REVEAL,		/* 6 provider -> sealed */
	STMT_OP_COUNTER_ADD,	/* 6 counter, n -> the new sum, or no row */
	STMT__MAX
};
/* clang-format on */

struct stmt_info {
	const char *name; /* as prepared */
	int params;
	const char *sql;
};

/* The row of a statement; `s` must be a value of the enum below STMT__MAX. */
const struct stmt_info *stmt_info(enum stmt s);

#endif
