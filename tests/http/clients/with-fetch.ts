// Calls of every kind with openapi-typescript's types and openapi-fetch.
import createClient from "openapi-fetch";

import { apiKey, baseUrl, saw } from "./common";
import type { components, paths } from "./schema";

type Member = components["schemas"]["Member"];

const P = "/api/v1/project";
const api = createClient<paths>({
	baseUrl,
	headers: { Authorization: `Bearer ${apiKey}` },
});

// The answer's body, or the end: a refusal says its code.
function good<T>(answer: {
	data?: T;
	error?: { error: components["schemas"]["ApiError"] };
}): T {
	if (answer.data === undefined)
		throw new Error(answer.error?.error.code);
	return answer.data;
}

async function main(): Promise<void> {
	const project = good(await api.GET(P)).data;
	saw("getProject", project.githubRepoUrl, null);
	const name: string = `${project.name} 2`;
	const updated = good(await api.POST(`${P}/update`, {
		body: { name, githubRepoUrl: "https://github.com/org/repo" },
	})).data;
	saw("updateProject", updated.name, name);

	const before = good(await api.GET(`${P}/settings`)).data;
	saw("getSettings", before.convexDevKey, null);
	const settings = good(await api.POST(`${P}/settings/update`, {
		body: {
			envVars: { NODE_ENV: "production" },
			selectedSkills: ["a", "b"],
			testUserCredentials: { user: { name: "u" } },
			convexDevKey: "dev:key-9876",
			mergingModel: null,
		},
	})).data;
	saw("updateSettings",
		[settings.envVars?.["NODE_ENV"], settings.convexDevKey?.last4,
			...(settings.selectedSkills ?? [])],
		["production", "9876", "a", "b"]);

	const invited: Member = good(await api.POST(`${P}/members/invite`, {
		body: { email: "new@example.com", role: "member" },
	})).data;
	saw("inviteMember", invited.status, "pending");
	const members = good(await api.GET(`${P}/members`, {
		params: { query: { limit: 100 } },
	}));
	const emails: string[] = members.data.map((m) => m.email);
	saw("listMembers", [emails.length, members.nextCursor, emails[1]],
		[2, null, "new@example.com"]);
	const body = { targetUserId: invited.userId };
	const admin = good(await api.POST(`${P}/members/update-role`, {
		body: { ...body, role: "admin" },
	})).data;
	saw("updateMemberRole", admin.role, "admin");
	const gone = good(await api.POST(`${P}/members/remove`, { body })).data;
	saw("removeMember", gone.removed, true);

	const key = good(await api.POST(`${P}/provider-keys/set`, {
		body: { provider: "openai", key: "sk-0123456789" },
	})).data;
	saw("setProviderKey", key.last4, "6789");
	const keys = good(await api.GET(`${P}/provider-keys`)).data;
	saw("listProviderKeys", keys.map((k) => k.provider), ["openai"]);
	const removed = good(await api.POST(`${P}/provider-keys/remove`, {
		body: { provider: "openai" },
	})).data;
	saw("removeProviderKey", removed.provider, "openai");

	const made = good(await api.POST(`${P}/api-keys/generate`, {
		body: { name: "second" },
	})).data;
	saw("generateApiKey", made.key.slice(0, 16), made.prefix);
	const rows = good(await api.GET(`${P}/api-keys`)).data;
	saw("listApiKeys", rows.map((k) => k.environment), ["live", "live"]);
	const revoked = good(await api.POST(`${P}/api-keys/revoke`, {
		body: { keyId: made.id },
	})).data;
	saw("revokeApiKey", revoked.revoked, true);

	const counters = good(await api.GET(`${P}/counters`)).data;
	saw("getCounters", counters.apiKeys + counters.members, 2);
	const refused = await api.POST(`${P}/members/remove`, { body });
	saw("refusal", refused.error?.error.field, "targetUserId");
	const end = good(await api.POST(`${P}/delete`)).data;
	saw("deleteProject", end.deleted, true);
}

void main();
