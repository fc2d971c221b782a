/*
 * seal.c: keyring file, data keys, sealed values (see seal.h for the forms).
 */
#include "crypt/seal.h"

#include "base/file.h"

#include <sodium.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define FORMAT     1
#define KEY_BYTES  crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE      crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG        crypto_aead_xchacha20poly1305_ietf_ABYTES
#define ID_BYTES   16
#define MAX_KEYS   64
#define FILE_LIMIT 16384

_Static_assert(SEAL_OVERHEAD == 1 + ID_BYTES + NONCE + TAG, "sizes");
_Static_assert(SEAL_WRAPPED_SIZE == 1 + NONCE + KEY_BYTES + TAG, "sizes");

struct master {
	char id[SEAL_MASTER_ID];
	unsigned char key[KEY_BYTES];
};

/* In sodium_malloc'ed memory: guarded, locked where allowed, not dumped. */
struct keyring {
	size_t n;
	size_t sealing; /* index */
	struct master keys[MAX_KEYS];
};

/* The associated data: each part behind its length, so that no two tuples
 * are the same bytes. Returns the length; `out` has 512 bytes, enough for
 * names of ours. */
static size_t
tuple(unsigned char out[512], const char *const parts[], size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(parts[i]);

		if (len > 100 || at + 4 + len > 512)
			abort();
		out[at++] = 0;
		out[at++] = 0;
		out[at++] = 0;
		out[at++] = (unsigned char)len;
		memcpy(out + at, parts[i], len);
		at += len;
	}
	return at;
}

/* A UUID's 16 bytes. `text` is one of ours. */
static void
uuid_bytes(const char *text, unsigned char out[ID_BYTES])
{
	size_t len;

	memset(out, 0, ID_BYTES);
	sodium_hex2bin(out, ID_BYTES, text, strlen(text), "-", &len, NULL);
}

static bool
parse_line(struct keyring *ring, char *line, size_t *sealing)
{
	char *save, *id = strtok_r(line, " \t", &save);
	char *state = strtok_r(NULL, " \t", &save);
	char *text = strtok_r(NULL, " \t", &save);
	struct master *m = &ring->keys[ring->n];

	if (!text || strtok_r(NULL, " \t", &save) || ring->n == MAX_KEYS)
		return false;
	if (strlen(id) >= SEAL_MASTER_ID ||
	    strspn(id,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789_-") != strlen(id))
		return false;
	for (size_t i = 0; i < ring->n; i++)
		if (strcmp(ring->keys[i].id, id) == 0)
			return false;
	if (!secret_unbase64_key(m->key, text))
		return false;
	snprintf(m->id, sizeof(m->id), "%s", id);
	if (strcmp(state, "seal") == 0) {
		ring->sealing = ring->n;
		++*sealing;
	} else if (strcmp(state, "open") != 0) {
		return false;
	}
	ring->n++;
	return true;
}

static bool
parse(
    struct keyring *ring, char *text, const char *path, char *why, size_t size)
{
	size_t sealing = 0;
	int number = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		number++;
		line += strspn(line, " \t");
		if (*line == '\0' || *line == '#')
			continue;
		if (!parse_line(ring, line, &sealing)) {
			snprintf(why, size,
			    "%s:%d: want `id open|seal base64`, ids once, "
			    "32 bytes each",
			    path, number);
			return false;
		}
	}
	if (sealing != 1) {
		snprintf(why, size, "%s: %zu keys with state seal, want one",
		    path, sealing);
		return false;
	}
	return true;
}

/* The file's text, at most FILE_LIMIT bytes, NUL-terminated into `text`. */
static bool
read_private(const char *path, char *text, char *why, size_t size)
{
	const char *fault;
	int fd = file_open(path, O_NOFOLLOW, &fault);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0) {
		snprintf(why, size, "%s: %s", path, fault);
	} else if (fstat(fd, &st) != 0 || (st.st_mode & 077) != 0 ||
	    (st.st_uid != geteuid() && st.st_uid != 0 && geteuid() != 0)) {
		snprintf(why, size,
		    "%s: must be a file of the service's user, mode 0600",
		    path);
	} else {
		n = read(fd, text, FILE_LIMIT);
		if (n < 0)
			snprintf(why, size, "%s: %s", path, strerror(errno));
		else if (n == FILE_LIMIT)
			snprintf(why, size, "%s: too large", path);
	}
	if (fd >= 0)
		close(fd);
	if (n < 0 || n == FILE_LIMIT)
		return false;
	text[n] = '\0';
	return true;
}

struct keyring *
keyring_load(const char *path, char *why, size_t size)
{
	struct keyring *ring = sodium_malloc(sizeof(*ring));
	char *text = sodium_malloc(FILE_LIMIT + 1);
	bool ok = false;

	if (!ring || !text) {
		snprintf(why, size, "out of memory");
	} else {
		memset(ring, 0, sizeof(*ring));
		ok = read_private(path, text, why, size) &&
		    parse(ring, text, path, why, size);
	}
	sodium_free(text);
	if (ok)
		return ring;
	sodium_free(ring);
	return NULL;
}

void
keyring_free(struct keyring *ring)
{
	sodium_free(ring);
}

bool
keyring_create(const char *path, char *why, size_t size)
{
	unsigned char key[KEY_BYTES];
	char text[sodium_base64_ENCODED_LEN(
	    KEY_BYTES, sodium_base64_VARIANT_ORIGINAL)];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return false;
	}
	randombytes_buf(key, sizeof(key));
	sodium_bin2base64(text, sizeof(text), key, sizeof(key),
	    sodium_base64_VARIANT_ORIGINAL);
	ok = dprintf(fd,
		 "# id state key: exactly one `seal`. Keep a copy elsewhere: "
		 "without it nothing sealed opens.\nk1 seal %s\n",
		 text) > 0 &&
	    fsync(fd) == 0;
	if (close(fd) != 0 || !ok) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		unlink(path);
		ok = false;
	}
	sodium_memzero(key, sizeof(key));
	sodium_memzero(text, sizeof(text));
	return ok;
}

void
keyring_fingerprint(const struct keyring *ring, char out[17])
{
	unsigned char sum[crypto_generichash_BYTES];
	crypto_generichash_state state;

	if (crypto_generichash_init(&state, NULL, 0, sizeof(sum)) != 0) {
		snprintf(out, 17, "unknown");
		return;
	}
	for (size_t i = 0; i < ring->n; i++)
		crypto_generichash_update(&state,
		    (const unsigned char *)&ring->keys[i],
		    sizeof(ring->keys[i]));
	crypto_generichash_final(&state, sum, sizeof(sum));
	sodium_bin2hex(out, 17, sum, 8);
}

void
data_key_wipe(struct data_key *k)
{
	sodium_memzero(k, sizeof(*k));
}

static size_t
wrap_tuple(unsigned char ad[512], const char *project_id, const char *id,
    const char *master)
{
	const char *parts[] = {"data-key", project_id, id, master};

	return tuple(ad, parts, 4);
}

bool
data_key_make(const struct keyring *ring, const char *project_id,
    struct data_key *out, char master[SEAL_MASTER_ID],
    unsigned char wrapped[SEAL_WRAPPED_SIZE])
{
	const struct master *m = &ring->keys[ring->sealing];
	unsigned char ad[512];
	size_t ad_len;

	snprintf(out->project_id, UUID_TEXT, "%s", project_id);
	secret_uuid(out->id);
	randombytes_buf(out->key, sizeof(out->key));
	snprintf(master, SEAL_MASTER_ID, "%s", m->id);
	ad_len = wrap_tuple(ad, project_id, out->id, master);
	wrapped[0] = FORMAT;
	randombytes_buf(wrapped + 1, NONCE);
	return crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped + 1 + NONCE,
		   NULL, out->key, sizeof(out->key), ad, ad_len, NULL,
		   wrapped + 1, m->key) == 0;
}

enum err
data_key_open(const struct keyring *ring, const char *project_id,
    const char *id, const char *master, const void *wrapped, size_t len,
    struct data_key *out)
{
	const unsigned char *w = wrapped;
	const struct master *m = NULL;
	unsigned char ad[512];

	for (size_t i = 0; i < ring->n; i++)
		if (strcmp(ring->keys[i].id, master) == 0)
			m = &ring->keys[i];
	if (!m)
		return ERR_NOT_FOUND;
	if (len != SEAL_WRAPPED_SIZE || w[0] != FORMAT ||
	    crypto_aead_xchacha20poly1305_ietf_decrypt(out->key, NULL, NULL,
		w + 1 + NONCE, len - 1 - NONCE, ad,
		wrap_tuple(ad, project_id, id, master), w + 1, m->key) != 0)
		return ERR_INTERNAL;
	snprintf(out->project_id, UUID_TEXT, "%s", project_id);
	snprintf(out->id, UUID_TEXT, "%s", id);
	return ERR_OK;
}

static size_t
value_tuple(
    unsigned char ad[512], const struct data_key *k, struct seal_name what)
{
	const char *parts[] = {"value", what.table, k->project_id, what.name};

	return tuple(ad, parts, 4);
}

enum err
data_key_try(const struct keyring *ring, const char *project_id, const char *id,
    const char *master, const char *wrapped)
{
	unsigned char bytes[SEAL_WRAPPED_SIZE];
	struct data_key k;
	size_t len;
	enum err e;

	if (sodium_hex2bin(bytes, sizeof(bytes), wrapped, strlen(wrapped), NULL,
		&len, NULL) != 0)
		return ERR_INTERNAL;
	e = data_key_open(ring, project_id, id, master, bytes, len, &k);
	data_key_wipe(&k);
	return e;
}

bool
seal_value(const struct data_key *k, struct seal_name what, const void *plain,
    size_t len, unsigned char *out)
{
	unsigned char ad[512], *nonce = out + 1 + ID_BYTES;
	size_t ad_len = value_tuple(ad, k, what);

	out[0] = FORMAT;
	uuid_bytes(k->id, out + 1);
	randombytes_buf(nonce, NONCE);
	return crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE, NULL,
		   plain, len, ad, ad_len, NULL, nonce, k->key) == 0;
}

bool
seal_is_of(const struct data_key *k, const void *sealed, size_t len)
{
	unsigned char id[ID_BYTES];

	uuid_bytes(k->id, id);
	return len >= SEAL_OVERHEAD &&
	    memcmp((const unsigned char *)sealed + 1, id, ID_BYTES) == 0;
}

bool
seal_open(const struct data_key *k, struct seal_name what, const void *sealed,
    size_t len, unsigned char *out, size_t *out_len)
{
	const unsigned char *s = sealed;
	const unsigned char *nonce = s + 1 + ID_BYTES;
	unsigned char ad[512];
	size_t ad_len = value_tuple(ad, k, what);

	if (!seal_is_of(k, sealed, len) || s[0] != FORMAT)
		return false;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL,
		nonce + NONCE, len - (size_t)(nonce + NONCE - s), ad, ad_len,
		nonce, k->key) != 0)
		return false;
	*out_len = len - SEAL_OVERHEAD;
	return true;
}
