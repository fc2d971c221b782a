/*
 * ctl.c: output, failures and connections of the operator's commands.
 */
#include "ctl/ctl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "crypt/data_key.h"
#include "crypt/key.h"
#include "ctl/plain.h"
#include "db/drain.h"
#include "json/object.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

static int
exit_of(enum err e)
{
	switch (e) {
	case ERR_OK:
		return CTL_DONE;
	case ERR_VALIDATION:
		return CTL_USAGE;
	case ERR_NOT_FOUND:
		return CTL_NOT_FOUND;
	case ERR_CONFLICT:
		return CTL_CONFLICT;
	case ERR_UNAVAILABLE:
	case ERR_IN_DOUBT:
		return CTL_UNAVAILABLE;
	default:
		return CTL_FAILED;
	}
}

static int
report(struct ctl *c, enum err e, const char *field, const char *message)
{
	struct json_object *top, *error;

	if (!c->json) {
		plain_line(stderr, "%scodecourierctl: %s",
		    log_priority(STDERR_FILENO, LOG_ERROR), message);
		return exit_of(e);
	}
	top = object_new();
	error = object_new();
	object_text(error, "code", err_info(e)->code);
	object_text(error, "message", message);
	if (field)
		object_text(error, "field", field);
	object_add(top, "error", error);
	plain_json(top);
	json_object_put(top);
	return exit_of(e);
}

int
ctl_fail(struct ctl *c, enum err e, const char *fmt, ...)
{
	char message[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	key_cut(message);
	return report(c, e, NULL, message);
}

int
ctl_db_fail(struct ctl *c, enum err e, const struct db_fault *fault)
{
	if (e == ERR_UNAVAILABLE && db_reason(c->db)[0])
		return ctl_fail(c, e, "database: %s", db_reason(c->db));
	return report(c, e, fault->field,
	    fault->message ? fault->message : err_info(e)->message);
}

int
ctl_print(struct ctl *c, struct json_object *value)
{
	struct json_object *top = value;

	if (c->json) {
		top = object_new();
		object_add(top, "data", value);
	}
	if (!object_is_whole(top)) {
		json_object_put(top);
		return ctl_fail(c, ERR_INTERNAL, "out of memory");
	}
	if (c->json)
		plain_json(top);
	else
		plain_print(top);
	json_object_put(top);
	return CTL_DONE;
}

struct json_object *
ctl_row(const struct db_query *q)
{
	const char *text = db_value(q, 0, 0, NULL);

	return text ? json_tokener_parse(text) : NULL;
}

struct json_object *
ctl_rows(const struct db_query *q)
{
	struct json_object *list = object_list();

	for (int i = 0; i < db_rows(q); i++)
		object_push(list, json_tokener_parse(db_value(q, i, 0, NULL)));
	return list;
}

int
ctl_print_row(struct ctl *c, struct db_query *q)
{
	int rc = db_rows(q) > 0
	    ? ctl_print(c, ctl_row(q))
	    : ctl_fail(c, ERR_NOT_FOUND, "it has just been removed");

	db_query_clear(q);
	return rc;
}

int
ctl_print_rows(struct ctl *c, struct db_query *q)
{
	struct json_object *list = ctl_rows(q);

	db_query_clear(q);
	return ctl_print(c, list);
}

int
ctl_connect(struct ctl *c)
{
	if (!c->db)
		c->db = db_new(c->conf.admin_database, DB_OPERATOR,
		    c->conf.statement_timeout_ms);
	if (!c->db)
		return ctl_fail(c, ERR_INTERNAL, "out of memory");
	if (!db_connect(c->db))
		return ctl_fail(
		    c, ERR_UNAVAILABLE, "database: %s", db_reason(c->db));
	return CTL_DONE;
}

int
ctl_keyring(struct ctl *c)
{
	char why[256];

	c->keyring = keyring_load(c->conf.keyring, why, sizeof(why));
	if (!c->keyring)
		return ctl_fail(c, ERR_UNAVAILABLE, "keyring: %s", why);
	return CTL_DONE;
}

int
ctl_name(struct ctl *c, const char *given, char out[CTL_NAME])
{
	size_t len = strlen(given);
	const char *start = text_trim(given, &len);

	if (len < CTL_NAME && utf8_is_valid(given) &&
	    utf8_count(start, len) >= 1 && utf8_count(start, len) <= 100 &&
	    !utf8_has_control(start, len) && utf8_has_visible(start, len)) {
		memcpy(out, start, len);
		out[len] = '\0';
		return CTL_DONE;
	}
	return ctl_fail(c, ERR_VALIDATION,
	    "--name: 1 to 100 characters, at least one of them visible, no "
	    "control characters");
}

bool
ctl_fields(const struct ctl *c, char out[CTL_FIELDS])
{
	static const char *const names[CTL_OPTIONS] = {
	    [OPT_NAME] = "name",
	    [OPT_SLUG] = "slug",
	    [OPT_REPO_URL] = "githubRepoUrl",
	    [OPT_ENVIRONMENT] = "environment",
	    [OPT_SCOPE] = "scopes",
	    [OPT_EXPIRES] = "expiresAt",
	    [OPT_ALLOW_IP] = "allowedIps",
	    [OPT_RATE] = "rateLimit",
	    [OPT_DISABLE] = "disabled",
	    [OPT_ENABLE] = "disabled",
	};
	size_t used = 0;

	for (int o = 0; o < CTL_OPTIONS; o++)
		if (c->option[o] && names[o])
			used += (size_t)snprintf(out + used, CTL_FIELDS - used,
			    "%s%s", used ? "," : "{", names[o]);
	snprintf(out + used, CTL_FIELDS - used, used ? "}" : "{}");
	return used > 0;
}

void
ctl_write(struct ctl *c, struct db_query *q, enum stmt stmt, const char *fields)
{
	db_query_init(q, stmt);
	db_text(q, c->project_id);
	db_text(q, c->operator_name);
	db_text(q, c->request_id);
	db_text(q, NULL);
	db_text(q, fields);
}

enum err
ctl_run(struct ctl *c, struct db_query *q[], size_t n, struct db_fault *fault)
{
	return db_run(c->db, q, n, true, clock_us() + CTL_DEADLINE, fault);
}

/* What db_run said, as an exit status. */
static int
conclude(
    struct ctl *c, struct db_query *q, enum err e, const struct db_fault *fault)
{
	if (!e)
		return CTL_DONE;
	db_query_clear(q);
	return ctl_db_fail(c, e, fault);
}

int
ctl_ask(struct ctl *c, struct db_query *q)
{
	struct db_fault fault;
	enum err e = db_ask(c->db, q, clock_us() + CTL_DEADLINE, &fault);

	return conclude(c, q, e, &fault);
}

int
ctl_do(struct ctl *c, struct db_query *q)
{
	struct db_fault fault;
	enum err e = ctl_run(c, &q, 1, &fault);

	return conclude(c, q, e, &fault);
}

int
ctl_do_locked(struct ctl *c, struct db_query *q)
{
	struct db_query lock, *both[] = {&lock, q};
	struct db_fault fault;
	enum err e;

	db_query_init(&lock, STMT_PROJECT_LOCK);
	db_text(&lock, c->project_id);
	e = ctl_run(c, both, 2, &fault);
	db_query_clear(&lock);
	return conclude(c, q, e, &fault);
}

int
ctl_drain(struct ctl *c, const char *key_id, const char *done)
{
	if (!db_drain(c->db, c->project_id, key_id, clock_us() + CTL_DEADLINE))
		return CTL_DONE;
	return ctl_fail(c, ERR_UNAVAILABLE,
	    "%s for every new request, but a write that began before is still "
	    "open%s",
	    done, key_id ? ": run this again" : "");
}

const char *
ctl_conf_path(void)
{
	const char *named = getenv("CODECOURIER_CONF");

	return named ? named : CONF_DEFAULT_PATH;
}

bool
ctl_installed(char unit[80])
{
	static const char folder[] = "/etc/codecourier/";
	const char *name = ctl_conf_path();
	size_t len;

	if (strncmp(name, folder, strlen(folder)) != 0)
		return false;
	name += strlen(folder);
	len = strcspn(name, "./");
	if (len == 0 || len > 50 || strcmp(name + len, ".conf") != 0)
		return false;
	if (strcmp(name, "api.conf") == 0)
		snprintf(unit, 80, "codecourier-api.service");
	else
		snprintf(
		    unit, 80, "codecourier-api@%.*s.service", (int)len, name);
	return true;
}

bool
ctl_foreign(const struct keyring *ring, const struct db_query *q, int row,
    char *why, size_t size)
{
	size_t len = 0;
	const char *wrapped = db_value(q, row, 3, &len);

	return data_key_foreign(ring, db_value(q, row, 0, NULL),
	    db_value(q, row, 1, NULL), db_value(q, row, 2, NULL), wrapped, len,
	    why, size);
}
