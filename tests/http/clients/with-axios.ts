// Calls of every kind with the classes of openapi-generator's typescript-axios.
import { isAxiosError } from "axios";

import {
	APIKeysApi, type ApiError, Configuration, CountersApi, Environment,
	type Member, MembersApi, MemberStatus, type Project, ProjectApi,
	Provider, ProviderKeysApi, Role, SettingsApi,
} from "./axios";
import { apiKey, baseUrl, saw } from "./common";

const configuration = new Configuration({
	basePath: baseUrl, accessToken: apiKey,
});
const projects = new ProjectApi(configuration);
const settingsApi = new SettingsApi(configuration);
const membersApi = new MembersApi(configuration);
const providerKeys = new ProviderKeysApi(configuration);
const apiKeys = new APIKeysApi(configuration);

async function main(): Promise<void> {
	const project: Project = (await projects.getProject()).data.data;
	saw("getProject", project.githubRepoUrl, null);
	const name: string = `${project.name} 2`;
	const updated = (await projects.updateProject({
		name, githubRepoUrl: "https://github.com/org/repo",
	})).data.data;
	saw("updateProject", updated.name, name);

	const before = (await settingsApi.getSettings()).data.data;
	saw("getSettings", before.convexDevKey, null);
	const settings = (await settingsApi.updateSettings({
		envVars: { NODE_ENV: "production" },
		selectedSkills: ["a", "b"],
		testUserCredentials: { user: { name: "u" } },
		convexDevKey: "dev:key-9876",
		mergingModel: null,
	})).data.data;
	saw("updateSettings",
		[settings.envVars?.["NODE_ENV"], settings.convexDevKey?.last4,
			...(settings.selectedSkills ?? [])],
		["production", "9876", "a", "b"]);

	const invited: Member = (await membersApi.inviteMember({
		email: "new@example.com", role: Role.Member,
	})).data.data;
	saw("inviteMember", invited.status, MemberStatus.Pending);
	const members = (await membersApi.listMembers(100)).data;
	const emails: string[] = members.data.map((m) => m.email);
	saw("listMembers", [emails.length, members.nextCursor, emails[1]],
		[2, null, "new@example.com"]);
	const body = { targetUserId: invited.userId };
	const admin = (await membersApi.updateMemberRole({
		...body, role: Role.Admin,
	})).data.data;
	saw("updateMemberRole", admin.role, Role.Admin);
	const gone = (await membersApi.removeMember(body)).data.data;
	saw("removeMember", gone.removed, true);

	const key = (await providerKeys.setProviderKey({
		provider: Provider.Openai, key: "sk-0123456789",
	})).data.data;
	saw("setProviderKey", key.last4, "6789");
	const keys = (await providerKeys.listProviderKeys()).data.data;
	saw("listProviderKeys", keys.map((k) => k.provider), [Provider.Openai]);
	const removed = (await providerKeys.removeProviderKey({
		provider: Provider.Openai,
	})).data.data;
	saw("removeProviderKey", removed.provider, Provider.Openai);

	const made = (await apiKeys.generateApiKey({ name: "second" })).data.data;
	saw("generateApiKey", made.key.slice(0, 16), made.prefix);
	const rows = (await apiKeys.listApiKeys()).data.data;
	saw("listApiKeys", rows.map((k) => k.environment),
		[Environment.Live, Environment.Live]);
	const revoked = (await apiKeys.revokeApiKey({
		keyId: made.id,
	})).data.data;
	saw("revokeApiKey", revoked.revoked, true);

	const counters = (await new CountersApi(configuration).getCounters())
		.data.data;
	saw("getCounters", counters.apiKeys + counters.members, 2);
	try {
		await membersApi.removeMember(body);
	} catch (e) {
		if (isAxiosError<{ error: ApiError }>(e))
			saw("refusal", e.response?.data.error.field, "targetUserId");
	}
	const end = (await projects.deleteProject()).data.data;
	saw("deleteProject", end.deleted, true);
}

void main();
