/*
 * fuzz_body.c: a JSON text as body of every route that takes one: scanner,
 * json-c, table of fields. What has no complaint keeps the table's rules; what
 * has one gets the answer that the contract promises.
 */
#include "fuzz.h"

#include "api/routes.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "http/answer.h"
#include "json/scan.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static void
check_value(const struct field *f, struct json_object *v)
{
	const char *s = json_object_get_string(v);
	size_t len = strlen(s), size;

	switch (f->type) {
	case FIELD_STRING:
		EXPECT(json_object_is_type(v, json_type_string));
		EXPECT((size_t)json_object_get_string_len(v) == len);
		size = f->in_bytes ? len : utf8_count(s, len);
		EXPECT(f->max == 0 || (size >= f->min && size <= f->max));
		EXPECT(!f->one_line || !utf8_has_control(s, len));
		EXPECT(!f->one_line || utf8_has_visible(s, len));
		EXPECT(!f->trimmed || (s[0] != ' ' && s[len - 1] != ' '));
		break;
	case FIELD_STRINGS:
		EXPECT(json_object_is_type(v, json_type_array));
		EXPECT(json_object_array_length(v) <= 500);
		break;
	case FIELD_NUMBER:
		EXPECT(json_object_get_double(v) >= (double)f->min);
		EXPECT(json_object_get_double(v) <= (double)f->max);
		break;
	case FIELD_BOOL:
		EXPECT(json_object_is_type(v, json_type_boolean));
		break;
	case FIELD_ENV:
		EXPECT(json_object_is_type(v, json_type_object));
		EXPECT(json_object_object_length(v) <= 1000);
		EXPECT(field_env_size(v) <= FIELD_ENV_MAX);
		break;
	case FIELD_OBJECT:
		EXPECT(json_object_is_type(v, json_type_object));
		break;
	}
}

/* Counts. */
static void
count(void *arg, const char *field, const char *message)
{
	EXPECT(field && message && message[0]);
	++*(size_t *)arg;
}

static void
check_accepted(struct req *r, const struct body *body)
{
	struct json_object *value[FIELD_MAX];
	bool given[FIELD_MAX];
	struct scan_fault fault;
	const char *names, *text;
	size_t n = 0, len;

	for (size_t i = 0; i < body->n; i++) {
		const struct field *f = &body->fields[i];

		EXPECT(r->given[i] || !f->required);
		EXPECT(r->given[i] || !r->value[i]);
		EXPECT(!r->given[i] || r->value[i] || f->nullable);
		if (r->value[i])
			check_value(f, r->value[i]);
	}
	/* trimmed once, it stays as it is */
	EXPECT(field_check(body, r->json, value, given, count, &n) == 0);
	EXPECT(n == 0 && memcmp(value, r->value, sizeof(value)) == 0);
	text = json_object_to_json_string_length(
	    r->json, JSON_C_TO_STRING_PLAIN, &len);
	EXPECT(text && scan_json(text, len, SCAN_ANY, &fault));
	names = req_given_names(r);
	EXPECT(names && names[0] == '{' && names[strlen(names) - 1] == '}');
	EXPECT(!strpbrk(names, "\"\\ "));
}

static void
one_body(const struct body *body, const char *text, size_t len)
{
	struct req r;
	size_t complaints;

	req_begin(&r, fuzz_app());
	uuid_make(r.rid);
	r.json = fuzz_parse(text, len);
	complaints =
	    field_check(body, r.json, r.value, r.given, req_complain, &r);
	EXPECT((complaints > 0) == (r.details != NULL));
	if (complaints == 0) {
		check_accepted(&r, body);
	} else {
		answer_fault(&r, ERR_VALIDATION);
		EXPECT(r.status == 400);
		fuzz_check_answer(&r);
	}
	req_end(&r);
}

void
fuzz_body(const uint8_t *data, size_t len)
{
	struct scan_fault fault;
	struct json_object *json;
	char *text;
	bool object;

	if (!scan_json((const char *)data, len, SCAN_ANY, &fault))
		return;
	text = fuzz_text(data, len);
	json = fuzz_parse(text, len);
	object = json_object_is_type(json, json_type_object);
	json_object_put(json);
	for (const struct route *t = routes; object && t->path; t++)
		if (t->body)
			one_body(t->body, text, len);
	free(text);
}
