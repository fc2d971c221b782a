/*
 * scan.h: the strict pass over a JSON text before json-c sees it. json-c's
 * strict mode takes things that are not JSON (NaN, raw control characters,
 * overlong UTF-8) or that it cannot keep (duplicate names, \u0000, lone
 * surrogates, big numbers); this scanner refuses all of them and names the
 * place. Pure: no I/O, no state between calls.
 */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_MAX_DEPTH 32  /* arrays and objects inside each other */
#define SCAN_FIELD_MAX 512 /* bytes of a field path with its NUL */

/* Room for whatever the text's length allows. */
#define SCAN_ANY SIZE_MAX

struct scan_fault {
	/* Path of the value or name at fault: `envVars.FOO`,
	 * `selectedSkills[3]`; "" when the text as a whole is at fault. Valid
	 * UTF-8, cut at a character's border. */
	char field[SCAN_FIELD_MAX];
	const char *message; /* static text fit for the caller of the API */
	size_t offset;       /* byte in the text */
};

/*
 * Checks `len` bytes of `text` (needs no terminating NUL). Returns true when
 * the text is one JSON value by RFC 8259 that every parser reads alike:
 * UTF-8 without BOM, no control character inside a string, no \u0000, no lone
 * surrogate, no name twice in one object (compared after unescaping), depth
 * at most SCAN_MAX_DEPTH, at most `marks` marks, and every number survives a
 * reader that keeps IEEE 754 doubles (RFC 7493 section 2.2): an integer without
 * fraction and exponent within ±(2^53 - 1), any other with no more digits than
 * a double keeps, no overflow, no underflow to zero, and no "-0" integer. Else
 * the first fault in text order stands in `fault`. A name that cannot be read
 * is its object's fault; what stands between values, their container's.
 *
 * Marks are what a text needs in its shortest form beside the characters of its
 * strings: 2 for a pair of brackets or quotes, 1 for a comma, a colon, a number
 * or a word. Objects cost memory by their number and not by their text (json-c
 * makes 16 entries for each `{}`), so the caller says how many marks a text
 * that it can use has at most, and no object is made of any other. The fault is
 * then the outermost member's.
 *
 * Returns false with message "Out of memory." when that is the case
 * (`fault->offset` is then SIZE_MAX: not the caller's fault).
 */
bool scan_json(
    const char *text, size_t len, size_t marks, struct scan_fault *fault);

#endif
