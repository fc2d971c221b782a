/*
 * value.c: the rules that a value is held to, a function a type.
 */
#include "http/value.h"

#include "base/text.h"
#include "base/utf8.h"
#include "json/json.h"

#include <json-c/json.h>
#include <json-c/linkhash.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define ENTRIES_RULE "Must have at most " TEXT_OF(STRINGS_MAX) " entries."
#define ENTRY_RULE   "Must have 1 to " TEXT_OF(STRING_MAX) " characters."
#define ENV_NAME_RULE                                                          \
	"A variable's name must match [A-Za-z_][A-Za-z0-9_]* and have at "     \
	"most " TEXT_OF(ENV_NAME_MAX) " characters."
#define ENV_VALUE_RULE "Must have at most " TEXT_OF(ENV_VALUE_MAX) " bytes."

void
value_complain(struct check *c, const char *field, const char *message)
{
	c->complaints++;
	c->complain(c->arg, field, message);
}

static const char *
length_rule(const struct field *f, char out[FIELD_MESSAGE])
{
	const char *unit = f->type == FIELD_STRINGS ? "entries"
	    : f->in_bytes                           ? "bytes"
						    : "characters";

	if (f->min > 0)
		snprintf(out, FIELD_MESSAGE, "Must have %zu to %zu %s.", f->min,
		    f->max, unit);
	else
		snprintf(out, FIELD_MESSAGE, "Must have at most %zu %s.",
		    f->max, unit);
	return out;
}

const char *
field_choice(const struct field *f, char out[FIELD_MESSAGE])
{
	const char *const *s = f->one_of;
	int at = snprintf(out, FIELD_MESSAGE, "Must be \"%s\"", *s++);

	for (; *s && at < FIELD_MESSAGE; s++)
		at += snprintf(out + at, FIELD_MESSAGE - (size_t)at,
		    s[1] ? ", \"%s\"" : " or \"%s\".", *s);
	return out;
}

/* Through a copy: json-c copies to where the text stands. False: memory. */
static bool
trim(struct json_object *v, const char **s, size_t *len)
{
	const char *start = text_trim(*s, len);
	char *copy;

	if (start == *s && start[*len] == '\0')
		return true;
	copy = strndup(start, *len);
	if (!copy || !json_object_set_string_len(v, copy, (int)*len)) {
		free(copy);
		return false;
	}
	free(copy);
	*s = json_object_get_string(v);
	return true;
}

static bool
fits(const struct field *f, const char *s, size_t len)
{
	size_t count;

	if (f->max == 0)
		return true;
	count = f->in_bytes ? len : utf8_count(s, len);
	return count >= f->min && count <= f->max;
}

/* The first complaint of a text, perhaps made in `room`; NULL: none. */
static const char *
text_fault(
    const struct field *f, const char *s, size_t len, char room[FIELD_MESSAGE])
{
	if (!fits(f, s, len))
		return length_rule(f, room);
	if (f->one_line && utf8_has_control(s, len))
		return "Must not have control characters.";
	if (f->one_line && !utf8_has_visible(s, len))
		return "Must have at least one visible character.";
	if (f->one_of && !text_is_one_of(s, f->one_of))
		return field_choice(f, room);
	if (f->valid && !f->valid(s, len))
		return f->rule;
	return NULL;
}

static void
check_string(struct check *c, const struct field *f, struct json_object *v)
{
	const char *s = json_object_get_string(v), *fault;
	size_t len = (size_t)json_object_get_string_len(v);
	char room[FIELD_MESSAGE], message[FIELD_MESSAGE + 32];

	if (f->trimmed && !trim(v, &s, &len)) {
		c->no_memory = true;
		return;
	}
	fault = text_fault(f, s, len, room);
	if (fault && len == 0 && f->nullable) {
		snprintf(message, sizeof(message), "%s Send null to clear it.",
		    fault);
		fault = message;
	}
	if (fault)
		value_complain(c, f->name, fault);
}

/* The first complaint of an entry, perhaps made in `room`; NULL: none, and it
 * has its one form. */
static const char *
entry_fault(struct check *c, const struct field *f, struct json_object *e,
    char room[FIELD_MESSAGE])
{
	const char *s = json_object_get_string(e);
	char form[FIELD_FORM];
	size_t len;

	if (!json_object_is_type(e, json_type_string))
		return "Must be a string.";
	len = (size_t)json_object_get_string_len(e);
	if (len == 0 || utf8_count(s, len) > STRING_MAX)
		return ENTRY_RULE;
	if (f->valid && !f->valid(s, len))
		return f->rule;
	if (!f->form)
		return NULL;
	if (f->form(s, len, form)) {
		if (!json_object_set_string(e, form))
			c->no_memory = true;
		return NULL;
	}
	if (!form[0])
		return f->rule;
	snprintf(room, FIELD_MESSAGE, "%s Did you mean %s?", f->rule, form);
	return room;
}

static void
check_strings(struct check *c, const struct field *f, struct json_object *v)
{
	size_t n = json_object_array_length(v);
	struct lh_table *seen;
	char path[80], room[FIELD_MESSAGE];

	if (n < f->min || n > (f->max ? f->max : STRINGS_MAX)) {
		value_complain(
		    c, f->name, f->max ? length_rule(f, room) : ENTRIES_RULE);
		return;
	}
	seen = lh_kchar_table_new((int)n * 2 + 1, NULL);
	c->no_memory = c->no_memory || !seen;
	for (size_t i = 0; seen && i < n; i++) {
		struct json_object *e = json_object_array_get_idx(v, i);
		const char *fault = entry_fault(c, f, e, room);
		const char *s = json_object_get_string(e);

		if (!fault && lh_table_lookup_entry(seen, s))
			fault = "Must not be in the list twice.";
		else if (!fault && lh_table_insert(seen, s, NULL) != 0)
			c->no_memory = true;
		if (!fault)
			continue;
		snprintf(path, sizeof(path), "%s[%zu]", f->name, i);
		value_complain(c, path, fault);
	}
	if (seen)
		lh_table_free(seen);
}

size_t
field_env_size(struct json_object *env)
{
	size_t size = 0;

	if (!env)
		return 0;
	json_object_object_foreach(env, name, value)
	{
		size +=
		    strlen(name) + (size_t)json_object_get_string_len(value);
	}
	return size;
}

const char *
value_name_fault(const char *name)
{
	size_t len = strlen(name);

	return len > ENV_NAME_MAX || !text_is_env_name(name, len)
	    ? ENV_NAME_RULE
	    : NULL;
}

const char *
value_size_fault(size_t len)
{
	return len > ENV_VALUE_MAX ? ENV_VALUE_RULE : NULL;
}

static void
check_env(struct check *c, const struct field *f, struct json_object *v)
{
	char path[512];
	size_t before = c->complaints;

	if (json_object_object_length(v) > ENV_MAX) {
		value_complain(c, f->name, ENV_RULE);
		return;
	}
	json_object_object_foreach(v, name, value)
	{
		const char *fault = value_name_fault(name);

		snprintf(path, sizeof(path), "%s.%s", f->name, name);
		if (fault)
			value_complain(c, path, fault);
		else if (!value)
			value_complain(c, path,
			    "Must be a string. Leave the variable out to "
			    "remove it.");
		else if (!json_object_is_type(value, json_type_string))
			value_complain(c, path, "Must be a string, in quotes.");
		else if ((fault = value_size_fault(
			      (size_t)json_object_get_string_len(value))))
			value_complain(c, path, fault);
	}
	if (c->complaints == before && field_env_size(v) > FIELD_ENV_MAX)
		value_complain(c, f->name, ENV_SUM_RULE);
}

/* JSON has no whole numbers of its own: 600.0 is one (json-schema.org). */
static void
check_number(struct check *c, const struct field *f, struct json_object *v)
{
	double n = json_object_get_double(v);
	char room[FIELD_MESSAGE];

	if (n >= (double)f->min && n <= (double)f->max && n == floor(n))
		return;
	snprintf(room, sizeof(room), "Must be a whole number from %zu to %zu.",
	    f->min, f->max);
	value_complain(c, f->name, room);
}

static void
check_object(struct check *c, const struct field *f, struct json_object *v)
{
	char room[FIELD_MESSAGE];
	size_t len;
	char *text = json_text(v, &len);

	if (!text)
		c->no_memory = true;
	else if (len > f->max)
		value_complain(c, f->name, length_rule(f, room));
	free(text);
}

static const struct {
	enum json_type type;
	const char *complaint;
	enum json_type near; /* what is easily taken for it, and the way out */
	const char *hint;
	void (*check)(
	    struct check *, const struct field *, struct json_object *);
} types[] = {
    [FIELD_STRING] = {json_type_string, "Must be a string.", json_type_object,
	"Must be a string. Leave it out to keep it.", check_string},
    [FIELD_STRINGS] = {json_type_array, "Must be an array of strings.",
	json_type_object,
	"Must be an array of strings, no object: [] for none, in PHP "
	"array_values($list).",
	check_strings},
    [FIELD_NUMBER] = {json_type_double, "Must be a number.", json_type_string,
	"Must be a number, without quotes.", check_number},
    [FIELD_BOOL] = {json_type_boolean, "Must be true or false.",
	json_type_string, "Must be true or false, without quotes.", NULL},
    [FIELD_ENV] = {json_type_object, "Must be an object of strings.",
	json_type_array,
	"Must be an object of strings, no array: {} for none, in PHP "
	"(object)[].",
	check_env},
    [FIELD_OBJECT] = {json_type_object, "Must be an object.", json_type_array,
	"Must be an object, no array: {} for none, in PHP (object)[].",
	check_object},
};

static bool
has_type(struct json_object *v, enum field_type type)
{
	return json_object_is_type(v, types[type].type) ||
	    (type == FIELD_NUMBER && json_object_is_type(v, json_type_int));
}

void
value_check(struct check *c, const struct field *f, struct json_object *v)
{
	if (!v && !f->nullable)
		value_complain(c, f->name,
		    f->required ? "Must not be null."
				: "Must not be null. Leave it out instead.");
	else if (v && f->nullable &&
	    json_object_is_type(v, types[f->type].near))
		value_complain(c, f->name, types[f->type].hint);
	else if (v && !has_type(v, f->type))
		value_complain(c, f->name, types[f->type].complaint);
	else if (v && types[f->type].check)
		types[f->type].check(c, f, v);
}
