/*
 * plain.c: lines and columns for people, see plain.h.
 * Size: 425 lines, as one file alone may print (tests/lint/check-plain.sh).
 */
#include "ctl/plain.h"

#include "base/array.h"
#include "base/utf8.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/banned.h"

#define PLAIN   (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
#define COLUMNS 24
#define LABEL   40

/* Characters that have no shape of their own: what they do, a reader does not
 * see. (U+200C and U+200D stay: words and emoji are made with them.) */
static const struct {
	uint32_t first, last;
} shapeless[] = {
    {0x00, 0x1f},
    {0x7f, 0x9f},
    {0xad, 0xad},
    {0x61c, 0x61c},
    {0x115f, 0x1160},
    {0x180e, 0x180e},
    {0x200b, 0x200b},
    {0x200e, 0x200f},
    {0x2028, 0x202e},
    {0x2060, 0x206f},
    {0x2800, 0x2800},
    {0x3164, 0x3164},
    {0xfeff, 0xfeff},
    {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},
    {0x1d173, 0x1d17a},
    {0xe0000, 0xe0fff},
};

static bool
is_shapeless(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapeless); i++)
		if (c >= shapeless[i].first && c <= shapeless[i].last)
			return true;
	return false;
}

/* Of category Zs. */
static bool
is_blank(uint32_t c)
{
	return c == ' ' || c == 0xa0 || c == 0x1680 ||
	    (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f ||
	    c == 0x3000;
}

static void
put_escape(FILE *out, uint32_t c)
{
	const char *hit = c ? strchr("\nn\tt\rr", (int)c) : NULL;

	if (c < 0x80 && hit)
		fprintf(out, "\\%c", hit[1]);
	else if (c < 0x80)
		fprintf(out, "\\x%02x", (unsigned)c);
	else
		fprintf(out, "\\u%04x", (unsigned)c);
}

char *
plain_text(const char *text, size_t len, enum plain_place place)
{
	bool blank =
	    place == PLAIN_CELL; /* the first one, too, would join the gap */
	char *made = NULL;
	size_t size, n;
	FILE *out = open_memstream(&made, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i += n) {
		uint32_t c;

		n = utf8_length(text + i, len - i);
		if (n == 0) {
			n = 1;
			blank = false;
			fprintf(out, "\\x%02x", (unsigned char)text[i]);
			continue;
		}
		c = (uint32_t)utf8_get(text + i, n);
		if (is_shapeless(c) ||
		    (place == PLAIN_CELL && blank && is_blank(c)))
			put_escape(out, c);
		else
			fwrite(text + i, 1, n, out);
		blank = is_blank(c);
	}
	if (fclose(out) == 0)
		return made;
	free(made);
	return NULL;
}

void
plain_line(FILE *to, const char *fmt, ...)
{
	char *line, *shown = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n >= 0) {
		shown = plain_text(line, (size_t)n, PLAIN_LINE);
		free(line);
	}
	fprintf(to, "%s\n", shown ? shown : "out of memory");
	free(shown);
}

/* Outside of its strings, all of JSON is printable ASCII. */
void
plain_json(struct json_object *value)
{
	const char *text = json_object_to_json_string_ext(value, PLAIN);
	size_t left = strlen(text), n;

	for (; left > 0; text += n, left -= n) {
		uint32_t c = 0xfffd;

		n = utf8_length(text, left);
		if (n > 0)
			c = (uint32_t)utf8_get(text, n);
		if (n > 0 && !is_shapeless(c))
			fwrite(text, 1, n, stdout);
		else if (c < 0x10000)
			printf("\\u%04x", (unsigned)c);
		else
			printf("\\u%04x\\u%04x",
			    (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
			    (unsigned)(0xdc00 + (c & 0x3ff)));
		n = n ? n : 1;
	}
	putchar('\n');
}

/* A cell and what ends it. */
static void
put_csv(const char *text, bool last)
{
	char *shown = plain_text(text, strlen(text), PLAIN_LINE);
	const char *s = shown ? shown : "?";

	putchar('"');
	if (*s && strchr("=+-@", *s))
		putchar('\'');
	for (; *s; s++) {
		if (*s == '"')
			putchar('"');
		putchar(*s);
	}
	fputs(last ? "\"\n" : "\",", stdout);
	free(shown);
}

void
plain_csv_head(struct json_object *value)
{
	int left = json_object_object_length(value);

	json_object_object_foreach(value, name, ignored)
	{
		(void)ignored;
		put_csv(name, --left == 0);
	}
}

/* The elements with a space between. */
static void
put_csv_list(struct json_object *list, bool last)
{
	size_t n = json_object_array_length(list), size;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; out && i < n; i++)
		fprintf(out, "%s%s", i ? " " : "",
		    json_object_get_string(json_object_array_get_idx(list, i)));
	put_csv(out && fclose(out) == 0 ? text : "?", last);
	free(text);
}

void
plain_csv(struct json_object *value)
{
	int left = json_object_object_length(value);

	json_object_object_foreach(value, name, v)
	{
		const char *text = json_object_get_string(v);

		(void)name;
		left--;
		if (json_object_is_type(v, json_type_array))
			put_csv_list(v, left == 0);
		else
			put_csv(text ? text : "", left == 0);
	}
}

void
plain_ask(const char *question)
{
	char *shown = plain_text(question, strlen(question), PLAIN_LINE);

	printf("%s: ", shown ? shown : "?");
	free(shown);
	fflush(stdout);
}

void
plain_time(int64_t ms, char out[PLAIN_TIME])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm utc;

	if (!gmtime_r(&seconds, &utc) || utc.tm_year < -1900 ||
	    utc.tm_year > 8099 ||
	    strftime(out, PLAIN_TIME, "%Y-%m-%d %H:%M UTC", &utc) == 0)
		snprintf(out, PLAIN_TIME, "%lld", (long long)ms);
}

/* ---- values ---- */

static bool
is_time(const char *name)
{
	size_t len = strlen(name);

	return strcmp(name, "at") == 0 || strcmp(name, "_creationTime") == 0 ||
	    (len > 2 && strcmp(name + len - 2, "At") == 0);
}

/* The elements with commas between them, "-" for none. */
static char *
show_list(struct json_object *list)
{
	size_t n = json_object_array_length(list), size;
	char *made = NULL;
	FILE *out = open_memstream(&made, &size);

	if (!out)
		return NULL;
	if (n == 0)
		fputs("-", out);
	for (size_t i = 0; i < n; i++) {
		const char *text =
		    json_object_get_string(json_object_array_get_idx(list, i));
		char *shown = plain_text(
		    text ? text : "-", strlen(text ? text : "-"), PLAIN_CELL);

		fprintf(out, "%s%s", i ? ", " : "", shown ? shown : "?");
		free(shown);
	}
	if (fclose(out) == 0)
		return made;
	free(made);
	return NULL;
}

/* What stands for the value under this name; NULL: no memory. */
static char *
show(const char *name, struct json_object *v, enum plain_place place)
{
	char when[PLAIN_TIME];
	const char *text = when;

	if (json_object_is_type(v, json_type_array))
		return show_list(v);
	if (json_object_is_type(v, json_type_string))
		return plain_text(json_object_get_string(v),
		    (size_t)json_object_get_string_len(v), place);
	if (json_object_is_type(v, json_type_int) && is_time(name))
		plain_time(json_object_get_int64(v), when);
	else if (json_object_is_type(v, json_type_boolean))
		text = json_object_get_boolean(v) ? "yes" : "no";
	else
		text = v ? json_object_to_json_string_ext(v, PLAIN) : "-";
	return plain_text(text, strlen(text), place);
}

/* lastUsedAt as "last used at". */
static void
make_label(const char *name, char out[LABEL])
{
	size_t used = 0;

	if (strcmp(name, "_creationTime") == 0)
		name = "createdAt";
	for (; *name && used + 3 < LABEL; name++) {
		if (isupper((unsigned char)*name))
			out[used++] = ' ';
		out[used++] = (char)tolower((unsigned char)*name);
	}
	out[used] = '\0';
}

static void
pad(size_t width, size_t used)
{
	printf("%*s", (int)(used < width ? width - used : 0), "");
}

/* ---- columns ---- */

/* The order in which people look for things; what is not named here follows
 * in its own, and a free text stands last, where nothing can be forged. */
static const char *const first[] = {"projectSlug", "slug", "prefix", "state",
    "version", "id", "provider", "pid"};
static const char *const last[] = {"name"};
static const char *const left_out[] = {"_id", "environment", "disabled",
    "allowedIps", "rateLimit", "revoked", "revokedAt", "rotatedFrom",
    "rotatedTo", "githubRepoUrl", "updatedAt", "etag"};
#define IS_IN(list, name) is_in(list, ARRAY_SIZE(list), name)

static bool
is_in(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static void
take_column(
    struct json_object *row, const char *name, const char **names, size_t *n)
{
	if (*n < COLUMNS && json_object_object_get_ex(row, name, NULL))
		names[(*n)++] = name;
}

/* The columns of a list, by its first row. */
static size_t
choose_columns(struct json_object *row, const char *names[COLUMNS])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		take_column(row, first[i], names, &n);
	json_object_object_foreach(row, name, v)
	{
		(void)v;
		if (!IS_IN(first, name) && !IS_IN(last, name) &&
		    !IS_IN(left_out, name))
			take_column(row, name, names, &n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(last); i++)
		take_column(row, last[i], names, &n);
	return n;
}

struct table {
	size_t rows, columns; /* row 0 is the head */
	size_t width[COLUMNS];
	char **cell;
};

static void
put_cell(struct table *t, size_t row, size_t column, char *text)
{
	size_t width = text ? utf8_count(text, strlen(text)) : 0;

	t->cell[row * t->columns + column] = text;
	if (width > t->width[column])
		t->width[column] = width;
}

static void
fill(struct table *t, struct json_object *list, const char *names[COLUMNS])
{
	for (size_t k = 0; k < t->columns; k++) {
		char label[LABEL];

		make_label(names[k], label);
		for (char *c = label; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		put_cell(t, 0, k, strdup(label));
	}
	for (size_t i = 1; i < t->rows; i++)
		for (size_t k = 0; k < t->columns; k++)
			put_cell(t, i, k,
			    show(names[k],
				json_object_object_get(
				    json_object_array_get_idx(list, i - 1),
				    names[k]),
				PLAIN_CELL));
}

static void
print_list(struct json_object *list, const char *indent)
{
	struct table t = {.rows = json_object_array_length(list) + 1};
	const char *names[COLUMNS];

	if (t.rows == 1)
		return;
	t.columns = choose_columns(json_object_array_get_idx(list, 0), names);
	t.cell = calloc(t.rows * t.columns + 1, sizeof(*t.cell));
	if (!t.cell) {
		plain_line(stdout, "out of memory");
		return;
	}
	fill(&t, list, names);
	for (size_t i = 0; i < t.rows * t.columns; i++) {
		const char *text = t.cell[i] ? t.cell[i] : "?";
		size_t k = i % t.columns;

		printf("%s%s", k == 0 ? indent : "  ", text);
		if (k + 1 < t.columns)
			pad(t.width[k], utf8_count(text, strlen(text)));
		else
			putchar('\n');
		free(t.cell[i]);
	}
	free(t.cell);
}

/* ---- lines ---- */

static bool
is_list_of_objects(struct json_object *v)
{
	return json_object_is_type(v, json_type_array) &&
	    json_object_array_length(v) > 0 &&
	    json_object_is_type(
		json_object_array_get_idx(v, 0), json_type_object);
}

static void
print_lines(struct json_object *o)
{
	char label[LABEL];
	size_t width = 0;

	json_object_object_foreach(o, each, ignored)
	{
		make_label(each, label);
		if (!is_list_of_objects(ignored) && strlen(label) > width)
			width = strlen(label);
	}
	json_object_object_foreach(o, name, v)
	{
		char *text;

		if (strcmp(name, "_id") == 0 || strcmp(name, "etag") == 0)
			continue;
		make_label(name, label);
		printf("%s:", label);
		if (is_list_of_objects(v)) {
			putchar('\n');
			print_list(v, "  ");
			continue;
		}
		text = show(name, v, PLAIN_LINE);
		pad(width + 2, strlen(label));
		printf("%s\n", text ? text : "?");
		free(text);
	}
}

void
plain_print(struct json_object *value)
{
	if (json_object_is_type(value, json_type_array))
		print_list(value, "");
	else
		print_lines(value);
}
