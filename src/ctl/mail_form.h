/*
 * mail_form.h: the file that the template of invitations stands in.
 */
#ifndef CTL_MAIL_FORM_H
#define CTL_MAIL_FORM_H

#include "ctl/ctl.h"
#include "ctl/mail_text.h"

/* The template that the configuration names, one that mail_text_make takes; to
 * be freed. NULL: `why` it is none. */
char *mail_form_read(const struct ctl *c, char why[MAIL_WHY]);

#endif
