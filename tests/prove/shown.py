"""What an answer shows: of which objects, which part of their states, and
their tags."""

PROVIDERS = ["e2b", "anthropic", "openrouter", "openai", "github"]
SETTINGS = ["gitCommitName", "claudeMd", "selectedSkills", "envVars",
            "deployEnvVars"]


def key_state(row):
    return {"name": row["name"], "scopes": tuple(row["scopes"]),
            "disabled": row["disabled"], "ips": tuple(row["allowedIps"]),
            "rate": row["rateLimit"], "revoked": row["revoked"]}


def member_state(row):
    return {n: row[n] for n in ("email", "role", "status")}


def shown_settings(project, data):
    state = {n: data[n] for n in (*SETTINGS, "version") if n in data}
    return [(project.thing("settings"), state, data.get("etag"))]


def shown_version(project, data):
    state = {n: data[n] for n in SETTINGS}
    return [(project.thing("version", data["version"]), state, None)]


def shown_project(project, data):
    return [(project.thing("project"), {
        "name": data["name"], "url": data["githubRepoUrl"]}, data["etag"])]


def shown_member(project, row):
    if "removed" in row:
        return []
    return [(project.thing("member", row["id"]), member_state(row),
             row["etag"])]


def shown_members(project, rows):
    """Those that a client has seen and that are missing now, too."""
    gone = set(project.members) - {r["id"] for r in rows}
    return [s for r in rows for s in shown_member(project, r)] + \
        [(project.thing("member", m), None, None) for m in gone]


def shown_provider(project, row):
    if "removed" in row:
        return []
    return [(project.thing("provider", row["provider"]),
             {"last4": row["last4"]}, row["etag"])]


def shown_providers(project, rows):
    gone = set(PROVIDERS) - {r["provider"] for r in rows}
    return [s for r in rows for s in shown_provider(project, r)] + \
        [(project.thing("provider", p), None, None) for p in gone]


def shown_key(project, row):
    return [(project.thing("key", row["id"]), key_state(row), row["etag"])]


def shown_keys(project, rows):
    return [s for r in rows for s in shown_key(project, r)]


def shown_whoami(project, data):
    state = {"name": data["name"], "scopes": tuple(data["scopes"]),
             "ips": tuple(data["allowedIps"]), "rate": data["rateLimit"]}
    return [(project.thing("key", data["keyId"]), state, None)]


def shown_nothing(project, data):
    return []
