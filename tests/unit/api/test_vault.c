/*
 * test_vault.c: a project's data keys, opened with a keyring whose file changes
 * meanwhile; values sealed with them and opened again; a key that nobody reads
 * back as a statement's parameters.
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

/* A data key of the project's, wrapped, as the table has it. */
struct wrapped {
	struct data_key key;
	char master[KEYRING_ID];
	unsigned char bytes[DATA_KEY_WRAPPED];
};

#define KEYS 12
static struct wrapped keys[KEYS]; /* newest first */

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
	struct db_query *q = add_query(r);

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
opens_the_newest(void **state)
{
	static const struct vault zeros;
	struct vault v;

	assert_int_equal(
	    vault_open(*state, rows(*state, keys, KEYS), &v), ERR_OK);
	assert_memory_equal(&v.newest, &keys[0].key, sizeof(v.newest));
	vault_wipe(&v);
	assert_memory_equal(&v, &zeros, sizeof(v));
}

static void
refuses_a_damaged_one(void **state)
{
	static const struct vault zeros;
	struct vault v;

	assert_int_equal(
	    vault_open(*state, rows(*state, keys, 0), &v), ERR_INTERNAL);
	keys[0].bytes[DATA_KEY_WRAPPED - 1] ^= 1;
	assert_int_equal(
	    vault_open(*state, rows(*state, keys, 2), &v), ERR_INTERNAL);
	assert_memory_equal(&v, &zeros, sizeof(v));
}

/* ---- values ---- */

static const struct seal_name place = {"provider_key", "openai"};

/* Sealed with key i alone. */
static const unsigned char *
sealed_by(struct req *r, int i, const char *text, size_t *len)
{
	struct vault v = {.newest = keys[i].key};

	return vault_seal(r, &v, place, text, strlen(text), len);
}

/* Each of many keys, in turn: twice, as one stays open. */
static void
opens_what_any_of_its_keys_sealed(void **state)
{
	static const struct vault zeros;
	struct req *r = *state;
	const struct db_query *all = rows(r, keys, KEYS);
	struct vault v;

	assert_int_equal(vault_open(r, all, &v), ERR_OK);
	for (int n = 0; n < 2 * KEYS; n++) {
		size_t len, plain_len;
		const unsigned char *sealed = sealed_by(r, n / 2, "ab", &len);
		char *plain;

		assert_int_equal(len, 2 + SEAL_OVERHEAD);
		assert_int_equal(
		    vault_unseal(r, &v, place, sealed, len, &plain, &plain_len),
		    ERR_OK);
		assert_int_equal(plain_len, 2);
		assert_string_equal(plain, "ab");
		free(plain);
		assert_memory_equal(&v.newest, &keys[0].key, sizeof(v.newest));
	}
	vault_wipe(&v);
	assert_memory_equal(&v, &zeros, sizeof(v));
}

static void
opens_nothing_else(void **state)
{
	static const struct seal_name other = {"provider_key", "github"};
	struct req *r = *state;
	const struct db_query *two = rows(r, keys, 2);
	const unsigned char *sealed;
	size_t len;
	char *plain;
	struct vault v;

	assert_int_equal(vault_open(r, two, &v), ERR_OK);
	for (int i = 0; i < 2; i++) {
		sealed = sealed_by(r, i, "text", &len);
		assert_int_equal(
		    vault_unseal(r, &v, other, sealed, len, &plain, &len),
		    ERR_INTERNAL);
		assert_null(plain);
		assert_int_equal(vault_unseal(r, &v, place, sealed,
				     SEAL_OVERHEAD - 1, &plain, &len),
		    ERR_INTERNAL);
	}
	sealed = sealed_by(r, 2, "text", &len); /* that the project has not */
	assert_int_equal(vault_unseal(r, &v, place, sealed, len, &plain, &len),
	    ERR_INTERNAL);
	vault_wipe(&v);
}

/* Not our fault, and not for ever: the keyring may get it. */
static void
says_what_the_keyring_lacks(void **state)
{
	struct req *r = *state;
	const struct db_query *two;
	const unsigned char *sealed;
	size_t len;
	char *plain;
	struct vault v;

	snprintf(keys[1].master, sizeof(keys[1].master), "gone");
	two = rows(r, keys, 2);
	assert_int_equal(vault_open(r, two, &v), ERR_OK);
	sealed = sealed_by(r, 1, "text", &len);
	assert_int_equal(vault_unseal(r, &v, place, sealed, len, &plain, &len),
	    ERR_UNAVAILABLE);
	assert_null(plain);
	vault_wipe(&v);
}

/* Sealed, then the last four characters; both NULL where it is cleared. */
static void
adds_keys(void **state)
{
	struct req *r = *state;
	struct vault v = {.newest = keys[0].key};
	struct db_query q;
	char *plain;
	size_t len;

	db_query_init(&q, STMT_PROVIDER_KEY_SET);
	assert_true(vault_add_key(r, &v, place, "sk-12345678", &q));
	assert_int_equal(q.n, 2);
	assert_int_equal(q.format[0], 1);
	assert_int_equal(vault_unseal(r, &v, place, q.value[0],
			     (size_t)q.length[0], &plain, &len),
	    ERR_OK);
	assert_string_equal(plain, "sk-12345678");
	free(plain);
	assert_int_equal(q.format[1], 0);
	assert_string_equal(q.value[1], "5678");
	assert_true(vault_add_key(r, &v, place, NULL, &q));
	assert_int_equal(q.n, 4);
	assert_null(q.value[2]);
	assert_null(q.value[3]);
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
	    ONE(opens_the_newest),
	    ONE(refuses_a_damaged_one),
	    ONE(opens_what_any_of_its_keys_sealed),
	    ONE(opens_nothing_else),
	    ONE(says_what_the_keyring_lacks),
	    ONE(adds_keys),
	};

	return cmocka_run_group_tests(vault_tests, begin, finish);
}
