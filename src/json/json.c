/*
 * json.c: a builder and a printer that look at every step's memory.
 */
#include "json/json.h"

#include "base/hex.h"
#include "base/utf8.h"

#include <json-c/json.h>
#include <json-c/printbuf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* ---- text to objects; the text is known to be good ---- */

struct build {
	const char *p, *end;
	char *room; /* for what is unescaped next */
};

static bool build_value(struct build *b, struct json_object **out);

static char
next_byte(struct build *b)
{
	while (b->p < b->end && strchr(" \t\r\n", *b->p) && *b->p)
		b->p++;
	return b->p < b->end ? *b->p : '\0';
}

static char *
unescape(struct build *b, char *out)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	int code;

	b->p++;
	if (*b->p != 'u') {
		*out = to[strchr(from, *b->p++) - from];
		return out + 1;
	}
	code = hex_value(b->p + 1, 4);
	b->p += 5;
	if (code >= 0xd800 && code <= 0xdfff) {
		code = 0x10000 + ((code - 0xd800) << 10) +
		    (hex_value(b->p + 2, 4) - 0xdc00);
		b->p += 6;
	}
	return utf8_put(out, code);
}

/* A string into the room, with a NUL: never longer than it stands. */
static char *
build_string(struct build *b, size_t *len)
{
	char *start = b->room, *out = start;

	b->p++;
	while (*b->p != '"') {
		if (*b->p == '\\')
			out = unescape(b, out);
		else
			*out++ = *b->p++;
	}
	b->p++;
	*out = '\0';
	b->room = out + 1;
	*len = (size_t)(out - start);
	return start;
}

static bool
build_object(struct build *b, struct json_object *o)
{
	b->p++;
	while (next_byte(b) != '}') {
		struct json_object *v = NULL;
		size_t len;
		char *name;

		if (*b->p == ',') {
			b->p++;
			next_byte(b);
		}
		name = build_string(b, &len);
		next_byte(b);
		b->p++; /* the colon */
		if (!build_value(b, &v) ||
		    json_object_object_add_ex(o, name, v,
			JSON_C_OBJECT_ADD_KEY_IS_NEW |
			    JSON_C_OBJECT_KEY_IS_CONSTANT) != 0) {
			json_object_put(v);
			return false;
		}
	}
	b->p++;
	return true;
}

static bool
build_array(struct build *b, struct json_object *a)
{
	b->p++;
	while (next_byte(b) != ']') {
		struct json_object *v = NULL;

		if (*b->p == ',')
			b->p++;
		if (!build_value(b, &v) || json_object_array_add(a, v) != 0) {
			json_object_put(v);
			return false;
		}
	}
	b->p++;
	return true;
}

static struct json_object *
build_number(struct build *b)
{
	static const char characters[] = "+-.0123456789eE";
	char *text = b->room;
	size_t len = 0;

	while (b->p + len < b->end &&
	    memchr(characters, b->p[len], sizeof(characters) - 1))
		len++;
	memcpy(text, b->p, len);
	text[len] = '\0';
	b->p += len;
	if (strpbrk(text, ".eE"))
		return json_object_new_double_s(strtod(text, NULL), text);
	return json_object_new_int64(strtoll(text, NULL, 10));
}

static bool
build_value(struct build *b, struct json_object **out)
{
	char c = next_byte(b);
	char *start = b->room, *text;
	size_t len;

	*out = NULL;
	if (c == 'n') {
		b->p += 4;
		return true;
	}
	if (c == '{')
		return (*out = json_object_new_object()) &&
		    build_object(b, *out);
	if (c == '[')
		return (*out = json_object_new_array()) && build_array(b, *out);
	if (c == '"') {
		text = build_string(b, &len);
		*out = json_object_new_string_len(text, (int)len);
		b->room = start;
	} else if (c == 't' || c == 'f') {
		b->p += c == 't' ? 4 : 5;
		*out = json_object_new_boolean(c == 't');
	} else {
		*out = build_number(b);
	}
	return *out;
}

bool
json_build(const char *text, size_t len, char *room, struct json_object **out)
{
	struct build b = {text, text + len, room};

	if (build_value(&b, out))
		return true;
	json_object_put(*out);
	*out = NULL;
	return false;
}

/* ---- objects to text ---- */

static bool
put_text(struct printbuf *out, const char *text, size_t len)
{
	return len == 0 || printbuf_memappend(out, text, (int)len) >= 0;
}

/* How many bytes from `s` on stand between quotes as they are. Eight at a
 * time: prompts are long. A byte that has the upper bit of `odd` set is below
 * 0x20, a quote or a backslash (the least of them for sure; above it a byte may
 * be taken for one, so the end is looked at byte by byte). */
static size_t
plain_length(const char *s, size_t len)
{
	const uint64_t ones = UINT64_MAX / 0xff, tops = ones * 0x80;
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t w, quote, slash, odd;

		memcpy(&w, s + i, 8);
		quote = w ^ ones * '"';
		slash = w ^ ones * '\\';
		odd = ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) |
		    ((slash - ones) & ~slash);
		if (odd & tops)
			break;
	}
	while (i < len && (unsigned char)s[i] >= 0x20 && s[i] != '"' &&
	    s[i] != '\\')
		i++;
	return i;
}

/* Of the bytes that do not stand between quotes as they are those that are
 * written with a letter, not as \u00XX. */
static const char short_from[] = "\"\\\b\f\n\r\t";
static const char short_to[] = "\"\\bfnrt";

static size_t
escaped_size(unsigned char c)
{
	return c && strchr(short_from, c) ? 2 : 6;
}

static bool
put_escaped(struct printbuf *out, unsigned char c)
{
	static const char hex[] = HEX_LOWER;
	const char *hit = c ? strchr(short_from, c) : NULL;
	char code[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (!hit)
		return put_text(out, code, sizeof(code));
	code[1] = short_to[hit - short_from];
	return put_text(out, code, 2);
}

bool
json_quote(struct printbuf *out, const char *s, size_t len)
{
	bool ok = put_text(out, "\"", 1);

	while (ok && len > 0) {
		size_t plain = plain_length(s, len);

		ok = put_text(out, s, plain) &&
		    (plain == len || put_escaped(out, (unsigned char)s[plain]));
		plain += plain < len;
		s += plain;
		len -= plain;
	}
	return ok && put_text(out, "\"", 1);
}

size_t
json_quoted_size(const char *s, size_t len)
{
	size_t size = 2;

	while (len > 0) {
		size_t plain = plain_length(s, len);

		size += plain;
		if (plain < len)
			size += escaped_size((unsigned char)s[plain++]);
		s += plain;
		len -= plain;
	}
	return size;
}

static bool print(struct printbuf *out, struct json_object *v);

static bool
print_members(struct printbuf *out, struct json_object *v)
{
	bool ok = put_text(out, "{", 1), first = true;

	json_object_object_foreach(v, name, member)
	{
		ok = ok && (first || put_text(out, ",", 1)) &&
		    json_quote(out, name, strlen(name)) &&
		    put_text(out, ":", 1) && print(out, member);
		first = false;
	}
	return ok && put_text(out, "}", 1);
}

static bool
print_elements(struct printbuf *out, struct json_object *v)
{
	size_t n = json_object_array_length(v);
	bool ok = put_text(out, "[", 1);

	for (size_t i = 0; ok && i < n; i++)
		ok = (i == 0 || put_text(out, ",", 1)) &&
		    print(out, json_object_array_get_idx(v, i));
	return ok && put_text(out, "]", 1);
}

static bool
print(struct printbuf *out, struct json_object *v)
{
	char digits[32];
	const char *text;

	switch (json_object_get_type(v)) {
	case json_type_object:
		return print_members(out, v);
	case json_type_array:
		return print_elements(out, v);
	case json_type_string:
		return json_quote(out, json_object_get_string(v),
		    (size_t)json_object_get_string_len(v));
	case json_type_double: /* its digits as they came */
		text = json_object_get_userdata(v);
		break;
	case json_type_int:
		snprintf(digits, sizeof(digits), "%lld",
		    (long long)json_object_get_int64(v));
		text = digits;
		break;
	case json_type_boolean:
		text = json_object_get_boolean(v) ? "true" : "false";
		break;
	default:
		text = "null";
	}
	return put_text(out, text, strlen(text));
}

char *
json_text(struct json_object *v, size_t *len)
{
	struct printbuf *out = printbuf_new();
	char *text = NULL;

	if (out && print(out, v)) { /* taken over, and not copied */
		*len = (size_t)out->bpos;
		text = out->buf;
		out->buf = NULL;
	}
	if (out)
		printbuf_free(out);
	return text;
}
