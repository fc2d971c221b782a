/*
 * test_dotenv.c: variables as text: what a line is, what a value; where the
 * text and the room for it end. tests/http/test_dotenv.py holds it against
 * npm's dotenv, python-dotenv and docker's rule.
 */
#include "unit.h"

#include "base/dotenv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

/* "1 A=b\n" of what was taken, "2!\n" of a complaint. */
static char heard[4096];

static void
hear(const char *text, size_t len)
{
	size_t used = strlen(heard);

	assert_true(used + len < sizeof(heard));
	memcpy(heard + used, text, len);
	heard[used + len] = '\0';
}

static void
hear_line(size_t line, const char *mark)
{
	char text[64];

	snprintf(text, sizeof(text), "%zu%s", line, mark);
	hear(text, strlen(text));
}

static void
take(void *arg, size_t line, const char *name, const char *value, size_t len)
{
	assert_int_equal(value[len], '\0');
	assert_int_equal(strlen(value), len);
	(void)arg;
	hear_line(line, " ");
	hear(name, strlen(name));
	hear(TEXT("="));
	hear(value, len);
	hear(TEXT("\n"));
}

static void
complain(void *arg, size_t line, const char *message)
{
	assert_true(message[0]);
	(void)arg;
	hear_line(line, "!\n");
}

static void
reads(enum dotenv_form form, const char *text, size_t len, const char *expected)
{
	static const struct dotenv_reader reader = {take, complain, NULL};
	char *room = malloc(len + 1); /* no byte more: the sanitizer sees */

	assert_non_null(room);
	heard[0] = '\0';
	dotenv_read(form, walled(text, len), len, room, &reader);
	assert_string_equal(heard, expected);
	free(room);
}

#define PLAIN(text, expected)  reads(DOTENV_PLAIN, TEXT(text), expected)
#define DOCKER(text, expected) reads(DOTENV_DOCKER, TEXT(text), expected)

static void
reads_lines(void **state)
{
	(void)state;
	PLAIN("", "");
	PLAIN("\n\r\n\r# A=1\n \t#", "");
	PLAIN("A=1", "1 A=1\n");
	PLAIN("A=1\nB=2\r\nC=3\rD=4\n", "1 A=1\n2 B=2\n3 C=3\n4 D=4\n");
	PLAIN(" export\tA = 1 \n", "1 A=1\n");
	PLAIN(
	    "export=1\nexport =2\nexport A\n", "1 export=1\n2 export=2\n3!\n");
	PLAIN("exportA=1\nA=\nB=", "1 exportA=1\n2 A=\n3 B=\n");
	PLAIN("A\n=1\nA#=1\nA B=1\n'A'=1\n", "1!\n2!\n3!\n4!\n5 'A'=1\n");
	PLAIN("\xef\xbb\xbf"
	      "A=1\n",
	    "1 A=1\n");
	PLAIN("A=1\nA=2\n", "1 A=1\n2 A=2\n");
}

static void
reads_values(void **state)
{
	(void)state;
	PLAIN("A=b c # d\nB=b#c\nC=#b\nD= #b\nE= \n",
	    "1 A=b c\n2 B=b#c\n3 C=#b\n4 D=\n5 E=\n");
	PLAIN("A=\xc2\xa0"
	      "b\xe3\x80\x80\n",
	    "1 A=b\n");
	PLAIN("A=${B}$(c)`d`\\n\n", "1 A=${B}$(c)`d`\\n\n");
	PLAIN("A='b\r\nc\\n'#d\nB=1", "1 A=b\r\nc\\n\n3 B=1\n");
	PLAIN("A=\"\\n\\r\\t\\\\\\\"\\$\\q\"", "1 A=\n\r\t\\\"$\\q\n");
	PLAIN("A=\"b\n\n\" #c\nB=1", "1 A=b\n\n\n4 B=1\n");
	PLAIN("A=\"b\\\"", "1 A=b\\\n");
	PLAIN("A=\"b", "1!\n");
	PLAIN("A=\"", "1!\n");
	PLAIN("A=\"\\", "1!\n");
	PLAIN("A='b\nB=1", "1!\n");
	PLAIN("A='\n\nb' c\nB=1", "1!\n4 B=1\n");
}

static void
reads_dockers(void **state)
{
	(void)state;
	DOCKER("A= 'b' #c \r\n\n#d\n\t#e\n \rB=\"\\n\nC=",
	    "1 A= 'b' #c \n5 B=\"\\n\n6 C=\n");
	DOCKER("A=\r", "1 A=\n");
	DOCKER("A=b\rc\r\r\n", "1 A=b\rc\r\n");
	DOCKER("A\n=1\nB=2", "1!\n2!\n3 B=2\n");
	DOCKER("\xef\xbb\xbf\xe2\x80\x83"
	       "A==\n",
	    "1 A==\n");
	DOCKER("A B=1\n", "1 A B=1\n");
	DOCKER("", "");
}

static void
reads_text_only(void **state)
{
	(void)state;
	PLAIN("A=1\nB=\xff\nC=1", "2!\n");
	PLAIN("A=1\nB=\0", "2!\n");
	PLAIN("A=1\r\n\rB=\xe2\x82", "3!\n");
	DOCKER("A=1\nB=\xc0\x80", "2!\n");
	DOCKER("\0", "1!\n");
}

/* ---- writing ---- */

static void
put(void *arg, const char *text, size_t len)
{
	(void)arg;
	hear(text, len);
}

static void
writes(enum dotenv_form form, const char *value, const char *expected)
{
	size_t len = strlen(value);

	heard[0] = '\0';
	assert_null(dotenv_refusal(form, "A", value, len));
	dotenv_write(form, "A", walled(value, len), len, put, NULL);
	assert_string_equal(heard, expected);
}

static void
writes_dotenv(void **state)
{
	static const char *const cases[][2] = {
	    {"", "A=''\n"},
	    {"a/b:c@d%e+f,g=h-i._", "A=a/b:c@d%e+f,g=h-i._\n"},
	    {"a b", "A='a b'\n"},
	    {"$A", "A='$A'\n"},
	    {"{\"a\":1}", "A='{\"a\":1}'\n"},
	    {"it's", "A=\"it's\"\n"},
	    {"a\nb\r", "A=\"a\\nb\\r\"\n"},
	    {"C:\\a", "A='C:\\a'\n"},
	    {"\"\n", "A='\"\n'\n"},
	    {"C:\\", "A=C:\\\n"},
	    {"it's \"\\", "A=it's \"\\\n"},
	    {"'\"", "A=\"'\\\"\"\n"},
	    {"\"\r\n\\#", "A=\"\\\"\\r\\n\\\\#\"\n"},
	    {" '\\", "A=\" '\\\\\"\n"},
	    {"\xc3\xa9", "A='\xc3\xa9'\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		writes(DOTENV_PLAIN, cases[i][0], cases[i][1]);
}

static void
writes_shells_and_dockers(void **state)
{
	(void)state;
	writes(DOTENV_SHELL, "", "export A=''\n");
	writes(DOTENV_SHELL, "'$(a)\n'", "export A=''\\''$(a)\n'\\'''\n");
	writes(DOTENV_DOCKER, " '\"$\\#\ra ", "A= '\"$\\#\ra \n");
}

static void
refuses_what_a_form_cannot_carry(void **state)
{
	static char large[65534];

	(void)state;
	memset(large, 'x', sizeof(large));
	assert_null(dotenv_refusal(DOTENV_DOCKER, "A", large, 65533));
	assert_non_null(dotenv_refusal(DOTENV_DOCKER, "A", large, 65534));
	assert_non_null(dotenv_refusal(DOTENV_DOCKER, "AA", large, 65533));
	assert_non_null(dotenv_refusal(DOTENV_DOCKER, "A", TEXT("a\nb")));
	assert_non_null(dotenv_refusal(DOTENV_DOCKER, "A", TEXT("a\r")));
	assert_null(dotenv_refusal(DOTENV_DOCKER, "PS4", TEXT("")));
	assert_non_null(dotenv_refusal(DOTENV_SHELL, "PS4", TEXT("")));
	assert_non_null(dotenv_refusal(DOTENV_SHELL, "OPTIND", TEXT("1")));
	assert_null(dotenv_refusal(DOTENV_SHELL, "OPTINDX", TEXT("\n")));
	assert_null(dotenv_refusal(DOTENV_SHELL, "ENV", TEXT("a;'")));
	assert_non_null(dotenv_refusal(DOTENV_SHELL, "ENV", TEXT("a$A")));
	assert_non_null(dotenv_refusal(DOTENV_SHELL, "ENV", TEXT("`a`")));
	assert_null(dotenv_refusal(DOTENV_SHELL, "ENVS", TEXT("$A")));
	assert_null(dotenv_refusal(DOTENV_PLAIN, "UID", TEXT("\r\n")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_lines),
	    cmocka_unit_test(reads_values),
	    cmocka_unit_test(reads_dockers),
	    cmocka_unit_test(reads_text_only),
	    cmocka_unit_test(writes_dotenv),
	    cmocka_unit_test(writes_shells_and_dockers),
	    cmocka_unit_test(refuses_what_a_form_cannot_carry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
