/*
 * test_fuzz_replay.c: every input kept in tests/fuzz/corpus and
 * tests/fuzz/crashes through its target, without a fuzzer. Run from the top
 * of the checkout.
 */
#include "unit.h"

#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/banned.h"

#define INPUT_MAX (1 << 20)

static char path[512]; /* of the input at hand */

void
fuzz_failed(const char *what, const char *file, int line)
{
	print_error("%s: %s does not hold\n", path, what);
	_fail(file, line);
	abort(); /* not reached */
}

static void
replay_file(fuzz_target *target)
{
	static uint8_t room[INPUT_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;
	uint8_t *input;

	assert_true(fd >= 0);
	len = read(fd, room, INPUT_MAX);
	close(fd);
	assert_in_range(len, 0, INPUT_MAX - 1);
	/* of its very size, for the sanitizer's sake */
	input = malloc(len > 0 ? (size_t)len : 1);
	assert_non_null(input);
	memcpy(input, room, (size_t)len);
	target(input, (size_t)len);
	free(input);
}

/* Returns the number of inputs, replayed by name. No folder: none. */
static size_t
replay_folder(const char *kind, const char *name, fuzz_target *target)
{
	struct dirent **entries;
	char folder[256];
	size_t replayed = 0;
	int n;

	snprintf(folder, sizeof(folder), "tests/fuzz/%s/%s", kind, name);
	n = scandir(folder, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *file = entries[i]->d_name;

		snprintf(path, sizeof(path), "%s/%.200s", folder, file);
		if (file[0] != '.') {
			replay_file(target);
			replayed++;
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return replayed;
}

static void
replay(const char *name, fuzz_target *target)
{
	assert_true(replay_folder("corpus", name, target) > 0);
	replay_folder("crashes", name, target);
}

#define REPLAY(name)                                                           \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		replay(#name, fuzz_##name);                                    \
	}

REPLAY(scan)
REPLAY(body)
REPLAY(wire)
REPLAY(query)
REPLAY(key)
REPLAY(conf)
REPLAY(keyring)
REPLAY(cidr)
REPLAY(dotenv)
REPLAY(records)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scan),
	    cmocka_unit_test(test_body),
	    cmocka_unit_test(test_wire),
	    cmocka_unit_test(test_query),
	    cmocka_unit_test(test_key),
	    cmocka_unit_test(test_conf),
	    cmocka_unit_test(test_keyring),
	    cmocka_unit_test(test_cidr),
	    cmocka_unit_test(test_dotenv),
	    /* last: takes descriptor 0 and the signals */
	    cmocka_unit_test(test_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
