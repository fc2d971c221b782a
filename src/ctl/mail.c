/*
 * mail.c: invitations, handed from the queue to the host's mailer. A message is
 * claimed, and that is committed, before the mailer runs: what becomes of it
 * when we die there nobody knows, and nobody sends it again by himself. Lines
 * hold ids: no address, no token.
 */
#include "ctl/project.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypt/token.h"
#include "ctl/mail_form.h"
#include "ctl/mail_text.h"
#include "ctl/mailer.h"
#include "ctl/plain.h"
#include "ctl/unseal.h"
#include "json/object.h"

#include <json-c/json.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define RUN_TIME CLOCK_S(300) /* then the timer's next run goes on */
#define PATIENCE 60000        /* ms, with a mailer */
#define NOTINGS  5            /* a second apart */

/* One run. */
struct sending {
	struct ctl *c;
	char *form;
	struct db_query message; /* STMT_OP_MAIL_CLAIM's row */
	char claim[UUID_TEXT];
	int took, later, failed, doubt;
};

enum { ID, PROJECT, SEALED, HASH, EMAIL, ROLE, NAME, ENDS };

/* A line about a message, its id in front. */
static void PRINTF_LIKE(4, 5) note(enum log_level level, const char *id,
    const char *project, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	plain_line(stderr, "%smessage %s of project %s: %s",
	    log_priority(STDERR_FILENO, level), id, project, what);
}

static const char *
text_at(const struct sending *s, int column)
{
	const char *v = db_value(&s->message, 0, column, NULL);

	return v ? v : "";
}

/* ---- one message ---- */

/* The message into `out`; `why`: what is wrong with it. */
static bool
write_message(struct sending *s, const char *token, struct printbuf *out,
    char why[MAIL_WHY])
{
	char ends[PLAIN_TIME];
	struct mail_text t = {.from = s->c->conf.mail_from,
	    .to = text_at(s, EMAIL),
	    .id = text_at(s, ID),
	    .at = clock_wall_ms() / 1000,
	    .project = text_at(s, NAME),
	    .role = text_at(s, ROLE),
	    .url = s->c->conf.mail_url,
	    .expires = ends,
	    .token = token};

	plain_time(db_bigint(&s->message, 0, ENDS), ends);
	return mail_text_make(s->form, &t, out, why);
}

/* Opens the token. Rows can be mixed up by who owns the database, so it must be
 * the member's own. False: it was told why not. */
static bool
open_token(struct sending *s, char token[TOKEN_TEXT])
{
	struct seal_name what = {"mail_queue", "token"};
	unsigned char own[TOKEN_HASH];
	struct db_query keys;
	size_t sealed_len = 0, hash_len = 0, len = 0;
	const char *sealed = db_value(&s->message, 0, SEALED, &sealed_len);
	const char *hash = db_value(&s->message, 0, HASH, &hash_len);
	bool ok;

	text_copy(s->c->project_id, UUID_TEXT, text_at(s, PROJECT));
	db_query_init(&keys, STMT_DATA_KEYS);
	db_text(&keys, s->c->project_id);
	if (ctl_ask(s->c, &keys))
		return false;
	ok = unseal(s->c, &keys, what, sealed, sealed_len,
	    (unsigned char *)token, TOKEN_LENGTH, &len);
	db_query_clear(&keys);
	token[ok ? len : 0] = '\0';
	if (!ok)
		note(LOG_ERROR, text_at(s, ID), s->c->project_id,
		    "the keyring does not open its token; it waits");
	else if (!hash || hash_len != sizeof(own) || !token_hash(token, own) ||
	    memcmp(own, hash, sizeof(own)) != 0) {
		ok = false;
		note(LOG_ERROR, text_at(s, ID), s->c->project_id,
		    "its token is another member's; it waits");
	}
	return ok;
}

/* Hands it over. What has become of it is told. */
static enum mailer
hand_over(struct sending *s, int *status)
{
	const char *id = text_at(s, ID), *project = text_at(s, PROJECT);
	const char *to = text_at(s, EMAIL);
	char token[TOKEN_TEXT], why[MAIL_WHY] = "out of memory";
	struct printbuf *out;
	enum mailer what = MAILER_LATER;

	*status = -1;
	if (!text_is_mailbox(to, strlen(to))) {
		note(LOG_ERROR, id, project,
		    "its address is none that a mailer takes for one");
		return MAILER_REFUSED;
	}
	if (!open_token(s, token))
		return MAILER_LATER;
	out = printbuf_new();
	if (out && write_message(s, token, out, why))
		what = mailer_hand(s->c->conf.sendmail, s->c->conf.mail_from,
		    to, out->buf, (size_t)out->bpos, PATIENCE, status);
	else
		note(LOG_ERROR, id, project, "%s; it waits", why);
	secret_wipe(token, sizeof(token));
	printbuf_free(out);
	return what;
}

/* Notes what has become of it, for a while if need be. */
static int
note_end(struct sending *s, const char *state, int status)
{
	struct db_fault fault;
	enum err e;

	for (int n = 0;; n++) {
		struct db_query q;

		db_query_init(&q, STMT_OP_MAIL_END);
		db_text(&q, text_at(s, ID));
		db_text(&q, s->claim);
		db_text(&q, state);
		if (status < 0)
			db_text(&q, NULL);
		else
			db_int(&q, status);
		e = db_ask(s->c->db, &q, clock_us() + CTL_DEADLINE, &fault);
		db_query_clear(&q);
		if (!e)
			return CTL_DONE;
		if (n == NOTINGS)
			break;
		sleep(1);
	}
	note(LOG_ERROR, text_at(s, ID), text_at(s, PROJECT),
	    "could not be noted as %s", state);
	return ctl_db_fail(s->c, e, &fault);
}

static int
end_message(struct sending *s, enum mailer what, int status)
{
	const char *id = text_at(s, ID), *project = text_at(s, PROJECT);

	switch (what) {
	case MAILER_TOOK:
		s->took++;
		return note_end(s, "sent", status);
	case MAILER_REFUSED:
		s->failed++;
		note(LOG_ERROR, id, project,
		    "refused for good (exit status %d); to be sent again by: "
		    "codecourierctl mail retry %s",
		    status, id);
		return note_end(s, "failed", status);
	case MAILER_DOUBT:
		s->doubt++;
		note(LOG_ERROR, id, project,
		    "the mailer was killed; it may have been sent. If not: "
		    "codecourierctl mail retry %s",
		    id);
		return note_end(s, "doubt", status);
	case MAILER_LATER:
	case MAILER_ABSENT:
		break;
	}
	s->later++;
	return note_end(s, "queued", status);
}

/* Claims the next message and sees to it; *more: there was one. */
static int
send_next(struct sending *s, bool *more)
{
	enum mailer what;
	int rc, status;

	uuid_make(s->claim);
	db_query_init(&s->message, STMT_OP_MAIL_CLAIM);
	db_text(&s->message, s->claim);
	rc = ctl_do(s->c, &s->message);
	*more = !rc && db_rows(&s->message) > 0;
	if (!*more) {
		db_query_clear(&s->message);
		return rc;
	}
	what = hand_over(s, &status);
	rc = end_message(s, what, status);
	db_query_clear(&s->message);
	if (!rc && what == MAILER_ABSENT)
		rc = ctl_fail(s->c, ERR_INTERNAL, "%s could not be started",
		    s->c->conf.sendmail);
	return rc;
}

/* A signal that asks us to stop waits until a message is seen to. */
static int
send_all(struct sending *s)
{
	int64_t end = clock_us() + RUN_TIME;
	sigset_t stops, before;
	bool more = true;
	int rc = CTL_DONE;

	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGHUP);
	while (!rc && more && clock_us() < end) {
		sigprocmask(SIG_BLOCK, &stops, &before);
		rc = send_next(s, &more);
		sigprocmask(SIG_SETMASK, &before, NULL);
	}
	return rc;
}

/* ---- the commands ---- */

/* Runs a statement that takes messages out of the run of things, and says so of
 * each. */
static int
set_aside(struct ctl *c, enum stmt stmt, const char *why, int *count)
{
	struct db_query q;
	int rc;

	db_query_init(&q, stmt);
	rc = ctl_do(c, &q);
	if (rc)
		return rc;
	for (int i = 0; i < db_rows(&q); i++)
		note(LOG_ERROR, db_value(&q, i, 0, NULL),
		    db_value(&q, i, 1, NULL), "%s", why);
	*count += db_rows(&q);
	db_query_clear(&q);
	return CTL_DONE;
}

static int
run_sending(struct sending *s)
{
	struct ctl *c = s->c;
	int over = 0, rc;

	if ((rc = ctl_keyring(c)) || (rc = ctl_connect(c)))
		return rc;
	rc = set_aside(c, STMT_OP_MAIL_STALE,
	    "its sender died; it may have been sent: see codecourierctl mail "
	    "list",
	    &s->doubt);
	if (!rc)
		rc = set_aside(c, STMT_OP_MAIL_OVER,
		    "its invitation has ended before it was sent", &over);
	return rc ? rc : send_all(s);
}

static int
print_sent(const struct sending *s)
{
	struct json_object *o = object_new();

	object_int(o, "sent", s->took);
	object_int(o, "later", s->later);
	object_int(o, "failed", s->failed);
	object_int(o, "inDoubt", s->doubt);
	return ctl_print(s->c, o);
}

int
ctl_mail_send(struct ctl *c)
{
	struct sending s = {.c = c};
	char why[MAIL_WHY];
	int rc;

	if (!c->conf.sendmail && !c->json)
		plain_line(
		    stdout, "nothing to do: CODECOURIER_SENDMAIL is not set");
	if (!c->conf.sendmail)
		return c->json ? print_sent(&s) : CTL_DONE;
	s.form = mail_form_read(c, why);
	if (!s.form)
		rc = ctl_fail(c, ERR_INTERNAL, "template %s: %s",
		    c->conf.mail_template, why);
	else if (access(c->conf.sendmail, X_OK) != 0)
		rc = ctl_fail(
		    c, ERR_INTERNAL, "%s cannot be run", c->conf.sendmail);
	else
		rc = run_sending(&s);
	free(s.form);
	return rc ? rc : print_sent(&s);
}

int
ctl_mail_list(struct ctl *c)
{
	struct db_query q;
	int rc = c->arg[0] ? project_find(c, c->arg[0]) : ctl_connect(c);

	if (rc)
		return rc;
	db_query_init(&q, STMT_OP_MAIL_LIST);
	db_text(&q, c->arg[0] ? c->project_id : NULL);
	rc = ctl_ask(c, &q);
	return rc ? rc : ctl_print_rows(c, &q);
}

int
ctl_mail_retry(struct ctl *c)
{
	struct db_query q;
	int rc = ctl_connect(c);

	if (rc)
		return rc;
	if (uuid_is(c->arg[0])) {
		db_query_init(&q, STMT_OP_MAIL_RETRY);
		db_text(&q, c->arg[0]);
		rc = ctl_do(c, &q);
		if (rc)
			return rc;
		if (db_rows(&q) > 0)
			return ctl_print_row(c, &q);
		db_query_clear(&q);
	}
	return ctl_fail(c, ERR_NOT_FOUND,
	    "no message \"%s\" that waits, has failed or is in doubt",
	    c->arg[0]);
}
