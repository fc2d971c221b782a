/*
 * test_text.c: the rules on text: control characters, e-mail addresses,
 * slugs, URLs of repositories, names of variables, addresses of clients.
 */
#include "unit.h"

#include "base/text.h"
#include "base/utf8.h"

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

/* Category Cc, the two separators, property Bidi_Control; nothing else. */
static bool
is_control(int c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c ||
	    c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069);
}

static void
knows_control_characters(void **state)
{
	char text[10];

	(void)state;
	for (int c = 1; c <= 0x10ffff; c++) {
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		char *end = utf8_put(text, c);
		if (text_has_control(text, (size_t)(end - text)) !=
		    is_control(c))
			fail_msg("U+%04X alone", (unsigned)c);
		if (c % 16 && !is_control(c) && c > 0x3000)
			continue; /* the rest of a block is enough alone */
		text[0] = 'a';
		memcpy(text + 1, "\xc3\xa9", 2);
		end = utf8_put(text + 3, c);
		*end++ = 'z';
		if (text_has_control(text, (size_t)(end - text)) !=
		    is_control(c))
			fail_msg("U+%04X inside", (unsigned)c);
	}
	assert_false(text_has_control("", 0));
}

/* Alone they show nothing; test_unicode.py has all of them. */
static void
knows_visible_characters(void **state)
{
	static const int hidden[] = {' ', 0x9, 0xa, 0x7f, 0x85, 0xa0, 0xad,
	    0x34f, 0x600, 0x61c, 0x115f, 0x1160, 0x1680, 0x17b4, 0x180b, 0x180e,
	    0x2003, 0x200b, 0x200d, 0x2028, 0x202e, 0x205f, 0x2060, 0x2065,
	    0x206f, 0x2800, 0x3000, 0x3164, 0xe000, 0xf8ff, 0xfdd0, 0xfe0f,
	    0xfeff, 0xffa0, 0xfff0, 0xfffb, 0xffff, 0x110bd, 0x1bca0, 0x1d173,
	    0x1fffe, 0x40000, 0xe0001, 0xe0020, 0xe01ef, 0xe0fff, 0xf0000,
	    0x10ffff};
	static const int seen[] = {'!', '.', '~', 0xa1, 0xac, 0xae, 0x300,
	    0x378, 0x61b, 0x115e, 0x1161, 0x180a, 0x2010, 0x2027, 0x2030,
	    0x2070, 0x2801, 0x3001, 0x3163, 0x3165, 0xd7ff, 0xf900, 0xfdcf,
	    0xfdf0, 0xfe10, 0xff9f, 0xfffc, 0xfffd, 0x1f600, 0x3fffd};
	char text[40], *end;

	(void)state;
	assert_false(text_has_visible("", 0));
	for (size_t i = 0; i < COUNT(hidden); i++) {
		end = utf8_put(utf8_put(text, hidden[i]), ' ');
		end = utf8_put(end, hidden[i]);
		if (text_has_visible(text, (size_t)(end - text)))
			fail_msg("U+%04X", (unsigned)hidden[i]);
		end = utf8_put(end, 'x');
		assert_true(text_has_visible(text, (size_t)(end - text)));
	}
	for (size_t i = 0; i < COUNT(seen); i++) {
		end = utf8_put(utf8_put(text, 0x200b), seen[i]);
		if (!text_has_visible(walled(text, (size_t)(end - text)),
			(size_t)(end - text)))
			fail_msg("U+%04X", (unsigned)seen[i]);
	}
}

/* One that begins at the end is not looked for behind it. */
static void
keeps_to_the_length(void **state)
{
	static const char *const cut[] = {
	    "a\xc2", "a\xd8", "a\xe2", "a\xe2\x80", "a\xe2\x81", "\xe2"};

	(void)state;
	for (size_t i = 0; i < COUNT(cut); i++) {
		size_t len = strlen(cut[i]);

		assert_false(text_has_control(walled(cut[i], len), len));
	}
	assert_false(text_has_control("ab\n", 2));
	assert_true(text_has_control("ab\0", 3));
}

static void
counts_and_checks_utf8(void **state)
{
	static const struct {
		const char *text;
		size_t count;
	} good[] = {
	    {"", 0},
	    {"abc", 3},
	    {"\x7f", 1},
	    {"\xc3\xa9", 1},
	    {"e\xcc\x81", 2}, /* code points, not what one sees */
	    {"\xe2\x82\xac\xe2\x82\xac", 2},
	    {"\xf0\x9f\x98\x80x", 2},
	    {"\xef\xbf\xbf\xf4\x8f\xbf\xbf", 2},
	};
	static const char *const bad[] = {
	    "\x80",
	    "a\xbf",
	    "\xc3",
	    "\xc3(",
	    "\xc0\xaf",
	    "\xc1\xbf",
	    "\xe0\x80\xaf",
	    "\xe0\x9f\xbf",
	    "\xe2\x82",
	    "\xe2(\xa1",
	    "\xed\xa0\x80",
	    "\xed\xbf\xbf",
	    "\xf0\x80\x80\xaf",
	    "\xf0\x9f\x98",
	    "\xf4\x90\x80\x80",
	    "\xf5\x80\x80\x80",
	    "\xfe",
	    "\xff",
	    "ok\xf0\x9f\x98\x80\xff",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		size_t len = strlen(good[i].text);

		assert_true(text_is_utf8(walled(good[i].text, len + 1)));
		assert_int_equal(
		    text_count(walled(good[i].text, len), len), good[i].count);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (text_is_utf8(walled(bad[i], strlen(bad[i]) + 1)))
			fail_msg("taken: %zu", i);
}

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
knows_addresses(void **state)
{
	static const char *const good[] = {"127.0.0.1", "0.0.0.0",
	    "255.255.255.255", "::", "::1", "2001:db8::ff00:42:8329",
	    "2001:DB8::1", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8"};
	static const char *const bad[] = {"", "unix:", "localhost", "127.0.0",
	    "127.0.0.1.1", "127.0.0.256", "127.0.0.01", "127.1", "0x7f.0.0.1",
	    "127.0.0.1:80", "127.0.0.1/8", " 127.0.0.1", "127.0.0.1 ",
	    "127.0.0.1\n", ":", ":::", "1::2::3", "[::1]", "::1%lo",
	    "fe80::1%eth0", "::1/128", "12345::", "1:2:3:4:5:6:7",
	    "1:2:3:4:5:6:7:8:9", "g::", "127.0.0.1, 10.0.0.1",
	    "'; drop table x", "::ffff:1.2.3.4.5"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(text_is_address(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		if (text_is_address(bad[i]))
			fail_msg("taken: %s", bad[i]);
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
	    cmocka_unit_test(knows_control_characters),
	    cmocka_unit_test(knows_visible_characters),
	    cmocka_unit_test(keeps_to_the_length),
	    cmocka_unit_test(counts_and_checks_utf8),
	    cmocka_unit_test(trims),
	    cmocka_unit_test(copies_what_fits),
	    cmocka_unit_test(writes_decimals),
	    cmocka_unit_test(knows_printable_bytes),
	    cmocka_unit_test(knows_emails),
	    cmocka_unit_test(knows_slugs),
	    cmocka_unit_test(knows_names_of_variables),
	    cmocka_unit_test(knows_addresses),
	};

	return cmocka_run_group_tests(text_tests, NULL, NULL);
}
