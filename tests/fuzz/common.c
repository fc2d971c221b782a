/*
 * common.c: helpers of the fuzz targets: a worker without a database, and
 * what must hold of every answer.
 */
#include "fuzz.h"

#include "api/routes.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "json/json.h"
#include "json/scan.h"
#include "wire.h"

#include <json-c/json.h>
#include <json-c/printbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

static char folder[64];

char *
fuzz_text(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	EXPECT(text);
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	return text;
}

static void
remove_folder(void)
{
	static const char *const files[] = {HOST_FILE, "keyring", "api.sock"};
	char path[128];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	rmdir(folder);
}

const char *
fuzz_folder(void)
{
	if (!folder[0]) {
		const char *parent = getenv("TMPDIR");

		snprintf(folder, sizeof(folder), "%.40s/fuzz-XXXXXX",
		    parent ? parent : "/tmp");
		EXPECT(mkdtemp(folder));
		atexit(remove_folder);
	}
	return folder;
}

struct app *
fuzz_app(void)
{
	static struct app app;
	struct identity id;
	char why[256];

	if (app.db)
		return &app;
	EXPECT(secret_init());
	log_set_level(LOG_ERROR);
	memset(&id, 0, sizeof(id));
	snprintf(id.project_id, UUID_TEXT, "%s", FUZZ_PROJECT);
	snprintf(id.key_id, UUID_TEXT, "00000000-0000-4000-8000-000000000002");
	app.routes = routes;
	app.wire = &memory_wire;
	app.host = host_open(fuzz_folder(), HOST_WORK, why, sizeof(why));
	EXPECT(app.host);
	EXPECT(conf_parse(&app.conf, "none", "CODECOURIER_SCRYPT_LOG2N=10\n",
	    why, sizeof(why)));
	/* no such folder: connecting fails at once */
	app.db = db_new("host=/nonexistent", DB_API, 1000);
	EXPECT(app.db);
	verified_add(app.host, FUZZ_KEY, &id);
	return &app;
}

/* Surrogates, of which json-c 0.16 reads some pairs wrong: U+1D800 and others
 * with such a low half become U+FFFD. */
static bool
has_surrogate(const char *text)
{
	for (; (text = strstr(text, "\\u")); text++)
		if (text[2] == 'd' || text[2] == 'D')
			return true;
	return false;
}

/* json-c's own parser and printer say the same as ours. */
static void
check_build(const char *text, size_t len, struct json_object *json)
{
	struct json_object *built;
	char *room = malloc(len + 1), *printed;
	const char *expected;
	size_t expected_len, printed_len;

	EXPECT(room);
	EXPECT(json_build(text, len, room, &built));
	EXPECT(has_surrogate(text) || json_object_equal(json, built));
	printed = json_text(built, &printed_len);
	expected = json_object_to_json_string_length(json,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
	    &expected_len);
	EXPECT(printed && expected);
	EXPECT(has_surrogate(text) ||
	    (printed_len == expected_len &&
		memcmp(printed, expected, printed_len) == 0));
	free(printed);
	json_object_put(built);
	free(room);
}

struct json_object *
fuzz_parse(const char *text, size_t len)
{
	struct json_tokener *t = json_tokener_new_ex(SCAN_MAX_DEPTH + 1);
	struct json_object *json;

	EXPECT(t);
	json_tokener_set_flags(
	    t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(t, text, (int)len + 1);
	EXPECT(json_tokener_get_error(t) == json_tokener_success);
	EXPECT(json_tokener_get_parse_end(t) == len);
	json_tokener_free(t);
	check_build(text, len, json);
	return json;
}

static const char *
member(struct json_object *json, const char *name)
{
	return json_object_get_string(json_object_object_get(json, name));
}

/* The row of err.c that has this code. */
static const struct err_info *
known_code(const char *code)
{
	for (enum err e = ERR_OK + 1; e < ERR__MAX; e++)
		if (strcmp(err_info(e)->code, code) == 0)
			return err_info(e);
	return NULL;
}

static void
check_error(const struct req *r, struct json_object *error)
{
	const char *code = member(error, "code"),
		   *id = member(error, "requestId");
	const char *message = member(error, "message"), *field;
	struct json_object *details = json_object_object_get(error, "details");
	struct json_object *retry = json_object_object_get(error, "retryable");
	const struct err_info *info;

	EXPECT(code);
	info = known_code(code);
	EXPECT(info);
	EXPECT(info->status == r->status);
	EXPECT(message && message[0]);
	EXPECT(id && strcmp(id, r->rid) == 0);
	EXPECT((retry != NULL) == (r->status >= 500));
	EXPECT(!retry || json_object_get_boolean(retry) == info->retryable);
	EXPECT(r->status != 503 || r->retry_after > 0);
	EXPECT(r->status != 405 || strstr(r->allow, "OPTIONS"));
	if (!details)
		return;
	EXPECT(r->status == 400);
	EXPECT(json_object_array_length(details) >= 1);
	EXPECT(json_object_array_length(details) <= 100);
	details = json_object_array_get_idx(details, 0);
	field = member(error, "field");
	EXPECT(strcmp(field ? field : "", member(details, "field")) == 0);
	EXPECT(strcmp(message, member(details, "message")) == 0);
}

void
fuzz_check_answer(const struct req *r)
{
	struct scan_fault fault;
	struct json_object *json, *error;

	if (r->status == 204) {
		EXPECT(strcmp(r->method, "OPTIONS") == 0 && r->allow[0]);
		return;
	}
	EXPECT(r->out && r->out->buf);
	if (r->type[0] && !r->result) {
		EXPECT(r->status == 200);
		EXPECT(strncmp(r->out->buf, "# HELP codecourier_", 19) == 0);
		EXPECT(r->out->buf[r->out->bpos - 1] == '\n');
		return;
	}
	EXPECT(scan_json(r->out->buf, (size_t)r->out->bpos, SCAN_ANY, &fault));
	json = fuzz_parse(r->out->buf, (size_t)r->out->bpos);
	EXPECT(json_object_is_type(json, json_type_object));
	error = json_object_object_get(json, "error");
	EXPECT((error != NULL) == (r->status >= 400));
	EXPECT((json_object_object_get(json, "data") != NULL) == !error);
	if (error)
		check_error(r, error);
	json_object_put(json);
}
