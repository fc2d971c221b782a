/*
 * log.c: builds a line in a buffer of PIPE_BUF bytes and writes it at once.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/banned.h"

#define VALUE_MAX   1000
#define REQUEST_MAX 36

struct line {
	char text[PIPE_BUF]; /* not terminated; room for the newline is kept */
	size_t begin;        /* behind the priority */
	size_t used;
};

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

/* syslog's, as the journal reads them */
static const char *const priorities[] = {
    [LOG_ERROR] = "<3>",
    [LOG_WARN] = "<4>",
    [LOG_INFO] = "<6>",
    [LOG_DEBUG] = "<7>",
};

static enum log_level max_level = LOG_INFO;
static bool journal;
static char request[REQUEST_MAX + 1];

void
log_set_level(enum log_level level)
{
	max_level = level;
}

enum log_level
log_level(void)
{
	return max_level;
}

const char *
log_priority(int fd, enum log_level level)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (!stream || fstat(fd, &st) != 0)
		return "";
	snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	return strcmp(stream, ours) == 0 ? priorities[level] : "";
}

void
log_to_journal(void)
{
	journal = log_priority(STDERR_FILENO, LOG_ERROR)[0] != '\0';
}

const char *
log_level_name(enum log_level level)
{
	return level_names[level];
}

void
log_set_request(const char *rid)
{
	text_copy(request, sizeof(request), rid != NULL ? rid : "");
}

static bool
is_bare(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

/* Writes `c` as it stands between quotes; returns the length. */
static size_t
quote_byte(char out[8], unsigned char c)
{
	static const char from[] = "\"\\\n\t\r";
	static const char to[] = "\"\\ntr";
	const char *hit = strchr(from, c);

	if (hit != NULL && c != '\0')
		return (size_t)snprintf(out, 8, "\\%c", to[hit - from]);
	if (c == ' ' || c == '=' || is_bare(c))
		return (size_t)snprintf(out, 8, "%c", c);
	return (size_t)snprintf(out, 8, "\\u%04x", c);
}

size_t
log_quote(char *out, size_t size, const char *value)
{
	size_t used = 0;
	const char *p = value;

	while (is_bare((unsigned char)*p))
		p++;
	if (*p == '\0' && p > value && size > 0) {
		used =
		    (size_t)(p - value) < size ? (size_t)(p - value) : size - 1;
		memcpy(out, value, used);
		out[used] = '\0';
		return used;
	}
	if (size < sizeof("\"\"")) {
		snprintf(out, size, "%s", "");
		return 0;
	}
	out[used++] = '"';
	for (p = value; *p != '\0'; p++) {
		char piece[8];
		size_t n = quote_byte(piece, (unsigned char)*p);

		if (used + n + sizeof("\"") > size)
			break;
		memcpy(out + used, piece, n);
		used += n;
	}
	out[used++] = '"';
	out[used] = '\0';
	return used;
}

static void
append_pair(struct line *line, const char *name, const char *value)
{
	char quoted[VALUE_MAX + 1];
	size_t value_len = log_quote(quoted, sizeof(quoted), value);
	size_t name_len = strlen(name);
	size_t left = sizeof(line->text) - line->used;

	if (name_len + value_len + sizeof(" =\n") - 1 > left)
		return;
	if (line->used > line->begin)
		line->text[line->used++] = ' ';
	memcpy(line->text + line->used, name, name_len);
	line->used += name_len;
	line->text[line->used++] = '=';
	memcpy(line->text + line->used, quoted, value_len);
	line->used += value_len;
}

/* The time of day; its date and seconds are made once a second. */
static const char *
timestamp(void)
{
	static char text[64];
	static size_t millis; /* where they stand */
	static time_t made_for;
	int64_t now = clock_wall_ms(), ms = now % 1000;
	struct tm utc;

	if (millis == 0 || now / 1000 != made_for) {
		made_for = now / 1000;
		gmtime_r(&made_for, &utc);
		millis = strftime(text, sizeof(text) - sizeof("000Z"),
		    "%Y-%m-%dT%H:%M:%S.", &utc);
		memcpy(text + millis, "000Z", sizeof("000Z"));
	}
	text[millis] = (char)('0' + ms / 100);
	text[millis + 1] = (char)('0' + ms / 10 % 10);
	text[millis + 2] = (char)('0' + ms % 10);
	return text;
}

static void
begin_line(struct line *line, enum log_level level)
{
	line->used = 0;
	if (journal) {
		memcpy(line->text, priorities[level], 3);
		line->used = 3;
	}
	line->begin = line->used;
	append_pair(line, "ts", timestamp());
	append_pair(line, "level", log_level_name(level));
	if (request[0] != '\0')
		append_pair(line, "rid", request);
}

/* A line that cannot be written is lost: there is nobody left to tell, and
 * the request it belongs to must not suffer. */
static void
end(struct line *line)
{
	ssize_t n;

	line->text[line->used++] = '\n';
	do
		n = write(STDERR_FILENO, line->text, line->used);
	while (n < 0 && errno == EINTR);
}

void
log_msg(enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	struct line line;
	char text[VALUE_MAX + 1];
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	begin_line(&line, level);
	append_pair(&line, "msg", text);
	end(&line);
	errno = saved;
}

void
log_pairs(enum log_level level, ...)
{
	int saved = errno;
	struct line line;
	const char *name;
	va_list ap;

	if (level > max_level)
		return;
	begin_line(&line, level);
	va_start(ap, level);
	while ((name = va_arg(ap, const char *)) != NULL) {
		const char *value = va_arg(ap, const char *);

		if (value != NULL)
			append_pair(&line, name, value);
	}
	va_end(ap);
	end(&line);
	errno = saved;
}
