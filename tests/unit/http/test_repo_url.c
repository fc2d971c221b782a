/*
 * test_repo_url.c: URLs of repositories: https, a host by name or address, an
 * owner/repository path; no user info, query or fragment; and nothing that a
 * program which fetches one could take for another host or another path.
 */
#include "unit.h"

#include "base/text.h"

#include "base/banned.h"

#define H   "https://"
#define A10 "aaaaaaaaaa"
#define A63 A10 A10 A10 A10 A10 A10 "aaa"
#define A64 A63 "a"

static const struct text {
	const char *text;
	size_t len;
} good[] = {
    {TEXT(H "github.com/org/repo")},
    {TEXT(H "github.com/org/new-repo")},
    {TEXT(H "github.com/org/repo.git")},
    {TEXT(H "github.com/Org_1/Repo.name~x+y")},
    {TEXT(H "GitHub.com/org/repo")},
    {TEXT(H "gitlab.example.com/group/sub/repo")},
    {TEXT(H "gitlab.example.com:8443/group/repo")},
    {TEXT(H "h:1/o/r")},
    {TEXT(H "h:65535/o/r")},
    {TEXT(H "localhost/o/r")},
    {TEXT(H "192.0.2.1/o/r")},
    {TEXT(H "xn--bcher-kva.example/o/r")},
    {TEXT(H "a-b.c--d.e/o/r")},
    {TEXT(H "h/-/.r")},
    {TEXT(H "h/o/..r")},
    {TEXT(H "h/o/...")},
    {TEXT(H "h/..../r")},
    {TEXT(H "h/o/r%20x")},
    {TEXT(H "h/%C3%A9/r")},
    {TEXT(H "h/o/!$&'()*+,-.:;=@[]_~")},
    {TEXT(H "h/~user/a@b:c")},
    {TEXT(H A64 "/o/r")},
    {TEXT("HTTPS://h/o/r")},
    {TEXT("Https://h/o/r")},
    {TEXT("httpS://h/o/r")},

    {TEXT(H "git_hub.example/o/r")},
    {TEXT(H "_git/o/r")},
    {TEXT(H "3com/o/r")},
    {TEXT(H "1.2.3.4.example/o/r")},
    {TEXT(H "1-2/o/r")},
    {TEXT(H "0x7f/o/r")},
    {TEXT(H "255.255.255.255:0/o/r")},
    {TEXT(H "[2001:db8::1]/o/r")},
    {TEXT(H "[2001:DB8::1]:8443/o/r")},
    {TEXT(H "[::]/o/r")},
    {TEXT(H "[::1]/o/r")},
    {TEXT(H "[1:2:3:4:5:6:7:8]/o/r")},
    {TEXT(H "[1:2:3:4:5:6:7::]:1/o/r")},
    {TEXT(H "[::ffff:192.0.2.1]/o/r")},
    {TEXT(H "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]/o/r")},
};

static const struct text bad[] = {
    {TEXT("")},
    {TEXT("h")},
    {TEXT("https")},
    {TEXT("https:")},
    {TEXT("https:/")},
    {TEXT(H)},
    {TEXT("github.com/org/repo")},
    {TEXT("//github.com/org/repo")},
    {TEXT("http://github.com/org/repo")},
    {TEXT("ssh://github.com/org/repo")},
    {TEXT("git@github.com:org/repo")},
    {TEXT("git://github.com/org/repo")},
    {TEXT("file:///org/repo")},
    {TEXT("ext::sh -c x/o/r")},
    {TEXT("javascript:alert(1)//o/r")},
    {TEXT("--upload-pack=x/o/r")},
    {TEXT(" " H "h/o/r")},
    {TEXT("https:\\\\h/o/r")},
    {TEXT("https:/h/o/r")},
    {TEXT("https:///o/r")},
    {TEXT("https:////h/o/r")},

    /* the path */
    {TEXT(H "github.com")},
    {TEXT(H "github.com/")},
    {TEXT(H "github.com/org")},
    {TEXT(H "github.com/org/")},
    {TEXT(H "github.com//")},
    {TEXT(H "github.com//org")},
    {TEXT(H "github.com//org/repo")},
    {TEXT(H "github.com/org//repo")},
    {TEXT(H "github.com/org//")},
    {TEXT(H "github.com/org/repo//")},
    {TEXT(H "github.com/./repo")},
    {TEXT(H "github.com/org/.")},
    {TEXT(H "github.com/org/..")},
    {TEXT(H "github.com/../repo")},
    {TEXT(H "github.com/org/repo/..")},
    {TEXT(H "github.com/org/repo/../x")},
    {TEXT(H "github.com/org/re po")},
    {TEXT(H "github.com/org/repo ")},
    {TEXT(H "github.com/org/repo\n")},
    {TEXT(H "github.com/org/re\tpo")},
    {TEXT(H "github.com/org/re\0po")},
    {TEXT(H "github.com/org/repo\0")},
    {TEXT(H "github.com/org\\repo/x")},
    {TEXT(H "github.com/org/r\xc3\xa9po")},
    {TEXT(H "github.com/org/repo\xff")},
    {TEXT(H "github.com/org/repo\"")},
    {TEXT(H "github.com/org/<repo>")},
    {TEXT(H "github.com/org/{repo}")},
    {TEXT(H "github.com/org/re|po")},
    {TEXT(H "github.com/org/re`po`")},
    {TEXT(H "github.com/org/re^po")},
    {TEXT(H "github.com/org/re\x7fpo")},

    /* user info, query, fragment */
    {TEXT(H "user@github.com/org/repo")},
    {TEXT(H "user:secret@github.com/org/repo")},
    {TEXT(H ":@github.com/org/repo")},
    {TEXT(H "@github.com/org/repo")},
    {TEXT(H "github.com@evil.example/org/repo")},
    {TEXT(H "github.com:443@evil.example/org/repo")},
    {TEXT(H "github.com\\@evil.example/org/repo")},
    {TEXT(H "github.com%40evil.example/org/repo")},
    {TEXT(H "github.com/org/repo?")},
    {TEXT(H "github.com/org/repo?a=b")},
    {TEXT(H "github.com?/org/repo")},
    {TEXT(H "github.com/org/repo#")},
    {TEXT(H "github.com/org/repo#readme")},
    {TEXT(H "github.com#/org/repo")},

    /* the host */
    {TEXT(H ".github.com/o/r")},
    {TEXT(H "github..com/o/r")},
    {TEXT(H "-github.com/o/r")},
    {TEXT(H "github-.com/o/r")},
    {TEXT(H "github.-com/o/r")},
    {TEXT(H "github.com-/o/r")},
    {TEXT(H "./o/r")},
    {TEXT(H "-/o/r")},
    {TEXT(H "git hub.com/o/r")},
    {TEXT(H "g\xc3\xadthub.com/o/r")},
    {TEXT(H "github\xe3\x80\x82"
	    "com/o/r")}, /* ideographic full stop */
    {TEXT(H "github\0.com/o/r")},
    {TEXT(H "*/o/r")},
    {TEXT(H "git:hub/o/r")},
    {TEXT(H "git!hub/o/r")},
    {TEXT(H "h:/o/r")},
    {TEXT(H ":443/o/r")},
    {TEXT(H "h:x/o/r")},
    {TEXT(H "h:-1/o/r")},
    {TEXT(H "h:+1/o/r")},
    {TEXT(H "h: 1/o/r")},
    {TEXT(H "h:443:443/o/r")},
    {TEXT(H "h:123456/o/r")},

    /* addresses that are none */
    {TEXT(H "1/o/r")},
    {TEXT(H "1.2.3/o/r")},
    {TEXT(H "1.2.3.256/o/r")},
    {TEXT(H "1.2.3.04/o/r")},
    {TEXT(H "1.2.3.4.5/o/r")},
    {TEXT(H "a.b.1/o/r")},
    {TEXT(H "2001:db8::1/o/r")},
    {TEXT(H "[::1/o/r")},
    {TEXT(H "::1]/o/r")},
    {TEXT(H "[]/o/r")},
    {TEXT(H "[/o/r")},
    {TEXT(H "[]:1/o/r")},
    {TEXT(H "[1.2.3.4]/o/r")},
    {TEXT(H "[h]/o/r")},
    {TEXT(H "[::g]/o/r")},
    {TEXT(H "[:::]/o/r")},
    {TEXT(H "[1::2::3]/o/r")},
    {TEXT(H "[1:2:3:4:5:6:7]/o/r")},
    {TEXT(H "[1:2:3:4:5:6:7:8:9]/o/r")},
    {TEXT(H "[::12345]/o/r")},
    {TEXT(H "[::1%25eth0]/o/r")},
    {TEXT(H "[::1%eth0]/o/r")},
    {TEXT(H "[::1\0]/o/r")},
    {TEXT(H "[::1]x/o/r")},
    {TEXT(H "[::1]./o/r")},
    {TEXT(H "[::1]:/o/r")},
    {TEXT(H "[::1]:65536/o/r")},
    {TEXT(H "[::1]]/o/r")},
    {TEXT(H "[[::1]]/o/r")},
    {TEXT(H "x[::1]/o/r")},
    {TEXT(H "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555]/o/r")},
    {TEXT("HTTPS//h/o/r")},
    {TEXT("HTTP://h/o/r")},
    {TEXT("h\xc5\xbfttps://h/o/r")},
};

static void
assert_each(const struct text *texts, size_t n, bool want)
{
	for (size_t i = 0; i < n; i++) {
		const char *s = walled(texts[i].text, texts[i].len);

		if (text_is_repo_url(s, texts[i].len) != want)
			fail_msg("%s: \"%s\"", want ? "refused" : "taken",
			    texts[i].text);
	}
}

static void
takes(void **state)
{
	(void)state;
	assert_each(good, COUNT(good), true);
}

static void
refuses(void **state)
{
	(void)state;
	assert_each(bad, COUNT(bad), false);
}

/* No such port; and an escape that is none, that hides a slash, a dot or a
 * control character, is a path that others read in another way. */
static void
refuses_ports_and_escapes(void **state)
{
	static const struct text sharp[] = {
	    {TEXT(H "h:65536/o/r")},
	    {TEXT(H "h:99999/o/r")},
	    {TEXT(H "h/o/r%")},
	    {TEXT(H "h/o/r%2")},
	    {TEXT(H "h/o/%zz")},
	    {TEXT(H "h/o/%%")},
	    {TEXT(H "h/%/r")},
	    {TEXT(H "h/o/%00")},
	    {TEXT(H "h/o/r%0A")},
	    {TEXT(H "h/o/%2e%2e")},
	    {TEXT(H "h/o/r/%2E%2E/x")},
	    {TEXT(H "h/o/.%2e")},
	    {TEXT(H "h/%2e/r")},
	    {TEXT(H "h/o%2fr/x")},
	    {TEXT(H "h/o/r%5Cx")},
	};

	(void)state;
	assert_each(sharp, COUNT(sharp), false);
}

/* Each byte anywhere, and each cut: no reading beyond, and what is taken has
 * none of the characters that would make it another URL. */
static void
stays_a_url(void **state)
{
	static const char url[] = H "git.example.com:8443/org/repo.git";
	char text[sizeof(url)];
	size_t taken = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(url) - 1; i++) {
		memcpy(text, url, sizeof(text));
		for (int c = 0; c < 256; c++) {
			text[i] = (char)c;
			if (!text_is_repo_url(walled(text, sizeof(text) - 1),
				sizeof(text) - 1))
				continue;
			taken++;
			if (c <= ' ' || c >= 0x7f || strchr("?#\\\"<>", c) ||
			    (i < sizeof(H "git.example.com:8443") - 1 &&
				strchr("@[]", c)))
				fail_msg("taken: %d at %zu", c, i);
		}
	}
	assert_true(taken > 100);
	for (size_t len = 0; len < sizeof(url); len++)
		assert_int_equal(text_is_repo_url(walled(url, len), len),
		    len > strlen(H "git.example.com:8443/org/"));
}

int
main(void)
{
	const struct CMUnitTest repo_url_tests[] = {
	    cmocka_unit_test(takes),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(refuses_ports_and_escapes),
	    cmocka_unit_test(stays_a_url),
	};

	return cmocka_run_group_tests(repo_url_tests, NULL, NULL);
}
