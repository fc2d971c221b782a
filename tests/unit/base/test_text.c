/*
 * test_text.c: the rules on text: control characters, e-mail addresses,
 * slugs, URLs of repositories, names of variables, addresses of clients.
 */
#include "unit.h"

#include "base/text.h"
#include "base/uuid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

#define A10  "aaaaaaaaaa"
#define A50  A10 A10 A10 A10 A10
#define A63  A50 A10 "aaa"
#define A250 A50 A50 A50 A50 A50

typedef bool rule(const char *s, size_t len);

struct text {
	const char *text;
	size_t len;
};

/* Each text up against a wall, without a NUL behind it. */
static void
assert_all(rule *is, const struct text *texts, size_t n, bool want)
{
	for (size_t i = 0; i < n; i++)
		if (is(walled(texts[i].text, texts[i].len), texts[i].len) !=
		    want)
			fail_msg("%zu: %s: \"%s\"", i,
			    want ? "refused" : "taken", texts[i].text);
}

#define ASSERT_ALL(is, texts, want) assert_all(is, texts, COUNT(texts), want)

static void
trims(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"", ""},
	    {" ", ""},
	    {"     ", ""},
	    {"a", "a"},
	    {" a", "a"},
	    {"a ", "a"},
	    {"   a b  ", "a b"},
	    {"\ta\t", "\ta\t"}, /* U+0020 only */
	    {"\na\r", "\na\r"},
	    {" \xc2\xa0 ", "\xc2\xa0"},
	    {"\xe3\x80\x80 x", "\xe3\x80\x80 x"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].text);
		const char *s = text_trim(walled(cases[i].text, len), &len);

		assert_int_equal(len, strlen(cases[i].want));
		assert_memory_equal(s, cases[i].want, len);
	}
}

static void
copies_what_fits(void **state)
{
	char out[4] = "zzz";

	(void)state;
	text_copy(out, sizeof(out), "");
	assert_memory_equal(out, "\0zz", 4);
	text_copy(out, sizeof(out), "abc");
	assert_string_equal(out, "abc");
	text_copy(out, sizeof(out), "wxyz");
	assert_string_equal(out, "wxy");
	text_copy(out, 1, "a");
	assert_memory_equal(out, "\0xy", 4);
}

static void
writes_decimals(void **state)
{
	static const uint64_t numbers[] = {
	    0, 1, 9, 10, 99, 100, 1234567890, INT64_MAX, UINT64_MAX};
	char out[TEXT_DECIMAL], want[TEXT_DECIMAL];

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		snprintf(want, sizeof(want), "%" PRIu64, numbers[i]);
		text_decimal(out, numbers[i]);
		assert_string_equal(out, want);
	}
}

static void
knows_printable_bytes(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		char text[] = {'a', (char)c, 'b'};

		assert_int_equal(
		    text_is_printable(text, 3), c >= ' ' && c <= '~');
		assert_int_equal(text_is_token(text, 3), c > ' ' && c <= '~');
	}
	assert_true(text_is_token("sk-ant-...", 10));
	assert_false(text_is_token("sk ant", 6));
	assert_false(text_is_token("key ", 4));
	assert_true(text_is_token("key ", 3));
}

static const struct text emails[] = {
    {TEXT("user@example.com")},
    {TEXT("root@localhost")},
    {TEXT("a@b")},
    {TEXT("First.Last+tag@Example.COM")},
    {TEXT("o'neil!#$%&*/=?^_`{|}~-@x.org")},
    {TEXT("x@[127.0.0.1]")},
    {TEXT(A250 "@b.c")}, /* 254 */
    {TEXT("a@" A250 "bc")},
};

static const struct text no_emails[] = {
    {TEXT("")},
    {TEXT("@")},
    {TEXT("user")},
    {TEXT("@example.com")},
    {TEXT("user@")},
    {TEXT("@@")},
    {TEXT("a@@b")},
    {TEXT("a@b@c")},
    {TEXT("@a@b")},
    {TEXT("a@b@")},
    {TEXT("a b@example.com")},
    {TEXT(" a@example.com")},
    {TEXT("a@example.com ")},
    {TEXT("a@exam ple.com")},
    {TEXT("a@example.com\n")},
    {TEXT("a@example.com\r\nBcc: b@c")},
    {TEXT("a\t@b")},
    {TEXT("a\0@b")},
    {TEXT("a@b\0")},
    {TEXT("a@b\x7f")},
    {TEXT("\x01@b")},
    {TEXT("us\xc3\xa9r@example.com")},
    {TEXT("user@ex\xc3\xa4mple.com")},
    {TEXT("user\xef\xbc\xa0"
	  "example.com")}, /* full-width @ */
    {TEXT("a@b\xe2\x80\x8b")},
    {TEXT("a\xff@b")},
    {TEXT(A250 "@b.cd")}, /* 255 */
    {TEXT("a@" A250 "bcd")},
    {TEXT(A250 A250 "@b")},
};

static const struct text mailboxes[] = {
    {TEXT("a@b")},
    {TEXT("root@localhost")},
    {TEXT("a.b+c@x-y.example")},
    {TEXT("o'brien|{`}!#$%&*/=?^_~@b_c.example")},
    {TEXT("a@[192.0.2.1]")},
    {TEXT("a@[IPv6:2001:db8::1]")},
};

/* Each is an address by text_is_email. */
static const struct text no_mailboxes[] = {
    {TEXT("-a@b")},
    {TEXT("-oQ/tmp@b")},
    {TEXT("a@-b")},
    {TEXT(".a@b")},
    {TEXT("a.@b")},
    {TEXT("a..b@c")},
    {TEXT("a@b.")},
    {TEXT("a@.b")},
    {TEXT("a@b..c")},
    {TEXT("a,b@c")},
    {TEXT("a@b,c")},
    {TEXT("a;b@c")},
    {TEXT("a:b@c")},
    {TEXT("a<b@c")},
    {TEXT("<a@b>")},
    {TEXT("a(b)@c")},
    {TEXT("\"a\"@b")},
    {TEXT("\"a,b\"@c")},
    {TEXT("a\\b@c")},
    {TEXT("a[b@c")},
    {TEXT("a@[b")},
    {TEXT("a@b]")},
    {TEXT("a@[]")},
    {TEXT("a@[b]c")},
    {TEXT("a@[1,2]")},
    {TEXT("a@b|c")},
    {TEXT("a@b%c")},
};

static void
knows_mailboxes(void **state)
{
	(void)state;
	ASSERT_ALL(text_is_mailbox, mailboxes, true);
	ASSERT_ALL(text_is_email, no_mailboxes, true);
	ASSERT_ALL(text_is_mailbox, no_mailboxes, false);
	ASSERT_ALL(text_is_mailbox, no_emails, false);
}

static void
knows_emails(void **state)
{
	(void)state;
	ASSERT_ALL(text_is_email, emails, true);
	ASSERT_ALL(text_is_email, no_emails, false);
	assert_false(text_is_email("a@b@c", 2)); /* nothing behind it */
	assert_true(text_is_email("a@b@c", 3));
}

static const struct text slugs[] = {
    {TEXT("a")},
    {TEXT("0")},
    {TEXT("my-project")},
    {TEXT("a--b")},
    {TEXT("123")},
    {TEXT(A63)},
    {TEXT("0-" A50 A10 "a")},
    /* beside the form of a UUID */
    {TEXT("0123abcd-4567-4890-8abc-def01234567")},
    {TEXT("0123abcd-4567-4890-8abc-def0123456789")},
    {TEXT("0123abcd-4567-4890-8abc-def01234567g")},
    {TEXT("0123abc-d4567-4890-8abc-def012345678")},
    {TEXT("0123abcd-4567-4890-8abcd-ef012345678")},
    {TEXT("0123abcd456748908abcdef012345678")},
    {TEXT("0123-abcd-4567-4890-8abc-def0-1234-5678")},
    {TEXT("x0123abcd-4567-4890-8abc-def012345678")},
};

static const struct text no_slugs[] = {
    {TEXT("")},
    {TEXT("-")},
    {TEXT("--")},
    {TEXT("-a")},
    {TEXT("a-")},
    {TEXT("A")},
    {TEXT("My-project")},
    {TEXT("my_project")},
    {TEXT("my project")},
    {TEXT(" a")},
    {TEXT("a ")},
    {TEXT("a.b")},
    {TEXT("a/b")},
    {TEXT("a%20b")},
    {TEXT("a\0b")},
    {TEXT("\0")},
    {TEXT("a\n")},
    {TEXT("\xc3\xa9")},
    {TEXT("a\xe2\x80\x91"
	  "b")}, /* a hyphen, but not U+002D */
    {TEXT("a\xff")},
    {TEXT(A63 "a")},
    {TEXT(A250)},
    {TEXT("0123abcd-4567-4890-8abc-def012345678")},
    {TEXT("00000000-0000-0000-0000-000000000000")},
    {TEXT("ffffffff-ffff-ffff-ffff-ffffffffffff")},
    {TEXT("12345678-1234-1234-1234-123456789012")},
};

static void
knows_slugs(void **state)
{
	(void)state;
	ASSERT_ALL(text_is_slug, slugs, true);
	ASSERT_ALL(text_is_slug, no_slugs, false);
}

static const struct text names[] = {
    {TEXT("A")},
    {TEXT("_")},
    {TEXT("z9")},
    {TEXT("NODE_ENV")},
    {TEXT("_0")},
    {TEXT(A250 "abcde")},
};

static const struct text no_names[] = {
    {TEXT("")},
    {TEXT("0")},
    {TEXT("9A")},
    {TEXT("A-B")},
    {TEXT("A.B")},
    {TEXT("A B")},
    {TEXT(" A")},
    {TEXT("A ")},
    {TEXT("A=")},
    {TEXT("=A")},
    {TEXT("A\0")},
    {TEXT("\0A")},
    {TEXT("A\n")},
    {TEXT("$A")},
    {TEXT("A$")},
    {TEXT("\xc3\x84")},
    {TEXT("A\xc3\x84")},
    {TEXT("A[0]")},
};

static void
knows_names_of_variables(void **state)
{
	(void)state;
	ASSERT_ALL(text_is_env_name, names, true);
	ASSERT_ALL(text_is_env_name, no_names, false);
}

static void
knows_a_list(void **state)
{
	static const char *const few[] = {"a", "bc", NULL},
				 *const none[] = {NULL};

	(void)state;
	assert_true(text_is_one_of("a", few));
	assert_true(text_is_one_of("bc", few));
	assert_false(text_is_one_of("b", few));
	assert_false(text_is_one_of("bcd", few));
	assert_false(text_is_one_of("", few));
	assert_false(text_is_one_of(NULL, few));
	assert_false(text_is_one_of("a", none));
	assert_string_equal(TEXT_OF(UUID_TEXT), "37");
}

int
main(void)
{
	const struct CMUnitTest text_tests[] = {
	    cmocka_unit_test(knows_a_list),
	    cmocka_unit_test(trims),
	    cmocka_unit_test(copies_what_fits),
	    cmocka_unit_test(writes_decimals),
	    cmocka_unit_test(knows_printable_bytes),
	    cmocka_unit_test(knows_emails),
	    cmocka_unit_test(knows_mailboxes),
	    cmocka_unit_test(knows_slugs),
	    cmocka_unit_test(knows_names_of_variables),
	};

	return cmocka_run_group_tests(text_tests, NULL, NULL);
}
