/*
 * secret.h: wiping and comparing what nobody may see, by libsodium.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Once, before anything else of libsodium (random.h, base64.h, all of crypt/).
 * False: the system has no random source. */
bool secret_init(void);

/* Constant time in the content (not in the length). */
bool secret_equal(const void *a, const void *b, size_t len);
void secret_wipe(void *p, size_t len);

#endif
