/*
 * fuzz_dotenv.c: files of variables, read in both forms. What is taken is
 * written, in each form that carries it, so that it is read as the same.
 */
#include "fuzz.h"

#include "base/dotenv.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

struct found {
	const char *room, *end; /* of names and values */
	size_t line, taken, complaints;
	const char *name, *value; /* the only ones, or NULL: any */
};

static void
complain_found(void *arg, size_t line, const char *message)
{
	struct found *f = arg;

	EXPECT(line >= f->line && message[0]);
	f->line = line;
	f->complaints++;
}

static void take_found(
    void *arg, size_t line, const char *name, const char *value, size_t len);

struct written {
	char *text;
	size_t len;
};

static void
add_written(void *arg, const char *text, size_t len)
{
	struct written *w = arg;

	w->text = realloc(w->text, w->len + len + 1);
	EXPECT(w->text);
	if (len > 0)
		memcpy(w->text + w->len, text, len);
	w->len += len;
}

/* Reads text that takes no more room than it may. */
static void
read_found(enum dotenv_form form, const char *text, size_t len, struct found *f)
{
	const struct dotenv_reader reader = {take_found, complain_found, f};
	char *room = malloc(len + 1);

	EXPECT(room);
	f->room = room;
	f->end = room + len + 1;
	dotenv_read(form, text, len, room, &reader);
	free(room);
}

static void
write_and_read(
    enum dotenv_form form, const char *name, const char *value, size_t len)
{
	struct found f = {.name = name, .value = value};
	struct written w = {NULL, 0};

	if (dotenv_refusal(form, name, value, len))
		return;
	dotenv_write(form, name, value, len, add_written, &w);
	read_found(form, w.text, w.len, &f);
	EXPECT(f.taken == 1 && f.complaints == 0);
	free(w.text);
}

static void
take_found(
    void *arg, size_t line, const char *name, const char *value, size_t len)
{
	struct found *f = arg;

	EXPECT(line >= f->line);
	f->line = line;
	f->taken++;
	EXPECT(name >= f->room && name + strlen(name) < value);
	EXPECT(value + len < f->end && strlen(value) == len);
	if (f->name) {
		EXPECT(strcmp(name, f->name) == 0);
		EXPECT(strcmp(value, f->value) == 0);
	} else if (text_is_env_name(name, strlen(name))) {
		write_and_read(DOTENV_PLAIN, name, value, len);
		write_and_read(DOTENV_DOCKER, name, value, len);
	}
}

void
fuzz_dotenv(const uint8_t *data, size_t len)
{
	struct found plain = {0}, docker = {0};
	char *text = fuzz_text(data, len);

	read_found(DOTENV_PLAIN, text, len, &plain);
	read_found(DOTENV_DOCKER, text, len, &docker);
	free(text);
}
