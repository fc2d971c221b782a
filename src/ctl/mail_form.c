/*
 * mail_form.c: reading and trying the template.
 */
#include "ctl/mail_form.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

/* NULL: cannot be read, is no text, or there is no memory for it. */
static char *
read_form(int fd)
{
	char *text = calloc(1, MAIL_TEMPLATE_MAX + 2);
	size_t used = 0;
	ssize_t n = -1;

	while (text &&
	    (n = read(fd, text + used, MAIL_TEMPLATE_MAX + 1 - used)) > 0)
		used += (size_t)n;
	if (n == 0 && strlen(text) == used)
		return text;
	free(text);
	return NULL;
}

/* Whether it makes a message, before anything is claimed. */
static bool
try_form(const struct ctl *c, const char *form, char why[MAIL_WHY])
{
	const struct mail_text t = {.from = c->conf.mail_from,
	    .to = c->conf.mail_from,
	    .id = "",
	    .project = "",
	    .role = "",
	    .url = c->conf.mail_url,
	    .expires = "",
	    .token = ""};
	struct printbuf *out = printbuf_new();
	bool ok = out && mail_text_make(form, &t, out, why);

	if (!out)
		snprintf(why, MAIL_WHY, "out of memory");
	printbuf_free(out);
	return ok;
}

char *
mail_form_read(const struct ctl *c, char why[MAIL_WHY])
{
	const char *reason;
	int fd = file_open(c->conf.mail_template, 0, &reason);
	char *form = fd >= 0 ? read_form(fd) : NULL;

	if (fd < 0)
		snprintf(why, MAIL_WHY, "%s", reason);
	else if (!form)
		snprintf(why, MAIL_WHY, "cannot be read, or is no text");
	if (fd >= 0)
		close(fd);
	if (form && !try_form(c, form, why)) {
		free(form);
		form = NULL;
	}
	return form;
}
