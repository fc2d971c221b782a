/*
 * test_utf8.c: every character is written and measured right, and no byte
 * sequence but those is taken for one; what is seen of a text, and what is not.
 */
#include "unit.h"

#include "base/utf8.h"

#include "base/banned.h"

/* The definition by arithmetic: decode, then see that the value has this
 * length and is allowed. The code utf8.c has is a table. */
static size_t
reference(const unsigned char *u)
{
	static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = u[0] < 0x80 ? 1
	    : (u[0] & 0xe0) == 0xc0 ? 2
	    : (u[0] & 0xf0) == 0xe0 ? 3
	    : (u[0] & 0xf8) == 0xf0 ? 4
				    : 0;
	unsigned long code;

	if (length < 2)
		return length;
	code = u[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (u[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return length;
}

static void
assert_same(const unsigned char *u)
{
	size_t length = utf8_length((const char *)u, 4);

	if (length != reference(u))
		fail_msg(
		    "%02x %02x %02x %02x: %zu", u[0], u[1], u[2], u[3], length);
}

/* All first and second bytes; of the others all that differ in kind. */
static void
measures(void **state)
{
	static const unsigned char kinds[] = {
	    0x00, 0x7f, 0x80, 0x81, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
	unsigned char u[4];

	(void)state;
	for (unsigned first = 0; first < 256; first++)
		for (unsigned second = 0; second < 256; second++)
			for (size_t i = 0; i < COUNT(kinds) * COUNT(kinds);
			     i++) {
				u[0] = (unsigned char)first;
				u[1] = (unsigned char)second;
				u[2] = kinds[i / COUNT(kinds)];
				u[3] = kinds[i % COUNT(kinds)];
				assert_same(u);
			}
}

static void
writes(void **state)
{
	char out[5];

	(void)state;
	for (int code = 0; code <= 0x10ffff; code++) {
		if (code == 0xd800)
			code = 0xe000;
		memset(out, 0xff, sizeof(out));
		size_t n = (size_t)(utf8_put(out, code) - out);
		unsigned want = code < 0x80 ? 1
		    : code < 0x800          ? 2
		    : code < 0x10000        ? 3
					    : 4;
		unsigned long back = (unsigned char)out[0];

		if (n != want || utf8_length(out, n) != n || out[n] != '\xff')
			fail_msg("U+%04X: %zu bytes", (unsigned)code, n);
		if (n > 1)
			back &= 0x7fu >> n;
		for (size_t i = 1; i < n; i++)
			back = back << 6 | ((unsigned char)out[i] & 0x3f);
		if (back != (unsigned long)code)
			fail_msg(
			    "U+%04X is read as U+%04lX", (unsigned)code, back);
	}
}

/* A character that is cut is none, and what is behind it is not read. */
static void
keeps_to_length(void **state)
{
	static const char *const texts[] = {
	    "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		size_t len = strlen(texts[i]);

		for (size_t left = 0; left < len; left++)
			assert_int_equal(utf8_length(texts[i], left), 0);
		assert_int_equal(utf8_length(texts[i], len), len);
		assert_int_equal(utf8_length(texts[i], len + 1), len);
	}
	assert_int_equal(utf8_length("", 0), 0);
	assert_int_equal(utf8_length("", 1), 1);
}

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
		if (utf8_has_control(text, (size_t)(end - text)) !=
		    is_control(c))
			fail_msg("U+%04X alone", (unsigned)c);
		if (c % 16 && !is_control(c) && c > 0x3000)
			continue; /* the rest of a block is enough alone */
		text[0] = 'a';
		memcpy(text + 1, "\xc3\xa9", 2);
		end = utf8_put(text + 3, c);
		*end++ = 'z';
		if (utf8_has_control(text, (size_t)(end - text)) !=
		    is_control(c))
			fail_msg("U+%04X inside", (unsigned)c);
	}
	assert_false(utf8_has_control("", 0));
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
	assert_false(utf8_has_visible("", 0));
	for (size_t i = 0; i < COUNT(hidden); i++) {
		end = utf8_put(utf8_put(text, hidden[i]), ' ');
		end = utf8_put(end, hidden[i]);
		if (utf8_has_visible(text, (size_t)(end - text)))
			fail_msg("U+%04X", (unsigned)hidden[i]);
		end = utf8_put(end, 'x');
		assert_true(utf8_has_visible(text, (size_t)(end - text)));
	}
	for (size_t i = 0; i < COUNT(seen); i++) {
		end = utf8_put(utf8_put(text, 0x200b), seen[i]);
		if (!utf8_has_visible(walled(text, (size_t)(end - text)),
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

		assert_false(utf8_has_control(walled(cut[i], len), len));
	}
	assert_false(utf8_has_control("ab\n", 2));
	assert_true(utf8_has_control("ab\0", 3));
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

		assert_true(utf8_is_valid(walled(good[i].text, len + 1)));
		assert_int_equal(
		    utf8_count(walled(good[i].text, len), len), good[i].count);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (utf8_is_valid(walled(bad[i], strlen(bad[i]) + 1)))
			fail_msg("taken: %zu", i);
}

int
main(void)
{
	const struct CMUnitTest utf8_tests[] = {
	    cmocka_unit_test(measures),
	    cmocka_unit_test(writes),
	    cmocka_unit_test(keeps_to_length),
	    cmocka_unit_test(knows_control_characters),
	    cmocka_unit_test(knows_visible_characters),
	    cmocka_unit_test(keeps_to_the_length),
	    cmocka_unit_test(counts_and_checks_utf8),
	};

	return cmocka_run_group_tests(utf8_tests, NULL, NULL);
}
