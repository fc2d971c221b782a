/*
 * routes.c: one row a route, grouped by resource.
 */
#include "api/routes.h"

#include "api/handlers.h"
#include "http/metrics.h"

#include <stddef.h>

#include "base/banned.h"

#define GET(path, scope, query, handler)                                       \
	{                                                                      \
		"GET", "/api/v1" path, SCOPE_##scope, query, NULL, handler     \
	}
#define POST(path, scope, handler)                                             \
	{                                                                      \
		"POST", "/api/v1" path, SCOPE_##scope, QUERY_NONE,             \
		    &handler##_body, handler                                   \
	}
#define OPEN(path, handler)                                                    \
	{                                                                      \
		"GET", path, SCOPE_OPEN, QUERY_NONE, NULL, handler             \
	}
#define ONE  QUERY_NONE
#define PAGE QUERY_PAGE

const struct route routes[] = {
    GET("/project", PROJECTS_READ, ONE, project_get),
    POST("/project/update", PROJECTS_WRITE, project_update),
    POST("/project/delete", PROJECTS_WRITE, project_delete),

    GET("/project/settings", SETTINGS_READ, ONE, settings_get),
    POST("/project/settings/update", SETTINGS_WRITE, settings_update),

    GET("/project/members", MEMBERS_READ, PAGE, member_list),
    POST("/project/members/invite", MEMBERS_WRITE, member_invite),
    POST("/project/members/remove", MEMBERS_WRITE, member_remove),
    POST("/project/members/update-role", MEMBERS_WRITE, member_update_role),

    GET("/project/provider-keys", PROVIDER_KEYS_READ, ONE, provider_key_list),
    POST("/project/provider-keys/set", PROVIDER_KEYS_WRITE, provider_key_set),
    POST("/project/provider-keys/remove", PROVIDER_KEYS_WRITE,
	provider_key_remove),

    GET("/project/api-keys", API_KEYS_READ, PAGE, api_key_list),
    POST("/project/api-keys/generate", API_KEYS_WRITE, api_key_generate),
    POST("/project/api-keys/update", API_KEYS_WRITE, api_key_update),
    POST("/project/api-keys/rotate", API_KEYS_WRITE, api_key_rotate),
    POST("/project/api-keys/revoke", API_KEYS_WRITE, api_key_revoke),

    GET("/project/counters", COUNTERS_READ, ONE, counters_get),

    GET("/whoami", ANY, ONE, api_key_whoami),

    OPEN("/healthz", health_live),
    OPEN("/readyz", health_ready),
    OPEN("/metrics", metrics_get), /* not from the public: see nginx/ */
    {NULL, NULL, SCOPE_OPEN, QUERY_NONE, NULL, NULL},
};
