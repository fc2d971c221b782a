/*
 * conf.h: the one configuration file, `NAME=value` lines; an environment
 * variable of the same name wins. An unknown name, a name given twice or a bad
 * value is refused with file and line (or the variable's name).
 */
#ifndef CONF_H
#define CONF_H

#include "base/err.h"
#include "base/log.h"

struct conf {
	char *database;           /* conninfo of the API role */
	char *admin_database;     /* conninfo of the operator's command */
	char *keyring;            /* path */
	char *runtime_dir;        /* path: socket, verified-key table */
	char *sendmail;           /* path; NULL: no mail; all three or none: */
	char *mail_from;          /* address */
	char *mail_url;           /* where an invitation is accepted */
	char *mail_template;      /* path */
	int workers;              /* processes on this host, 1..256 */
	int scrypt_log2n;         /* 10..16 */
	int history_days;         /* of a project's settings, 1..3650 */
	int history_mib;          /* MiB a project, 4..65536 */
	int history_versions;     /* of a project's settings, 100..1000000 */
	int kept_mib;             /* MiB of kept answers a project, 1..65536 */
	int max_keys;             /* live ones of a project, 1..1000000 */
	int max_members;          /* of a project, 1..1000000 */
	int project_share;        /* percent of the workers, 1..100 */
	int purge_days;           /* 1..3650 */
	int statement_timeout_ms; /* 100..60000 */
	enum log_level log_level;
};

/*
 * Reads the file named by CODECOURIER_CONF, else CONF_DEFAULT_PATH, then the
 * environment. A missing file is an error only when CODECOURIER_CONF names it.
 * On failure one line saying file, line and reason stands in `why` (`size`
 * bytes, 256 are enough). The strings are freed by conf_free.
 */
MUST_CHECK bool conf_load(struct conf *conf, char *why, size_t size);

/* The same from a given text (the file's content, `name` for messages), with
 * no environment looked at: what conf_load, the tests and the fuzzer call. */
MUST_CHECK bool conf_parse(struct conf *conf, const char *name,
    const char *text, char *why, size_t size);

void conf_free(struct conf *conf);

#define CONF_DEFAULT_PATH "/etc/codecourier/api.conf"

#endif
