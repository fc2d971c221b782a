/*
 * dotenv.h: environment variables as text: written in three forms, read in two.
 *
 *   dotenv  NAME=value, 'value' or "value", as npm's dotenv and python-dotenv
 *           read it where they agree; the README has the rules
 *   shell   export NAME='value', to be sourced: nothing in it is ever run
 *   docker  NAME=value, literally, as docker run --env-file has it
 *
 * A value is UTF-8 without NUL, of any length. Pure.
 */
#ifndef DOTENV_H
#define DOTENV_H

#include <stdbool.h>
#include <stddef.h>

enum dotenv_form {
	DOTENV_PLAIN, /* dotenv */
	DOTENV_DOCKER,
	DOTENV_SHELL
};

/* ---- reading ---- */

/* What dotenv_read tells, in the order of the text; lines count from 1, a
 * variable's is the one in which its name stands. `name` and `value` (`len`
 * bytes) end in a NUL and live as long as the room. */
struct dotenv_reader {
	void (*take)(void *arg, size_t line, const char *name,
	    const char *value, size_t len);
	void (*complain)(void *arg, size_t line, const char *message);
	void *arg;
};

/*
 * Reads text[0..len) in the form DOTENV_PLAIN or DOTENV_DOCKER. A name is
 * whatever stands in front of the =: who takes it looks at it. `room` has
 * len + 1 bytes. Text that is no UTF-8 or holds a NUL is complained of, once,
 * and nothing is taken.
 */
void dotenv_read(enum dotenv_form form, const char *text, size_t len,
    char *room, const struct dotenv_reader *reader);

/* ---- writing ---- */

/* Why the form cannot carry this variable, or NULL. */
const char *dotenv_refusal(
    enum dotenv_form form, const char *name, const char *value, size_t len);

/* Gives the variable's lines to `put`, in pieces. Only of one that the form
 * carries; the name is one of text_is_env_name. */
void dotenv_write(enum dotenv_form form, const char *name, const char *value,
    size_t len, void (*put)(void *arg, const char *text, size_t len),
    void *arg);

#endif
