/*
 * routes.c: one row a route, grouped by resource.
 */
#include "api/routes.h"

#include "api/handlers.h"
#include "http/metrics.h"

#include <stddef.h>

#include "base/banned.h"

/* What else a row says, it says by name: .query = QUERY_PAGE. */
#define GET(path_, scope_, handler_, ...)                                      \
	{                                                                      \
		.method = "GET", .path = "/api/v1" path_,                      \
		.scope = SCOPE_##scope_, .handler = handler_, __VA_ARGS__      \
	}
#define POST(path_, scope_, handler_, ...)                                     \
	{                                                                      \
		.method = "POST", .path = "/api/v1" path_,                     \
		.scope = SCOPE_##scope_, .body = &handler_##_body,             \
		.handler = handler_, __VA_ARGS__                               \
	}
/* What it changes has a tag: it takes If-Match. */
#define TAGGED .if_match = true
#define OPEN(path_, handler_)                                                  \
	{                                                                      \
		.method = "GET", .path = path_, .scope = SCOPE_OPEN,           \
		.handler = handler_                                            \
	}

const struct route routes[] = {
    GET("/project", PROJECTS_READ, project_get),
    POST("/project/update", PROJECTS_WRITE, project_update, TAGGED),
    POST("/project/delete", PROJECTS_WRITE, project_delete, TAGGED),

    GET("/project/settings", SETTINGS_READ, settings_get),
    POST("/project/settings/update", SETTINGS_WRITE, settings_update, TAGGED),
    GET("/project/settings/versions", SETTINGS_READ, history_list,
	.query = QUERY_PAGE),
    GET("/project/settings/versions/{n}", SETTINGS_READ, history_get),
    POST(
	"/project/settings/rollback", SETTINGS_WRITE, history_rollback, TAGGED),
    GET("/project/settings/env", SETTINGS_READ, env_get, .query = QUERY_ENV),
    POST("/project/settings/env/import", SETTINGS_WRITE, env_import,
	.query = QUERY_IMPORT, TAGGED),

    GET("/project/members", MEMBERS_READ, member_list, .query = QUERY_PAGE),
    POST("/project/members/invite", MEMBERS_WRITE, member_invite),
    POST("/project/members/resend", MEMBERS_WRITE, member_resend),
    POST("/project/members/remove", MEMBERS_WRITE, member_remove, TAGGED),
    POST("/project/members/update-role", MEMBERS_WRITE, member_update_role,
	TAGGED),

    GET("/project/provider-keys", PROVIDER_KEYS_READ, provider_key_list),
    POST("/project/provider-keys/set", PROVIDER_KEYS_WRITE, provider_key_set,
	TAGGED),
    POST("/project/provider-keys/remove", PROVIDER_KEYS_WRITE,
	provider_key_remove, TAGGED),

    GET("/project/api-keys", API_KEYS_READ, api_key_list, .query = QUERY_PAGE),
    POST("/project/api-keys/generate", API_KEYS_WRITE, api_key_generate),
    POST("/project/api-keys/update", API_KEYS_WRITE, api_key_update, TAGGED),
    POST("/project/api-keys/rotate", API_KEYS_WRITE, api_key_rotate, TAGGED,
	.told_once = true),
    POST("/project/api-keys/revoke", API_KEYS_WRITE, api_key_revoke, TAGGED),

    GET("/project/counters", COUNTERS_READ, counters_get),

    GET("/project/audit-log", AUDIT_READ, audit_list, .query = QUERY_AUDIT),

    GET("/whoami", ANY, api_key_whoami),

    POST("/credentials/revoke", OPEN, credential_revoke),
    POST("/invitations/accept", OPEN, invitation_accept),

    OPEN("/healthz", health_live),
    OPEN("/readyz", health_ready),
    OPEN("/metrics", metrics_get), /* not from the public: see nginx/ */
    {.path = NULL},
};
