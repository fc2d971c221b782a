/*
 * object.c: json-c's objects, with a mark where something is missing.
 */
#include "json/object.h"

#include <json-c/json.h>

#include "base/banned.h"

static char incomplete; /* the mark: its address */

struct json_object *
object_new(void)
{
	return json_object_new_object();
}

struct json_object *
object_list(void)
{
	return json_object_new_array();
}

static bool
is_marked(struct json_object *v)
{
	enum json_type type = json_object_get_type(v);

	return (type == json_type_object || type == json_type_array) &&
	    json_object_get_userdata(v) == &incomplete;
}

/* After an attempt to put `value` into `to`, which has it if `ok`. */
static void
settle(struct json_object *to, struct json_object *value, bool ok)
{
	if (to && (!ok || is_marked(value)))
		json_object_set_userdata(to, &incomplete, NULL);
	if (!ok)
		json_object_put(value);
}

void
object_add(struct json_object *o, const char *name, struct json_object *value)
{
	settle(o, value,
	    o && value && json_object_object_add(o, name, value) == 0);
}

void
object_push(struct json_object *list, struct json_object *value)
{
	settle(list, value,
	    list && value && json_object_array_add(list, value) == 0);
}

void
object_push_text(struct json_object *list, const char *text)
{
	object_push(list, json_object_new_string(text));
}

void
object_null(struct json_object *o, const char *name)
{
	settle(o, NULL, o && json_object_object_add(o, name, NULL) == 0);
}

void
object_text(struct json_object *o, const char *name, const char *text)
{
	if (text)
		object_add(o, name, json_object_new_string(text));
	else
		object_null(o, name);
}

void
object_int(struct json_object *o, const char *name, int64_t n)
{
	object_add(o, name, json_object_new_int64(n));
}

void
object_uint(struct json_object *o, const char *name, uint64_t n)
{
	object_add(o, name, json_object_new_uint64(n));
}

void
object_bool(struct json_object *o, const char *name, bool is)
{
	object_add(o, name, json_object_new_boolean(is));
}

bool
object_is_whole(struct json_object *o)
{
	return o && !is_marked(o);
}
