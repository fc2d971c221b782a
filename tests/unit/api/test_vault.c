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

#define ID1 "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
#define ID2 "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeef"

static const struct seal_name place = {"provider_key", "openai"};

/* The first one seals. */
static const struct vault vault = {2,
    {{.project_id = PROJECT, .id = ID1, .key = {1}},
	{.project_id = PROJECT, .id = ID2, .key = {2}}}};

static void
opens_what_it_sealed(void **state)
{
	static const struct seal_name other = {"provider_key", "github"};
	struct vault second = {1, {vault.keys[1]}};
	struct req *r = *state;
	const unsigned char *sealed;
	size_t len, plain_len;
	char *plain;

	for (int by = 0; by < 2; by++) {
		sealed = vault_seal(
		    r, by == 0 ? &vault : &second, place, TEXT("a\0b"), &len);
		assert_non_null(sealed);
		assert_int_equal(len, 3 + SEAL_OVERHEAD);
		plain = vault_unseal(r, &vault, place, sealed, len, &plain_len);
		assert_non_null(plain);
		assert_int_equal(plain_len, 3);
		assert_memory_equal(plain, "a\0b", 4);
		free(plain);
	}
	/* the last one is of a key that the vault has, for another place */
	assert_null(vault_unseal(r, &vault, other, sealed, len, &plain_len));
}

static void
opens_nothing_without_its_key(void **state)
{
	struct vault first = {1, {vault.keys[0]}},
		     second = {1, {vault.keys[1]}};
	struct req *r = *state;
	const unsigned char *sealed;
	size_t len;

	sealed = vault_seal(r, &second, place, TEXT("text"), &len);
	assert_non_null(sealed);
	assert_null(vault_unseal(r, &first, place, sealed, len, &len));
}

/* Sealed, then the last four characters; both NULL where it is cleared. */
static void
adds_keys(void **state)
{
	struct req *r = *state;
	struct db_query q;
	char *plain;
	size_t len;

	db_query_init(&q, STMT_PROVIDER_KEY_SET);
	assert_true(vault_add_key(r, &vault, place, "sk-12345678", &q));
	assert_int_equal(q.n, 2);
	assert_int_equal(q.format[0], 1);
	plain = vault_unseal(
	    r, &vault, place, q.value[0], (size_t)q.length[0], &len);
	assert_non_null(plain);
	assert_string_equal(plain, "sk-12345678");
	free(plain);
	assert_int_equal(q.format[1], 0);
	assert_string_equal(q.value[1], "5678");
	assert_true(vault_add_key(r, &vault, place, NULL, &q));
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
	    ONE(opens_the_newest_few),
	    ONE(refuses_damaged_ones),
	    ONE(opens_what_it_sealed),
	    ONE(opens_nothing_without_its_key),
	    ONE(adds_keys),
	};

	return cmocka_run_group_tests(vault_tests, begin, finish);
}
