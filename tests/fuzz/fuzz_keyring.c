/*
 * fuzz_keyring.c: the keyring file. What is read has one key that seals: a
 * data key made with it opens with it, and with no other name.
 */
#include "fuzz.h"

#include "crypt/seal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

static void
write_file(const char *path, const uint8_t *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	EXPECT(fd >= 0);
	EXPECT(len == 0 || write(fd, data, len) == (ssize_t)len);
	close(fd);
}

static void
check_ring(const struct keyring *ring)
{
	unsigned char wrapped[DATA_KEY_WRAPPED];
	char master[KEYRING_ID], print[17];
	struct data_key key, opened;

	keyring_fingerprint(ring, print);
	EXPECT(strspn(print, "0123456789abcdef") == 16 && !print[16]);
	EXPECT(data_key_make(ring, FUZZ_PROJECT, &key, master, wrapped));
	EXPECT(master[0] && strlen(master) < KEYRING_ID);
	EXPECT(data_key_open(ring, FUZZ_PROJECT, key.id, master, wrapped,
		   sizeof(wrapped), &opened) == ERR_OK);
	EXPECT(memcmp(&key, &opened, sizeof(key)) == 0);
	EXPECT(data_key_open(ring, FUZZ_PROJECT, key.id, "no such", wrapped,
		   sizeof(wrapped), &opened) == ERR_NOT_FOUND);
}

void
fuzz_keyring(const uint8_t *data, size_t len)
{
	char path[128], why[256] = "";
	struct keyring *ring;

	fuzz_app();
	snprintf(path, sizeof(path), "%s/keyring", fuzz_folder());
	write_file(path, data, len);
	ring = keyring_load(path, why, sizeof(why));
	if (ring) {
		check_ring(ring);
		keyring_free(ring);
	} else {
		EXPECT(strncmp(why, path, strlen(path)) == 0);
	}
}
