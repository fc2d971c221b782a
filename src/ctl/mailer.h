/*
 * mailer.h: a message handed to the host's mailer, a program that takes it as
 * sendmail does.
 */
#ifndef CTL_MAILER_H
#define CTL_MAILER_H

#include "base/err.h"

#include <stddef.h>

enum mailer {
	MAILER_TOOK,    /* it is the mailer's now */
	MAILER_LATER,   /* not now: what ails the mailer (sysexits.h) */
	MAILER_REFUSED, /* not ever: what ails the message */
	MAILER_DOUBT,   /* nobody knows: it was killed, by us or others */
	MAILER_ABSENT   /* it could not be started */
};

/*
 * Runs `program -i -f FROM -- TO`, both text_is_mailbox, without a shell, with
 * the whole message as a file on its standard input, nothing of our
 * environment, and its outputs thrown away: they can name addresses. After
 * `patience` ms it is killed, with all that it has started. *status: its exit
 * status, or -1.
 */
MUST_CHECK enum mailer mailer_hand(char *program, char *from, const char *to,
    const char *text, size_t len, int patience, int *status);

#endif
