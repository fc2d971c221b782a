/*
 * sealed.c: trying data keys.
 */
#include "crypt/sealed.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

bool
sealed_foreign(const struct keyring *ring, char **lines, char *why, size_t size)
{
	char project[UUID_TEXT], id[UUID_TEXT], master[SEAL_MASTER_ID];
	char wrapped[2 * SEAL_WRAPPED_SIZE + 1], *line;
	enum err e;

	while ((line = strsep(lines, "\n"))) {
		if (sscanf(line, "%36s %36s %32s %146s", project, id, master,
			wrapped) != 4)
			continue;
		e = data_key_try(ring, project, id, master, wrapped);
		if (!e)
			continue;
		if (e == ERR_NOT_FOUND)
			snprintf(why, size,
			    "the keyring lacks the master key %s, which "
			    "projects are sealed with",
			    master);
		else
			snprintf(why, size,
			    "the keyring's master key %s is not the one that "
			    "projects are sealed with",
			    master);
		return true;
	}
	return false;
}
