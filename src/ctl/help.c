/*
 * help.c: what --help says, made from the tables of args.c. The shell's
 * completion reads it: a command's line begins with two blanks.
 */
#include "ctl/args.h"

#include "ctl/plain.h"

#include <string.h>

#include "base/banned.h"

#define USAGE "usage: codecourierctl "

static const char *
gap(const char *text)
{
	return *text ? " " : "";
}

void
ctl_usage_line(FILE *to, const struct ctl_command_info *cmd)
{
	plain_line(to, USAGE "%s%s%s", cmd->words, gap(cmd->arguments),
	    cmd->arguments);
}

static void
say_one(FILE *to, const struct ctl_command_info *cmd)
{
	unsigned options = cmd->required | cmd->allowed | CTL_BIT(OPT_JSON);

	ctl_usage_line(to, cmd);
	plain_line(to, "%s", cmd->summary);
	for (int o = 0; o < CTL_OPTIONS; o++) {
		const struct ctl_option_info *info = &ctl_options[o];
		char words[40];

		snprintf(words, sizeof(words), "%s %s", info->name,
		    info->value ? info->value : "");
		if (options & CTL_BIT(o))
			plain_line(to, "  %-17s  %s", words, info->summary);
	}
}

static void
say_all(FILE *to, char *const *words, int n)
{
	if (n == 0)
		plain_line(to, USAGE "[--json] COMMAND [ARGUMENT...]");
	for (const struct ctl_command_info *cmd = ctl_commands; cmd->words;
	     cmd++) {
		if (!ctl_is_command(cmd, words, n))
			continue;
		plain_line(to, "  %s%s%s", cmd->words, gap(cmd->arguments),
		    cmd->arguments);
		plain_line(to, "      %s", cmd->summary);
	}
	plain_line(to,
	    "P is the id or the slug of a project. More: codecourierctl "
	    "COMMAND --help,");
	plain_line(to, "man codecourierctl.");
	if (n == 0)
		plain_line(to,
		    "Exit status: 0 done, 1 failed, 2 usage, 3 not found, "
		    "4 conflict, 5 unavailable.");
}

bool
ctl_help(FILE *to, char *const *words, int n)
{
	const struct ctl_command_info *found = NULL;
	int many = 0;

	for (const struct ctl_command_info *cmd = ctl_commands; cmd->words;
	     cmd++)
		if (ctl_is_command(cmd, words, n)) {
			found = cmd;
			many++;
		}
	if (many == 1)
		say_one(to, found);
	else if (many > 1)
		say_all(to, words, n);
	return many > 0;
}
