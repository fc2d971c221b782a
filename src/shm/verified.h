/*
 * verified.h: the table of keys whose scrypt hash was checked since the boot,
 * shared by all workers of the host, so that a key costs one scrypt run and
 * not one per worker and reload. An entry authorises nothing: the guard
 * statement compares what it holds with the row, inside the transaction that
 * does the work (sql/guard.sql).
 */
#ifndef VERIFIED_H
#define VERIFIED_H

#include "base/scope.h"
#include "base/uuid.h"
#include "shm/host.h"

/* Whom a key stands for, what it may, and what its row must still hold. No
 * bytes between the members: see verified.c. */
struct identity {
	char project_id[UUID_TEXT];
	char key_id[UUID_TEXT];
	unsigned char digest[32]; /* SHA-256 of the stored scrypt text */
	char room[2];             /* that keys of the project begin with */
	uint8_t listed;           /* only some addresses may use it */
	unsigned char pad[3];     /* 0 */
	unsigned char stamp[8];   /* another one after each change */
	scope_set scopes;
	int64_t ends_ms;          /* since the epoch; 0: never */
	unsigned char window[16]; /* whose requests its rate counts */
	int32_t rate;             /* requests a minute; 0: no limit */
	unsigned char pad2[4];    /* 0 */
};

/* False: unknown key (or no table, `h` NULL). */
bool verified_find(struct host *h, const char *key, struct identity *out);
void verified_add(struct host *h, const char *key, const struct identity *id);
void verified_drop(struct host *h, const char *key);

/* A number that belongs to the key, for cold_enter. */
uint32_t verified_number(const struct host *h, const char *key);

#endif
