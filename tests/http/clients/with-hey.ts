// Calls of every kind with the functions that @hey-api/openapi-ts makes.
import { apiKey, baseUrl, saw } from "./common";
import * as api from "./hey";
import { client } from "./hey/client.gen";

client.setConfig({ baseUrl, auth: apiKey });

// The answer's body, or the end: a refusal says its code.
function good<T>(answer: { data?: T; error?: { error: api.ApiError } }): T {
	if (answer.data === undefined)
		throw new Error(answer.error?.error.code);
	return answer.data;
}

async function main(): Promise<void> {
	const project: api.Project = good(await api.getProject()).data;
	saw("getProject", project.githubRepoUrl, null);
	const name: string = `${project.name} 2`;
	const updated = good(await api.updateProject({
		body: { name, githubRepoUrl: "https://github.com/org/repo" },
	})).data;
	saw("updateProject", updated.name, name);

	const before = good(await api.getSettings()).data;
	saw("getSettings", before.convexDevKey, null);
	const settings = good(await api.updateSettings({
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

	const invited: api.Member = good(await api.inviteMember({
		body: { email: "new@example.com", role: "member" },
	})).data;
	saw("inviteMember", invited.status, "pending");
	const members = good(await api.listMembers({ query: { limit: 100 } }));
	const emails: string[] = members.data.map((m) => m.email);
	saw("listMembers", [emails.length, members.nextCursor, emails[1]],
		[2, null, "new@example.com"]);
	const body = { targetUserId: invited.userId };
	const admin = good(await api.updateMemberRole({
		body: { ...body, role: "admin" },
	})).data;
	saw("updateMemberRole", admin.role, "admin");
	const gone = good(await api.removeMember({ body })).data;
	saw("removeMember", gone.removed, true);

	const key = good(await api.setProviderKey({
		body: { provider: "openai", key: "sk-0123456789" },
	})).data;
	saw("setProviderKey", key.last4, "6789");
	const keys = good(await api.listProviderKeys()).data;
	saw("listProviderKeys", keys.map((k) => k.provider), ["openai"]);
	const removed = good(await api.removeProviderKey({
		body: { provider: "openai" },
	})).data;
	saw("removeProviderKey", removed.provider, "openai");

	const made = good(await api.generateApiKey({
		body: { name: "second" },
	})).data;
	saw("generateApiKey", made.key.slice(0, 16), made.prefix);
	const rows = good(await api.listApiKeys()).data;
	saw("listApiKeys", rows.map((k) => k.environment), ["live", "live"]);
	const revoked = good(await api.revokeApiKey({
		body: { keyId: made.id },
	})).data;
	saw("revokeApiKey", revoked.revoked, true);

	const counters = good(await api.getCounters()).data;
	saw("getCounters", counters.apiKeys + counters.members, 2);
	const refused = await api.removeMember({ body });
	saw("refusal", refused.error?.error.field, "targetUserId");
	const end = good(await api.deleteProject()).data;
	saw("deleteProject", end.deleted, true);
}

void main();
