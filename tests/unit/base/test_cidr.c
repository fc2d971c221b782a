/*
 * test_cidr.c: blocks of addresses: what is one, how it is written, what lies
 * in it. tests/http/test_cidr.py holds them against Python's.
 */
#include "unit.h"

#include "base/cidr.h"

#include "base/banned.h"

static const struct {
	const char *text, *canonical;
} good[] = {
    {"127.0.0.1", "127.0.0.1"},
    {"0.0.0.0", "0.0.0.0"},
    {"255.255.255.255", "255.255.255.255"},
    {"10.0.0.1/32", "10.0.0.1"},
    {"10.0.0.0/8", "10.0.0.0/8"},
    {"0.0.0.0/0", "0.0.0.0/0"},
    {"128.0.0.0/1", "128.0.0.0/1"},
    {"192.0.2.254/31", "192.0.2.254/31"},
    {"192.0.2.128/25", "192.0.2.128/25"},
    {"::", "::"},
    {"::1", "::1"},
    {"::/0", "::/0"},
    {"::1/128", "::1"},
    {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {"2001:0db8::/32", "2001:db8::/32"},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
    {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
    {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
    {"::192.0.2.33", "::192.0.2.33"},
    {"::c000:221", "::192.0.2.33"},
    {"FFFF:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"::ffff:192.0.2.1", "192.0.2.1"},
    {"::FFFF:c000:201", "192.0.2.1"},
    {"0:0:0:0:0:ffff:192.0.2.1/128", "192.0.2.1"},
    {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
    {"::ffff:0:0/96", "0.0.0.0/0"},
    {"::ffff:0:192.0.2.1", "::ffff:0:c000:201"},
    {"::fffe:0:0/95", "::fffe:0:0/95"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"},
};

static const struct {
	const char *text, *block;
} host_bits[] = {
    {"10.0.0.1/8", "10.0.0.0/8"},
    {"10.0.0.1/31", "10.0.0.0/31"},
    {"255.255.255.255/0", "0.0.0.0/0"},
    {"192.0.2.129/25", "192.0.2.128/25"},
    {"2001:db8::1/32", "2001:db8::/32"},
    {"::1/127", "::/127"},
    {"::1/0", "::/0"},
    {"::ffff:10.0.0.1/104", "10.0.0.0/8"},
    {"::ffff:10.0.0.0/95", "::fffe:0:0/95"},
    {"::ffff:0:0/64", "::/64"},
};

static const char *const none[] = {"", "/", "/8", "unix:", "localhost",
    "127.0.0", "127.0.0.1.1", "127.0.0.256", "127.0.0.01", "01.2.3.4",
    "127.0.0.00", "127.1", "2130706433", "0x7f.0.0.1", "127.0.0.1:80",
    "127.0.0.+1", " 127.0.0.1", "127.0.0.1 ", "127.0.0.1\n", "127.0.0.1/",
    "127.0.0.1/33", "127.0.0.1/032", "127.0.0.0/08", "127.0.0.1/ 32",
    "127.0.0.1/+32", "127.0.0.1/-1", "127.0.0.1/3x", "127.0.0.1/32/32",
    "127.0.0.1/255.255.255.255", "127.0.0.1/4294967328", "10.0.0.0/00", ":",
    ":::", "1::2::3", "[::1]", "::1%lo", "fe80::1%eth0", "::1%1/128", "::1/129",
    "::1/0128", "::1/1000", "::1/", "12345::", "01234::", "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", ":1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:", "g::", "127.0.0.1, 10.0.0.1", "'; drop table x",
    "::ffff:1.2.3.4.5", "::ffff:1.2.3.04", "1.2.3.4::", "::1.2.3",
    "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555"};

static enum cidr_form
parse(struct cidr *out, const char *s)
{
	return cidr_parse(out, walled(s, strlen(s)), strlen(s));
}

static struct cidr
block(const char *s)
{
	struct cidr c;

	if (parse(&c, s) != CIDR_OK)
		fail_msg("not taken: %s", s);
	return c;
}

static void
assert_text(const struct cidr *c, const char *expected)
{
	char text[CIDR_TEXT];

	memset(text, 'x', sizeof(text));
	cidr_text(c, text);
	assert_string_equal(text, expected);
}

/* What is written is read as the same. */
static void
takes_and_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct cidr c = block(good[i].text);
		struct cidr again = block(good[i].canonical);

		assert_text(&c, good[i].canonical);
		assert_memory_equal(&c, &again, sizeof(c));
	}
}

static void
names_the_block_of_host_bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(host_bits); i++) {
		struct cidr c;

		if (parse(&c, host_bits[i].text) != CIDR_HOST_BITS)
			fail_msg("%s", host_bits[i].text);
		assert_text(&c, host_bits[i].block);
	}
}

static void
refuses_all_else(void **state)
{
	struct cidr c, before;

	(void)state;
	memset(&c, 'x', sizeof(c));
	before = c;
	for (size_t i = 0; i < COUNT(none); i++)
		if (parse(&c, none[i]) != CIDR_NONE)
			fail_msg("taken: %s", none[i]);
	assert_int_equal(cidr_parse(&c, TEXT("10.0.0.1\0")), CIDR_NONE);
	assert_int_equal(cidr_parse(&c, TEXT("10.0.0.0/8\0")), CIDR_NONE);
	assert_memory_equal(&c, &before, sizeof(c));
}

static void
knows_addresses(void **state)
{
	struct cidr c, same;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		bool is = !strchr(good[i].text, '/');

		if (cidr_address(NULL, good[i].text) != is)
			fail_msg("%s", good[i].text);
		if (!is)
			continue;
		assert_true(cidr_address(&c, good[i].text));
		same = block(good[i].text);
		assert_memory_equal(&c, &same, sizeof(c));
	}
	for (size_t i = 0; i < COUNT(host_bits); i++)
		assert_false(cidr_address(NULL, host_bits[i].text));
	for (size_t i = 0; i < COUNT(none); i++)
		if (cidr_address(NULL, none[i]))
			fail_msg("taken: %s", none[i]);
}

static const struct {
	const char *outer, *inner;
	bool has;
} within[] = {
    {"10.0.0.0/8", "10.0.0.0", true},
    {"10.0.0.0/8", "10.255.255.255", true},
    {"10.0.0.0/8", "11.0.0.0", false},
    {"10.0.0.0/8", "9.255.255.255", false},
    {"10.0.0.0/8", "10.0.0.0/8", true},
    {"10.0.0.0/8", "10.0.0.0/7", false},
    {"10.0.0.0/8", "10.128.0.0/9", true},
    {"10.0.0.0/9", "10.128.0.0/9", false},
    {"192.0.2.128/25", "192.0.2.127", false},
    {"192.0.2.128/25", "192.0.2.128", true},
    {"192.0.2.254/31", "192.0.2.255", true},
    {"192.0.2.254/31", "192.0.2.253", false},
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.0", false},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "::", false},
    {"::/0", "10.0.0.1", false},
    {"::/0", "::ffff:10.0.0.1", false},
    {"::fffe:0:0/95", "::ffff:10.0.0.1", false},
    {"10.0.0.0/8", "::ffff:10.9.8.7", true},
    {"::ffff:10.0.0.0/104", "10.9.8.7", true},
    {"::/0", "ffff::1", true},
    {"a00::/8", "10.0.0.0", false},
    {"2001:db8::/32", "2001:db8:ffff::1", true},
    {"2001:db8::/32", "2001:db9::", false},
    {"2001:db8::/127", "2001:db8::1", true},
    {"2001:db8::/127", "2001:db8::2", false},
    {"::1", "::1", true},
    {"::1", "::2", false},
};

static void
knows_what_lies_in_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(within); i++) {
		struct cidr outer = block(within[i].outer);
		struct cidr inner = block(within[i].inner);

		if (cidr_has(&outer, &inner) != within[i].has)
			fail_msg("%s, %s", within[i].outer, within[i].inner);
	}
}

/* Each length, and the first address on either side of each end. */
static void
ends_where_its_length_says(void **state)
{
	(void)state;
	for (unsigned length = 1; length <= 128; length++) {
		struct cidr outer = {6, (unsigned char)length, {0}};
		struct cidr in = {6, 128, {0}}, out = in;
		unsigned last = length - 1;

		out.address[last / 8] = (unsigned char)(0x80 >> last % 8);
		for (unsigned i = length; i < 128; i++)
			in.address[i / 8] |= (unsigned char)(0x80 >> i % 8);
		assert_true(cidr_has(&outer, &in));
		assert_false(cidr_has(&outer, &out));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_and_writes),
	    cmocka_unit_test(names_the_block_of_host_bits),
	    cmocka_unit_test(refuses_all_else),
	    cmocka_unit_test(knows_addresses),
	    cmocka_unit_test(knows_what_lies_in_it),
	    cmocka_unit_test(ends_where_its_length_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
