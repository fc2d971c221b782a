/*
 * cidr_list.h: lists of blocks of addresses, as a key has one of those that it
 * may be used from. Pure.
 */
#ifndef CIDR_LIST_H
#define CIDR_LIST_H

#include "base/cidr.h"
#include "base/err.h"

#define CIDR_LIST_MAX 50 /* blocks of a list */

/* In the order given. An empty one has no address in it. */
struct cidr_list {
	size_t n;
	struct cidr block[CIDR_LIST_MAX];
};

/* Whether an address (of family 0: unknown), or all of a block, lies in one of
 * the blocks. */
bool cidr_list_has(const struct cidr_list *list, const struct cidr *address);

/* The first block of `list` that lies in no single one of `own`, or -1. */
int cidr_list_beyond(const struct cidr_list *list, const struct cidr_list *own);

/* A list in the form of PostgreSQL's cidr[], {10.0.0.0/8,2001:db8::1}. False:
 * it is damaged, or too long. */
MUST_CHECK bool cidr_list_read(struct cidr_list *out, const char *text);

#define CIDR_LIST_TEXT (2 + CIDR_LIST_MAX * CIDR_TEXT) /* bytes, with a NUL */
void cidr_list_write(const struct cidr_list *list, char out[CIDR_LIST_TEXT]);

#endif
