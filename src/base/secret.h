/*
 * secret.h: random numbers, wiping and comparing, by libsodium.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once, before anything else here. False: the system has no random source. */
bool secret_init(void);

void secret_random(void *out, size_t len);
uint32_t secret_below(uint32_t limit); /* unbiased, 0 … limit-1 */

/* Constant time in the content (not in the length). */
bool secret_equal(const void *a, const void *b, size_t len);
void secret_wipe(void *p, size_t len);

#define UUID_TEXT 37                   /* 36 characters and a NUL */
void secret_uuid(char out[UUID_TEXT]); /* random, version 4, RFC 9562 */

/* Base64url without padding. Encode: `out` needs BASE64_SIZE(len) bytes.
 * Decode: false for anything that encode would not have written. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)
void secret_base64(char *out, size_t size, const void *in, size_t len);
bool secret_unbase64(void *out, size_t size, size_t *len, const char *text);

/* The usual alphabet with padding, for a key of exactly 32 bytes. */
bool secret_unbase64_key(unsigned char out[32], const char *text);

#endif
