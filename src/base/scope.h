/*
 * scope.h: what a key may be for. A route needs one scope, a key has a set of
 * them. Those of other services of the platform are carried for them; nothing
 * in here needs one.
 */
#ifndef SCOPE_H
#define SCOPE_H

#include <stdbool.h>
#include <stdint.h>

/* X(name in C, name) of this API's own, reads and writes, and of others. */
#define SCOPES_READ(X)                                                         \
	X(PROJECTS_READ, "projects:read")                                      \
	X(SETTINGS_READ, "settings:read")                                      \
	X(MEMBERS_READ, "members:read")                                        \
	X(PROVIDER_KEYS_READ, "provider-keys:read")                            \
	X(API_KEYS_READ, "api-keys:read")                                      \
	X(COUNTERS_READ, "counters:read")                                      \
	X(AUDIT_READ, "audit:read")
#define SCOPES_WRITE(X)                                                        \
	X(PROJECTS_WRITE, "projects:write")                                    \
	X(SETTINGS_WRITE, "settings:write")                                    \
	X(MEMBERS_WRITE, "members:write")                                      \
	X(PROVIDER_KEYS_WRITE, "provider-keys:write")                          \
	X(API_KEYS_WRITE, "api-keys:write")
#define SCOPES_CARRIED(X)                                                      \
	X(WORKFLOWS_READ, "workflows:read")                                    \
	X(WORKFLOWS_WRITE, "workflows:write")                                  \
	X(RUNS_READ, "runs:read")                                              \
	X(RUNS_WRITE, "runs:write")                                            \
	X(SANDBOXES_READ, "sandboxes:read")                                    \
	X(SANDBOXES_WRITE, "sandboxes:write")                                  \
	X(PERSONAS_READ, "personas:read")                                      \
	X(PERSONAS_WRITE, "personas:write")                                    \
	X(ISSUE_SESSIONS_READ, "issue-sessions:read")                          \
	X(ISSUE_SESSIONS_WRITE, "issue-sessions:write")                        \
	X(ISSUES_READ, "issues:read")                                          \
	X(ISSUES_WRITE, "issues:write")                                        \
	X(LEARNINGS_READ, "learnings:read")                                    \
	X(LEARNINGS_WRITE, "learnings:write")                                  \
	X(WEBHOOKS_READ, "webhooks:read")                                      \
	X(WEBHOOKS_WRITE, "webhooks:write")                                    \
	X(SCHEDULES_READ, "schedules:read")                                    \
	X(SCHEDULES_WRITE, "schedules:write")

#define SCOPE_ROW(id, name) SCOPE_##id,
enum scope {
	SCOPE_OPEN, /* of a route: no key is needed */
	SCOPE_ANY,  /* of a route: any key that lives */
	SCOPES_READ(SCOPE_ROW) SCOPES_WRITE(SCOPE_ROW) SCOPES_CARRIED(SCOPE_ROW)
	    SCOPE__MAX
};
#undef SCOPE_ROW

#define SCOPE_COUNT (SCOPE__MAX - SCOPE_ANY - 1)

/* A set of scopes: the bit of each. */
typedef uint64_t scope_set;
_Static_assert(SCOPE__MAX <= 64, "a bit for each");

#define SCOPE_TEXT 1024 /* bytes: room for the names of all, as an array */

/* "settings:read"; NULL of SCOPE_OPEN and SCOPE_ANY. */
const char *scope_name(enum scope scope);

/* The scope of a name; SCOPE_OPEN: there is none. */
enum scope scope_of(const char *name);

/* The set of a text[] as PostgreSQL writes it, {a,b}. Names that this program
 * does not know are left out. */
scope_set scope_set_of(const char *array);
/* The same text of a set, sorted by bytes. */
void scope_array(scope_set set, char out[SCOPE_TEXT]);

/* With all that its members cover: projects:read every read of this API,
 * projects:write every write. */
scope_set scope_expand(scope_set set);

/* Whether a set, expanded here, is enough for `need`. */
bool scope_covers(scope_set set, enum scope need);

/* The first of `wanted` that a holder of `had` lacks; SCOPE_OPEN: none. */
enum scope scope_lacking(scope_set wanted, scope_set had);

#endif
