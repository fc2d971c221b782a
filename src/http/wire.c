/*
 * wire.c: what all ways in have in common.
 */
#include "http/wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

bool
wire_length(const char *text, size_t *len)
{
	*len = 0;
	if (!text || !text[0])
		return true;
	if (strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
		return false;
	*len = strtoull(text, NULL, 10);
	return true;
}

/* The body and its end, for which one byte more is asked. */
static bool
read_whole(const struct wire *w, char *to, size_t len)
{
	size_t got = 0;
	ssize_t n = 1;
	char beyond;

	while (got < len && n > 0) {
		n = w->read(to + got, len - got);
		got += n > 0 ? (size_t)n : 0;
	}
	return got == len && w->read(&beyond, 1) >= 0;
}

enum err
wire_body(const struct wire *w, char **body, size_t *len, size_t limit)
{
	*body = NULL;
	if (!wire_length(w->param("CONTENT_LENGTH"), len))
		return ERR_VALIDATION;
	if (*len > limit)
		return ERR_TOO_LARGE;
	if (*len > 0 && !(*body = malloc(*len + 1)))
		return ERR_INTERNAL;
	if (*body)
		(*body)[*len] = '\0';
	if (read_whole(w, *body, *len))
		return ERR_OK;
	free(*body);
	*body = NULL;
	return ERR_VALIDATION;
}

bool
wire_hold_stops(sigset_t *stops)
{
	static const int signals[] = {
	    SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigemptyset(stops);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(stops, signals[i]);
	sigaction(SIGPIPE, &ignore, NULL);
	return sigprocmask(SIG_BLOCK, stops, NULL) == 0;
}
