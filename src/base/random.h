/*
 * random.h: numbers that nobody can guess, by libsodium.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t len);
uint32_t random_below(uint32_t limit); /* unbiased, 0 … limit-1 */

#endif
