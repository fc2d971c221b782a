/*
 * test_when.c: lengths of time and moments: what is one, and how long, when.
 */
#include "unit.h"

#include "ctl/when.h"

#include "base/banned.h"

static void
reads_lengths(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
	    {"0s", 0},
	    {"45s", 45},
	    {"030m", 1800},
	    {"12h", 43200},
	    {"90d", 7776000},
	    {"36525d", WHEN_LONGEST},
	    {"3155760000s", WHEN_LONGEST},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t seconds = -1;

		if (!when_length(cases[i].text, &seconds) ||
		    seconds != cases[i].seconds)
			fail_msg("%s", cases[i].text);
	}
}

static void
refuses_other_lengths(void **state)
{
	static const char *const bad[] = {"", "d", "90", "90 d", " 90d", "90d ",
	    "90D", "-1d", "+1d", "1.5h", "1w", "90dd", "1h30m", "0x10s", "1e3s",
	    "36526d", "3155760001s", "9223372036854775808s",
	    "99999999999999999999999999999999999999999d", "never"};
	int64_t seconds = -1;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (when_length(bad[i], &seconds) || seconds != -1)
			fail_msg("%s", bad[i]);
}

static void
reads_moments(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
	    {"1970-01-01", 0},
	    {"1969-12-31T23:59:59Z", -1000},
	    {"2027-03-31", INT64_C(1806451200000)},
	    {"2027-03-31T18:30:05Z", INT64_C(1806517805000)},
	    {"2027-03-31 18:30 UTC", INT64_C(1806517800000)},
	    {"2028-02-29", INT64_C(1835395200000)},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ms = 1;

		if (!when_moment(cases[i].text, &ms) || ms != cases[i].ms)
			fail_msg("%s", cases[i].text);
	}
}

static void
refuses_other_moments(void **state)
{
	static const char *const bad[] = {"", "2027", "2027-3-31", "2027-02-29",
	    "2027-02-30", "2027-13-01", "2027-00-01", "27-03-31", " 2027-03-31",
	    "2027-03-31 ", "2027-03-31T24:00:00Z", "2027-03-31T18:30:60Z",
	    "2027-03-31T18:30:00", "2027-03-31T18:30:00+01:00",
	    "2027-03-31T18:30:00.5Z", "2027-03-31T18:30Z", "31.03.2027", "90d",
	    "never"};
	int64_t ms = 1;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (when_moment(bad[i], &ms) || ms != 1)
			fail_msg("%s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_lengths),
	    cmocka_unit_test(refuses_other_lengths),
	    cmocka_unit_test(reads_moments),
	    cmocka_unit_test(refuses_other_moments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
