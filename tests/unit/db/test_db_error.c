/*
 * test_db_error.c: what the database refused with, as code and field of the
 * answer; that the constraints named exist.
 */
#include "unit.h"

#include "db/error.h"

#include <stdio.h>

#include "base/banned.h"

static void
maps_constraints(void **state)
{
	static const struct {
		const char *constraint, *field;
	} cases[] = {
	    {"project_slug_live", "slug"},
	    {"member_email_once", "email"},
	    {"member_last_owner", "targetUserId"},
	    {"api_key_prefix_once", NULL},
	};
	static const char *const states[] = {
	    "23505", "23514", "28000", "57014", "", NULL};
	struct db_fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t k = 0; k < COUNT(states); k++) {
			memset(&fault, 0xff, sizeof(fault));
			assert_int_equal(db_error_map(states[k],
					     cases[i].constraint, &fault),
			    ERR_CONFLICT);
			assert_string_equal(
			    fault.constraint, cases[i].constraint);
			if (!cases[i].field) {
				assert_null(fault.field);
				continue;
			}
			assert_string_equal(fault.field, cases[i].field);
			assert_non_null(fault.message);
		}
	}
}

/* Rules that C checks first: still no 500, and the field is named. */
static void
maps_texts(void **state)
{
	static const struct {
		const char *constraint, *field;
	} cases[] = {
	    {"project_slug_text", "slug"},
	    {"project_name_text", "name"},
	    {"project_github_repo_url_text", "githubRepoUrl"},
	    {"api_key_name_text", "name"},
	    {"member_name_text", "name"},
	    {"settings_learning_template_id_text", "learningTemplateId"},
	    {"settings_learning_model_text", "learningModel"},
	    {"settings_merging_template_id_text", "mergingTemplateId"},
	    {"settings_merging_model_text", "mergingModel"},
	    {"settings_git_commit_name_text", "gitCommitName"},
	    {"settings_git_commit_email_text", "gitCommitEmail"},
	};
	struct db_fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		    db_error_map("23514", cases[i].constraint, &fault),
		    ERR_VALIDATION);
		assert_string_equal(fault.field, cases[i].field);
		assert_non_null(fault.message);
	}
	/* an operator's rule: nobody runs into it but by our own fault */
	assert_int_equal(db_error_map("23514", "project_stays_deleted", &fault),
	    ERR_INTERNAL);
}

/* Renaming one in the schema must not turn its 409 into a 500. */
static void
knows_constraints_of_the_schema(void **state)
{
	static const char *const made[] = {
	    "CREATE UNIQUE INDEX project_slug_live ON",
	    "CREATE UNIQUE INDEX member_email_once ON",
	    "CREATE UNIQUE INDEX api_key_prefix_once ON",
	    "CONSTRAINT = 'member_last_owner'",
	};
	static char text[100000];
	FILE *f = fopen("migrations/0001_schema.sql", "r");

	(void)state;
	if (!f)
		fail_msg("run me from the top folder of the project");
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 1000);
	fclose(f);
	for (size_t i = 0; i < COUNT(made); i++)
		if (!strstr(text, made[i]))
			fail_msg("not in the schema: %s", made[i]);
}

static const struct {
	const char *sqlstate;
	enum err want;
} states_wanted[] = {
    {"28000", ERR_AUTH_INVALID}, /* the guard */
    {"P0002", ERR_NOT_FOUND},
    {"08000", ERR_UNAVAILABLE},
    {"08003", ERR_UNAVAILABLE},
    {"08006", ERR_UNAVAILABLE},
    {"08P01", ERR_UNAVAILABLE},
    {"25006", ERR_UNAVAILABLE},
    {"40001", ERR_UNAVAILABLE},
    {"40P01", ERR_UNAVAILABLE},
    {"53100", ERR_UNAVAILABLE},
    {"53200", ERR_UNAVAILABLE},
    {"53300", ERR_UNAVAILABLE},
    {"55P03", ERR_UNAVAILABLE},
    {"57014", ERR_UNAVAILABLE},
    {"57P01", ERR_UNAVAILABLE},
    {"57P02", ERR_UNAVAILABLE},
    {"57P03", ERR_UNAVAILABLE},
    {"57P05", ERR_UNAVAILABLE},
    {"58030", ERR_UNAVAILABLE},
    /* faults of ours: never the caller's, never "try again" */
    {"", ERR_INTERNAL},
    {"0", ERR_INTERNAL},
    {"2", ERR_INTERNAL},
    {"28", ERR_INTERNAL},
    {"2800", ERR_INTERNAL},
    {"28P01", ERR_INTERNAL}, /* our own login: no 401 for a good key */
    {"P0001", ERR_INTERNAL},
    {"P0003", ERR_INTERNAL},
    {"00000", ERR_INTERNAL},
    {"0A000", ERR_INTERNAL},
    {"21000", ERR_INTERNAL},
    {"22001", ERR_INTERNAL},
    {"22021", ERR_INTERNAL},
    {"22P02", ERR_INTERNAL},
    {"23502", ERR_INTERNAL},
    {"23503", ERR_INTERNAL},
    {"23505", ERR_INTERNAL},
    {"23514", ERR_INTERNAL},
    {"25001", ERR_INTERNAL},
    {"25P02", ERR_INTERNAL},
    {"26000", ERR_INTERNAL},
    {"42501", ERR_INTERNAL},
    {"42601", ERR_INTERNAL},
    {"42703", ERR_INTERNAL},
    {"42P01", ERR_INTERNAL},
    {"54000", ERR_INTERNAL},
    {"55000", ERR_INTERNAL},
    {"XX000", ERR_INTERNAL},
    {"XX001", ERR_INTERNAL},
};

static void
maps_states(void **state)
{
	static const char *const unknown[] = {NULL, "", "project_slug",
	    "project_slug_liv", "project_slug_live2", "PROJECT_SLUG_LIVE",
	    "member_user_once", "audit_who"};
	struct db_fault fault, none = {NULL, NULL, NULL};

	(void)state;
	for (size_t i = 0; i < COUNT(states_wanted); i++) {
		for (size_t k = 0; k < COUNT(unknown); k++) {
			const char *s = states_wanted[i].sqlstate;

			memset(&fault, 0xff, sizeof(fault));
			if (db_error_map(s, unknown[k], &fault) !=
			    states_wanted[i].want)
				fail_msg("%s", s);
			assert_memory_equal(&fault, &none, sizeof(fault));
		}
	}
	assert_int_equal(db_error_map(NULL, NULL, &fault), ERR_INTERNAL);
}

/* Exactly these of all above, and not by their class. */
static void
knows_what_to_do(void **state)
{
	static const char again[] = " 40001 40P01 ";
	static const char stale[] = " 26000 0A000 25006 ";
	static const char shutdown[] = " 57P01 57P02 57P03 ";
	char word[16];

	(void)state;
	for (size_t i = 0; i < COUNT(states_wanted); i++) {
		const char *s = states_wanted[i].sqlstate;

		snprintf(word, sizeof(word), " %s ", s);
		assert_int_equal(db_error_again(s), !!strstr(again, word));
		assert_int_equal(db_error_stale(s), !!strstr(stale, word));
		assert_int_equal(
		    db_error_shutdown(s), !!strstr(shutdown, word));
	}
	assert_false(db_error_again(NULL));
	assert_false(db_error_stale(NULL));
	assert_false(db_error_shutdown(NULL));
}

/* For the log: what an operator cannot be expected to know by number. */
static void
names_causes(void **state)
{
	(void)state;
	assert_non_null(strstr(db_error_cause("53100"), "disk"));
	assert_non_null(strstr(db_error_cause("25006"), "read-only"));
	assert_non_null(strstr(db_error_cause("26000"), "pooler"));
	assert_non_null(strstr(db_error_cause("42P05"), "pooler"));
	assert_string_equal(db_error_cause("23505"), "");
	assert_string_equal(db_error_cause(""), "");
}

int
main(void)
{
	const struct CMUnitTest db_error_tests[] = {
	    cmocka_unit_test(maps_constraints),
	    cmocka_unit_test(maps_texts),
	    cmocka_unit_test(knows_constraints_of_the_schema),
	    cmocka_unit_test(maps_states),
	    cmocka_unit_test(knows_what_to_do),
	    cmocka_unit_test(names_causes),
	};

	return cmocka_run_group_tests(db_error_tests, NULL, NULL);
}
