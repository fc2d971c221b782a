/*
 * test_keyring.c: the keyring's file: whose it must be, what its lines may
 * hold, and that no reason given for a refusal holds a key.
 */
#include "unit.h"

#include "base/secret.h"
#include "crypt/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/banned.h"

#define K_A  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define K_B  "hunter2hunter2hunter2hunter2hunter2hunter2A="
#define ID32 "abcdefghijklmnopqrstuvwxyz-_0189"
#define FORM "want `id open|seal base64`, ids once, 32 bytes each"
#define OURS "must be a file of the service's user, mode 0600"

_Static_assert(sizeof(K_B) == 45, "32 bytes");

static char dir[] = "/tmp/test_keyring.XXXXXX";
static char path[64];

/* The library under test sees this user; 0: the real one. */
static uid_t pretended;

uid_t
geteuid(void)
{
	return pretended ? pretended : getuid();
}

static void
put(const char *text, size_t len)
{
	int fd;

	unlink(
	    path); /* the test before may have left one that we cannot open */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(close(fd), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

/* The file as it is now. */
static struct keyring *
reload(void)
{
	char why[256] = "";
	struct keyring *ring = keyring_load(path, why, sizeof(why));

	if (!ring)
		fail_msg("refused: %s", why);
	return ring;
}

static struct keyring *
load(const char *text)
{
	put(text, strlen(text));
	return reload();
}

/* Refused for this reason, behind the path; without a key in it. */
static void
assert_refused(const char *reason)
{
	char why[256] = "", want[256];
	struct keyring *ring = keyring_load(path, why, sizeof(why));

	snprintf(want, sizeof(want), "%s%s", path, reason);
	if (ring)
		fail_msg("taken instead of: %s", want);
	assert_string_equal(why, want);
	assert_null(strstr(why, "hunter2"));
}

static void
takes_lines(void **state)
{
	static const char *const good[] = {
	    "k1 seal " K_A,
	    "k1 seal " K_A "\n",
	    "\n\n# comment\n  # k1 open x\n\tk1\t seal \t" K_A " \t\n \n",
	    "k1 seal " K_A "\nk2 open " K_B "\n",
	    "k2 open " K_B "\nk1 seal " K_A "\n",
	    ID32 " seal " K_A,
	    "A seal " K_A,
	    "seal seal " K_A "\nopen open " K_B,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		keyring_free(load(good[i]));
}

static void
refuses_lines(void **state)
{
	static const char *const bad[] = {
	    "x",
	    "k1 seal",
	    "k1 " K_B,
	    "k1:seal:" K_B,
	    "seal k1 " K_B,
	    "k1 " K_B " seal",
	    "k1 seal " K_B " open",
	    "k1 seal " K_B " # comment",
	    "k1 Seal " K_B,
	    "k1 sealed " K_B,
	    "k1 close " K_B,
	    "k1 seal hunter2",
	    "k1 seal =",
	    /* 31 and 33 bytes, no padding, other alphabets, more behind it */
	    "k1 seal hunter2hunter2hunter2hunter2hunter2hunter2==",
	    "k1 seal hunter2hunter2hunter2hunter2hunter2hu==",
	    "k1 seal hunter2hunter2hunter2hunter2hunter2hunter2A",
	    "k1 seal hunter2-unter2_unter2hunter2hunter2hunter2A=",
	    "k1 seal hunter2hunter2hunter2hunter2hunter2hunter2B=",
	    "k1 seal " K_B "=",
	    "k1 seal " K_B "AAAA",
	    "k1 seal " K_B "\r",
	    "k1 seal \"" K_B "\"",
	    "k1 seal 0123456789abcdef0123456789abcdef0123456789abcdef012345678"
	    "9abcdef",
	    ID32 "x seal " K_B,
	    "k.1 seal " K_B,
	    "k\xc3\xa9 seal " K_B,
	    "\xef\xbb\xbfk1 seal " K_B,
	    "k1=x seal " K_B,
	};
	char text[300];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		put(bad[i], strlen(bad[i]));
		assert_refused(":1: " FORM);
		snprintf(text, sizeof(text), "#\nk0 open %s\n%s", K_A, bad[i]);
		put(text, strlen(text));
		assert_refused(":3: " FORM);
	}
	put(TEXT("k1 seal " K_A "\nk1 open " K_B));
	assert_refused(":2: " FORM);
}

/* The library beneath takes each of them for a slash. */
static void
refuses_bytes_above_ascii(void **state)
{
	char text[] = "k1 seal " K_B;

	(void)state;
	for (int c = 128; c < 256; c++) {
		text[20] = (char)c;
		put(text, strlen(text));
		assert_refused(":1: " FORM);
	}
}

static void
refuses_other_than_one_that_seals(void **state)
{
	static const char *const none[] = {
	    "", "\n", "# k1 seal " K_A, "k1 open " K_A};

	(void)state;
	for (size_t i = 0; i < COUNT(none); i++) {
		put(none[i], strlen(none[i]));
		assert_refused(": 0 keys with state seal, want one");
	}
	put(TEXT("k1 seal " K_A "\nk2 seal " K_B "\nk3 seal " K_A));
	assert_refused(": 3 keys with state seal, want one");
}

static void
has_limits(void **state)
{
	static char text[16385];
	size_t at = 0;

	(void)state;
	for (int i = 1; i <= 65; i++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		    "k%d %s %s\n", i, i == 64 ? "seal" : "open", K_A);
		if (i == 64)
			keyring_free(load(text));
	}
	put(text, at);
	assert_refused(":65: " FORM);

	memset(text, '\n', sizeof(text));
	at = (size_t)snprintf(text, 64, "k1 seal %s", K_A);
	text[at] = '\n';
	put(text, 16383);
	keyring_free(reload());
	put(text, 16384);
	assert_refused(": too large");
}

static void
refuses_files_that_others_read(void **state)
{
	static const mode_t bad[] = {
	    0601, 0602, 0604, 0610, 0620, 0640, 0644, 0660, 0666, 0777};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		put(TEXT("k1 seal " K_A));
		assert_int_equal(chmod(path, bad[i]), 0);
		assert_refused(": " OURS);
	}
	assert_int_equal(chmod(path, 0400), 0);
	keyring_free(reload());
}

/* Another user's file, unless it is root's. */
static void
refuses_files_of_others(void **state)
{
	(void)state;
	keyring_free(load("k1 seal " K_A));
	pretended = 4321;
	if (getuid() == 0) {
		keyring_free(reload());
		assert_int_equal(chown(path, 1234, 1234), 0);
	}
	assert_refused(": " OURS);
	pretended = 0;
	if (getuid() == 0) /* the operator, and the service's file */
		keyring_free(reload());
}

static void
refuses_what_is_no_file(void **state)
{
	char target[80], reason[64];

	(void)state;
	snprintf(reason, sizeof(reason), ": %s", strerror(ENOENT));
	unlink(path);
	assert_refused(reason);

	put(TEXT("k1 seal " K_A));
	snprintf(target, sizeof(target), "%s.real", path);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	assert_refused(": is a symbolic link, not a regular file");
	unlink(path);
	unlink(target);

	assert_int_equal(mkdir(path, 0700), 0);
	assert_refused(": is a folder, not a regular file");
	rmdir(path);

	alarm(20); /* nobody writes into it */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(": is a FIFO, not a regular file");
	unlink(path);
	alarm(0);
}

static void
creates(void **state)
{
	char before[200] = "", after[200] = "", why[256];
	mode_t mask = umask(0);
	struct stat st;
	FILE *f;

	(void)state;
	unlink(path);
	assert_true(keyring_create(path, why, sizeof(why)));
	umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	keyring_free(reload());

	f = fopen(path, "r");
	assert_true(fread(before, 1, sizeof(before) - 1, f) > 44);
	fclose(f);
	assert_non_null(strstr(before, "\nk1 seal "));
	why[0] = '\0';
	assert_false(keyring_create(path, why, sizeof(why)));
	assert_non_null(strstr(why, strerror(EEXIST)));
	f = fopen(path, "r");
	assert_true(fread(after, 1, sizeof(after) - 1, f) > 44);
	fclose(f);
	assert_string_equal(after, before);

	unlink(path);
	assert_true(keyring_create(path, why, sizeof(why)));
	f = fopen(path, "r");
	assert_true(fread(after, 1, sizeof(after) - 1, f) > 44);
	fclose(f);
	assert_string_not_equal(after, before); /* another key */
}

static void
creates_nothing_elsewhere(void **state)
{
	char target[80], why[256];

	(void)state;
	unlink(path);
	snprintf(target, sizeof(target), "%s.real", path);
	assert_int_equal(symlink(target, path), 0);
	assert_false(keyring_create(path, why, sizeof(why)));
	assert_int_equal(access(target, F_OK), -1);
	unlink(path);
	assert_false(keyring_create("/nowhere/keyring", why, sizeof(why)));
	assert_string_equal(why, "/nowhere/keyring: No such file or directory");
}

static void
has_fingerprint(void **state)
{
	static const char *const rings[] = {
	    "k1 seal " K_A,
	    "k1 seal " K_B,
	    "k2 seal " K_A,
	    "k1 seal " K_A "\nk2 open " K_B,
	    "k1 seal " K_A "\nk2 open " K_A,
	};
	char prints[COUNT(rings)][17], again[17];

	(void)state;
	for (size_t i = 0; i < COUNT(rings); i++) {
		struct keyring *ring = load(rings[i]);

		memset(prints[i], 0x77, 17);
		keyring_fingerprint(ring, prints[i]);
		keyring_free(ring);
		assert_int_equal(strlen(prints[i]), 16);
		assert_int_equal(strspn(prints[i], "0123456789abcdef"), 16);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(prints[k], prints[i]);
		ring = load(rings[i]);
		keyring_fingerprint(ring, again);
		keyring_free(ring);
		assert_string_equal(again, prints[i]);
	}
}

static int
start(void **state)
{
	(void)state;
	if (!secret_init() || !mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/keyring", dir);
	return 0;
}

static int
clean(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest keyring_tests[] = {
	    cmocka_unit_test(takes_lines),
	    cmocka_unit_test(refuses_lines),
	    cmocka_unit_test(refuses_bytes_above_ascii),
	    cmocka_unit_test(refuses_other_than_one_that_seals),
	    cmocka_unit_test(has_limits),
	    cmocka_unit_test(refuses_files_that_others_read),
	    cmocka_unit_test(refuses_files_of_others),
	    cmocka_unit_test(refuses_what_is_no_file),
	    cmocka_unit_test(creates),
	    cmocka_unit_test(creates_nothing_elsewhere),
	    cmocka_unit_test(has_fingerprint),
	};

	return cmocka_run_group_tests(keyring_tests, start, clean);
}
