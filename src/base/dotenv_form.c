/*
 * dotenv_form.c: writes variables, and knows what a form cannot carry.
 */
#include "base/dotenv.h"

#include "base/text.h"

#include <string.h>

#include "base/banned.h"

/* docker reads lines by Go's bufio.Scanner, of 64 KiB with their end. */
#define DOCKER_LINE 65535

/* A byte of `set` is in the value. */
static bool
has_any(const char *value, size_t len, const char *set)
{
	for (; *set; set++)
		if (memchr(value, *set, len))
			return true;
	return false;
}

/* ---- what a form cannot carry ---- */

static const char *
docker_refusal(const char *name, const char *value, size_t len)
{
	if (memchr(value, '\n', len) || (len > 0 && value[len - 1] == '\r'))
		return "docker's form has no line breaks in values.";
	if (strlen(name) + 1 + len > DOCKER_LINE)
		return "docker's form has at most " TEXT_OF(
		    DOCKER_LINE) " bytes in a line.";
	return NULL;
}

/* Found by sourcing each name that dash or bash has in it, with texts and
 * numbers: these are read-only, come back as something else, or are arrays,
 * which no program inherits. What is to be a number bash reckons first, and
 * that runs commands: a[$(date)]. tests/http/test_dotenv_shell.py looks again;
 * two are of bash 5.3. */
static const char *const shell_own[] = {"BASHOPTS", "BASHPID", "BASH_ALIASES",
    "BASH_ARGC", "BASH_ARGV", "BASH_CMDS", "BASH_COMMAND", "BASH_COMPAT",
    "BASH_LINENO", "BASH_MONOSECONDS", "BASH_SOURCE", "BASH_SUBSHELL",
    "BASH_TRAPSIG", "BASH_VERSINFO", "BASH_XTRACEFD", "DIRSTACK",
    "EPOCHREALTIME", "EPOCHSECONDS", "EUID", "FUNCNAME", "GROUPS", "HISTCMD",
    "LINENO", "MAILCHECK", "OPTIND", "PIPESTATUS", "PPID", "RANDOM", "SECONDS",
    "SHELLOPTS", "SRANDOM", "UID", "_", NULL};

/* The shell runs what stands in these: at its next prompt, with set -x at the
 * very next line, or when the next one starts. */
static const char *const shell_run[] = {
    "BASH_ENV", "MAILPATH", "PROMPT_COMMAND", "PS0", "PS1", "PS2", "PS4", NULL};

/* ENV is many people's "production", and a file's name to a shell that begins
 * to talk with somebody: in that name it runs what stands in $( ). */
static const char *
shell_refusal(const char *name, const char *value, size_t len)
{
	if (text_is_one_of(name, shell_own))
		return "A shell keeps this variable to itself.";
	if (text_is_one_of(name, shell_run) ||
	    (strcmp(name, "ENV") == 0 && has_any(value, len, "$`")))
		return "A shell runs what stands in this variable.";
	return NULL;
}

const char *
dotenv_refusal(
    enum dotenv_form form, const char *name, const char *value, size_t len)
{
	switch (form) {
	case DOTENV_DOCKER:
		return docker_refusal(name, value, len);
	case DOTENV_SHELL:
		return shell_refusal(name, value, len);
	case DOTENV_PLAIN:
		break;
	}
	return NULL;
}

/* ---- writing ---- */

struct put {
	void (*put)(void *arg, const char *text, size_t len);
	void *arg;
};

static void
put_text(const struct put *p, const char *text)
{
	p->put(p->arg, text, strlen(text));
}

/* The value, with the text that `instead` has for a byte in its place, where
 * it is not NULL. */
static void
put_value(const struct put *p, const char *value, size_t len,
    const char *(*instead)(char c))
{
	size_t done = 0;

	for (size_t i = 0; i < len; i++) {
		const char *text = instead(value[i]);

		if (!text)
			continue;
		p->put(p->arg, value + done, i - done);
		put_text(p, text);
		done = i + 1;
	}
	p->put(p->arg, value + done, len - done);
}

static const char *
in_shell_quotes(char c)
{
	return c == '\'' ? "'\\''" : NULL;
}

static const char *
in_double_quotes(char c)
{
	switch (c) {
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\\':
		return "\\\\";
	case '"':
		return "\\\"";
	default:
		return NULL;
	}
}

static const char *
as_it_is(char c)
{
	(void)c;
	return NULL;
}

/* Letters, digits and marks that mean nothing to anybody. */
static bool
is_simple(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,=-",
			value[i]))
			return false;
	return len > 0;
}

/* Literal in single quotes for all that read this form: python-dotenv makes
 * one backslash of two there, and none may be in front of the quote. */
static bool
fits_single(const char *value, size_t len)
{
	if (has_any(value, len, "'\r") || (len > 0 && value[len - 1] == '\\'))
		return false;
	for (size_t i = 1; i < len; i++)
		if (value[i] == '\\' && value[i - 1] == '\\')
			return false;
	return true;
}

/* Literal without quotes. */
static bool
fits_bare(const char *value, size_t len)
{
	return len > 0 && !has_any(value, len, "\n\r#") && value[0] > ' ' &&
	    value[0] < 0x7f && value[len - 1] > ' ' && value[len - 1] < 0x7f &&
	    !strchr("\"'`", value[0]);
}

/* The quote of a value, "" for none: the first of those that each reader of
 * this form takes for the same, in one line if there is one. Double quotes,
 * with escapes that they understand differently, are left to last. */
static const char *
quote_of(const char *value, size_t len)
{
	if (is_simple(value, len))
		return "";
	if (!has_any(value, len, "'\\\n\r"))
		return "'";
	if (!has_any(value, len, "\"\\"))
		return "\"";
	if (fits_single(value, len))
		return "'";
	return fits_bare(value, len) ? "" : "\"";
}

void
dotenv_write(enum dotenv_form form, const char *name, const char *value,
    size_t len, void (*put)(void *arg, const char *text, size_t len), void *arg)
{
	struct put p = {put, arg};
	const char *quote = form == DOTENV_SHELL ? "'"
	    : form == DOTENV_DOCKER              ? ""
						 : quote_of(value, len);

	if (form == DOTENV_SHELL)
		put_text(&p, "export ");
	put_text(&p, name);
	put_text(&p, "=");
	put_text(&p, quote);
	put_value(&p, value, len,
	    form == DOTENV_SHELL  ? in_shell_quotes
		: quote[0] == '"' ? in_double_quotes
				  : as_it_is);
	put_text(&p, quote);
	put_text(&p, "\n");
}
