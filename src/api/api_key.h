/*
 * api_key.h: what the handlers of API keys share.
 */
#ifndef API_KEY_H
#define API_KEY_H

#include "api/grant.h"

/* The field that names a key. */
#define API_KEY_ID                                                             \
	{                                                                      \
		.name = "keyId", .required = true, .is_id = true,              \
		.not_found =                                                   \
		    "The project has no API key with this id. Send "           \
		    "the \"id\" that the list of keys shows, not the "         \
		    "prefix and not the key."                                  \
	}

/* Whether it is revoked or has expired: for good. */
bool api_key_is_over(const struct grant *key);

/* A write of a key that has changed since it was looked at: ERR_CONFLICT. */
enum err api_key_changed(struct req *r);

#endif
