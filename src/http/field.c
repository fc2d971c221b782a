/*
 * field.c: checks a parsed body against its table. Every complaint is made,
 * so that a caller can mend all in one go.
 */
#include "http/field.h"

#include "base/text.h"
#include "base/uuid.h"
#include "http/value.h"

#include <json-c/json.h>
#include <stdint.h>
#include <string.h>

#include "base/banned.h"

/* A name that answers show and no body takes: objects are sent back whole. */
static bool
is_read_only(const char *name)
{
	static const char *const names[] = {"id", "_id", "_creationTime",
	    "updatedAt", "lastUsedAt", "prefix", "last4", "revoked",
	    "revokedAt", "rotatedFrom", "rotatedTo", "userId", "status",
	    "invitedAt", "joinedAt", "version", "etag", NULL};

	return text_is_one_of(name, names);
}

size_t
field_marks(const struct body *body)
{
	/* in marks: a string, a name with its colon, the comma behind it */
	const size_t string = 2, name = 3, comma = 1;
	size_t sum = 2 + FIELD_SPARE;

	for (size_t i = 0; i < body->n; i++) {
		sum += name + comma;
		switch (body->fields[i].type) {
		case FIELD_STRING:
		case FIELD_NUMBER:
		case FIELD_BOOL:
			sum += string;
			break;
		case FIELD_STRINGS:
			sum += 2 + STRINGS_MAX * (string + comma);
			break;
		case FIELD_ENV:
			sum += 2 + ENV_MAX * (name + string + comma);
			break;
		case FIELD_OBJECT: /* bytes of its shortest form */
			sum += body->fields[i].max;
			break;
		}
	}
	return sum;
}

int
field_ill_id(
    const struct body *body, struct json_object *const value[FIELD_MAX])
{
	for (size_t i = 0; i < body->n; i++)
		if (body->fields[i].is_id && value[i] &&
		    !uuid_is_ours(json_object_get_string(value[i]),
			(size_t)json_object_get_string_len(value[i])))
			return (int)i;
	return -1;
}

size_t
field_check(const struct body *body, struct json_object *json,
    struct json_object *value[FIELD_MAX], bool given[FIELD_MAX],
    field_complain *report, void *arg)
{
	struct check c = {report, arg, 0, false};

	memset(value, 0, sizeof(value[0]) * FIELD_MAX);
	memset(given, 0, sizeof(given[0]) * FIELD_MAX);
	json_object_object_foreach(json, name, v)
	{
		const struct field *f = NULL;

		for (size_t i = 0; i < body->n && !f; i++) {
			if (strcmp(body->fields[i].name, name) != 0)
				continue;
			f = &body->fields[i];
			given[i] = true;
			value[i] = v;
		}
		if (f)
			value_check(&c, f, v);
		else
			value_complain(&c, name,
			    is_read_only(name) ? "Cannot be set: leave it out."
					       : "Unknown field.");
	}
	for (size_t i = 0; i < body->n; i++)
		if (body->fields[i].required && !given[i])
			value_complain(
			    &c, body->fields[i].name, "Is required.");
	return c.no_memory ? SIZE_MAX : c.complaints;
}
