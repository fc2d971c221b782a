/*
 * test_conf.c: the configuration file and its environment: defaults, limits,
 * what is refused and with which words, and that no message holds a value.
 * Size: 523 lines, as one table is tested in one place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"

#include <sys/stat.h>

#include "base/banned.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define P            "CODECOURIER_"
#define U10          "AAAAAAAAAA"
#define A10          "aaaaaaaaaa"

static const char *const all_names[] = {
    P "ADMIN_DATABASE",
    P "DATABASE",
    P "HISTORY_DAYS",
    P "HISTORY_MIB",
    P "HISTORY_VERSIONS",
    P "KEPT_MIB",
    P "KEYRING",
    P "LOG_LEVEL",
    P "MAIL_FROM",
    P "MAIL_TEMPLATE",
    P "MAIL_URL",
    P "MAX_KEYS",
    P "MAX_MEMBERS",
    P "PROJECT_SHARE",
    P "PURGE_DAYS",
    P "RUNTIME_DIR",
    P "SCRYPT_LOG2N",
    P "SENDMAIL",
    P "STATEMENT_TIMEOUT_MS",
    P "WORKERS",
};

static void
assert_parses(struct conf *conf, const char *text)
{
	char why[256] = "";

	if (!conf_parse(conf, "f", text, why, sizeof(why)))
		fail_msg("refused: %s", why);
}

static void
assert_defaults(const struct conf *conf)
{
	assert_string_equal(
	    conf->database, "dbname=codecourier user=codecourier");
	assert_string_equal(
	    conf->admin_database, "dbname=postgres user=postgres");
	assert_string_equal(conf->keyring, "/etc/codecourier/keyring");
	assert_string_equal(conf->runtime_dir, "/run/codecourier");
	assert_string_equal(
	    conf->mail_template, "/etc/codecourier/invitation.txt");
	assert_int_equal(conf->scrypt_log2n, 12);
	assert_int_equal(conf->history_days, 90);
	assert_int_equal(conf->history_mib, 64);
	assert_int_equal(conf->history_versions, 1000);
	assert_int_equal(conf->kept_mib, 64);
	assert_int_equal(conf->max_keys, 1000);
	assert_int_equal(conf->max_members, 10000);
	assert_int_equal(conf->project_share, 50);
	assert_int_equal(conf->purge_days, 30);
	assert_int_equal(conf->statement_timeout_ms, 5000);
	assert_int_equal(conf->log_level, LOG_INFO);
}

static void
has_defaults(void **state)
{
	static const char *const texts[] = {
	    "",
	    "\n\n",
	    "# only a comment",
	    "  \t\r\n   # " P "WORKERS=0\n#" P "LOG_LEVEL=none\n",
	};
	struct conf conf;
	long workers = 4 * sysconf(_SC_NPROCESSORS_ONLN);

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_parses(&conf, texts[i]);
		assert_defaults(&conf);
		assert_null(conf.sendmail); /* mail is what one asks for */
		assert_null(conf.mail_from);
		assert_null(conf.mail_url);
		assert_int_equal(conf.workers, workers > 32 ? 32 : workers);
		conf_free(&conf);
	}
}

static void
reads_all(void **state)
{
	struct conf conf;

	(void)state;
	assert_parses(&conf,
	    P "DATABASE=host=/tmp dbname=x password='a = b # c'\n" P
	      "ADMIN_DATABASE=\tpostgresql://u:p@h/d?x=y \t\r\n"
	      "  " P "KEYRING= /k\r\n" P "RUNTIME_DIR=/r d\n" P "WORKERS=256\n"
	      "# comment\n" P "SCRYPT_LOG2N=016\n" P "PURGE_DAYS=3650\n" P
	      "STATEMENT_TIMEOUT_MS=60000\n" P "LOG_LEVEL=debug");
	assert_string_equal(
	    conf.database, "host=/tmp dbname=x password='a = b # c'");
	assert_string_equal(conf.admin_database, "postgresql://u:p@h/d?x=y");
	assert_string_equal(conf.keyring, "/k");
	assert_string_equal(conf.runtime_dir, "/r d");
	assert_int_equal(conf.workers, 256);
	assert_int_equal(conf.scrypt_log2n, 16);
	assert_int_equal(conf.purge_days, 3650);
	assert_int_equal(conf.statement_timeout_ms, 60000);
	assert_int_equal(conf.log_level, LOG_DEBUG);
	conf_free(&conf);
	assert_null(conf.database);
	conf_free(&conf); /* twice does no harm */

	assert_parses(&conf,
	    P "WORKERS=1\n" P "SCRYPT_LOG2N=10\n" P "PURGE_DAYS=1\n" P
	      "STATEMENT_TIMEOUT_MS=100\n" P "LOG_LEVEL=error\n");
	assert_int_equal(conf.workers, 1);
	assert_int_equal(conf.scrypt_log2n, 10);
	assert_int_equal(conf.purge_days, 1);
	assert_int_equal(conf.statement_timeout_ms, 100);
	assert_int_equal(conf.log_level, LOG_ERROR);
	conf_free(&conf);
}

#define FORM    "not a line of the form NAME=value"
#define NUMBER  "must be a whole number from "
#define WORKERS P "WORKERS " NUMBER "1 to 256"
#define LEVEL   P "LOG_LEVEL must be error, warn, info or debug"
#define PATH(n) P n " must be an absolute path"
#define FROM    P "MAIL_FROM must be an e-mail address"
#define EMPTY   " has no value"

static const struct {
	const char *text, *why; /* behind the name of the file */
} bad[] = {
    {"hunter2", ":1: " FORM},
    {"hunter2 = x", ":1: " FORM},
    {"=x", ":1: " FORM},
    {P "WORKERS", ":1: " FORM},
    {P "WORKERS =4", ":1: " FORM},
    {P "WORKERS: 4", ":1: " FORM},
    {P "DATABASE password=hunter2", ":1: " FORM},
    {"export " P "WORKERS=4", ":1: " FORM},
    {"\xef\xbb\xbf" P "WORKERS=4", ":1: " FORM},
    {"; comment", ":1: " FORM},
    {"password=hunter2", ":1: " FORM},
    {A10 A10 A10 A10 A10 "=x", ":1: " FORM},
    {U10 U10 U10 U10 "E=x", ":1: " FORM},
    {U10 U10 U10 U10 "=x", ":1: unknown name " U10 U10 U10 U10},
    {"WORKERS=4", ":1: unknown name WORKERS"},
    {"CODECOURIERXWORKERS=4", ":1: unknown name CODECOURIERXWORKERS"},
    {P "WORKER=4", ":1: unknown name " P "WORKER"},
    {P "WORKERS2=4", ":1: unknown name " P "WORKERS2"},
    {P "=4", ":1: unknown name " P},
    {P "CONF=/x", ":1: unknown name " P "CONF"},
    {"\n\n#\n" P "X=hunter2\n", ":4: unknown name " P "X"},
    {P "WORKERS=4\n" P "WORKERS=4\n", ":2: " P "WORKERS stands here twice"},

    {P "WORKERS=", ":1: " P "WORKERS" EMPTY},
    {P "DATABASE=", ":1: " P "DATABASE" EMPTY},
    {P "KEYRING= \t\r\n", ":1: " P "KEYRING" EMPTY},
    {P "LOG_LEVEL=", ":1: " P "LOG_LEVEL" EMPTY},
    {P "DATABASE=host=a\033[2J", ":1: " P "DATABASE holds a control character"},
    {P "DATABASE=a\rb", ":1: " P "DATABASE holds a control character"},
    {P "KEYRING=/a\x7f", ":1: " P "KEYRING holds a control character"},

    {P "WORKERS=0", ":1: " WORKERS},
    {P "WORKERS=257", ":1: " WORKERS},
    {P "WORKERS=-1", ":1: " WORKERS},
    {P "WORKERS=+4", ":1: " WORKERS},
    {P "WORKERS=4.0", ":1: " WORKERS},
    {P "WORKERS=4 # four", ":1: " WORKERS},
    {P "WORKERS=0x4", ":1: " WORKERS},
    {P "WORKERS=\"4\"", ":1: " WORKERS},
    {P "WORKERS=4294967300", ":1: " WORKERS},
    {P "WORKERS=18446744073709551620", ":1: " WORKERS},
    {P "WORKERS=hunter2", ":1: " WORKERS},
    {P "SCRYPT_LOG2N=9", ":1: " P "SCRYPT_LOG2N " NUMBER "10 to 16"},
    {P "SCRYPT_LOG2N=17", ":1: " P "SCRYPT_LOG2N " NUMBER "10 to 16"},
    {P "MAX_KEYS=0", ":1: " P "MAX_KEYS " NUMBER "1 to 1000000"},
    {P "MAX_KEYS=1000001", ":1: " P "MAX_KEYS " NUMBER "1 to 1000000"},
    {P "MAX_MEMBERS=0", ":1: " P "MAX_MEMBERS " NUMBER "1 to 1000000"},
    {P "MAX_MEMBERS=1000001", ":1: " P "MAX_MEMBERS " NUMBER "1 to 1000000"},
    {P "PROJECT_SHARE=0", ":1: " P "PROJECT_SHARE " NUMBER "1 to 100"},
    {P "PROJECT_SHARE=101", ":1: " P "PROJECT_SHARE " NUMBER "1 to 100"},
    {P "PURGE_DAYS=0", ":1: " P "PURGE_DAYS " NUMBER "1 to 3650"},
    {P "PURGE_DAYS=3651", ":1: " P "PURGE_DAYS " NUMBER "1 to 3650"},
    {P "STATEMENT_TIMEOUT_MS=99",
	":1: " P "STATEMENT_TIMEOUT_MS " NUMBER "100 to 60000"},
    {P "STATEMENT_TIMEOUT_MS=60001",
	":1: " P "STATEMENT_TIMEOUT_MS " NUMBER "100 to 60000"},
    {P "STATEMENT_TIMEOUT_MS=5s",
	":1: " P "STATEMENT_TIMEOUT_MS " NUMBER "100 to 60000"},
    {P "LOG_LEVEL=INFO", ":1: " LEVEL},
    {P "LOG_LEVEL=warning", ":1: " LEVEL},
    {P "LOG_LEVEL=2", ":1: " LEVEL},

    {P "KEYRING=keyring", ":1: " PATH("KEYRING")},
    {P "KEYRING=./keyring", ":1: " PATH("KEYRING")},
    {P "KEYRING=~/keyring", ":1: " PATH("KEYRING")},
    {P "KEYRING=/", ":1: " PATH("KEYRING")},
    {P "RUNTIME_DIR=run", ":1: " PATH("RUNTIME_DIR")},
    {P "SENDMAIL=sendmail -i", ":1: " PATH("SENDMAIL")},
    {P "MAIL_TEMPLATE=x", ":1: " PATH("MAIL_TEMPLATE")},
    {P "MAIL_FROM=hunter2", ":1: " FROM},
    {P "MAIL_FROM=hunter2@", ":1: " FROM},
    {P "MAIL_FROM=Me <hunter2@example.com>", ":1: " FROM},
    {P "MAIL_FROM=hunter2,x@example.com", ":1: " FROM},
    {P "MAIL_FROM=-hunter2@example.com", ":1: " FROM},
    {P "MAIL_URL=https://example.com/hunter2 x",
	":1: " P "MAIL_URL must be a URL of at most 500 characters"},
    /* 99 bytes and /api.sock are 108 */
    {P "RUNTIME_DIR=/12345678" A10 A10 A10 A10 A10 A10 A10 A10 A10,
	":1: " P "RUNTIME_DIR must be at most 98 bytes long"},
};

static void
refuses(void **state)
{
	struct conf conf;
	char why[256], want[300];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		memset(&conf, 0xff, sizeof(conf));
		if (conf_parse(&conf, "/etc/f", bad[i].text, why, 256))
			fail_msg("taken: %s", bad[i].text);
		snprintf(want, sizeof(want), "/etc/f%s", bad[i].why);
		assert_string_equal(why, want);
		assert_null(strstr(why, "hunter2"));
		assert_null(conf.database); /* nothing is left to free */
	}
}

static void
takes_longest_paths(void **state)
{
	char text[5000] = P "KEYRING=", why[256];
	struct conf conf;

	(void)state;
	memset(text + strlen(text), '/', 4095);
	assert_parses(&conf, text);
	conf_free(&conf);
	text[strlen(text)] = '/';
	assert_false(conf_parse(&conf, "f", text, why, sizeof(why)));
	assert_string_equal(
	    why, "f:1: " P "KEYRING must be at most 4095 bytes long");

	assert_parses(&conf,
	    P "RUNTIME_DIR=/1234567" A10 A10 A10 A10 A10 A10 A10 A10 A10);
	assert_int_equal(strlen(conf.runtime_dir), 98);
	conf_free(&conf);
}

/* A long name of the file leaves room for the reason; a short buffer is kept
 * to. */
static void
fits_message(void **state)
{
	char name[5000], why[256];
	struct conf conf;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_false(conf_parse(&conf, name, P "WORKERS=0", why, sizeof(why)));
	assert_non_null(strstr(why, ":1: " WORKERS));
	memset(why, '#', sizeof(why));
	assert_false(conf_parse(&conf, "f", P "WORKERS=0", why, 10));
	assert_string_equal(why, "f:1: CODE");
	assert_int_equal(why[10], '#');
}

/* A file of this content, named by CODECOURIER_CONF. */
static void
write_file(const char *path, const char *content, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(content, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(setenv(P "CONF", path, 1), 0);
}

static int
clear_environment(void **state)
{
	char dir[] = "/tmp/test_conf.XXXXXX";

	for (size_t i = 0; i < COUNT(all_names); i++)
		unsetenv(all_names[i]);
	unsetenv(P "CONF");
	unsetenv(P "WORKER");
	unsetenv(P);
	*state = strdup(mkdtemp(dir));
	return 0;
}

static int
remove_folder(void **state)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/api.conf", (char *)*state);
	unlink(path);
	int failed = rmdir(*state);
	free(*state);
	return failed;
}

/* What mail needs may stand in either, but all of it. */
static void
wants_all_of_mail(void **state)
{
	static const char content[] = P "SENDMAIL=/usr/sbin/sendmail\n";
	struct conf conf;
	char path[100], want[200], why[256] = "";

	snprintf(path, sizeof(path), "%s/api.conf", (char *)*state);
	write_file(path, content, strlen(content));
	assert_false(conf_load(&conf, why, sizeof(why)));
	snprintf(
	    want, sizeof(want), "%s: " P "SENDMAIL needs " P "MAIL_FROM", path);
	assert_string_equal(why, want);
	setenv(P "MAIL_FROM", "api@example.com", 1);
	assert_false(conf_load(&conf, why, sizeof(why)));
	assert_non_null(strstr(why, P "SENDMAIL needs " P "MAIL_URL"));
	setenv(P "MAIL_URL", "https://example.com/invitations", 1);
	assert_true(conf_load(&conf, why, sizeof(why)));
	assert_string_equal(conf.sendmail, "/usr/sbin/sendmail");
	conf_free(&conf);
}

static void
loads_file_and_environment(void **state)
{
	static const char content[] = P "WORKERS=3\n" P "PURGE_DAYS=7\n";
	struct conf conf;
	char path[100], why[256] = "";

	snprintf(path, sizeof(path), "%s/api.conf", (char *)*state);
	write_file(path, content, strlen(content));
	setenv(P "WORKERS", "5", 1);
	setenv(P "DATABASE", "host=env", 1);
	setenv("CODECOURIERXWORKERS", "not ours", 1);
	if (!conf_load(&conf, why, sizeof(why)))
		fail_msg("refused: %s", why);
	assert_int_equal(conf.workers, 5);
	assert_int_equal(conf.purge_days, 7);
	assert_string_equal(conf.database, "host=env");
	assert_string_equal(
	    conf.admin_database, "dbname=postgres user=postgres");
	conf_free(&conf);
}

static void
refuses_environment(void **state)
{
	static const struct {
		const char *name, *value, *why;
	} cases[] = {
	    {P "WORKERS", "0", WORKERS},
	    {P "WORKERS", " 4", WORKERS},
	    {P "WORKERS", "", P "WORKERS" EMPTY},
	    {P "DATABASE", "", P "DATABASE" EMPTY},
	    {P "DATABASE", "hunter2\n", P "DATABASE holds a control character"},
	    {P "KEYRING", "hunter2", PATH("KEYRING")},
	    {P "LOG_LEVEL", "hunter2", LEVEL},
	    {P "WORKER", "hunter2", "unknown name " P "WORKER"},
	    {P "", "hunter2", "unknown name " P},
	};
	struct conf conf;
	char path[100], why[256], want[300];

	snprintf(path, sizeof(path), "%s/api.conf", (char *)*state);
	write_file(path, "", 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		memset(&conf, 0xff, sizeof(conf));
		setenv(cases[i].name, cases[i].value, 1);
		if (conf_load(&conf, why, sizeof(why)))
			fail_msg("taken: %s", cases[i].name);
		unsetenv(cases[i].name);
		snprintf(want, sizeof(want), "environment: %s", cases[i].why);
		assert_string_equal(why, want);
		assert_null(conf.database);
	}
	assert_true(conf_load(&conf, why, sizeof(why)));
	conf_free(&conf);
}

static void
refuses_file(void **state)
{
	static char big[(64 << 10) + 1];
	struct conf conf;
	char path[100], why[256], want[300];

	/* An absent file is an error only when it was asked for. */
	if (access(CONF_DEFAULT_PATH, F_OK) != 0) {
		assert_true(conf_load(&conf, why, sizeof(why)));
		conf_free(&conf);
	}
	snprintf(path, sizeof(path), "%s/api.conf", (char *)*state);
	setenv(P "CONF", path, 1);
	memset(&conf, 0xff, sizeof(conf));
	assert_false(conf_load(&conf, why, sizeof(why)));
	snprintf(want, sizeof(want), "%s: %s", path, strerror(ENOENT));
	assert_string_equal(why, want);
	assert_null(conf.database);

	setenv(P "CONF", *state, 1);
	assert_false(conf_load(&conf, why, sizeof(why)));
	snprintf(want, sizeof(want), "%s: is a folder, not a regular file",
	    (char *)*state);
	assert_string_equal(why, want);

	alarm(20); /* nobody writes into it */
	assert_int_equal(mkfifo(path, 0600), 0);
	setenv(P "CONF", path, 1);
	assert_false(conf_load(&conf, why, sizeof(why)));
	snprintf(want, sizeof(want), "%s: is a FIFO, not a regular file", path);
	assert_string_equal(why, want);
	unlink(path);
	alarm(0);
	setenv(P "CONF", "/dev/zero", 1);
	assert_false(conf_load(&conf, why, sizeof(why)));
	assert_string_equal(why, "/dev/zero: is a device, not a regular file");

	setenv(P "CONF", "", 1);
	assert_false(conf_load(&conf, why, sizeof(why)));
	assert_string_equal(why, P "CONF: No such file or directory");

	write_file(path, P "WORKERS=4\0\n", sizeof(P "WORKERS=4\0"));
	assert_false(conf_load(&conf, why, sizeof(why)));
	snprintf(want, sizeof(want), "%s: holds a NUL byte", path);
	assert_string_equal(why, want);

	memset(big, '\n', sizeof(big));
	write_file(path, big, sizeof(big) - 1);
	assert_true(conf_load(&conf, why, sizeof(why)));
	conf_free(&conf);
	write_file(path, big, sizeof(big));
	assert_false(conf_load(&conf, why, sizeof(why)));
	snprintf(want, sizeof(want), "%s: longer than 65536 bytes", path);
	assert_string_equal(why, want);

	write_file(path, "\nx", 2);
	assert_false(conf_load(&conf, why, sizeof(why)));
	snprintf(want, sizeof(want), "%s:2: " FORM, path);
	assert_string_equal(why, want);
}

/* The sample holds every name once, as a comment with its default, if it has
 * one. */
static void
sample_is_true(void **state)
{
	char text[20000], why[256] = "", hash_name[64];
	struct conf conf;
	FILE *f = fopen("cgi-bin/api.conf", "r");

	(void)state;
	if (f == NULL)
		fail_msg("run me from the top folder of the project");
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	assert_int_equal(fclose(f), 0);
	assert_true(n > 0 && n < sizeof(text) - 1);
	text[n] = '\0';
	assert_parses(&conf, text);
	conf_free(&conf);
	for (size_t i = 0; i < COUNT(all_names); i++) {
		snprintf(hash_name, sizeof(hash_name), "\n#%s=", all_names[i]);
		char *hit = strstr(text, hash_name);
		if (hit == NULL)
			fail_msg("%s is missing", all_names[i]);
		hit[1] = ' ';
	}
	/* Each value taken as it stands; a name too many would be refused. */
	assert_null(strstr(text, "\n#" P));
	if (!conf_parse(&conf, "api.conf", text, why, sizeof(why)))
		fail_msg("%s", why);
	assert_defaults(&conf);
	conf_free(&conf);
}

int
main(void)
{
	const struct CMUnitTest conf_tests[] = {
	    cmocka_unit_test(has_defaults),
	    cmocka_unit_test(reads_all),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(takes_longest_paths),
	    cmocka_unit_test(fits_message),
	    cmocka_unit_test_setup_teardown(
		wants_all_of_mail, clear_environment, remove_folder),
	    cmocka_unit_test_setup_teardown(
		loads_file_and_environment, clear_environment, remove_folder),
	    cmocka_unit_test_setup_teardown(
		refuses_environment, clear_environment, remove_folder),
	    cmocka_unit_test_setup_teardown(
		refuses_file, clear_environment, remove_folder),
	    cmocka_unit_test(sample_is_true),
	};

	return cmocka_run_group_tests(conf_tests, NULL, NULL);
}
