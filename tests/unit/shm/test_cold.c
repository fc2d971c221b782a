/*
 * test_cold.c: the places of cold keys, between processes, killed ones too.
 */
#include "children.h"

#include "base/banned.h"

static void
has_so_many_cold_places(void **state)
{
	struct child a = child_start(), b = child_start(), c = child_start();

	(void)state;
	assert_int_equal(ask(&c, 'f'), 1);
	assert_int_equal(ask(&a, 'e'), 1);
	assert_int_equal(ask(&c, 'f'), 1);
	assert_int_equal(ask(&b, 'E'), 1);
	assert_int_equal(ask(&c, 'f'), 0);
	assert_int_equal(ask(&c, 'e'), 0); /* at once, whatever the key */
	assert_int_equal(ask(&c, 'E'), 0);
	assert_int_equal(ask(&c, 'l'), 1); /* not inside: changes nothing */
	assert_int_equal(ask(&c, 'E'), 0);
	assert_int_equal(ask(&a, 'l'), 1);
	assert_int_equal(ask(&c, 'e'), 1);
	assert_int_equal(ask(&a, 'e'), 0);
	child_end(&b, true); /* killed inside */
	assert_int_equal(ask(&a, 'f'), 1);
	assert_int_equal(ask(&a, 'E'), 1);
	assert_int_equal(ask(&a, 'l'), 1);
	assert_int_equal(ask(&a, 'E'), 1); /* again and again */
	child_end(&a, false);
	child_end(&c, false);
}

static void
waits_for_the_same_key(void **state)
{
	struct child a = child_start(), b = child_start(), c = child_start();
	int done;

	(void)state;
	assert_int_equal(ask(&a, 'e'), 1);
	tell(&b, 'e');
	assert_int_equal(answer(&b, 100), -1);
	assert_int_equal(ask(&c, 'E'), 0); /* who waits is inside */
	assert_int_equal(ask(&a, 'l'), 1);
	assert_int_equal(answer(&b, SOON), 1);

	tell(&a, 'e'); /* the one it waits for is killed */
	assert_int_equal(answer(&a, 100), -1);
	child_end(&b, true);
	assert_int_equal(answer(&a, SOON), 1);

	tell(&c, 'e'); /* a signal ends the wait, and frees the place */
	assert_int_equal(answer(&c, 100), -1);
	done = -1;
	for (int i = 0; i < 100 && done < 0; i++) {
		kill(c.pid, SIGUSR1); /* lost if the wait has not begun */
		done = answer(&c, 100);
	}
	assert_int_equal(done, 0);
	assert_int_equal(ask(&c, 'E'), 1);
	child_end(&a, false);
	child_end(&c, false);
}

int
main(void)
{
	const struct CMUnitTest cold_tests[] = {
	    cmocka_unit_test_setup(has_so_many_cold_places, no_file),
	    cmocka_unit_test_setup(waits_for_the_same_key, no_file),
	};

	return cmocka_run_group_tests(cold_tests, start, clean);
}
