/*
 * unseal.c: a project's data keys, each in turn.
 */
#include "ctl/unseal.h"

#include "base/banned.h"

bool
unseal(struct ctl *c, const struct db_query *keys, struct seal_name what,
    const char *sealed, size_t len, unsigned char *out, size_t size,
    size_t *out_len)
{
	bool ok = false;

	if (!sealed || len < SEAL_OVERHEAD || len > size + SEAL_OVERHEAD)
		return false;
	for (int i = 0; !ok && i < db_rows(keys); i++) {
		size_t wrapped_len = 0;
		const char *wrapped = db_value(keys, i, 2, &wrapped_len);
		struct data_key key;

		if (data_key_open(c->keyring, c->project_id,
			db_value(keys, i, 0, NULL), db_value(keys, i, 1, NULL),
			wrapped, wrapped_len, &key))
			continue;
		ok = seal_open(&key, what, sealed, len, out, out_len);
		data_key_wipe(&key);
	}
	return ok;
}
