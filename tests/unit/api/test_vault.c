/*
 * test_vault.c: values sealed for a request and opened again; a key that nobody
 * reads back as a statement's parameters.
 */
#include "requests.h"

#include "api/vault.h"

#include <stdlib.h>

#include "base/banned.h"

#define ID1 "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
#define ID2 "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeef"

static const struct seal_name place = {"provider_key", "openai"};

/* The first one seals. */
static const struct vault vault = {2,
    {{.project_id = PROJECT, .id = ID1, .key = {1}},
	{.project_id = PROJECT, .id = ID2, .key = {2}}}};

static int
begin(void **state)
{
	static struct req r;

	request(&r, "/api/v1/project");
	*state = &r;
	return 0;
}

static int
end(void **state)
{
	req_end(*state);
	return 0;
}

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

#define ONE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest vault_tests[] = {
	    ONE(opens_what_it_sealed),
	    ONE(opens_nothing_without_its_key),
	    ONE(adds_keys),
	};

	return cmocka_run_group_tests(vault_tests, NULL, NULL);
}
