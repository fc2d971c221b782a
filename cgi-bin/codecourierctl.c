/*
 * codecourierctl.c: the operator's command. Its arguments are read in
 * src/ctl/args.c, the commands themselves are in src/ctl.
 */
#include "ctl/args.h"

#include "base/log.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "ctl/plain.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

/* Who is at the keyboard, for the audit rows: behind sudo the person. */
static void
set_operator(struct ctl *c)
{
	const char *sudo = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
	struct passwd *pw = getpwuid(getuid());

	if (sudo && sudo[0])
		snprintf(
		    c->operator_name, sizeof(c->operator_name), "%s", sudo);
	else if (pw)
		snprintf(c->operator_name, sizeof(c->operator_name), "%s",
		    pw->pw_name);
	else
		snprintf(c->operator_name, sizeof(c->operator_name), "uid %u",
		    (unsigned)getuid());
}

/* Runs the command with what each of them needs. */
static int
run(struct ctl *c, ctl_command *command)
{
	char why[256];

	log_set_level(LOG_ERROR); /* what fails is said once, by ctl_fail */
	if (!secret_init())
		return ctl_fail(c, ERR_INTERNAL, "no source of random numbers");
	if (!conf_load(&c->conf, why, sizeof(why)))
		c->no_conf = why;
	if (c->no_conf && command != ctl_doctor)
		return ctl_fail(c, ERR_INTERNAL, "configuration: %s", why);
	set_operator(c);
	uuid_make(c->request_id);
	return command(c);
}

int
main(int argc, char **argv)
{
	struct rlimit none = {0, 0};
	ctl_command *command;
	struct ctl c;
	int rc;

	memset(&c, 0, sizeof(c));
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	umask(077);
	rc = ctl_args(&c, argv + (argc > 0), &command);
	if (!rc && command)
		rc = run(&c, command);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		plain_line(stderr,
		    "codecourierctl: the answer could not be written; what was "
		    "asked for may have been done");
		rc = CTL_FAILED;
	}
	db_free(c.db);
	keyring_free(c.keyring);
	conf_free(&c.conf);
	return rc;
}
