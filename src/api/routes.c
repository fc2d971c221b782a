/*
 * routes.c: one row a route, grouped by resource.
 */
#include "api/routes.h"

#include "api/handlers.h"
#include "http/metrics.h"

#include <stddef.h>

#include "base/banned.h"

#define GET(path, list, handler)                                               \
	{                                                                      \
		"GET", "/api/v1/project" path, ACCESS_KEY, list, NULL, handler \
	}
#define POST(path, handler)                                                    \
	{                                                                      \
		"POST", "/api/v1/project" path, ACCESS_KEY, false,             \
		    &handler##_body, handler                                   \
	}
#define OPEN(path, handler)                                                    \
	{                                                                      \
		"GET", path, ACCESS_OPEN, false, NULL, handler                 \
	}

const struct route routes[] = {
    GET("", false, project_get),
    POST("/update", project_update),
    POST("/delete", project_delete),

    GET("/settings", false, settings_get),
    POST("/settings/update", settings_update),

    GET("/members", true, member_list),
    POST("/members/invite", member_invite),
    POST("/members/remove", member_remove),
    POST("/members/update-role", member_update_role),

    GET("/provider-keys", false, provider_key_list),
    POST("/provider-keys/set", provider_key_set),
    POST("/provider-keys/remove", provider_key_remove),

    GET("/api-keys", true, api_key_list),
    POST("/api-keys/generate", api_key_generate),
    POST("/api-keys/revoke", api_key_revoke),

    GET("/counters", false, counters_get),

    OPEN("/healthz", health_live),
    OPEN("/readyz", health_ready),
    OPEN("/metrics", metrics_get), /* not from the public: see nginx/ */
    {NULL, NULL, ACCESS_OPEN, false, NULL, NULL},
};
