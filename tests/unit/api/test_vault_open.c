/*
 * test_vault_open.c: a project's data keys and what they seal, with a keyring
 * in a file that changes meanwhile.
 */
#include "worker.h"

#include "api/vault.h"
#include "base/uuid.h"

#include <fcntl.h>

#include "base/banned.h"

#define A           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define B           "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="
#define OLD         "old seal " A "\n"
#define OLD_AND_NEW "old open " A "\nnew seal " B "\n"

static char path[64];
static const struct seal_name what = {"settings", "envVars"};

/* A data key of the project's, wrapped, as the table has it. */
struct wrapped {
	struct data_key key;
	char master[KEYRING_ID];
	unsigned char bytes[DATA_KEY_WRAPPED];
};

static struct wrapped keys[VAULT_KEYS + 1];

static void
wrap(struct wrapped *w)
{
	assert_true(data_key_make(
	    app_of_tests.keyring, PROJECT, &w->key, w->master, w->bytes));
}

/* The result of STMT_DATA_KEYS: these rows. */
static const struct db_query *
rows(struct req *r, const struct wrapped *w, int n)
{
	static char name[] = "c";
	PGresAttDesc columns[3];
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	struct db_query *q = &r->queries[r->n++];

	memset(columns, 0, sizeof(columns));
	for (int i = 0; i < 3; i++)
		columns[i].name = name;
	assert_true(PQsetResultAttrs(result, 3, columns));
	for (int i = 0; i < n; i++) {
		char id[UUID_TEXT], master[KEYRING_ID];
		char bytes[DATA_KEY_WRAPPED];

		memcpy(id, w[i].key.id, sizeof(id));
		memcpy(master, w[i].master, sizeof(master));
		memcpy(bytes, w[i].bytes, sizeof(bytes));
		assert_true(PQsetvalue(result, i, 0, id, UUID_TEXT - 1));
		assert_true(
		    PQsetvalue(result, i, 1, master, (int)strlen(master)));
		assert_true(PQsetvalue(result, i, 2, bytes, sizeof(bytes)));
	}
	q->result = result;
	return q;
}

static void
drop_keyring(void)
{
	keyring_free(app_of_tests.keyring);
	app_of_tests.keyring = NULL;
}

static void
put_file(const char *text)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int
anew(void **state)
{
	forget(true);
	put_file(OLD);
	assert_true(vault_reload(&app_of_tests));
	for (size_t i = 0; i < COUNT(keys); i++)
		wrap(&keys[i]);
	return begin_request(state);
}

static int
end(void **state)
{
	drop_keyring();
	return end_request(state);
}

/* ---- the keyring ---- */

static void
reads_the_file_when_needed(void **state)
{
	struct keyring *had = app_of_tests.keyring;
	struct vault v;

	assert_true(vault_load(&app_of_tests));
	assert_ptr_equal(app_of_tests.keyring, had);
	unlink(path);
	assert_true(vault_load(&app_of_tests));
	assert_false(vault_reload(&app_of_tests)); /* leaves what there is */
	assert_ptr_equal(app_of_tests.keyring, had);
	drop_keyring();
	assert_false(vault_load(&app_of_tests));
	assert_int_equal(
	    vault_open(*state, rows(*state, keys, 1), &v), ERR_UNAVAILABLE);
}

/* Rotation adds a key to the file before it is used. */
static void
reads_it_again_for_a_master_key_it_lacks(void **state)
{
	struct keyring *old = app_of_tests.keyring;
	struct vault v;

	put_file(OLD_AND_NEW);
	app_of_tests.keyring = NULL;
	assert_true(vault_load(&app_of_tests));
	wrap(&keys[0]); /* with the new one */
	drop_keyring();
	app_of_tests.keyring = old;
	assert_int_equal(vault_open(*state, rows(*state, keys, 2), &v), ERR_OK);
	vault_wipe(&v);
	put_file(OLD);
	assert_true(vault_reload(&app_of_tests));
	assert_int_equal(
	    vault_open(*state, rows(*state, keys, 1), &v), ERR_UNAVAILABLE);
}

/* ---- data keys ---- */

static void
opens_the_newest_few(void **state)
{
	static const struct vault zeros;
	struct vault v;

	assert_int_equal(vault_open(*state, rows(*state, keys, 3), &v), ERR_OK);
	assert_int_equal(v.n, 3);
	for (size_t i = 0; i < v.n; i++)
		assert_memory_equal(
		    &v.keys[i], &keys[i].key, sizeof(v.keys[i]));
	assert_int_equal(
	    vault_open(*state, rows(*state, keys, VAULT_KEYS + 1), &v), ERR_OK);
	assert_int_equal(v.n, VAULT_KEYS);
	vault_wipe(&v);
	assert_memory_equal(&v, &zeros, sizeof(v));
}

static void
refuses_damaged_ones(void **state)
{
	struct vault v;

	assert_int_equal(
	    vault_open(*state, rows(*state, keys, 0), &v), ERR_INTERNAL);
	keys[1].bytes[DATA_KEY_WRAPPED - 1] ^= 1;
	assert_int_equal(
	    vault_open(*state, rows(*state, keys, 2), &v), ERR_INTERNAL);
	assert_int_equal(v.n, 0);
}

/* ---- values ---- */

static void
seals_with_the_newest(void **state)
{
	const unsigned char *sealed;
	struct vault v;
	char *plain;
	size_t len;

	assert_int_equal(vault_open(*state, rows(*state, keys, 2), &v), ERR_OK);
	sealed = vault_seal(*state, &v, what, "{\"A\":1}", 7, &len);
	assert_non_null(sealed);
	assert_int_equal(len, 7 + SEAL_OVERHEAD);
	assert_true(seal_is_of(&keys[0].key, sealed, len));
	plain = vault_unseal(*state, &v, what, sealed, len, &len);
	assert_non_null(plain);
	assert_int_equal(len, 7);
	assert_string_equal(plain, "{\"A\":1}");
	free(plain);
	vault_wipe(&v);
}

/* Of an older key; of another place; of a key that is not there; no value. */
static void
opens_what_is_its(void **state)
{
	static const struct seal_name other = {"settings", "deployEnvVars"};
	unsigned char sealed[3 + SEAL_OVERHEAD];
	struct vault v;
	char *plain;
	size_t len;

	assert_int_equal(vault_open(*state, rows(*state, keys, 2), &v), ERR_OK);
	assert_true(seal_value(&keys[1].key, what, "old", 3, sealed));
	plain = vault_unseal(*state, &v, what, sealed, sizeof(sealed), &len);
	assert_string_equal(plain, "old");
	free(plain);
	assert_null(
	    vault_unseal(*state, &v, other, sealed, sizeof(sealed), &len));
	assert_null(vault_unseal(*state, &v, what, sealed, 3, &len));
	assert_true(seal_value(&keys[2].key, what, "new", 3, sealed));
	assert_null(
	    vault_unseal(*state, &v, what, sealed, sizeof(sealed), &len));
	vault_wipe(&v);
}

static int
begin(void **state)
{
	if (begin_worker(state) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/keyring", worker_folder);
	free(app_of_tests.conf.keyring);
	app_of_tests.conf.keyring = strdup(path);
	return app_of_tests.conf.keyring ? 0 : -1;
}

static int
finish(void **state)
{
	unlink(path);
	return end_worker(state);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, anew, end)

int
main(void)
{
	const struct CMUnitTest vault_tests[] = {
	    ONE(reads_the_file_when_needed),
	    ONE(reads_it_again_for_a_master_key_it_lacks),
	    ONE(opens_the_newest_few),
	    ONE(refuses_damaged_ones),
	    ONE(seals_with_the_newest),
	    ONE(opens_what_is_its),
	};

	return cmocka_run_group_tests(vault_tests, begin, finish);
}
