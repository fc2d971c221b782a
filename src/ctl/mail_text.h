/*
 * mail_text.h: an invitation as a message (RFC 5322), made of a template. Pure.
 * A template is UTF-8: a line `Subject: …`, an empty one, then the text, which
 * has {{token}}; subject and text may have {{project}} {{role}} {{url}}
 * {{expires}}, nothing else between double braces.
 */
#ifndef CTL_MAIL_TEXT_H
#define CTL_MAIL_TEXT_H

#include <json-c/printbuf.h>
#include <stdbool.h>
#include <stdint.h>

#define MAIL_TEMPLATE_MAX 65536 /* bytes */
#define MAIL_WHY          120   /* bytes of the longest reason */

struct mail_text {
	const char *from, *to; /* text_is_mailbox */
	const char *id;        /* the message's own, a UUID */
	int64_t at;            /* seconds since the epoch */
	/* of the invitation, each one line of UTF-8: */
	const char *project, *role, *url, *expires, *token;
};

/*
 * Appends the whole message to `out`: lines of at most 998 bytes that end with
 * LF, all of it ASCII. No value can begin a header, or a line of SMTP's: what
 * is no plain ASCII goes through RFC 2047 in the subject, and the text is
 * quoted-printable. False: `why` says what is wrong with the template, with its
 * line, and `out` is not whole.
 */
bool mail_text_make(const char *form, const struct mail_text *t,
    struct printbuf *out, char why[MAIL_WHY]);

#endif
