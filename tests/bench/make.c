/*
 * make.c: what the benchmark needs from the program itself.
 *
 *   make keys N      N new API keys, a line each: key, prefix, scrypt hash,
 *                    check value (hex), SHA-256 of the key (hex)
 *   make sql NAME    the text of a prepared statement
 */
#include "crypt/key.h"
#include "base/secret.h"
#include "db/stmt.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define LOG2N 12 /* what CODECOURIER_SCRYPT_LOG2N is by default */

static int
print_keys(int n)
{
	char key[KEY_TEXT], hash[KEY_HASH_TEXT];
	unsigned char check[KEY_CHECK_VALUE], sum[crypto_hash_sha256_BYTES];
	char check_hex[2 * sizeof(check) + 1], sum_hex[2 * sizeof(sum) + 1];

	for (int i = 0; i < n; i++) {
		key_make(key, false, "bm");
		if (!key_hash(key, LOG2N, hash) || !key_check_value(key, check))
			return 1;
		crypto_hash_sha256(
		    sum, (const unsigned char *)key, strlen(key));
		sodium_bin2hex(
		    check_hex, sizeof(check_hex), check, sizeof(check));
		sodium_bin2hex(sum_hex, sizeof(sum_hex), sum, sizeof(sum));
		printf("%s\t%.*s\t%s\t%s\t%s\n", key, KEY_PREFIX, key, hash,
		    check_hex, sum_hex);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc != 3 || !secret_init())
		return 2;
	if (strcmp(argv[1], "keys") == 0)
		return print_keys((int)strtol(argv[2], NULL, 10));
	for (int s = 0; s < STMT__MAX; s++)
		if (strcmp(stmt_info(s)->name, argv[2]) == 0)
			return puts(stmt_info(s)->sql) < 0;
	return 1;
}
