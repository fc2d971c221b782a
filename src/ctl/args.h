/*
 * args.h: the command line of codecourierctl: which commands and options
 * there are, reading them, and what --help says.
 */
#ifndef CTL_ARGS_H
#define CTL_ARGS_H

#include "ctl/ctl.h"

#include <stdio.h>

/*
 * Reads the arguments behind the program's name. Options, --json and --help
 * among them, may stand anywhere; `--name=value` is `--name value`. On CTL_DONE
 * *run is the command, its arguments and options are in `c`; or it is NULL when
 * the answer has been printed (help, version). Else the fault was reported.
 */
MUST_CHECK int ctl_args(struct ctl *c, char **argv, ctl_command **run);

/* ---- for help.c ---- */

#define CTL_WORDS  8 /* positional arguments, the command's words included */
#define CTL_BIT(o) (1u << (o))

struct ctl_command_info {
	const char *words;     /* "key create" */
	const char *arguments; /* as the usage line has them */
	int args;
	unsigned required, allowed; /* options */
	ctl_command *run;
	const char *summary; /* a sentence */
};
extern const struct ctl_command_info ctl_commands[]; /* ends with words NULL */

struct ctl_option_info {
	const char *name, *value; /* NULL: takes none */
	const char *summary;
};
extern const struct ctl_option_info ctl_options[CTL_OPTIONS];

/* Whether the command begins with the words given. */
bool ctl_is_command(
    const struct ctl_command_info *cmd, char *const *words, int n);

/* The commands that begin with the words given, all with none: one alone with
 * its options. False: there is none. */
bool ctl_help(FILE *to, char *const *words, int n);
void ctl_usage_line(FILE *to, const struct ctl_command_info *cmd);

#endif
