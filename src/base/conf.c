/*
 * conf.c: the table of configuration names drives defaults, parser and checks
 * of file and environment alike. No message holds a value: a conninfo can
 * hold a password, and a value in the wrong place can be one.
 * Size: 416 lines, as one table is read in one place.
 */
#include "base/conf.h"

#include "base/array.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/banned.h"

#define PREFIX       "CODECOURIER_"
#define CONF_ENV     PREFIX "CONF"
#define FILE_MAX     ((size_t)64 << 10)
#define URL_MAX      500
#define NAME_LONGEST 40 /* longer than any of ours; limits what is repeated */

/* Made in the runtime directory; its path must fit a socket address. */
#define SOCKET_NAME "/api.sock"
#define RUNTIME_MAX                                                            \
	((int)(sizeof(((struct sockaddr_un *)0)->sun_path) -                   \
	    sizeof(SOCKET_NAME)))

enum kind { CONNINFO, PATH, NUMBER, LEVEL, ADDRESS, URL };

struct name {
	const char *name; /* without PREFIX */
	enum kind kind;
	size_t offset;     /* in struct conf */
	const char *value; /* the default; NULL: none, or workers_default */
	int min, max;      /* NUMBER: the value; PATH: its length */
};

static const struct name names[] = {
#define AT(member) offsetof(struct conf, member)
    {"ADMIN_DATABASE", CONNINFO, AT(admin_database),
	"dbname=postgres user=postgres", 0, 0},
    {"DATABASE", CONNINFO, AT(database), "dbname=codecourier user=codecourier",
	0, 0},
    {"HISTORY_DAYS", NUMBER, AT(history_days), "90", 1, 3650},
    {"HISTORY_MIB", NUMBER, AT(history_mib), "64", 4, 65536},
    {"HISTORY_VERSIONS", NUMBER, AT(history_versions), "1000", 100, 1000000},
    {"KEPT_MIB", NUMBER, AT(kept_mib), "64", 1, 65536},
    {"KEYRING", PATH, AT(keyring), "/etc/codecourier/keyring", 2, 4095},
    {"LOG_LEVEL", LEVEL, AT(log_level), "info", 0, 0},
    {"MAIL_FROM", ADDRESS, AT(mail_from), NULL, 0, 0},
    {"MAIL_TEMPLATE", PATH, AT(mail_template),
	"/etc/codecourier/invitation.txt", 2, 4095},
    {"MAIL_URL", URL, AT(mail_url), NULL, 0, 0},
    {"MAX_KEYS", NUMBER, AT(max_keys), "1000", 1, 1000000},
    {"MAX_MEMBERS", NUMBER, AT(max_members), "10000", 1, 1000000},
    {"PROJECT_SHARE", NUMBER, AT(project_share), "50", 1, 100},
    {"PURGE_DAYS", NUMBER, AT(purge_days), "30", 1, 3650},
    {"RUNTIME_DIR", PATH, AT(runtime_dir), "/run/codecourier", 2, RUNTIME_MAX},
    {"SCRYPT_LOG2N", NUMBER, AT(scrypt_log2n), "12", 10, 16},
    {"SENDMAIL", PATH, AT(sendmail), NULL, 2, 4095},
    {"STATEMENT_TIMEOUT_MS", NUMBER, AT(statement_timeout_ms), "5000", 100,
	60000},
    {"WORKERS", NUMBER, AT(workers), NULL, 1, 256},
#undef AT
};

#define NAMES (ARRAY_SIZE(names))

/* Where a message is to go and what it is about. */
struct place {
	const char *source; /* file or "environment" */
	int line;           /* 0: none */
	char *why;
	size_t size;
};

/* Writes the reason; returns false, for the caller to pass on. The source is
 * cut so that the reason always has room. */
static PRINTF_LIKE(2, 3) bool refuse_value(
    const struct place *at, const char *fmt, ...)
{
	char reason[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	if (at->line > 0)
		snprintf(at->why, at->size, "%.80s:%d: %s", at->source,
		    at->line, reason);
	else
		snprintf(at->why, at->size, "%.80s: %s", at->source, reason);
	return false;
}

static int
workers_default(void)
{
	long n = 4 * sysconf(_SC_NPROCESSORS_ONLN);

	if (n < 4)
		return 4;
	return n > 32 ? 32 : (int)n;
}

static void
wipe_free(char *text)
{
	if (text == NULL)
		return;
	secret_wipe(text, strlen(text));
	free(text);
}

static char **
text_member(struct conf *conf, const struct name *n)
{
	return (char **)(void *)((char *)conf + n->offset);
}

static bool
set_text(struct conf *conf, const struct name *n, const char *value,
    const struct place *at)
{
	char **member = text_member(conf, n);
	char *copy = strdup(value);

	if (copy == NULL)
		return refuse_value(at, "out of memory");
	wipe_free(*member);
	*member = copy;
	return true;
}

static bool
set_path(struct conf *conf, const struct name *n, const char *value,
    const struct place *at)
{
	size_t len = strlen(value);

	if (value[0] != '/' || len < (size_t)n->min)
		return refuse_value(
		    at, PREFIX "%s must be an absolute path", n->name);
	if (len > (size_t)n->max)
		return refuse_value(at,
		    PREFIX "%s must be at most %d bytes long", n->name, n->max);
	return set_text(conf, n, value, at);
}

/* What goes into messages as it is. */
static bool
set_mail(struct conf *conf, const struct name *n, const char *value,
    const struct place *at)
{
	size_t len = strlen(value);

	if (n->kind == ADDRESS && !text_is_mailbox(value, len))
		return refuse_value(
		    at, PREFIX "%s must be an e-mail address", n->name);
	if (n->kind == URL && (!text_is_token(value, len) || len > URL_MAX))
		return refuse_value(at,
		    PREFIX "%s must be a URL of at most %d characters", n->name,
		    URL_MAX);
	return set_text(conf, n, value, at);
}

/* Decimal digits and nothing else. */
static bool
set_number(struct conf *conf, const struct name *n, const char *value,
    const struct place *at)
{
	size_t len = strlen(value);
	long number = -1;

	if (len <= 9 && strspn(value, "0123456789") == len)
		number = strtol(value, NULL, 10);
	if (number < n->min || number > n->max)
		return refuse_value(at,
		    PREFIX "%s must be a whole number from %d to %d", n->name,
		    n->min, n->max);
	*(int *)(void *)((char *)conf + n->offset) = (int)number;
	return true;
}

static bool
set_level(struct conf *conf, const struct name *n, const char *value,
    const struct place *at)
{
	for (int l = LOG_ERROR; l <= LOG_DEBUG; l++)
		if (strcmp(value, log_level_name((enum log_level)l)) == 0) {
			conf->log_level = (enum log_level)l;
			return true;
		}
	return refuse_value(
	    at, PREFIX "%s must be error, warn, info or debug", n->name);
}

static bool
set_value(struct conf *conf, const struct name *n, const char *value,
    const struct place *at)
{
	if (value[0] == '\0')
		return refuse_value(at, PREFIX "%s has no value", n->name);
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return refuse_value(
			    at, PREFIX "%s holds a control character", n->name);
	switch (n->kind) {
	case PATH:
		return set_path(conf, n, value, at);
	case NUMBER:
		return set_number(conf, n, value, at);
	case LEVEL:
		return set_level(conf, n, value, at);
	case ADDRESS:
	case URL:
		return set_mail(conf, n, value, at);
	case CONNINFO:
		break;
	}
	return set_text(conf, n, value, at); /* libpq reads it */
}

/* The row of the full name, NULL when there is none. */
static const struct name *
find_name(const char *full)
{
	if (strncmp(full, PREFIX, sizeof(PREFIX) - 1) != 0)
		return NULL;
	for (size_t i = 0; i < NAMES; i++)
		if (strcmp(full + sizeof(PREFIX) - 1, names[i].name) == 0)
			return &names[i];
	return NULL;
}

/* Cuts white space off both ends (a carriage return, too: files come from
 * everywhere). */
static char *
trim_space(char *text)
{
	static const char space[] = " \t\r";

	text += strspn(text, space);
	size_t len = strlen(text);
	while (len > 0 && strchr(space, text[len - 1]) != NULL)
		len--;
	text[len] = '\0';
	return text;
}

static bool
parse_line(
    struct conf *conf, char *line, bool seen[NAMES], const struct place *at)
{
	line = trim_space(line);
	if (line[0] == '\0' || line[0] == '#')
		return true;
	/* Only what looks like a name is repeated in a message. */
	size_t len = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	if (len == 0 || len > NAME_LONGEST || line[len] != '=')
		return refuse_value(at, "not a line of the form NAME=value");
	line[len] = '\0';

	const struct name *n = find_name(line);
	if (n == NULL)
		return refuse_value(at, "unknown name %s", line);
	if (seen[n - names])
		return refuse_value(at, "%s stands here twice", line);
	seen[n - names] = true;
	return set_value(conf, n, trim_space(line + len + 1), at);
}

static bool
parse_lines(struct conf *conf, char *text, struct place *at)
{
	bool seen[NAMES] = {false};
	char *line;

	for (at->line = 1; (line = strsep(&text, "\n")) != NULL; at->line++)
		if (!parse_line(conf, line, seen, at))
			return false;
	return true;
}

static bool
set_defaults(struct conf *conf, const struct place *at)
{
	conf->workers = workers_default();
	for (size_t i = 0; i < NAMES; i++)
		if (names[i].value != NULL &&
		    !set_value(conf, &names[i], names[i].value, at))
			return false;
	return true;
}

bool
conf_parse(struct conf *conf, const char *name, const char *text, char *why,
    size_t size)
{
	struct place at = {name, 0, why, size};
	char *copy = strdup(text);
	size_t len = strlen(text);
	bool ok;

	memset(conf, 0, sizeof(*conf));
	if (copy == NULL)
		return refuse_value(&at, "out of memory");
	ok = set_defaults(conf, &at) && parse_lines(conf, copy, &at);
	secret_wipe(copy, len); /* strsep has cut it into many strings */
	free(copy);
	if (!ok)
		conf_free(conf);
	return ok;
}

/* The file's content into `text` (FILE_MAX + 2 bytes of zeros). An absent file
 * is an empty one unless somebody has named it. */
static bool
read_file(const char *path, bool named, char *text, const struct place *at)
{
	size_t used = 0;
	ssize_t n;
	const char *why;
	int fd = file_open(path, 0, &why);

	if (fd < 0 && errno == ENOENT && !named)
		return true;
	if (fd < 0)
		return refuse_value(at, "%s", why);
	do {
		n = read(fd, text + used, FILE_MAX + 1 - used);
		used += n > 0 ? (size_t)n : 0;
	} while (n > 0); /* 0 at the end and when `text` is full */
	int error = errno;
	close(fd);
	if (n < 0)
		return refuse_value(at, "%s", strerror(error));
	if (used > FILE_MAX)
		return refuse_value(at, "longer than %zu bytes", FILE_MAX);
	if (strlen(text) != used)
		return refuse_value(at, "holds a NUL byte");
	return true;
}

static bool
parse_environment(struct conf *conf, char *why, size_t size)
{
	const struct place at = {"environment", 0, why, size};

	for (char **e = environ; *e != NULL; e++) {
		char full[NAME_LONGEST + 1];
		size_t len = strcspn(*e, "=");

		if (strncmp(*e, PREFIX, sizeof(PREFIX) - 1) != 0)
			continue;
		snprintf(full, sizeof(full), "%.*s", (int)len, *e);
		if (strcmp(full, CONF_ENV) == 0)
			continue;
		const struct name *n = find_name(full);
		if (n == NULL)
			return refuse_value(&at, "unknown name %s", full);
		if ((*e)[len] == '=' && !set_value(conf, n, *e + len + 1, &at))
			return false;
	}
	return true;
}

/* Mail wants all of it: nobody shall miss it when there is some to send. */
static bool
check_mail(const struct conf *conf, const struct place *at)
{
	if (!conf->sendmail || (conf->mail_from && conf->mail_url))
		return true;
	return refuse_value(at, PREFIX "SENDMAIL needs " PREFIX "%s",
	    conf->mail_from ? "MAIL_URL" : "MAIL_FROM");
}

bool
conf_load(struct conf *conf, char *why, size_t size)
{
	const char *named = getenv(CONF_ENV);
	const char *path = named != NULL ? named : CONF_DEFAULT_PATH;
	/* A name that is empty is named by its variable. */
	const struct place at = {
	    path[0] != '\0' ? path : CONF_ENV, 0, why, size};
	char *text = calloc(1, FILE_MAX + 2);
	bool ok;

	memset(conf, 0, sizeof(*conf));
	if (text == NULL)
		return refuse_value(&at, "out of memory");
	ok = read_file(path, named != NULL, text, &at) &&
	    conf_parse(conf, path, text, why, size);
	secret_wipe(text, FILE_MAX + 2);
	free(text);
	if (ok &&
	    !(parse_environment(conf, why, size) && check_mail(conf, &at))) {
		conf_free(conf);
		ok = false;
	}
	return ok;
}

void
conf_free(struct conf *conf)
{
	for (size_t i = 0; i < NAMES; i++)
		if (names[i].kind != NUMBER && names[i].kind != LEVEL)
			wipe_free(*text_member(conf, &names[i]));
	memset(conf, 0, sizeof(*conf));
}
