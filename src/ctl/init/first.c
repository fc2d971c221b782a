/*
 * first.c: the first project and its key.
 */
#include "ctl/init/steps.h"

#include "ctl/key.h"
#include "ctl/plain.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define KEY_NAME "first key"

/* False: an empty answer, or none. */
static bool
ask_for(const char *question, char *answer, size_t size)
{
	plain_ask(question);
	if (!fgets(answer, (int)size, stdin))
		return false;
	answer[strcspn(answer, "\r\n")] = '\0';
	return answer[0] != '\0';
}

/* Until the answers are good, or one is empty: then no project is made. */
static void
ask_all(struct init *i)
{
	static const char *const question[] = {
	    "Name of the first project (empty: none)",
	    "Its slug (a-z, 0-9, hyphens)", "E-mail address of its owner"};

	do {
		for (int n = 0; n < 3; n++)
			if (!ask_for(question[n], i->answer[n],
				sizeof(i->answer[n])))
				return;
	} while (project_read(i->c, i->answer[0], i->answer[1], i->answer[2],
		     &i->project) != CTL_DONE);
	i->wanted = true;
}

static bool
has_slug(struct json_object *list, const char *slug)
{
	for (size_t n = 0; slug && n < json_object_array_length(list); n++) {
		struct json_object *value = json_object_object_get(
		    json_object_array_get_idx(list, n), "slug");

		if (strcmp(json_object_get_string(value), slug) == 0)
			return true;
	}
	return false;
}

/* How many live projects there are, and whether one of them has our slug and
 * no key: an init that ended between the two goes on there. */
static int
count_projects(struct init *i, size_t *projects, bool *keyless)
{
	struct json_object *list;
	int rc = project_list(i->c, PROJECT_LIVE, &list);

	*projects = 0;
	*keyless = false;
	if (rc)
		return rc;
	*projects = json_object_array_length(list);
	*keyless = has_slug(list, i->project.slug);
	json_object_put(list);
	if (!*keyless)
		return CTL_DONE;
	if ((rc = project_find(i->c, i->project.slug)) ||
	    (rc = key_list(i->c, true, NULL, &list)))
		return rc;
	*keyless = json_object_array_length(list) == 0;
	json_object_put(list);
	return CTL_DONE;
}

static int
make_key(struct init *i)
{
	struct key_wanted want = {
	    .name = KEY_NAME, .fields = "{name}", .out = i->c->option[OPT_OUT]};
	struct json_object *key;
	int rc;

	key_terms_init(&want.terms);
	rc = key_create(i->c, &want, &i->made_key);
	if (rc)
		return rc;
	run_made(i, "its first key%s%s", want.out ? " in " : "",
	    want.out ? want.out : "");
	if (json_object_object_get_ex(i->made_key, "key", &key) && !i->c->json)
		plain_line(stdout, "key, shown this once: %s",
		    json_object_get_string(key));
	return CTL_DONE;
}

static void
say_project(struct init *i)
{
	run_made(
	    i, "project %s, owner %s", i->project.slug, i->project.owner_email);
}

/* The project, where it is not there yet, and its key. */
static int
make_project(struct init *i, bool keyless)
{
	int rc;

	if (i->out_taken)
		return ctl_fail(i->c, ERR_INTERNAL, "%s: exists already",
		    i->c->option[OPT_OUT]);
	if (i->dry) {
		if (!keyless)
			say_project(i);
		run_made(i, "its first key");
		return CTL_DONE;
	}
	if (!keyless) {
		rc = project_create(i->c, &i->project, &i->made_project);
		if (rc)
			return rc;
		say_project(i);
	}
	return make_key(i);
}

int
first_project(struct init *i)
{
	size_t projects = 0;
	bool keyless = false;
	int rc = CTL_DONE;

	if (!i->wanted && !i->ask)
		return CTL_DONE;
	if (!i->dry || (i->database && i->pending == 0))
		rc = count_projects(i, &projects, &keyless);
	if (rc)
		return rc;
	if (projects > 0 && !keyless) {
		run_there(
		    i, "a project; project create and key create make others");
		return CTL_DONE;
	}
	if (i->ask && !keyless)
		ask_all(i);
	return i->wanted ? make_project(i, keyless) : CTL_DONE;
}
