/*
 * test_err.c: codes and statuses of failures, as the contract has them.
 */
#include "unit.h"

#include "base/err.h"
#include "http/req.h"

#include "base/banned.h"

static const struct {
	enum err err;
	const char *code;
	int status;
	bool retryable; /* nothing can have been written */
} wanted[] = {
    {ERR_VALIDATION, "VALIDATION", 400, false},
    {ERR_AUTH_MISSING, "AUTH_MISSING", 401, false},
    {ERR_AUTH_INVALID, "AUTH_INVALID", 401, false},
    {ERR_FORBIDDEN, "FORBIDDEN", 403, false},
    {ERR_SCOPE_DENIED, "SCOPE_DENIED", 403, false},
    {ERR_NOT_FOUND, "NOT_FOUND", 404, false},
    {ERR_METHOD, "METHOD_NOT_ALLOWED", 405, false},
    {ERR_CONFLICT, "CONFLICT", 409, false},
    {ERR_MISMATCH, "IDEMPOTENCY_MISMATCH", 409, false},
    {ERR_RUNNING, "IDEMPOTENCY_IN_PROGRESS", 409, true},
    {ERR_PRECONDITION, "PRECONDITION_FAILED", 412, false},
    {ERR_TOO_LARGE, "PAYLOAD_TOO_LARGE", 413, false},
    {ERR_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", 415, false},
    {ERR_RATE_LIMITED, "RATE_LIMITED", 429, true},
    {ERR_FULL, "RATE_LIMITED", 429, true},
    {ERR_INTERNAL, "INTERNAL", 500, true},
    {ERR_UNAVAILABLE, "UNAVAILABLE", 503, true},
    {ERR_IN_DOUBT, "TIMEOUT", 504, false},
};

static void
has_codes_of_the_contract(void **state)
{
	(void)state;
	assert_int_equal(COUNT(wanted) + 2, ERR__MAX); /* OK, REPLAY */
	for (size_t i = 0; i < COUNT(wanted); i++) {
		const struct err_info *info = err_info(wanted[i].err);

		assert_string_equal(info->code, wanted[i].code);
		assert_int_equal(info->status, wanted[i].status);
		assert_int_equal(info->retryable, wanted[i].retryable);
	}
	assert_int_equal(err_info(ERR_OK)->status, 200);
	assert_false(err_info(ERR_OK)->retryable);
}

/* A sentence that a request's fault has room for. */
static void
has_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		const char *text = err_info(wanted[i].err)->message;
		size_t len = strlen(text);

		assert_true(len > 5);
		assert_true(len < sizeof(((struct req *)NULL)->message));
		assert_true(text[0] >= 'A' && text[0] <= 'Z');
		assert_int_equal(text[len - 1], '.');
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(
			    text, err_info(wanted[k].err)->message);
	}
}

/* Only what has changed nothing may say so, and what is in doubt says that. */
static void
promises_what_is_true(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		const struct err_info *info = err_info(wanted[i].err);
		bool nothing = strstr(info->message, "Nothing was changed");

		assert_int_equal(nothing, info->retryable);
	}
	assert_non_null(strstr(err_info(ERR_IN_DOUBT)->message, "may not"));
}

static void
takes_unknown_for_our_fault(void **state)
{
	static const int unknown[] = {
	    -1, ERR__MAX, ERR__MAX + 1, 404, INT32_MAX, INT32_MIN};

	(void)state;
	for (size_t i = 0; i < COUNT(unknown); i++)
		assert_ptr_equal(
		    err_info((enum err)unknown[i]), err_info(ERR_INTERNAL));
}

int
main(void)
{
	const struct CMUnitTest err_tests[] = {
	    cmocka_unit_test(has_codes_of_the_contract),
	    cmocka_unit_test(has_messages),
	    cmocka_unit_test(promises_what_is_true),
	    cmocka_unit_test(takes_unknown_for_our_fault),
	};

	return cmocka_run_group_tests(err_tests, NULL, NULL);
}
