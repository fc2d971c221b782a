/*
 * base64.h: Base64 (RFC 4648), by libsodium. Strict.
 */
#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Base64url without padding. Encode: `out` needs BASE64_SIZE(len) bytes.
 * Decode: false for anything that encode would not have written. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)
void base64_encode(char *out, size_t size, const void *in, size_t len);
bool base64_decode(void *out, size_t size, size_t *len, const char *text);

/* The usual alphabet with padding, for a key of exactly 32 bytes. */
bool base64_decode_key(unsigned char out[32], const char *text);

#endif
