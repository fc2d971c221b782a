/*
 * codecourierctl.c: the operator's command: argument table and dispatch. The
 * commands themselves are in src/ctl_*.c.
 */
#include "ctl.h"

#include "log.h"
#include "secret.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "banned.h"

static const struct {
	const char *name;
	bool flag; /* takes no value */
} options[CTL_OPTIONS] = {
    [OPT_NAME] = {"--name", false},
    [OPT_SLUG] = {"--slug", false},
    [OPT_OWNER_EMAIL] = {"--owner-email", false},
    [OPT_ENVIRONMENT] = {"--environment", false},
    [OPT_OUT] = {"--out", false},
    [OPT_PLAN] = {"--plan", true},
    [OPT_DRY_RUN] = {"--dry-run", true},
    [OPT_KEYRING_COPIED] = {"--keyring-copied", true},
    [OPT_LIST] = {"--list", true},
};

#define BIT(o) (1u << (o))

static const struct command {
	const char *words; /* "key create" */
	const char *arguments;
	int args;
	unsigned required, allowed; /* options */
	ctl_command *run;
} commands[] = {
    {"init", "[--dry-run] [--name N --slug S --owner-email E [--out FILE]]", 0,
	0,
	BIT(OPT_DRY_RUN) | BIT(OPT_NAME) | BIT(OPT_SLUG) |
	    BIT(OPT_OWNER_EMAIL) | BIT(OPT_OUT),
	ctl_init},
    {"migrate", "[--plan]", 0, 0, BIT(OPT_PLAN), ctl_migrate},
    {"status", "", 0, 0, 0, ctl_status},
    {"doctor", "[--list | --keyring-copied]", 0, 0,
	BIT(OPT_KEYRING_COPIED) | BIT(OPT_LIST), ctl_doctor},
    {"project create", "--name N --slug S --owner-email E", 0,
	BIT(OPT_NAME) | BIT(OPT_SLUG) | BIT(OPT_OWNER_EMAIL), 0,
	ctl_project_create},
    {"project list", "", 0, 0, 0, ctl_project_list},
    {"project show", "P", 1, 0, 0, ctl_project_show},
    {"member accept", "P EMAIL [--name N]", 2, 0, BIT(OPT_NAME),
	ctl_member_accept},
    {"key create", "P --name N [--environment test] [--out FILE]", 1,
	BIT(OPT_NAME), BIT(OPT_ENVIRONMENT) | BIT(OPT_OUT), ctl_key_create},
    {"key list", "P", 1, 0, 0, ctl_key_list},
    {"key revoke", "KEYID", 1, 0, 0, ctl_key_revoke},
    {"provider-key reveal", "P PROVIDER", 2, 0, 0, ctl_provider_key_reveal},
    {"counter add", "P NAME N", 3, 0, 0, ctl_counter_add},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int
usage(struct ctl *c, const char *problem, const char *what)
{
	if (c->json)
		return ctl_fail(c, ERR_VALIDATION, "%s%s", problem, what);
	fprintf(stderr, "codecourierctl: %s%s\n", problem, what);
	fprintf(stderr,
	    "usage: codecourierctl [--json] COMMAND, P is a "
	    "project's id or slug:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(stderr, "  %s %s\n", commands[i].words,
		    commands[i].arguments);
	return CTL_USAGE;
}

/* The command whose words stand at argv; *used words are taken. */
static const struct command *
find(char **argv, int *used)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		const char *words = commands[i].words;
		const char *space = strchr(words, ' ');
		size_t first = space ? (size_t)(space - words) : strlen(words);

		if (!argv[0] || strlen(argv[0]) != first ||
		    strncmp(argv[0], words, first) != 0)
			continue;
		*used = space ? 2 : 1;
		if (!space || (argv[1] && strcmp(argv[1], space + 1) == 0))
			return &commands[i];
	}
	return NULL;
}

static int
option_of(const char *word)
{
	for (int i = 0; i < CTL_OPTIONS; i++)
		if (options[i].name && strcmp(word, options[i].name) == 0)
			return i;
	return -1;
}

/* --json may stand anywhere on the line, but not as an option's value: it is
 * taken out of argv. */
static void
take_json(struct ctl *c, char **argv)
{
	char **to = argv;

	for (; *argv; argv++) {
		int o = option_of(*argv);

		if (strcmp(*argv, "--json") == 0) {
			c->json = true;
			continue;
		}
		*to++ = *argv;
		if (o >= 0 && !options[o].flag && argv[1])
			*to++ = *++argv;
	}
	*to = NULL;
}

static int
parse_options(struct ctl *c, const struct command *cmd, char **argv)
{
	unsigned seen = 0;
	int n = 0;

	for (; *argv; argv++) {
		const char *a = *argv;
		int o = option_of(a);

		/* a number below zero is an argument */
		if (o < 0 && a[0] == '-' && a[1] == '-')
			return usage(c, "unknown option ", a);
		if (o < 0) {
			if (n >= cmd->args)
				return usage(c, "too many arguments: ", a);
			c->arg[n++] = a;
			continue;
		}
		if (!((cmd->required | cmd->allowed) & BIT(o)))
			return usage(c, "option not for this command: ", a);
		if (seen & BIT(o))
			return usage(c, "option given twice: ", a);
		seen |= BIT(o);
		if (!options[o].flag && !*++argv)
			return usage(c, "option without a value: ", a);
		c->option[o] = *argv;
	}
	if (n < cmd->args)
		return usage(c, "too few arguments for ", cmd->words);
	if ((seen & cmd->required) != cmd->required)
		return usage(c, "option missing for ", cmd->words);
	return CTL_DONE;
}

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

int
main(int argc, char **argv)
{
	struct rlimit none = {0, 0};
	const struct command *cmd;
	struct ctl c;
	char why[256];
	int rc, used;

	(void)argc;
	memset(&c, 0, sizeof(c));
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	umask(077);
	take_json(&c, ++argv);
	cmd = find(argv, &used);
	if (!cmd)
		return usage(&c, *argv ? "unknown command " : "no command",
		    *argv ? *argv : "");
	rc = parse_options(&c, cmd, argv + used);
	if (rc)
		return rc;
	log_set_level(LOG_ERROR); /* what fails is said once, by ctl_fail */
	if (!secret_init())
		return ctl_fail(
		    &c, ERR_INTERNAL, "no source of random numbers");
	if (!conf_load(&c.conf, why, sizeof(why)))
		c.no_conf = why;
	if (c.no_conf && cmd->run != ctl_doctor)
		return ctl_fail(&c, ERR_INTERNAL, "configuration: %s", why);
	set_operator(&c);
	secret_uuid(c.request_id);
	rc = cmd->run(&c);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr,
		    "codecourierctl: the answer could not be written; what was "
		    "asked for may have been done\n");
		rc = CTL_FAILED;
	}
	db_free(c.db);
	keyring_free(c.keyring);
	conf_free(&c.conf);
	return rc;
}
