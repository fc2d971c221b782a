/*
 * dotenv.c: variables read and written by src/base/dotenv.c for tests: a JSON
 * array a line, and what comes of it on a line.
 *
 *	["read", form, text]	{"taken": [[line, name, value], …],
 *				"wrong": [[line, message], …]}
 *	["write", form, map]	the text, or [name, why] of what it cannot carry
 */
#include "base/dotenv.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static const char *const forms[] = {
    [DOTENV_PLAIN] = "dotenv",
    [DOTENV_DOCKER] = "docker",
    [DOTENV_SHELL] = "shell",
};

static enum dotenv_form
form_of(const char *name)
{
	for (int f = DOTENV_PLAIN; f <= DOTENV_SHELL; f++)
		if (strcmp(forms[f], name) == 0)
			return (enum dotenv_form)f;
	exit(2);
}

static void
push_text(struct json_object *list, const char *text, size_t len)
{
	json_object_array_add(list, json_object_new_string_len(text, (int)len));
}

static struct json_object *
new_row(struct json_object *answer, const char *list, size_t line)
{
	struct json_object *row = json_object_new_array();

	json_object_array_add(row, json_object_new_int64((int64_t)line));
	json_object_array_add(json_object_object_get(answer, list), row);
	return row;
}

static void
take(void *arg, size_t line, const char *name, const char *value, size_t len)
{
	struct json_object *row = new_row(arg, "taken", line);

	push_text(row, name, strlen(name));
	push_text(row, value, len);
}

static void
complain(void *arg, size_t line, const char *message)
{
	push_text(new_row(arg, "wrong", line), message, strlen(message));
}

static struct json_object *
read_text(enum dotenv_form form, struct json_object *text)
{
	size_t len = (size_t)json_object_get_string_len(text);
	char *room = malloc(len + 1), *copy = malloc(len + 1);
	struct json_object *answer = json_object_new_object();
	struct dotenv_reader reader = {take, complain, answer};

	if (!room || !copy)
		exit(1);
	memcpy(copy, json_object_get_string(text), len);
	json_object_object_add(answer, "taken", json_object_new_array());
	json_object_object_add(answer, "wrong", json_object_new_array());
	dotenv_read(form, copy, len, room, &reader);
	free(room);
	free(copy);
	return answer;
}

static void
put(void *arg, const char *text, size_t len)
{
	if (fwrite(text, 1, len, arg) != len)
		exit(1);
}

static struct json_object *
write_map(enum dotenv_form form, struct json_object *map)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	struct json_object *answer = NULL;

	if (!file)
		exit(1);
	json_object_object_foreach(map, name, value)
	{
		const char *s = json_object_get_string(value);
		size_t len = (size_t)json_object_get_string_len(value);
		const char *why = dotenv_refusal(form, name, s, len);

		if (why && !answer) {
			answer = json_object_new_array();
			push_text(answer, name, strlen(name));
			push_text(answer, why, strlen(why));
		}
		dotenv_write(form, name, s, len, put, file);
	}
	fclose(file);
	if (!answer)
		answer = json_object_new_string_len(text, (int)size);
	free(text);
	return answer;
}

int
main(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		struct json_object *a = json_tokener_parse(line), *answer;
		const char *what =
		    json_object_get_string(json_object_array_get_idx(a, 0));
		enum dotenv_form form = form_of(
		    json_object_get_string(json_object_array_get_idx(a, 1)));
		struct json_object *of = json_object_array_get_idx(a, 2);

		answer = strcmp(what, "read") == 0 ? read_text(form, of)
						   : write_map(form, of);
		puts(json_object_to_json_string_ext(
		    answer, JSON_C_TO_STRING_PLAIN));
		json_object_put(answer);
		json_object_put(a);
	}
	free(line);
	return 0;
}
