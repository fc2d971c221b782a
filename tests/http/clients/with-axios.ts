// The sixteen calls with swagger-typescript-api's class on axios.
import { isAxiosError } from "axios";

import { Api, type ApiError, type Member, type Project } from "./api";
import { apiKey, baseUrl, saw } from "./common";

const { api } = new Api({
	baseURL: baseUrl,
	headers: { Authorization: `Bearer ${apiKey}` },
});

async function main(): Promise<void> {
	const project: Project = (await api.getProject()).data.data;
	saw("getProject", project.githubRepoUrl, null);
	const name: string = `${project.name} 2`;
	const updated = (await api.updateProject({
		name, githubRepoUrl: "https://github.com/org/repo",
	})).data.data;
	saw("updateProject", updated.name, name);

	const before = (await api.getSettings()).data.data;
	saw("getSettings", before.convexDevKey, null);
	const settings = (await api.updateSettings({
		envVars: { NODE_ENV: "production" },
		selectedSkills: ["a", "b"],
		testUserCredentials: { user: "u" },
		convexDevKey: "dev:key-9876",
		mergingModel: null,
	})).data.data;
	saw("updateSettings",
		[settings.envVars["NODE_ENV"], settings.convexDevKey?.last4,
			...settings.selectedSkills],
		["production", "9876", "a", "b"]);

	const invited: Member = (await api.inviteMember({
		email: "new@example.com", role: "member",
	})).data.data;
	saw("inviteMember", invited.status, "pending");
	const members = (await api.listMembers({ limit: 100 })).data;
	const emails: string[] = members.data.map((m) => m.email);
	saw("listMembers", [emails.length, members.nextCursor, emails[1]],
		[2, null, "new@example.com"]);
	const body = { targetUserId: invited.userId };
	const admin = (await api.updateMemberRole({
		...body, role: "admin",
	})).data.data;
	saw("updateMemberRole", admin.role, "admin");
	const gone = (await api.removeMember(body)).data.data;
	saw("removeMember", gone.removed, true);

	const key = (await api.setProviderKey({
		provider: "openai", key: "sk-0123456789",
	})).data.data;
	saw("setProviderKey", key.last4, "6789");
	const keys = (await api.listProviderKeys()).data.data;
	saw("listProviderKeys", keys.map((k) => k.provider), ["openai"]);
	const removed = (await api.removeProviderKey({
		provider: "openai",
	})).data.data;
	saw("removeProviderKey", removed.provider, "openai");

	const made = (await api.generateApiKey({ name: "second" })).data.data;
	saw("generateApiKey", made.key.slice(0, 16), made.prefix);
	const rows = (await api.listApiKeys()).data.data;
	saw("listApiKeys", rows.map((k) => k.environment), ["live", "live"]);
	const revoked = (await api.revokeApiKey({ keyId: made.id })).data.data;
	saw("revokeApiKey", revoked.revoked, true);

	const counters = (await api.getCounters()).data.data;
	saw("getCounters", counters.apiKeys + counters.members, 2);
	try {
		await api.removeMember(body);
	} catch (e) {
		if (isAxiosError<{ error: ApiError }>(e))
			saw("refusal", e.response?.data.error.field, "targetUserId");
	}
	const end = (await api.deleteProject()).data.data;
	saw("deleteProject", end.deleted, true);
}

void main();
