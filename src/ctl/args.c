/*
 * args.c: the tables of commands and options, and reading a command line.
 */
#include "ctl/args.h"

#include "base/version.h"
#include "ctl/plain.h"
#include "json/object.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define BIT(o) CTL_BIT(o)
#define TERMS                                                                  \
	(BIT(OPT_SCOPE) | BIT(OPT_EXPIRES) | BIT(OPT_ALLOW_IP) | BIT(OPT_RATE))

/* clang-format off: a row each, which tests/lint/check-man.sh reads */
const struct ctl_option_info ctl_options[CTL_OPTIONS] = {
    [OPT_NAME] = {"--name", "N", "name of the project, member or key"},
    [OPT_SLUG] = {"--slug", "S", "a-z, 0-9 and inner hyphens, at most 63"},
    [OPT_OWNER_EMAIL] = {"--owner-email", "E", "address of the first owner"},
    [OPT_REPO_URL] = {"--repo-url", "URL", "repository on https, or none"},
    [OPT_ENVIRONMENT] = {"--environment", "E", "live (the default) or test"},
    [OPT_SCOPE] = {"--scope", "S,S", "what it may, as in settings:read"},
    [OPT_EXPIRES] = {"--expires", "WHEN",
	"90d, 12h or 30m from now, 2027-03-31, or never"},
    [OPT_ALLOW_IP] = {"--allow-ip", "A,A",
	"addresses and blocks that it may be used from, or any"},
    [OPT_RATE] = {"--rate", "N", "requests a minute, or none"},
    [OPT_DISABLE] = {"--disable", NULL, "it is refused until --enable"},
    [OPT_ENABLE] = {"--enable", NULL, "it is no longer disabled"},
    [OPT_GRACE] = {"--grace", "TIME",
	"how long the old one goes on, as in 12h: else not at all"},
    [OPT_OUT] = {"--out", "FILE", "a new file that takes the key, mode 0600"},
    [OPT_PLAN] = {"--plan", NULL, "only tell, and who could serve afterwards"},
    [OPT_DRY_RUN] = {"--dry-run", NULL, "only tell what would be done"},
    [OPT_KEYRING_COPIED] = {"--keyring-copied", NULL,
	"a copy of the keyring lies in a safe place"},
    [OPT_LIST] = {"--list", NULL, "the names of the checks, nothing else"},
    [OPT_DELETED] = {"--deleted", NULL, "the deleted ones instead"},
    [OPT_ALL] = {"--all", NULL, "revoked and expired ones, too"},
    [OPT_UNUSED] = {"--unused", "TIME",
	"only those that were not used for 90d, say"},
    [OPT_HEAD] = {"--head", "FILE",
	"heads that were kept, as audit head tells"},
    [OPT_SINCE] = {"--since", "TIME", "from 2027-03-31T18:30:00Z on, say"},
    [OPT_FORMAT] = {"--format", "F", "jsonl (the default) or csv"},
    [OPT_JSON] = {"--json", NULL, "answer as JSON, for programs"},
    [OPT_HELP] = {"--help", NULL, "tell about the command"},
    [OPT_VERSION] = {"--version", NULL, "tell the version"},
};

const struct ctl_command_info ctl_commands[] = {
    {"init", "[--dry-run] [--name N --slug S --owner-email E [--out FILE]]", 0,
	0,
	BIT(OPT_DRY_RUN) | BIT(OPT_NAME) | BIT(OPT_SLUG) |
	    BIT(OPT_OWNER_EMAIL) | BIT(OPT_OUT),
	ctl_init,
	"Make what this host and its database lack, and the first project."},
    {"migrate", "[--plan]", 0, 0, BIT(OPT_PLAN), ctl_migrate,
	"Bring the database's schema up to date."},
    {"status", "", 0, 0, 0, ctl_status,
	"Show versions, workers, statistics and last errors of this host."},
    {"doctor", "[--list | --keyring-copied]", 0, 0,
	BIT(OPT_KEYRING_COPIED) | BIT(OPT_LIST), ctl_doctor,
	"Tell what is wrong on this host, with its remedy."},
    {"project create", "--name N --slug S --owner-email E", 0,
	BIT(OPT_NAME) | BIT(OPT_SLUG) | BIT(OPT_OWNER_EMAIL), 0,
	ctl_project_create, "Make a project with its first owner."},
    {"project list", "[--deleted]", 0, 0, BIT(OPT_DELETED), ctl_project_list,
	"List the projects."},
    {"project show", "P", 1, 0, 0, ctl_project_show, "Show a project."},
    {"project update", "P [--name N] [--slug S] [--repo-url URL]", 1, 0,
	BIT(OPT_NAME) | BIT(OPT_SLUG) | BIT(OPT_REPO_URL), ctl_project_update,
	"Change a project's name, slug or repository."},
    {"project delete", "P", 1, 0, 0, ctl_project_delete,
	"Delete a project: its keys stop at once, its data stay for a while."},
    {"project restore", "P [--slug S]", 1, 0, BIT(OPT_SLUG),
	ctl_project_restore, "Bring a deleted project back, with its keys."},
    {"project purge", "P", 1, 0, 0, ctl_project_purge,
	"Remove a deleted project for good, now."},
    {"purge", "", 0, 0, 0, ctl_purge,
	"Remove for good what is over: deleted projects, old rows."},
    {"member list", "P", 1, 0, 0, ctl_member_list, "List a project's members."},
    {"member accept", "P EMAIL [--name N]", 2, 0, BIT(OPT_NAME),
	ctl_member_accept, "Turn a pending membership into an active one."},
    {"member role", "P MEMBER ROLE", 3, 0, 0, ctl_member_role,
	"Make a member, by address or userId, owner, admin or member."},
    {"member remove", "P MEMBER", 2, 0, 0, ctl_member_remove,
	"Remove a member, or withdraw an invitation."},
    {"key create",
	"P --name N [--environment test] [--scope S,S] "
	"[--expires WHEN] [--allow-ip A,A] [--rate N] [--disable] [--out FILE]",
	1, BIT(OPT_NAME),
	BIT(OPT_ENVIRONMENT) | TERMS | BIT(OPT_DISABLE) | BIT(OPT_OUT),
	ctl_key_create, "Make an API key, which is shown this once."},
    {"key list", "[P] [--all] [--unused TIME]", 1, 0,
	BIT(OPT_ALL) | BIT(OPT_UNUSED), ctl_key_list,
	"List a project's keys, or the unused ones of all projects."},
    {"key find", "PREFIX", 1, 0, 0, ctl_key_find,
	"Tell whose a key is, by its first 16 characters."},
    {"key update",
	"KEYID [--name N] [--scope S,S] [--expires WHEN] "
	"[--allow-ip A,A] [--rate N] [--disable | --enable]",
	1, 0, BIT(OPT_NAME) | TERMS | BIT(OPT_DISABLE) | BIT(OPT_ENABLE),
	ctl_key_update, "Change what a key may, at once and on every host."},
    {"key rotate", "KEYID [--grace TIME] [--out FILE]", 1, 0,
	BIT(OPT_GRACE) | BIT(OPT_OUT), ctl_key_rotate,
	"Make a key's successor, which is shown this once."},
    {"key revoke", "KEYID", 1, 0, 0, ctl_key_revoke,
	"Revoke a key, at once and on every host."},
    {"provider-key reveal", "P PROVIDER", 2, 0, 0, ctl_provider_key_reveal,
	"Show a provider key in the clear."},
    {"counter add", "P COUNTER N", 3, 0, 0, ctl_counter_add,
	"Add to a counter; N may be negative."},
    {"mail send", "", 0, 0, 0, ctl_mail_send,
	"Hand invitations that wait to this host's mailer."},
    {"mail list", "[P]", 1, 0, 0, ctl_mail_list,
	"List the messages that are not sent, and why."},
    {"mail retry", "ID", 1, 0, 0, ctl_mail_retry,
	"Send a message again that has failed or is in doubt."},
    {"audit verify", "[P] [--head FILE]", 1, 0, BIT(OPT_HEAD), ctl_audit_verify,
	"Tell whether an audit log is what was written."},
    {"audit head", "[P]", 1, 0, 0, ctl_audit_head,
	"Tell where the audit logs end, to be kept elsewhere."},
    {"audit export", "[P] [--since TIME] [--format jsonl|csv]", 1, 0,
	BIT(OPT_SINCE) | BIT(OPT_FORMAT), ctl_audit_export,
	"Print audit logs, a row a line."},
    {0},
};
/* clang-format on */

#define ANYWHERE (BIT(OPT_JSON) | BIT(OPT_HELP) | BIT(OPT_VERSION))

/* What was read; the first fault is kept, as the rest of the line may say
 * --json or --help. */
struct line {
	char *word[CTL_WORDS + 1];
	int words;
	unsigned given; /* options */
	const char *problem, *what;
	size_t what_len;
};

static void
note_problem(struct line *l, const char *problem, const char *what, size_t len)
{
	if (l->problem)
		return;
	l->problem = problem;
	l->what = what;
	l->what_len = len;
}

/* Takes the option at *argv, and its value. */
static char **
read_option(struct ctl *c, struct line *l, char **argv)
{
	const char *a = *argv, *equals = strchr(a, '=');
	size_t len = equals ? (size_t)(equals - a) : strlen(a);
	int o = 0;

	while (o < CTL_OPTIONS &&
	    (strlen(ctl_options[o].name) != len ||
		strncmp(ctl_options[o].name, a, len) != 0))
		o++;
	if (o == CTL_OPTIONS) {
		note_problem(l, "unknown option ", a, len);
		return argv;
	}
	if (l->given & BIT(o) & ~ANYWHERE)
		note_problem(l, "option given twice: ", a, len);
	l->given |= BIT(o);
	c->option[o] = a;
	if (!ctl_options[o].value) {
		if (equals)
			note_problem(l, "option takes no value: ", a, len);
		return argv;
	}
	c->option[o] = equals ? equals + 1 : argv[1];
	if (equals)
		return argv;
	if (!argv[1]) {
		note_problem(l, "option without a value: ", a, len);
		return argv;
	}
	return argv + 1;
}

static void
read_line(struct ctl *c, struct line *l, char **argv)
{
	bool options = true;

	for (; *argv; argv++) {
		char *a = *argv;

		if (options && strcmp(a, "--") == 0)
			options = false;
		else if (options && strcmp(a, "-h") == 0)
			l->given |= BIT(OPT_HELP);
		else if (options && a[0] == '-' && a[1] == '-')
			argv = read_option(c, l, argv);
		else if (l->words < CTL_WORDS)
			/* a number below zero is one, too */
			l->word[l->words++] = a;
		else
			note_problem(l, "too many arguments: ", a, strlen(a));
	}
}

bool
ctl_is_command(const struct ctl_command_info *cmd, char *const *words, int n)
{
	const char *rest = cmd->words;

	for (int i = 0; i < n && *rest; i++) {
		size_t len = strcspn(rest, " ");

		if (strlen(words[i]) != len || strncmp(words[i], rest, len))
			return false;
		rest += len + (rest[len] == ' ');
	}
	return true;
}

/* How many words the command has. */
static int
words_of(const struct ctl_command_info *cmd)
{
	return strchr(cmd->words, ' ') ? 2 : 1;
}

/* The command that the words begin with; NULL: there is none. */
static const struct ctl_command_info *
find_command(const struct line *l)
{
	for (const struct ctl_command_info *cmd = ctl_commands; cmd->words;
	     cmd++)
		if (l->words >= words_of(cmd) &&
		    ctl_is_command(cmd, l->word, words_of(cmd)))
			return cmd;
	return NULL;
}

static int
say_usage(struct ctl *c, const struct ctl_command_info *cmd, const char *fmt,
    const char *what, int len)
{
	int rc = cmd ? ctl_fail(c, ERR_VALIDATION, "%s: %s%.*s", cmd->words,
			   fmt, len, what)
		     : ctl_fail(c, ERR_VALIDATION, "%s%.*s", fmt, len, what);

	if (c->json)
		return rc;
	if (cmd)
		ctl_usage_line(stderr, cmd);
	else
		plain_line(stderr, "codecourierctl --help lists all commands");
	return rc;
}

/* The argument that is missing, by its name in the usage line; one in brackets
 * may be. */
static int
few(struct ctl *c, const struct ctl_command_info *cmd, int given)
{
	const char *name = cmd->arguments;

	for (int i = 0; i < given; i++)
		name += strcspn(name, " ") + 1;
	if (*name == '[')
		return CTL_DONE;
	return say_usage(c, cmd, "missing: ", name, (int)strcspn(name, " "));
}

static int
missing(struct ctl *c, const struct ctl_command_info *cmd, unsigned options)
{
	char names[128] = "";
	size_t used = 0;

	for (int o = 0; o < CTL_OPTIONS; o++)
		if (options & BIT(o))
			used += (size_t)snprintf(names + used,
			    sizeof(names) - used, " %s", ctl_options[o].name);
	return say_usage(c, cmd, "missing:", names, (int)used);
}

static int
check_line(struct ctl *c, const struct ctl_command_info *cmd, struct line *l)
{
	unsigned known = cmd->required | cmd->allowed | ANYWHERE;
	int skip = words_of(cmd), n = l->words - skip, rc;

	for (int o = 0; o < CTL_OPTIONS; o++)
		if (l->given & BIT(o) & ~known)
			note_problem(l, "option not for this command: ",
			    ctl_options[o].name, strlen(ctl_options[o].name));
	if (n > cmd->args)
		note_problem(l,
		    "too many arguments: ", l->word[skip + cmd->args],
		    strlen(l->word[skip + cmd->args]));
	if (l->problem)
		return say_usage(c, cmd, l->problem, l->what, (int)l->what_len);
	if (n < cmd->args && (rc = few(c, cmd, n)))
		return rc;
	if (cmd->required & ~l->given)
		return missing(c, cmd, cmd->required & ~l->given);
	for (int i = 0; i < n; i++)
		c->arg[i] = l->word[skip + i];
	return CTL_DONE;
}

static int
say_version(struct ctl *c)
{
	struct json_object *o;

	if (!c->json) {
		plain_line(stdout, "codecourierctl %s", version);
		return CTL_DONE;
	}
	o = object_new();
	object_text(o, "version", version);
	return ctl_print(c, o);
}

/* None, one that is not known, or only its first word. */
static int
no_command(struct ctl *c, char *const *words, int n)
{
	int rc = n == 0
	    ? ctl_fail(c, ERR_VALIDATION, "no command")
	    : ctl_fail(c, ERR_VALIDATION, "unknown command %s%s%s", words[0],
		  n > 1 ? " " : "", n > 1 ? words[1] : "");

	if (!c->json && !ctl_help(stderr, words, n > 0))
		ctl_help(stderr, NULL, 0);
	return rc;
}

/* `help key create`, `key create --help`, `key --help`, `--help`. */
static int
say_help(struct ctl *c, const struct line *l)
{
	int skip = l->words > 0 && strcmp(l->word[0], "help") == 0;
	char *const *words = l->word + skip;

	if (ctl_help(stdout, words, l->words - skip))
		return CTL_DONE;
	return no_command(c, words, l->words - skip);
}

int
ctl_args(struct ctl *c, char **argv, ctl_command **run)
{
	const struct ctl_command_info *cmd;
	struct line l = {0};
	int rc;

	*run = NULL;
	read_line(c, &l, argv);
	c->json = l.given & BIT(OPT_JSON);
	cmd = find_command(&l);
	if (l.problem)
		return say_usage(c, cmd, l.problem, l.what, (int)l.what_len);
	if (l.given & BIT(OPT_HELP) ||
	    (l.words > 0 && strcmp(l.word[0], "help") == 0))
		return say_help(c, &l);
	if (l.given & BIT(OPT_VERSION))
		return say_version(c);
	rc = cmd ? check_line(c, cmd, &l) : no_command(c, l.word, l.words);
	if (!rc)
		*run = cmd->run;
	return rc;
}
