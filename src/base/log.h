/*
 * log.h: logfmt lines on stderr, one write(2) a line, so that lines of many
 * workers on one pipe do not mix (PIPE_BUF) and the journal sees whole lines.
 * Never give it a secret: names, ids, codes and counts only.
 */
#ifndef LOG_H
#define LOG_H

#include "base/err.h"
#include <stddef.h>

/* LOG_NONE: only for log_set_level, of a program that says all itself. */
enum log_level { LOG_NONE = -1, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above `level` are dropped. Default LOG_INFO. */
void log_set_level(enum log_level level);
enum log_level log_level(void);

/* What a line of this level begins with on the descriptor: "<3>" to "<7>"
 * (sd-daemon(3)) if that is a stream of the journal, which JOURNAL_STREAM names
 * by device and inode; else "". Static. */
const char *log_priority(int fd, enum log_level level);

/* To be called once, at the start: if stderr is such a stream, each line from
 * now on begins so. */
void log_to_journal(void);

/* "error", "warn", "info" or "debug". */
const char *log_level_name(enum log_level level);

/* The request id put in front of every following line; NULL or "": none.
 * The text is copied (at most 36 bytes). */
void log_set_request(const char *rid);

/*
 * Every line begins `ts=2026-01-02T03:04:05.678Z level=… rid=…`. A value is
 * cut at 1,000 bytes; a pair for which a line of 4,096 bytes has no room left
 * is left out. errno is left as it was.
 */

/* Then `msg="…"`. */
void log_msg(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Then pairs: name, value, name, value, …, NULL. A NULL value leaves its pair
 * out; values are quoted where logfmt asks for it. */
void log_pairs(enum log_level level, ...) __attribute__((sentinel));

/*
 * Quotes `value` into `out` (always terminated) as a logfmt value: as it is
 * where it has only printable ASCII without space, quote, backslash or `=`,
 * else in double quotes with \" \\ \n \t \r \u00XX; a byte above ASCII, too,
 * is \u00XX, so that a line holds nothing a terminal could act on. What does
 * not fit is cut, between characters and inside the quotes. The only function
 * that writes a value of somebody else's into a line. Returns the length
 * written.
 */
size_t log_quote(char *out, size_t size, const char *value);

#endif
