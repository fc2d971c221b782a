/*
 * provider_key.c: revealing a provider key.
 */
#include "ctl/project.h"

#include "base/secret.h"
#include "ctl/unseal.h"
#include "json/object.h"

#include <json-c/json.h>

#include "base/banned.h"

/* Opens the sealed key and prints it. The audit row was committed with the
 * statement that read it. */
static int
print_revealed(
    struct ctl *c, const struct db_query *keys, const struct db_query *q)
{
	struct seal_name what = {"provider_key", c->arg[1]};
	struct json_object *o;
	unsigned char plain[1024];
	size_t len, sealed_len;
	const char *sealed = db_value(q, 0, 0, &sealed_len);

	if (!unseal(
		c, keys, what, sealed, sealed_len, plain, sizeof(plain), &len))
		return ctl_fail(
		    c, ERR_UNAVAILABLE, "the keyring does not open this key");
	o = object_new();
	object_text(o, "provider", c->arg[1]);
	object_add(
	    o, "key", json_object_new_string_len((char *)plain, (int)len));
	secret_wipe(plain, sizeof(plain));
	return ctl_print(c, o);
}

int
ctl_provider_key_reveal(struct ctl *c)
{
	struct db_query keys, q, *both[] = {&keys, &q};
	struct db_fault fault;
	enum err e;
	int rc;

	if ((rc = ctl_keyring(c)) || (rc = project_find(c, c->arg[0])))
		return rc;
	db_query_init(&keys, STMT_DATA_KEYS);
	db_text(&keys, c->project_id);
	ctl_write(c, &q, STMT_OP_PROVIDER_KEY_REVEAL, "{}");
	db_text(&q, c->arg[1]);
	e = ctl_run(c, both, 2, &fault);
	if (e)
		rc = ctl_db_fail(c, e, &fault);
	else if (db_rows(&q) == 0)
		rc = ctl_fail(c, ERR_NOT_FOUND,
		    "this project has no provider key \"%s\"", c->arg[1]);
	else
		rc = print_revealed(c, &keys, &q);
	db_query_clear(&keys);
	db_query_clear(&q);
	return rc;
}
