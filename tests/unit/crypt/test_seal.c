/*
 * test_seal.c: data keys and sealed values: what was moved to another place,
 * changed, cut or made by another key does not open. The keyring's file is
 * test_keyring.c's.
 */
#include "unit.h"

#include "crypt/seal.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

#define P1    "11111111-2222-4333-8444-555555555555"
#define P2    "11111111-2222-4333-8444-555555555556"
#define ID1   "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
#define K_A   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define K_B   "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="
#define PLAIN "sk-ant-planted-secret"
#define SIZE  (sizeof(PLAIN) - 1 + SEAL_OVERHEAD)

static const struct seal_name what = {"provider_key", "anthropic"};

/* A keyring made from this text. */
static struct keyring *
ring_of(const char *text)
{
	char path[] = "/tmp/test_seal.XXXXXX", why[256] = "";
	int fd = mkstemp(path);
	struct keyring *ring;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	ring = keyring_load(path, why, sizeof(why));
	unlink(path);
	if (!ring)
		fail_msg("%s", why);
	return ring;
}

static struct data_key
new_key(const char *project)
{
	struct keyring *ring = ring_of("k1 seal " K_A "\n");
	unsigned char wrapped[DATA_KEY_WRAPPED];
	char master[KEYRING_ID];
	struct data_key k;

	assert_true(data_key_make(ring, project, &k, master, wrapped));
	keyring_free(ring);
	return k;
}

/* ---- data keys ---- */

struct wrapped {
	struct keyring *ring; /* k1 seals, k2 is open */
	struct data_key key;
	char master[KEYRING_ID];
	unsigned char bytes[DATA_KEY_WRAPPED];
};

static int
wrap_one(void **state)
{
	static struct wrapped w;

	w.ring = ring_of("k1 seal " K_A "\nk2 open " K_B "\n");
	*state = &w;
	return data_key_make(w.ring, P1, &w.key, w.master, w.bytes) ? 0 : -1;
}

static int
unwrap_one(void **state)
{
	struct wrapped *w = *state;

	keyring_free(w->ring);
	return 0;
}

/* Opening these bytes in this place fails so, and gives no key away. */
static void
assert_closed(const struct wrapped *w, const char *project, const char *id,
    const char *master, const void *bytes, size_t len, enum err want)
{
	struct data_key k = {.project_id = ""};
	enum err e =
	    data_key_open(w->ring, project, id, master, bytes, len, &k);

	if (e != want)
		fail_msg(
		    "%s %s %s, %zu bytes: %d", project, id, master, len, e);
	assert_memory_not_equal(k.key, w->key.key, sizeof(k.key));
}

static void
opens_data_key(void **state)
{
	struct wrapped *w = *state;
	struct data_key k, other;
	unsigned char bytes[DATA_KEY_WRAPPED];
	char master[KEYRING_ID];

	assert_string_equal(w->master, "k1");
	assert_string_equal(w->key.project_id, P1);
	assert_int_equal(strlen(w->key.id), 36);
	assert_int_equal(w->bytes[0], 1);
	assert_int_equal(data_key_open(w->ring, P1, w->key.id, "k1", w->bytes,
			     sizeof(w->bytes), &k),
	    ERR_OK);
	assert_memory_equal(&k, &w->key, sizeof(k));
	assert_true(data_key_make(w->ring, P1, &other, master, bytes));
	assert_memory_not_equal(other.key, k.key, sizeof(k.key));
	assert_string_not_equal(other.id, k.id);
	assert_memory_not_equal(bytes + 1, w->bytes + 1, 24); /* nonce */
	data_key_wipe(&k);
	memset(&other, 0, sizeof(other));
	assert_memory_equal(&k, &other, sizeof(k));
}

static void
refuses_data_key_elsewhere(void **state)
{
	struct wrapped *w = *state;
	const char *id = w->key.id;
	const void *b = w->bytes;
	size_t n = sizeof(w->bytes);

	assert_closed(w, P2, id, "k1", b, n, ERR_INTERNAL);
	assert_closed(w, P1, ID1, "k1", b, n, ERR_INTERNAL);
	assert_closed(w, id, P1, "k1", b, n, ERR_INTERNAL);
	assert_closed(w, P1, id, "k2", b, n, ERR_INTERNAL);
	assert_closed(w, P1 "k", id, "1", b, n, ERR_NOT_FOUND);
	assert_closed(w, P1, id, "k3", b, n, ERR_NOT_FOUND);
	assert_closed(w, P1, id, "K1", b, n, ERR_NOT_FOUND);
	assert_closed(w, P1, id, "k", b, n, ERR_NOT_FOUND);
	assert_closed(w, P1, id, "", b, n, ERR_NOT_FOUND);
}

static void
refuses_damaged_data_key(void **state)
{
	struct wrapped *w = *state;
	unsigned char bytes[DATA_KEY_WRAPPED + 1] = {0};

	memcpy(bytes, w->bytes, DATA_KEY_WRAPPED);
	for (size_t i = 0; i < DATA_KEY_WRAPPED * 8; i++) {
		bytes[i / 8] ^= 1 << i % 8;
		assert_closed(w, P1, w->key.id, "k1", bytes, DATA_KEY_WRAPPED,
		    ERR_INTERNAL);
		bytes[i / 8] ^= 1 << i % 8;
	}
	for (size_t len = 0; len < DATA_KEY_WRAPPED; len++)
		assert_closed(w, P1, w->key.id, "k1", walled(bytes, len), len,
		    ERR_INTERNAL);
	assert_closed(
	    w, P1, w->key.id, "k1", bytes, sizeof(bytes), ERR_INTERNAL);
}

/* Rotation: what k1 wrapped opens as long as k1 is in the file, under its
 * name and with its bytes; new keys are wrapped by the one that seals. */
static void
rotates(void **state)
{
	static const struct {
		const char *ring;
		enum err want;
	} cases[] = {
	    {"k1 open " K_A "\nk2 seal " K_B, ERR_OK},
	    {"k2 seal " K_B "\nk1 open " K_A, ERR_OK},
	    {"k2 seal " K_B, ERR_NOT_FOUND},
	    {"k1 seal " K_B, ERR_INTERNAL},
	    {"k1 open " K_B "\nk2 seal " K_A, ERR_INTERNAL},
	};
	struct wrapped *w = *state, new;
	struct data_key k;

	for (size_t i = 0; i < COUNT(cases); i++) {
		new.ring = ring_of(cases[i].ring);
		assert_int_equal(data_key_open(new.ring, P1, w->key.id, "k1",
				     w->bytes, sizeof(w->bytes), &k),
		    cases[i].want);
		assert_true(data_key_make(
		    new.ring, P1, &new.key, new.master, new.bytes));
		assert_string_equal(new.master, i == 3 ? "k1" : "k2");
		assert_int_equal(
		    data_key_open(new.ring, P1, new.key.id, new.master,
			new.bytes, sizeof(new.bytes), &k),
		    ERR_OK);
		keyring_free(new.ring);
	}
}

/* ---- values ---- */

static void
seals_and_opens(void **state)
{
	static const size_t sizes[] = {0, 1, 8, 57, 1024, 65536, 1 << 20};
	static unsigned char plain[1 << 20], opened[1 << 20];
	unsigned char *sealed = malloc((1 << 20) + SEAL_OVERHEAD);
	struct data_key k = new_key(P1);
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t n = sizes[i];

		assert_true(seal_value(&k, what, plain, n, sealed));
		assert_int_equal(sealed[0], 1);
		assert_true(seal_is_of(&k, sealed, n + SEAL_OVERHEAD));
		assert_true(seal_open(
		    &k, what, sealed, n + SEAL_OVERHEAD, opened, &len));
		assert_int_equal(len, n);
		assert_memory_equal(opened, plain, n);
		if (n >= 8)
			assert_null(
			    memmem(sealed, n + SEAL_OVERHEAD, plain, 8));
	}
	free(sealed);
}

/* The same value twice is not the same bytes; each keeps to its room. */
static void
seals_anew(void **state)
{
	unsigned char a[SIZE + 1], b[SIZE + 1], out[sizeof(PLAIN)];
	struct data_key k = new_key(P1);
	size_t len;

	(void)state;
	a[SIZE] = b[SIZE] = 0x77;
	assert_true(seal_value(&k, what, TEXT(PLAIN), a));
	assert_true(seal_value(&k, what, TEXT(PLAIN), b));
	assert_memory_equal(a, b, 17);
	assert_memory_not_equal(a + 17, b + 17, 24);
	assert_memory_not_equal(a + 41, b + 41, SIZE - 41);
	assert_int_equal(a[SIZE], 0x77);
	memset(out, 0x77, sizeof(out));
	assert_true(seal_open(&k, what, walled(a, SIZE), SIZE, out, &len));
	assert_int_equal(out[sizeof(PLAIN) - 1], 0x77);
}

/* The form in the database, put together by hand: values of yesterday must
 * open tomorrow. */
static void
keeps_the_form(void **state)
{
	static const char ad[] =
	    "\0\0\0\5value\0\0\0\14provider_key\0\0\0\44" P1
	    "\0\0\0\11anthropic";
	static const unsigned char head[41] = {1, 0xaa, 0xaa, 0xaa, 0xaa, 0xbb,
	    0xbb, 0x4c, 0xcc, 0x8d, 0xdd, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
	    /* nonce */ 9, 8, 7};
	struct data_key k = {.project_id = P1, .id = ID1, .key = {1, 2, 3}};
	unsigned char sealed[SIZE], out[sizeof(PLAIN)] = {0};
	size_t len;

	(void)state;
	memcpy(sealed, head, sizeof(head));
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + 41, NULL,
	    (const unsigned char *)PLAIN, sizeof(PLAIN) - 1,
	    (const unsigned char *)ad, sizeof(ad) - 1, NULL, sealed + 17,
	    k.key);
	assert_true(seal_open(&k, what, sealed, SIZE, out, &len));
	assert_int_equal(len, sizeof(PLAIN) - 1);
	assert_string_equal((char *)out, PLAIN);
}

static void
refuses_value_elsewhere(void **state)
{
	static const struct seal_name places[] = {
	    {"provider_key", "openai"},
	    {"provider_key", "anthropic_token"},
	    {"provider_key", "Anthropic"},
	    {"provider_key", "anthropi"},
	    {"provider_key", ""},
	    {"", "anthropic"},
	    {"settings", "anthropic"},
	    {"provider_keys", "anthropic"},
	    {"anthropic", "provider_key"},
	    /* the same bytes, cut elsewhere */
	    {"provider_keya", "nthropic"},
	    {"provider_ke", "yanthropic"},
	};
	struct data_key k = new_key(P1), other;
	unsigned char sealed[SIZE], out[sizeof(PLAIN)];
	size_t len;

	(void)state;
	assert_true(seal_value(&k, what, TEXT(PLAIN), sealed));
	for (size_t i = 0; i < COUNT(places); i++)
		if (seal_open(&k, places[i], sealed, SIZE, out, &len))
			fail_msg("%s.%s", places[i].table, places[i].name);
	other = k; /* the same key in another project */
	snprintf(other.project_id, sizeof(other.project_id), P2);
	assert_false(seal_open(&other, what, sealed, SIZE, out, &len));
	other = k; /* the same bytes under another id */
	snprintf(other.id, sizeof(other.id), ID1);
	assert_false(seal_is_of(&other, sealed, SIZE));
	assert_false(seal_open(&other, what, sealed, SIZE, out, &len));
	other = k; /* the same id, other bytes */
	other.key[31] ^= 0x80;
	assert_true(seal_is_of(&other, sealed, SIZE));
	assert_false(seal_open(&other, what, sealed, SIZE, out, &len));
	other = new_key(P1);
	assert_false(seal_is_of(&other, sealed, SIZE));
	assert_false(seal_open(&other, what, sealed, SIZE, out, &len));
	/* its id put in by hand */
	memcpy(other.id, k.id, sizeof(k.id));
	assert_false(seal_open(&other, what, sealed, SIZE, out, &len));
	assert_true(seal_open(&k, what, sealed, SIZE, out, &len));
}

static void
refuses_damaged_value(void **state)
{
	struct data_key k = new_key(P1);
	unsigned char sealed[SIZE + 1] = {0}, out[sizeof(PLAIN)];
	size_t len;

	(void)state;
	assert_true(seal_value(&k, what, TEXT(PLAIN), sealed));
	for (size_t i = 0; i < SIZE * 8; i++) {
		memset(out, 0, sizeof(out));
		sealed[i / 8] ^= 1 << i % 8;
		if (seal_open(&k, what, sealed, SIZE, out, &len))
			fail_msg("bit %zu of byte %zu", i % 8, i / 8);
		sealed[i / 8] ^= 1 << i % 8;
		assert_null(memmem(out, sizeof(out), PLAIN, 6));
	}
	for (size_t n = 0; n < SIZE; n++) {
		if (seal_open(&k, what, walled(sealed, n), n, out, &len))
			fail_msg("cut at %zu", n);
		assert_int_equal(
		    seal_is_of(&k, walled(sealed, n), n), n >= SEAL_OVERHEAD);
	}
	for (size_t n = 1; n < SIZE; n++)
		assert_false(seal_open(&k, what, walled(sealed + n, SIZE - n),
		    SIZE - n, out, &len));
	assert_false(seal_open(&k, what, sealed, SIZE + 1, out, &len));
	assert_true(seal_open(&k, what, sealed, SIZE, out, &len));
}

#define WITH_ONE(test)                                                         \
	cmocka_unit_test_setup_teardown(test, wrap_one, unwrap_one)

int
main(void)
{
	const struct CMUnitTest seal_tests[] = {
	    WITH_ONE(opens_data_key),
	    WITH_ONE(refuses_data_key_elsewhere),
	    WITH_ONE(refuses_damaged_data_key),
	    WITH_ONE(rotates),
	    cmocka_unit_test(seals_and_opens),
	    cmocka_unit_test(seals_anew),
	    cmocka_unit_test(keeps_the_form),
	    cmocka_unit_test(refuses_value_elsewhere),
	    cmocka_unit_test(refuses_damaged_value),
	};

	return cmocka_run_group_tests(seal_tests, start_secrets, NULL);
}
