/*
 * fuzz_conf.c: the configuration file. What is taken lies within the limits
 * and says the same when it is written down; what is refused has a reason
 * that repeats no value.
 */
#include "fuzz.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static bool
is_plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static void
check_limits(const struct conf *c)
{
	EXPECT(c->database && c->database[0]);
	EXPECT(c->admin_database && c->admin_database[0]);
	EXPECT(c->keyring && c->keyring[0] == '/');
	EXPECT(c->runtime_dir && c->runtime_dir[0] == '/');
	EXPECT(is_plain(c->database) && is_plain(c->admin_database));
	EXPECT(is_plain(c->keyring) && is_plain(c->runtime_dir));
	EXPECT(strlen(c->keyring) <= 4095);
	EXPECT(strlen(c->runtime_dir) <= 107 - strlen("/api.sock"));
	EXPECT(c->workers >= 1 && c->workers <= 256);
	EXPECT(c->scrypt_log2n >= 10 && c->scrypt_log2n <= 16);
	EXPECT(c->purge_days >= 1 && c->purge_days <= 3650);
	EXPECT(c->statement_timeout_ms >= 100);
	EXPECT(c->statement_timeout_ms <= 60000);
	EXPECT(c->log_level >= LOG_ERROR && c->log_level <= LOG_DEBUG);
}

static char *
write_down(const struct conf *c)
{
	char *text;
	int n = asprintf(&text,
	    "CODECOURIER_DATABASE=%s\n\tCODECOURIER_ADMIN_DATABASE= %s\r\n"
	    "# a comment\n\nCODECOURIER_KEYRING=%s \n"
	    "CODECOURIER_RUNTIME_DIR=%s\nCODECOURIER_WORKERS=%d\n"
	    "CODECOURIER_SCRYPT_LOG2N=%d\nCODECOURIER_PURGE_DAYS=%d\n"
	    "CODECOURIER_STATEMENT_TIMEOUT_MS=%d\nCODECOURIER_LOG_LEVEL=%s",
	    c->database, c->admin_database, c->keyring, c->runtime_dir,
	    c->workers, c->scrypt_log2n, c->purge_days, c->statement_timeout_ms,
	    log_level_name(c->log_level));

	EXPECT(n > 0);
	return text;
}

static void
check_written(const struct conf *a)
{
	char *text = write_down(a), why[256];
	struct conf b;

	EXPECT(conf_parse(&b, "again", text, why, sizeof(why)));
	EXPECT(strcmp(a->database, b.database) == 0);
	EXPECT(strcmp(a->admin_database, b.admin_database) == 0);
	EXPECT(strcmp(a->keyring, b.keyring) == 0);
	EXPECT(strcmp(a->runtime_dir, b.runtime_dir) == 0);
	EXPECT(a->workers == b.workers && a->purge_days == b.purge_days);
	EXPECT(a->scrypt_log2n == b.scrypt_log2n);
	EXPECT(a->statement_timeout_ms == b.statement_timeout_ms);
	EXPECT(a->log_level == b.log_level);
	conf_free(&b);
	free(text);
}

/* `conf:7: words`: no more of the file than a name can be in it. */
static void
check_reason(const char *why)
{
	EXPECT(strncmp(why, "conf:", 5) == 0);
	EXPECT(strlen(why) < 100);
	for (const char *p = why; *p; p++)
		EXPECT(*p >= ' ' && *p <= '~');
}

void
fuzz_conf(const uint8_t *data, size_t len)
{
	char *text = fuzz_text(data, len), why[256] = "";
	struct conf conf;

	fuzz_app();
	if (conf_parse(&conf, "conf", text, why, sizeof(why))) {
		check_limits(&conf);
		check_written(&conf);
		conf_free(&conf);
	} else {
		check_reason(why);
	}
	free(text);
}
