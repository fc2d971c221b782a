/*
 * route.c: one row a route. 404 and 405 are told apart by the rows whose path
 * fits, and Allow is built from the same rows.
 */
#include "route.h"

#include "handlers.h"

#include <stdio.h>
#include <string.h>

#include "banned.h"

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

static const struct route routes[] = {
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

    GET("/counters", false, counter_list),

    OPEN("/healthz", health_live),
    OPEN("/readyz", health_ready),
    OPEN("/metrics", metrics_get), /* not from the public: see nginx/ */
    {NULL, NULL, ACCESS_OPEN, false, NULL, NULL},
};

const struct route *
route_table(void)
{
	return routes;
}

enum err
route_find(const char *method, const char *path, size_t len,
    const struct route **route, char allow[40])
{
	bool head = strcmp(method, "HEAD") == 0;
	size_t at = 0;

	for (const struct route *t = routes; t->path; t++) {
		if (strlen(t->path) != len || memcmp(t->path, path, len) != 0)
			continue;
		if (strcmp(t->method, head ? "GET" : method) == 0) {
			*route = t;
			return ERR_OK;
		}
		at += (size_t)snprintf(allow + at, 40 - at, "%s, ",
		    strcmp(t->method, "GET") == 0 ? "GET, HEAD" : t->method);
	}
	if (at == 0)
		return ERR_NOT_FOUND;
	snprintf(allow + at, 40 - at, "OPTIONS");
	return ERR_METHOD;
}
