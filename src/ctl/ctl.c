/*
 * ctl.c: output, failures and connections of the operator's commands.
 */
#include "ctl/ctl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "crypt/key.h"
#include "ctl/plain.h"

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
	top = json_object_new_object();
	error = json_object_new_object();
	json_object_object_add(
	    error, "code", json_object_new_string(err_info(e)->code));
	json_object_object_add(
	    error, "message", json_object_new_string(message));
	if (field)
		json_object_object_add(
		    error, "field", json_object_new_string(field));
	json_object_object_add(top, "error", error);
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
	if (c->into) {
		*c->into = value;
		return CTL_DONE;
	}
	if (c->json) {
		struct json_object *top = json_object_new_object();

		json_object_object_add(top, "data", value);
		plain_json(top);
		json_object_put(top);
		return CTL_DONE;
	}
	plain_print(value);
	json_object_put(value);
	return CTL_DONE;
}

struct json_object *
ctl_row(const struct db_query *q)
{
	const char *text = db_value(q, 0, 0, NULL);

	return text ? json_tokener_parse(text) : NULL;
}

int
ctl_print_row(struct ctl *c, struct db_query *q)
{
	int rc = ctl_print(c, ctl_row(q));

	db_query_clear(q);
	return rc;
}

int
ctl_connect(struct ctl *c)
{
	if (!c->db)
		c->db = db_new(c->conf.admin_database, DB_OPERATOR,
		    c->conf.statement_timeout_ms);
	if (!c->db)
		return ctl_fail(c, ERR_INTERNAL, "out of memory");
	if (!db_connect(c->db, true))
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
ctl_name(struct ctl *c)
{
	const char *given = c->option[OPT_NAME];
	size_t len = strlen(given);
	const char *start = text_trim(given, &len);

	if (len < sizeof(c->name) && utf8_is_valid(given) &&
	    utf8_count(start, len) >= 1 && utf8_count(start, len) <= 100 &&
	    !utf8_has_control(start, len) && utf8_has_visible(start, len)) {
		memcpy(c->name, start, len);
		c->name[len] = '\0';
		return CTL_DONE;
	}
	return ctl_fail(c, ERR_VALIDATION,
	    "--name: 1 to 100 characters, at least one of them visible, no "
	    "control characters");
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

int
ctl_run(struct ctl *c, struct db_query *q, bool write)
{
	struct db_fault fault;
	enum err e =
	    db_run(c->db, &q, 1, write, clock_us() + CTL_DEADLINE, &fault);

	if (!e)
		return CTL_DONE;
	db_query_clear(q);
	return ctl_db_fail(c, e, &fault);
}

int
ctl_project(struct ctl *c)
{
	struct db_query q;
	int rc = ctl_connect(c);
	bool is_id;

	if (rc)
		return rc;
	is_id = uuid_is(c->arg[0]);
	db_query_init(&q, STMT_OP_PROJECT_FIND);
	db_text(&q, is_id ? c->arg[0] : NULL);
	db_text(&q, is_id ? NULL : c->arg[0]);
	rc = ctl_run(c, &q, false);
	if (rc)
		return rc;
	if (db_rows(&q) == 0)
		rc = ctl_fail(
		    c, ERR_NOT_FOUND, "no live project \"%s\"", c->arg[0]);
	else
		snprintf(
		    c->project_id, UUID_TEXT, "%s", db_value(&q, 0, 0, NULL));
	db_query_clear(&q);
	return rc;
}

int
ctl_drain(struct ctl *c, const char *key_id)
{
	int64_t deadline = clock_us() + CTL_DEADLINE;
	struct db_fault fault;
	struct db_query query, *q = &query;
	enum err e;

	do {
		db_query_init(
		    q, key_id ? STMT_API_KEY_DRAIN : STMT_PROJECT_DRAIN);
		db_text(q, c->project_id);
		if (key_id)
			db_text(q, key_id);
		e = db_run(c->db, &q, 1, false, deadline, &fault);
		db_query_clear(q);
		if (e)
			usleep(10000);
	} while (e && clock_us() < deadline);
	if (!e)
		return CTL_DONE;
	return ctl_fail(c, ERR_UNAVAILABLE,
	    "%s for every new request, but a write that began before is still "
	    "open%s",
	    key_id ? "revoked" : "deleted", key_id ? ": run this again" : "");
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
