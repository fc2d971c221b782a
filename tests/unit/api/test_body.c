/*
 * test_body.c: the bodies of the endpoints: which values their fields take,
 * and their limits. Which fields there are is tests/lib/contract.py's.
 */
#include "bodies.h"

#include "api/handlers.h"
#include "api/routes.h"

#include "base/banned.h"

#define EMOJI "\xf0\x9f\x98\x80"

/* ---- all fields ---- */

static void
has_names(void **state)
{
	(void)state;
	for (const struct route *t = routes; t->path; t++) {
		const struct body *b = t->body;

		assert_true(!b || b->n <= FIELD_MAX);
		for (size_t k = 0; b && k < b->n; k++) {
			const char *name = b->fields[k].name;

			/* req_given_names quotes nothing */
			assert_in_range(strlen(name), 1, 31);
			assert_int_equal(strspn(name,
					     "abcdefghijklmnopqrstuvwxyz"
					     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
			    strlen(name));
			/* a rule says why, an id what there is none of */
			assert_int_equal(
			    b->fields[k].valid || b->fields[k].form,
			    !!b->fields[k].rule);
			assert_true(
			    !b->fields[k].is_id || b->fields[k].not_found);
		}
	}
}

/* Every field of every body: what is not of its type is refused, and null is
 * taken by those that can be unset alone. */
static void
has_types(void **state)
{
	static const char *const values[] = {
	    "1", "1.5", "true", "[1]", "{\"a\":1}", "\"\\u0007\"", "null"};
	struct checked c;
	char text[100];

	(void)state;
	for (const struct route *t = routes; t->path; t++) {
		const struct body *b = t->body;

		for (size_t k = 0; b && k < b->n * COUNT(values); k++) {
			const struct field *f = &b->fields[k / COUNT(values)];
			const char *value = values[k % COUNT(values)];
			bool fine = false;

			snprintf(
			    text, sizeof(text), "{\"%s\":%s}", f->name, value);
			check_body(&c, b, text);
			json_object_put(c.json);
			if (strcmp(value, "null") == 0)
				fine = f->nullable;
			else if (f->type == FIELD_NUMBER)
				fine = strcmp(value, "1") == 0;
			else if (f->type == FIELD_BOOL)
				fine = strcmp(value, "true") == 0;
			else if (f->type == FIELD_OBJECT)
				fine = *value == '{';
			else if (*value == '"') /* some take any text */
				continue;
			if (fine != !strstr(c.complaints, f->name))
				fail_msg("%s: %s", text, c.complaints);
		}
	}
}

/* ---- which values ---- */

#define P  &project_update_body
#define S  &settings_update_body
#define I  &member_invite_body
#define R  &member_update_role_body
#define K  &provider_key_set_body
#define X  &provider_key_remove_body
#define G  &api_key_generate_body
#define V  &api_key_revoke_body
#define MI &member_remove_body

static const struct {
	const struct body *body;
	const char *text;
} good[] = {
    {P, "{}"},
    {P,
	"{\"name\":\"New Name\",\"slug\":\"new-slug\","
	"\"githubRepoUrl\":\"https://github.com/org/new-repo\"}"},
    {P, "{\"githubRepoUrl\":null}"},
    {P, "{\"name\":\"  a  \"}"},
    {&project_delete_body, "{}"},
    {S,
	"{\"sandboxSystemPrompt\":\"You are a helpful coding assistant.\","
	"\"claudeMd\":\"# Project Instructions\\n...\","
	"\"issueDiscoveryPrompt\":\"Analyze the codebase.\","
	"\"envVars\":{\"NODE_ENV\":\"production\"},"
	"\"gitCommitName\":\"CodeCourier Bot\","
	"\"gitCommitEmail\":\"bot@example.com\"}"},
    {S, "{\"claudeMd\":\"\",\"learningModel\":\".\",\"gitCommitName\":\"a.\"}"},
    {S, "{\"convexDeployKey\":\"prod:a b|c\",\"convexDevKey\":\"~!@#$%^&\"}"},
    {S, "{\"testUserCredentials\":{\"n\":1e2,\"deep\":[[{}]]}}"},
    {I, "{\"email\":\"user@example.com\",\"role\":\"member\"}"},
    {I, "{\"email\":\"root@localhost\",\"role\":\"owner\"}"},
    {I, "{\"email\":\"A@B\",\"role\":\"admin\"}"},
    {MI, "{\"targetUserId\":\"anything at all\"}"},
    {MI, "{\"targetUserId\":\"\"}"},
    {R, "{\"targetUserId\":\"x\",\"role\":\"owner\"}"},
    {K, "{\"provider\":\"anthropic\",\"key\":\"sk-ant-...\"}"},
    {K, "{\"provider\":\"anthropic_token\",\"key\":\"!~!~!~!~\"}"},
    {X, "{\"provider\":\"e2b\"}"},
    {X, "{\"provider\":\"openrouter\"}"},
    {X, "{\"provider\":\"openai\"}"},
    {X, "{\"provider\":\"github\"}"},
    {G, "{\"name\":\"My New Key\"}"},
    {G, "{\"name\":\"k\",\"environment\":\"live\"}"},
    {G, "{\"environment\":\"test\",\"name\":\"k\"}"},
    {G,
	"{\"name\":\"k\",\"allowedIps\":[\"10.0.0.0/8\",\"10.0.0.0/9\","
	"\"10.0.0.0\",\"::/0\",\"2001:DB8::1/128\",\"::ffff:192.0.2.7\"]}"},
    {G, "{\"name\":\"k\",\"allowedIps\":[]}"},
    {V, "{\"keyId\":\"no id\"}"},
};

/* The field that is complained of, alone. */
static const struct {
	const struct body *body;
	const char *text, *field;
} bad[] = {
    {P, "{\"name\":\"\"}", "name"},
    {P, "{\"name\":\"   \"}", "name"},
    {P, "{\"name\":\"a\\tb\"}", "name"},
    {P, "{\"name\":\"a\\u200fb\"}", "name"},
    {P, "{\"slug\":\"\"}", "slug"},
    {P, "{\"slug\":\" a\"}", "slug"}, /* not trimmed */
    {P, "{\"slug\":\"A\"}", "slug"},
    {P, "{\"slug\":\"-a\"}", "slug"},
    {P, "{\"slug\":\"a-\"}", "slug"},
    {P, "{\"slug\":\"a_b\"}", "slug"},
    {P, "{\"githubRepoUrl\":\"\"}", "githubRepoUrl"},
    {P, "{\"githubRepoUrl\":\"http://h/o/r\"}", "githubRepoUrl"},
    {P, "{\"githubRepoUrl\":\" https://h/o/r\"}", "githubRepoUrl"},
    {P, "{\"githubRepoUrl\":\"https://u@h/o/r\"}", "githubRepoUrl"},
    {P, "{\"githubRepoUrl\":\"https://h/o\"}", "githubRepoUrl"},
    {P, "{\"id\":\"x\"}", "id"},
    {P, "{\"_creationTime\":1}", "_creationTime"},
    {&project_delete_body, "{\"confirm\":true}", "confirm"},
    {P, "{\"name\":\"\\u200b\"}", "name"},
    {G, "{\"name\":\"\\u3164 \\ufeff\"}", "name"},
    {S, "{\"learningTemplateId\":\" \"}", "learningTemplateId"},
    {S, "{\"learningModel\":\"\"}", "learningModel"},
    {S, "{\"mergingTemplateId\":\"\\u00ad\"}", "mergingTemplateId"},
    {S, "{\"mergingModel\":\"\\u2800\"}", "mergingModel"},
    {S, "{\"gitCommitName\":\"\\u00a0\"}", "gitCommitName"},
    {S, "{\"gitCommitName\":\"\"}", "gitCommitName"},
    {S, "{\"gitCommitName\":\"<>\"}", "gitCommitName"},
    {S, "{\"gitCommitName\":\"a<b\"}", "gitCommitName"},
    {S, "{\"gitCommitName\":\". ,\"}", "gitCommitName"},
    {S, "{\"gitCommitEmail\":\"<a@b>\"}", "gitCommitEmail"},
    {S, "{\"gitCommitEmail\":\"\"}", "gitCommitEmail"},
    {S, "{\"gitCommitEmail\":\"bot\"}", "gitCommitEmail"},
    {S, "{\"gitCommitEmail\":\"a b@c\"}", "gitCommitEmail"},
    {S, "{\"convexDeployKey\":\"1234567\"}", "convexDeployKey"},
    {S, "{\"convexDeployKey\":\"\"}", "convexDeployKey"},
    {S, "{\"convexDevKey\":\"1234567\\u00e9\"}", "convexDevKey"},
    {S, "{\"convexDevKey\":\"1234567\\n\"}", "convexDevKey"},
    {S, "{\"convexDevKey\":\"1234567\\u007f\"}", "convexDevKey"},
    {S, "{\"convexDevKey\":{\"last4\":\"abcd\"}}", "convexDevKey"},
    {S, "{\"selectedSkills\":[\"a\",\"a\"]}", "selectedSkills[1]"},
    {S, "{\"selectedSkills\":[\"\"]}", "selectedSkills[0]"},
    {S, "{\"envVars\":{\"9\":\"x\"}}", "envVars.9"},
    {S, "{\"deployEnvVars\":{\"A\":1}}", "deployEnvVars.A"},
    {S, "{\"envvars\":{}}", "envvars"},
    {S, "{\"updatedAt\":1}", "updatedAt"},
    {I, "{\"email\":\"\",\"role\":\"member\"}", "email"},
    {I, "{\"email\":\"a\",\"role\":\"member\"}", "email"},
    {I, "{\"email\":\" a@b\",\"role\":\"member\"}", "email"},
    {I, "{\"email\":\"a@b@c\",\"role\":\"member\"}", "email"},
    {I, "{\"email\":\"\\u00e9@b\",\"role\":\"member\"}", "email"},
    {I, "{\"email\":\"a@b\"}", "role"},
    {I, "{\"role\":\"member\"}", "email"},
    {I, "{\"email\":\"a@b\",\"role\":\"\"}", "role"},
    {I, "{\"email\":\"a@b\",\"role\":\"Owner\"}", "role"},
    {I, "{\"email\":\"a@b\",\"role\":\"member \"}", "role"},
    {I, "{\"email\":\"a@b\",\"role\":\"viewer\"}", "role"},
    {I, "{\"email\":\"a@b\",\"role\":null}", "role"},
    {I, "{\"email\":\"a@b\",\"role\":\"member\",\"name\":\"x\"}", "name"},
    {MI, "{}", "targetUserId"},
    {MI, "{\"targetUserId\":null}", "targetUserId"},
    {MI, "{\"targetUserId\":7}", "targetUserId"},
    {R, "{\"role\":\"owner\"}", "targetUserId"},
    {R, "{\"targetUserId\":\"x\"}", "role"},
    {R, "{\"targetUserId\":\"x\",\"role\":\"root\"}", "role"},
    {K, "{\"provider\":\"anthropic\"}", "key"},
    {K, "{\"key\":\"12345678\"}", "provider"},
    {K, "{\"provider\":\"Anthropic\",\"key\":\"12345678\"}", "provider"},
    {K, "{\"provider\":\"\",\"key\":\"12345678\"}", "provider"},
    {K, "{\"provider\":\"anthropic \",\"key\":\"12345678\"}", "provider"},
    {K, "{\"provider\":\"gitlab\",\"key\":\"12345678\"}", "provider"},
    {K, "{\"provider\":\"e2b\",\"key\":\"1234567\"}", "key"},
    {K, "{\"provider\":\"e2b\",\"key\":\"1234 5678\"}", "key"},
    {K, "{\"provider\":\"e2b\",\"key\":\"12345678 \"}", "key"},
    {K, "{\"provider\":\"e2b\",\"key\":\"12345678\\n\"}", "key"},
    {K, "{\"provider\":\"e2b\",\"key\":\"1234567\\u00e9\"}", "key"},
    {K, "{\"provider\":\"e2b\",\"key\":null}", "key"},
    {X, "{}", "provider"},
    {X, "{\"provider\":\"e2b\",\"key\":\"12345678\"}", "key"},
    {G, "{}", "name"},
    {G, "{\"environment\":\"test\"}", "name"},
    {G, "{\"name\":\" \"}", "name"},
    {G, "{\"name\":\"a\\u2029\"}", "name"},
    {G, "{\"name\":\"k\",\"environment\":\"prod\"}", "environment"},
    {G, "{\"name\":\"k\",\"environment\":\"Live\"}", "environment"},
    {G, "{\"name\":\"k\",\"environment\":\"\"}", "environment"},
    {G, "{\"name\":\"k\",\"scopes\":[]}", "scopes"},
    {G, "{\"name\":\"k\",\"allowedIps\":[\"10.0.0.1/8\"]}", "allowedIps[0]"},
    {G, "{\"name\":\"k\",\"allowedIps\":[\"10.0.0\"]}", "allowedIps[0]"},
    {G, "{\"name\":\"k\",\"allowedIps\":[\"\"]}", "allowedIps[0]"},
    {G, "{\"name\":\"k\",\"allowedIps\":[\"10.0.0.1 \"]}", "allowedIps[0]"},
    {G, "{\"name\":\"k\",\"allowedIps\":[\"::1%lo\"]}", "allowedIps[0]"},
    {G, "{\"name\":\"k\",\"allowedIps\":[\"10.0.0.0/08\"]}", "allowedIps[0]"},
    {G, "{\"name\":\"k\",\"allowedIps\":[1]}", "allowedIps[0]"},
    {G, "{\"name\":\"k\",\"allowedIps\":[\"::1\",\"0::1\"]}", "allowedIps[1]"},
    {G, "{\"name\":\"k\",\"allowedIps\":[\"10.0.0.1\",\"10.0.0.1/32\"]}",
	"allowedIps[1]"},
    {G,
	"{\"name\":\"k\",\"allowedIps\":[\"10.0.0.0/8\",\"::ffff:10.0.0.0/"
	"104\"]}",
	"allowedIps[1]"},
    {V, "{}", "keyId"},
    {V, "{\"id\":\"x\",\"keyId\":\"x\"}", "id"},
};

static void
takes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_taken(good[i].body, good[i].text);
}

static void
complains(void **state)
{
	struct checked c;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		size_t len = strlen(bad[i].field);

		check_body(&c, bad[i].body, bad[i].text);
		json_object_put(c.json);
		if (c.n != 1 || strncmp(c.complaints, bad[i].field, len) != 0 ||
		    strncmp(c.complaints + len, ": ", 2) != 0)
			fail_msg("%s: %s", bad[i].text, c.complaints);
	}
}

/* What a text must be that is one of few is told whole. */
static void
names_choices(void **state)
{
	(void)state;
	assert_complaints(R, "{\"targetUserId\":\"\",\"role\":\"\"}",
	    "role: Must be \"owner\", \"admin\" or \"member\".\n");
	assert_complaints(X, "{\"provider\":\"\"}",
	    "provider: Must be \"e2b\", \"anthropic\", \"anthropic_token\", "
	    "\"openrouter\", \"openai\" or \"github\".\n");
	assert_complaints(G, "{\"name\":\"k\",\"environment\":\"\"}",
	    "environment: Must be \"live\" or \"test\".\n");
}

/* ---- how long ---- */

static void
has_limits(void **state)
{
	static const char *const prompts[] = {
	    "sandboxSystemPrompt", "claudeMd", "issueDiscoveryPrompt"};
	static const char *const names[] = {"learningTemplateId",
	    "learningModel", "mergingTemplateId", "mergingModel",
	    "gitCommitName"};
	static const char *const keys[] = {"convexDeployKey", "convexDevKey"};

	(void)state;
	assert_longest(P, "name", "n", 100, "Must have 1 to 100 characters.");
	assert_longest(P, "name", EMOJI, 100, "Must have 1 to 100 characters.");
	assert_longest(G, "name", EMOJI, 100, "Must have 1 to 100 characters.");
	assert_longest(P, "slug", "s", 63, "Must have 1 to 63 characters.");
	for (size_t i = 0; i < COUNT(prompts); i++) {
		const char *most = "Must have at most 262144 bytes.";

		assert_longest(S, prompts[i], "p", 262144, most);
		assert_longest(S, prompts[i], EMOJI, 65536, most);
		assert_longest(S, prompts[i], "\xc3\xa9", 131072, most);
	}
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *most = "Must have at most 200 characters.";

		assert_longest(S, names[i], "n", 200, most);
		assert_longest(S, names[i], EMOJI, 200, most);
	}
	for (size_t i = 0; i < COUNT(keys); i++)
		assert_longest(
		    S, keys[i], "k", 1024, "Must have 8 to 1024 characters.");
}

/* Those whose value is not one character many times. */
static void
has_limits_of_addresses(void **state)
{
	static const struct {
		const struct body *body;
		const char *before, *after;
		size_t taken; /* units between the two; one more is refused */
	} cases[] = {
	    {P, "{\"githubRepoUrl\":\"https://h/o/", "\"}", 488},
	    {S, "{\"gitCommitEmail\":\"a@", "\"}", 198},
	    {I, "{\"role\":\"owner\",\"email\":\"a@", "\"}", 252},
	    {K, "{\"provider\":\"e2b\",\"key\":\"", "\"}", 1024},
	};
	struct checked c;
	char text[2000], *middle;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t more = 0; more <= 1; more++) {
			middle = repeat("x", cases[i].taken + more);
			snprintf(text, sizeof(text), "%s%s%s", cases[i].before,
			    middle, cases[i].after);
			free(middle);
			check_body(&c, cases[i].body, text);
			json_object_put(c.json);
			if (c.n != more)
				fail_msg("%.40s: %s", text, c.complaints);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest body_tests[] = {
	    cmocka_unit_test(has_names),
	    cmocka_unit_test(has_types),
	    cmocka_unit_test(takes),
	    cmocka_unit_test(complains),
	    cmocka_unit_test(names_choices),
	    cmocka_unit_test(has_limits),
	    cmocka_unit_test(has_limits_of_addresses),
	};

	return cmocka_run_group_tests(body_tests, NULL, NULL);
}
