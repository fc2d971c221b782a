/*
 * keyring.c: the keyring file: reading, making, telling two of them apart.
 */
#include "crypt/keyring.h"

#include "base/base64.h"
#include "base/file.h"
#include "crypt/cipher.h"

#include <sodium.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define MAX_KEYS   64
#define FILE_LIMIT 16384

struct master {
	char id[KEYRING_ID];
	unsigned char key[CIPHER_KEY];
};

/* In sodium_malloc'ed memory: guarded, locked where allowed, not dumped. */
struct keyring {
	size_t n;
	size_t sealing; /* index */
	struct master keys[MAX_KEYS];
};

static bool
parse_key(struct keyring *ring, char *line, size_t *sealing)
{
	char *save, *id = strtok_r(line, " \t", &save);
	char *state = strtok_r(NULL, " \t", &save);
	char *text = strtok_r(NULL, " \t", &save);
	struct master *m = &ring->keys[ring->n];

	if (!text || strtok_r(NULL, " \t", &save) || ring->n == MAX_KEYS)
		return false;
	if (strlen(id) >= KEYRING_ID ||
	    strspn(id,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789_-") != strlen(id))
		return false;
	for (size_t i = 0; i < ring->n; i++)
		if (strcmp(ring->keys[i].id, id) == 0)
			return false;
	if (!base64_decode_key(m->key, text))
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
		if (!parse_key(ring, line, &sealing)) {
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
	unsigned char key[CIPHER_KEY];
	char text[sodium_base64_ENCODED_LEN(
	    CIPHER_KEY, sodium_base64_VARIANT_ORIGINAL)];
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

const char *
keyring_sealing(const struct keyring *ring)
{
	return ring->keys[ring->sealing].id;
}

const unsigned char *
keyring_key(const struct keyring *ring, const char *id)
{
	for (size_t i = 0; i < ring->n; i++)
		if (strcmp(ring->keys[i].id, id) == 0)
			return ring->keys[i].key;
	return NULL;
}
