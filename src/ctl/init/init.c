/*
 * init.c: init: everything a host needs before its service can start, step by
 * step.
 */
#include "ctl/init/steps.h"

#include "base/array.h"
#include "ctl/plain.h"
#include "json/object.h"

#include <json-c/json.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

static int
read_arguments(struct init *i)
{
	struct ctl *c = i->c;
	int given = !!c->option[OPT_NAME] + !!c->option[OPT_SLUG] +
	    !!c->option[OPT_OWNER_EMAIL];
	const char *out = c->option[OPT_OUT];
	struct stat st;

	if (given != 0 && given != 3)
		return ctl_fail(c, ERR_VALIDATION,
		    "the first project wants --name, --slug and --owner-email");
	if (given == 3) {
		int rc =
		    project_read(c, c->option[OPT_NAME], c->option[OPT_SLUG],
			c->option[OPT_OWNER_EMAIL], &i->project);

		if (rc)
			return rc;
	}
	i->ask = !given && !c->json && !i->dry && isatty(STDIN_FILENO) &&
	    isatty(STDOUT_FILENO);
	i->wanted = given == 3;
	if (out && !i->wanted && !i->ask)
		return ctl_fail(c, ERR_VALIDATION,
		    "--out is for the first project's key: name the project");
	if (out && lstat(out, &st) == 0)
		i->out_taken = true; /* fine if the key is there, too */
	if (i->wanted && !out && !i->dry && !isatty(STDOUT_FILENO))
		return ctl_fail(c, ERR_VALIDATION,
		    "--out FILE is needed where no terminal shows the key");
	return CTL_DONE;
}

static int
answer(struct init *i)
{
	struct json_object *o;

	hints_say(i);
	if (!i->c->json && !object_is_whole(i->next))
		return ctl_fail(i->c, ERR_INTERNAL, "out of memory");
	if (!i->c->json) {
		if (!i->changed)
			plain_line(
			    stdout, "nothing to do: everything was there");
		for (size_t n = 0; n < json_object_array_length(i->next); n++)
			plain_line(stdout, "%s%s", n ? "      " : "next: ",
			    json_object_get_string(
				json_object_array_get_idx(i->next, n)));
		return CTL_DONE;
	}
	o = object_new();
	object_int(o, "schemaVersion", i->version);
	object_text(o, "keyring", i->c->conf.keyring);
	object_bool(o, "keyringMade", i->keyring_made);
	object_bool(o, "changed", i->changed);
	object_add(o, "server", json_object_get(i->server));
	object_add(o, "steps", json_object_get(i->steps));
	object_add(o, "next", json_object_get(i->next));
	if (i->made_project)
		object_add(o, "project", json_object_get(i->made_project));
	if (i->made_key)
		object_add(o, "key", json_object_get(i->made_key));
	return ctl_print(i->c, o);
}

int
ctl_init(struct ctl *c)
{
	static int (*const steps[])(struct init *) = {read_arguments,
	    database_make, database_migrate, files_keyring, files_owners,
	    files_network, first_project, answer};
	struct init i = {.c = c,
	    .dry = c->option[OPT_DRY_RUN],
	    .steps = object_list(),
	    .next = object_list()};
	int rc = CTL_DONE;

	for (size_t n = 0; !rc && n < ARRAY_SIZE(steps); n++) {
		rc = steps[n](&i);
		fflush(stdout);
	}
	json_object_put(i.server);
	json_object_put(i.steps);
	json_object_put(i.next);
	json_object_put(i.made_project);
	json_object_put(i.made_key);
	return rc;
}
