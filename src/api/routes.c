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
		"GET", "/api/v1/project" path, scope, query, NULL, handler     \
	}
#define POST(path, scope, handler)                                             \
	{                                                                      \
		"POST", "/api/v1/project" path, scope, QUERY_NONE,             \
		    &handler##_body, handler                                   \
	}
#define OPEN(path, handler)                                                    \
	{                                                                      \
		"GET", path, SCOPE_OPEN, QUERY_NONE, NULL, handler             \
	}
#define READ  SCOPE_READ
#define WRITE SCOPE_WRITE
#define ONE   QUERY_NONE
#define PAGE  QUERY_PAGE

const struct route routes[] = {
    GET("", READ, ONE, project_get),
    POST("/update", WRITE, project_update),
    POST("/delete", WRITE, project_delete),

    GET("/settings", READ, ONE, settings_get),
    POST("/settings/update", WRITE, settings_update),

    GET("/members", READ, PAGE, member_list),
    POST("/members/invite", WRITE, member_invite),
    POST("/members/remove", WRITE, member_remove),
    POST("/members/update-role", WRITE, member_update_role),

    GET("/provider-keys", READ, ONE, provider_key_list),
    POST("/provider-keys/set", WRITE, provider_key_set),
    POST("/provider-keys/remove", WRITE, provider_key_remove),

    GET("/api-keys", READ, PAGE, api_key_list),
    POST("/api-keys/generate", WRITE, api_key_generate),
    POST("/api-keys/revoke", WRITE, api_key_revoke),

    GET("/counters", READ, ONE, counters_get),

    OPEN("/healthz", health_live),
    OPEN("/readyz", health_ready),
    OPEN("/metrics", metrics_get), /* not from the public: see nginx/ */
    {NULL, NULL, SCOPE_OPEN, QUERY_NONE, NULL, NULL},
};
