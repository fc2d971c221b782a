/*
 * scan.c: one pass over a JSON text by recursive descent of bounded depth;
 * each rule of scan.h is checked where its first byte is met.
 * Size: 478 lines; all rules want the same state, and call each other.
 */
#include "json/scan.h"

#include "base/hex.h"
#include "base/number.h"
#include "base/utf8.h"

#include <json-c/linkhash.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* Exponents are counted no further: the text's length is far below it. */
#define EXPONENT_MAX 1000000000000000LL

_Static_assert(SCAN_MAX_DEPTH == 32, "a message says 32");

/* An open array or object. */
enum frame_kind { FRAME_ARRAY, FRAME_OBJECT };

struct frame {
	bool object;
	bool inside;      /* a member or element is being read */
	size_t index;     /* array: of that element */
	const char *name; /* object: of that member, in scan.names */
};

struct scan {
	const char *text;
	size_t len;
	size_t pos;
	/* The unescaped names met so far, each with its NUL. `len` bytes are
	 * enough: no name is longer than its own text, and the NUL takes the
	 * room of a quote. */
	char *names;
	size_t used;
	struct frame frames[SCAN_MAX_DEPTH];
	size_t depth;
	size_t marks; /* that are left, see scan.h */
	struct scan_fault *fault;
};

static bool scan_value(struct scan *s);

/* Writes the path of what is being read, cut at a character's border. */
static void
write_path(const struct scan *s, char *field)
{
	size_t used = 0;

	field[0] = '\0';
	for (size_t i = 0; i < s->depth && s->frames[i].inside; i++) {
		const struct frame *f = &s->frames[i];
		size_t left = SCAN_FIELD_MAX - used;
		int n;

		if (f->object)
			n = snprintf(
			    field + used, left, "%s%s", i ? "." : "", f->name);
		else
			n = snprintf(field + used, left, "[%zu]", f->index);
		if (n < 0 || (size_t)n >= left) {
			used = SCAN_FIELD_MAX - 1;
			break;
		}
		used += (size_t)n;
	}
	if (used < SCAN_FIELD_MAX - 1)
		return;
	size_t start = used - 1;
	while (start > 0 && (field[start] & 0xc0) == 0x80)
		start--;
	if (utf8_length(field + start, used - start) != used - start)
		field[start] = '\0';
}

/* Notes the fault; returns false, for the caller to pass on. */
static bool
scan_refuse(struct scan *s, size_t offset, const char *message)
{
	write_path(s, s->fault->field);
	s->fault->offset = offset;
	s->fault->message = message;
	return false;
}

static bool
out_of_memory(struct scan *s)
{
	s->fault->field[0] = '\0';
	s->fault->offset = SIZE_MAX;
	s->fault->message = "Out of memory.";
	return false;
}

/* Takes so many of the marks that are left. */
static bool
spend(struct scan *s, size_t marks)
{
	if (marks <= s->marks) {
		s->marks -= marks;
		return true;
	}
	s->depth = s->depth > 0 && s->frames[0].object;
	return scan_refuse(
	    s, s->pos, "Has more values than any body of this call needs.");
}

/* Refuses what stands at the position, or that nothing stands there. */
static bool
unexpected(struct scan *s, const char *message)
{
	if (s->pos >= s->len)
		message = "Not JSON: the text ends too early.";
	return scan_refuse(s, s->pos, message);
}

/* The byte at the position, -1 at the end. */
static int
peek(const struct scan *s)
{
	return s->pos < s->len ? (unsigned char)s->text[s->pos] : -1;
}

static bool
take_byte(struct scan *s, char c)
{
	if (peek(s) != (unsigned char)c)
		return false;
	s->pos++;
	return true;
}

static void
skip_space(struct scan *s)
{
	while (take_byte(s, ' ') || take_byte(s, '\n') || take_byte(s, '\r') ||
	    take_byte(s, '\t'))
		;
}

/* The value of the four hex digits at `at`, -1 when they are none. */
static int
hex4(const struct scan *s, size_t at)
{
	if (at > s->len || s->len - at < 4)
		return -1;
	return hex_value(s->text + at, 4);
}

/* `\uXXXX`, or two of them that make one character. */
static bool
unicode_escape(struct scan *s, char **out)
{
	int code = hex4(s, s->pos + 2);
	size_t length = 6;

	if (code < 0)
		return scan_refuse(
		    s, s->pos, "Not JSON: \\u needs four hex digits.");
	if (code == 0)
		return scan_refuse(s, s->pos, "\\u0000 is not allowed.");
	if (code >= 0xd800 && code <= 0xdfff) {
		int low = hex4(s, s->pos + 8);

		if (code >= 0xdc00 || low < 0xdc00 || low > 0xdfff ||
		    memcmp(s->text + s->pos + 6, "\\u", 2) != 0)
			return scan_refuse(
			    s, s->pos, "A lone surrogate is not allowed.");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		length = 12;
	}
	if (out != NULL)
		*out = utf8_put(*out, code);
	s->pos += length;
	return true;
}

static bool
escape(struct scan *s, char **out)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	char c = s->pos + 1 < s->len ? s->text[s->pos + 1] : '\0';

	if (c == 'u')
		return unicode_escape(s, out);
	const char *hit = c != '\0' ? strchr(from, c) : NULL;
	if (hit == NULL)
		return scan_refuse(s, s->pos, "Not JSON: unknown escape.");
	if (out != NULL)
		*(*out)++ = to[hit - from];
	s->pos += 2;
	return true;
}

/* A string, from quote to quote. Unescaped to `*out`, which is moved on,
 * unless `out` is NULL. */
static bool
scan_string(struct scan *s, char **out)
{
	s->pos++;
	for (;;) {
		int c = peek(s);

		if (c < 0)
			return unexpected(s, NULL);
		if (take_byte(s, '"'))
			return true;
		if (c < 0x20)
			return scan_refuse(
			    s, s->pos, "Not JSON: a raw control character.");
		if (c == '\\') {
			if (!escape(s, out))
				return false;
			continue;
		}
		size_t n = utf8_length(s->text + s->pos, s->len - s->pos);
		if (n == 0)
			return scan_refuse(s, s->pos, "Not valid UTF-8.");
		if (out != NULL) {
			memcpy(*out, s->text + s->pos, n);
			*out += n;
		}
		s->pos += n;
	}
}

/* Takes a run of digits; returns their number. */
static size_t
digits(struct scan *s)
{
	size_t start = s->pos;

	while (peek(s) >= '0' && peek(s) <= '9')
		s->pos++;
	return s->pos - start;
}

/* Takes the exponent behind an `e`, limited to ±EXPONENT_MAX. */
static bool
take_exponent(struct scan *s, long long *exponent)
{
	bool negative = take_byte(s, '-');

	if (!negative)
		take_byte(s, '+');
	size_t start = s->pos;
	if (digits(s) == 0)
		return unexpected(s, "Not JSON: a digit is missing.");
	*exponent = 0;
	for (size_t i = start; i < s->pos && *exponent < EXPONENT_MAX; i++)
		*exponent = *exponent * 10 + (s->text[i] - '0');
	if (negative)
		*exponent = -*exponent;
	return true;
}

static bool
scan_number(struct scan *s)
{
	size_t begin = s->pos;
	bool negative = take_byte(s, '-');
	size_t start = s->pos;
	size_t whole = digits(s);
	const char *text = s->text + start;

	if (whole == 0)
		return unexpected(s, "Not JSON: a digit is missing.");
	if (whole > 1 && text[0] == '0')
		return scan_refuse(
		    s, start, "Not JSON: a number starts with 0.");
	if (peek(s) != '.' && peek(s) != 'e' && peek(s) != 'E') {
		if (negative && text[0] == '0')
			return scan_refuse(s, begin, "-0 is not allowed.");
		if (number_integer_kept(text, whole))
			return true;
		return scan_refuse(
		    s, begin, "The integer is beyond +-9007199254740991.");
	}
	if (take_byte(s, '.') && digits(s) == 0)
		return unexpected(s, "Not JSON: a digit is missing.");
	size_t size = s->pos - start;
	long long exponent = 0;
	if ((take_byte(s, 'e') || take_byte(s, 'E')) &&
	    !take_exponent(s, &exponent))
		return false;
	if (!number_kept(text, size, whole, exponent))
		return scan_refuse(
		    s, begin, "A double (IEEE 754) does not keep this number.");
	return true;
}

static bool
scan_word(struct scan *s, const char *name)
{
	size_t n = strlen(name);

	if (s->len - s->pos < n || memcmp(s->text + s->pos, name, n) != 0)
		return scan_refuse(s, s->pos, "Not JSON: a value is expected.");
	s->pos += n;
	return true;
}

/* Opens an array or object; NULL when that is one too many. */
static struct frame *
enter(struct scan *s, enum frame_kind kind)
{
	if (s->depth == SCAN_MAX_DEPTH) {
		scan_refuse(s, s->pos, "Nested deeper than 32.");
		return NULL;
	}
	struct frame *f = &s->frames[s->depth++];
	*f = (struct frame){.object = kind == FRAME_OBJECT};
	s->pos++;
	skip_space(s);
	return f;
}

static bool
comma(struct scan *s, const char *message)
{
	return take_byte(s, ',') ? spend(s, 1) : unexpected(s, message);
}

static bool
spaced_value(struct scan *s)
{
	skip_space(s);
	if (!scan_value(s))
		return false;
	skip_space(s);
	return true;
}

static bool
elements(struct scan *s, struct frame *f)
{
	if (take_byte(s, ']'))
		return true;
	for (;; f->index++) {
		f->inside = true;
		if (!spaced_value(s))
			return false;
		f->inside = false;
		if (take_byte(s, ']'))
			return true;
		if (!comma(s, "Not JSON: , or ] is expected."))
			return false;
	}
}

static bool
scan_array(struct scan *s)
{
	struct frame *f = enter(s, FRAME_ARRAY);

	if (f == NULL || !elements(s, f))
		return false;
	s->depth--;
	return true;
}

/* A member's name and its colon. While the name is not known, a fault is the
 * object's. */
static bool
member_name(struct scan *s, struct frame *f, struct lh_table *seen)
{
	char *name = s->names + s->used;
	char *end = name;
	size_t start = s->pos;

	if (peek(s) != '"')
		return unexpected(s, "Not JSON: a name is expected.");
	if (!spend(s, 3) || !scan_string(s, &end)) /* quotes and colon */
		return false;
	*end++ = '\0';
	s->used = (size_t)(end - s->names);
	f->name = name;
	f->inside = true;

	unsigned long hash = lh_get_hash(seen, name);
	if (lh_table_lookup_entry_w_hash(seen, name, hash) != NULL)
		return scan_refuse(
		    s, start, "This name stands twice in its object.");
	if (lh_table_insert_w_hash(seen, name, NULL, hash, 0) != 0)
		return out_of_memory(s);
	skip_space(s);
	if (!take_byte(s, ':'))
		return unexpected(s, "Not JSON: a colon is expected.");
	return true;
}

static bool
members(struct scan *s, struct frame *f, struct lh_table *seen)
{
	if (take_byte(s, '}'))
		return true;
	for (;;) {
		if (!member_name(s, f, seen) || !spaced_value(s))
			return false;
		f->inside = false;
		if (take_byte(s, '}'))
			return true;
		if (!comma(s, "Not JSON: , or } is expected."))
			return false;
		skip_space(s);
	}
}

static bool
scan_object(struct scan *s)
{
	struct frame *f = enter(s, FRAME_OBJECT);

	if (f == NULL)
		return false;
	/* Its hash is seeded at random: collisions cannot be sent. */
	struct lh_table *seen = lh_kchar_table_new(8, NULL);
	if (seen == NULL)
		return out_of_memory(s);
	bool ok = members(s, f, seen);
	lh_table_free(seen);
	s->depth--;
	return ok;
}

static bool
scan_value(struct scan *s)
{
	int c = peek(s);

	if (!spend(s, c == '{' || c == '[' || c == '"' ? 2 : 1))
		return false;
	if (c == '-' || (c >= '0' && c <= '9'))
		return scan_number(s);
	switch (c) {
	case '{':
		return scan_object(s);
	case '[':
		return scan_array(s);
	case '"':
		return scan_string(s, NULL);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return unexpected(s, "Not JSON: a value is expected.");
	}
}

bool
scan_json(const char *text, size_t len, size_t marks, struct scan_fault *fault)
{
	struct scan s = {
	    .text = text, .len = len, .marks = marks, .fault = fault};

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return scan_refuse(&s, 0, "A byte order mark is not allowed.");
	s.names = malloc(len > 0 ? len : 1);
	if (s.names == NULL)
		return out_of_memory(&s);
	bool ok = spaced_value(&s);
	if (ok && s.pos < len)
		ok = scan_refuse(&s, s.pos, "Not JSON: text behind the value.");
	free(s.names);
	return ok;
}
