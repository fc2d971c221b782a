/*
 * tables.c: prints what the library's tables say of routes, fields, limits and
 * failures, one row a line, for test_openapi.py to hold the document against.
 * `tables -c` reads bodies, "path TAB JSON" a line, and prints how many
 * complaints the path's table of fields has of each. `tables -i` prints each
 * code point that shows nothing. `tables -b` reads blocks of addresses, two a
 * line, and prints what each is and whether the second lies in the first.
 */
#include "api/routes.h"
#include "base/cidr.h"
#include "base/err.h"
#include "base/utf8.h"
#include "http/query.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* name, type, required, nullable, trimmed, one line, in bytes, is an id, min,
 * max, rule, and the texts that it can be, where they are few. */
static void
print_field(const struct field *f)
{
	printf("field\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%zu\t%zu\t%s\t", f->name,
	    (int)f->type, f->required, f->nullable, f->trimmed, f->one_line,
	    f->in_bytes, f->is_id, f->min, f->max, f->rule ? f->rule : "");
	for (const char *const *s = f->one_of; s && *s; s++)
		printf("%s%s", *s, s[1] ? " " : "");
	printf("\n");
}

/* method, path, key needed, list, body: 0 none, 1 optional, 2 needed, 3 a text,
 * the scope's name, "" where no scope is needed, and the query's kind; the
 * fields of a body of JSON follow. */
static void
print_route(const struct route *t)
{
	const struct body *body = t->body;
	const char *scope = scope_name(t->scope);

	printf("route\t%s\t%s\t%d\t%d\t%d\t%s\t%d\n", t->method, t->path,
	    t->scope != SCOPE_OPEN, t->query == QUERY_PAGE,
	    !body                ? 0
		: body->optional ? 1
		: body->text     ? 3
				 : 2,
	    scope ? scope : "", (int)t->query);
	for (size_t i = 0; body && !body->text && i < body->n; i++)
		print_field(&body->fields[i]);
}

static void
print_tables(void)
{
	for (const struct route *t = routes; t->path; t++)
		print_route(t);
	for (int e = ERR_OK + 1; e < ERR__MAX; e++)
		printf("code\t%s\t%d\n", err_info((enum err)e)->code,
		    err_info((enum err)e)->status);
	printf("limit\t%d\t%d\t%d\t%d\n", QUERY_LIMIT_DEFAULT, QUERY_LIMIT_MAX,
	    FIELD_ENV_MAX, REQ_BODY_MAX);
}

static void
ignore(void *arg, const char *field, const char *message)
{
	(void)arg;
	(void)field;
	(void)message;
}

static void
check_line(char *line)
{
	struct json_object *value[FIELD_MAX], *json;
	bool given[FIELD_MAX];
	const struct route *t = routes;
	char *text = strchr(line, '\t');

	if (!text)
		exit(2);
	*text++ = '\0';
	while (t->path &&
	    (!t->body || t->body->text || strcmp(t->path, line) != 0))
		t++;
	json = json_tokener_parse(text);
	if (!t->path || !json_object_is_type(json, json_type_object))
		exit(2);
	printf("%zu\n", field_check(t->body, json, value, given, ignore, NULL));
	json_object_put(json);
}

static void
print_invisible(void)
{
	char text[4];

	for (int code = 0; code <= 0x10ffff; code++)
		if ((code < 0xd800 || code > 0xdfff) &&
		    !utf8_has_visible(
			text, (size_t)(utf8_put(text, code) - text)))
			printf("%d\n", code);
}

static void
each_line(void (*take)(char *line))
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0)
		take(line);
	free(line);
}

/* As "none", or the block, with a ! where its text has host bits. */
static bool
print_block(struct cidr *c, const char *s)
{
	enum cidr_form form = cidr_parse(c, s, strlen(s));
	char text[CIDR_TEXT] = "none";

	if (form != CIDR_NONE)
		cidr_text(c, text);
	printf("%s%s\t", text, form == CIDR_HOST_BITS ? "!" : "");
	return form != CIDR_NONE;
}

static void
print_blocks(char *line)
{
	struct cidr outer, inner;
	char *second = strchr(line, '\t');
	bool both;

	if (!second)
		exit(2);
	*second++ = '\0';
	second[strcspn(second, "\n")] = '\0';
	both = print_block(&outer, line);
	both = print_block(&inner, second) && both;
	printf("%d\n", both && cidr_has(&outer, &inner));
}

int
main(int argc, char **argv)
{
	const char *option = argc == 2 ? argv[1] : "";

	if (argc == 1)
		print_tables();
	else if (strcmp(option, "-i") == 0)
		print_invisible();
	else if (strcmp(option, "-c") == 0)
		each_line(check_line);
	else if (strcmp(option, "-b") == 0)
		each_line(print_blocks);
	else
		return 2;
	return 0;
}
