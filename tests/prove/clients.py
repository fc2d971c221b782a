"""Clients that do at random what the API offers, on either host."""
import itertools
import threading
import time
import uuid

from caller import NOBODY, Caller, Key
from history import Op
from shown import (
    PROVIDERS, SETTINGS, member_state, shown_key, shown_keys, shown_member,
    shown_members, shown_nothing, shown_project, shown_provider,
    shown_providers, shown_settings, shown_version, shown_whoami)

LINGER = 1.0        # so long a key that has ended is still tried
KEYS = 6            # that a project has at a time, about
MEMBERS = 12
SCOPES = [*[("projects:read", "projects:write")] * 3, ("projects:read",),
          ("settings:read", "settings:write"), ("settings:write",),
          ("members:read", "provider-keys:read", "provider-keys:write"),
          ("projects:write",)]
HOW_OFTEN = {       # of a hundred and so many
    "read_settings": 16, "read_project": 14, "read_members": 8,
    "read_providers": 6, "read_keys": 4, "read_variables": 4,
    "read_version": 3, "roll_back": 4, "whoami": 10,
    "update_settings": 10, "import_variables": 5, "update_project": 6,
    "set_provider": 5, "remove_provider": 3, "invite": 3, "resend": 2,
    "accept": 2, "change_role": 4, "remove_member": 2, "generate": 2,
    "update_key": 6, "rotate": 2, "revoke": 2, "revoke_as_holder": 1}


class Client(threading.Thread, Caller):
    """Goes on until it is told to stop; a retry until it is answered."""

    tokens = itertools.count(1)

    def __init__(self, arena, number, seed, projects):
        threading.Thread.__init__(self, daemon=True)
        Caller.__init__(self, arena, number, seed)
        self.projects = projects
        self.over = threading.Event()
        self.problem = None
        self.names = list(HOW_OFTEN)
        self.weights = list(HOW_OFTEN.values())

    def run(self):
        try:
            while not self.over.is_set():
                project = self.random.choice(self.projects)
                name, = self.random.choices(self.names, self.weights)
                getattr(self, name)(project)
        except Exception as problem:    # told by the run
            self.problem = problem
        self.close()

    def token(self):
        return f"t{next(self.tokens):x}"

    def chance(self, share):
        return self.random.random() < share

    def some_key(self, project):
        """The admin's, or one that may be over."""
        if self.chance(0.1):
            return project.rated
        keys = [k for k in project.keys
                if not k.ended or time.monotonic() < k.ended + LINGER]
        return self.random.choice(keys) if keys and self.chance(0.7) \
            else project.admin

    def get(self, kind, project, path, scope, show, key=None, host=None,
            thing=None):
        """A read, of something with a tag now and then with the last one."""
        tag = project.tags.get(thing) if self.chance(0.2) else None
        op = Op(kind, project.id, scope=scope, host=host, object=thing,
                if_match=tag)
        return op, self.send(op, "GET", path, key or self.some_key(project),
                             show=show, project=project)

    def post(self, kind, project, path, scope, body, thing, change, show,
             key=None, matched=True, needs=None):
        """A write, now and then with If-Match or Idempotency-Key; who has it
        looks at what became of it, mostly on another host."""
        key = key or self.some_key(project)
        tag = project.tags.get(thing) if matched and self.chance(0.25) else \
            None
        group = str(uuid.UUID(int=self.random.getrandbits(128))) if \
            self.chance(0.3) else None
        host, data = None, None
        while True:
            op = Op(kind, project.id, scope=scope, host=host, object=thing,
                    change=change, needs=needs, if_match=tag, group=group)
            data = self.send(op, "POST", path, key, body, show, project)
            if not group or not self.again(op):
                return op, data
            host = self.other(op.host)

    def again(self, op):
        """Whether a call with an Idempotency-Key is to be retried."""
        if self.over.is_set():
            return False
        unanswered = op.status == 0 or op.status >= 500 or \
            op.code == "IDEMPOTENCY_IN_PROGRESS"
        return unanswered or op.done and self.chance(0.2)

    def other(self, host):
        return (host + 1) % len(self.ports)

    def look(self, op, read, project):
        """Reads what it has written."""
        if op.done and self.chance(0.6):
            read(project, host=self.other(op.host))

    # ---- reads ----

    def read_settings(self, project, host=None):
        return self.get("settings", project, "/project/settings",
                        "settings:read", shown_settings, host=host,
                        thing=project.thing("settings"))[0]

    def read_project(self, project, host=None):
        return self.get("project", project, "/project", "projects:read",
                        shown_project, host=host,
                        thing=project.thing("project"))[0]

    def read_members(self, project, host=None):
        op, rows = self.get("members", project, "/project/members?limit=100",
                            "members:read", shown_members, host=host)
        if rows is not None:
            op.owners = sum(r["role"] == "owner" and r["status"] == "active"
                            for r in rows)
            project.members.update((r["id"], r["userId"]) for r in rows)
        return op

    def read_providers(self, project, host=None):
        return self.get("providers", project, "/project/provider-keys",
                        "provider-keys:read", shown_providers, host=host)[0]

    def read_keys(self, project, host=None):
        return self.get("keys", project, "/project/api-keys?limit=20",
                        "api-keys:read", shown_keys, project.admin, host)[0]

    def read_variables(self, project, host=None):
        name = self.random.choice(["envVars", "deployEnvVars"])

        def show(project, data):
            return [(project.thing("settings"), {name: data}, None)]

        return self.get("variables", project,
                        f"/project/settings/env?set={name}&format=json",
                        "settings:read", show, host=host)[0]

    def some_version(self, project):
        """One that there is, new ones rather than old ones."""
        top = project.version
        return max(1, top - int(self.random.expovariate(0.3))) if top else None

    def read_version(self, project):
        number = self.some_version(project)
        if number:
            self.get("version", project,
                     f"/project/settings/versions/{number}", "settings:read",
                     shown_version, thing=project.thing("version", number))

    def whoami(self, project, host=None):
        self.get("whoami", project, "/whoami", None, shown_whoami, host=host)

    # ---- writes ----

    def update_settings(self, project):
        name = self.random.choice(SETTINGS)
        token = self.token()
        value = {"selectedSkills": [token], "envVars": {"U": token},
                 "deployEnvVars": {"U": token}}.get(name, token)
        op, _ = self.post("settings.update", project,
                          "/project/settings/update", "settings:write",
                          {name: value}, project.thing("settings"),
                          {name: value}, shown_settings)
        self.look(op, self.read_settings, project)

    def roll_back(self, project):
        number = self.some_version(project)
        if not number:
            return
        op, _ = self.post("settings.rollback", project,
                          "/project/settings/rollback", "settings:write",
                          {"version": number}, project.thing("settings"),
                          {"back to": number}, shown_settings)
        self.look(op, self.read_settings, project)

    def import_variables(self, project):
        name = self.random.choice(["envVars", "deployEnvVars"])
        mode = self.random.choice(["merge", "merge", "replace"])
        mine = {f"V{self.number}": self.token()}
        text = "".join(f"{n}={v}\n" for n, v in mine.items())

        def show(project, data):
            return shown_settings(project, {
                n: v for n, v in data.items() if n in ("version", "etag")})

        op, _ = self.post(
            "settings.import", project,
            f"/project/settings/env/import?set={name}&mode={mode}",
            "settings:write", text, project.thing("settings"),
            {name + "+" * (mode == "merge"): mine}, show)
        self.look(op, self.read_variables, project)

    def update_project(self, project):
        body = {"name": self.token()}
        if self.chance(0.5):
            body = {"githubRepoUrl": f"https://h.example/o/{self.token()}"}
        change = {{"githubRepoUrl": "url"}.get(n, n): v
                  for n, v in body.items()}
        op, _ = self.post("project.update", project, "/project/update",
                          "projects:write", body, project.thing("project"),
                          change, shown_project)
        self.look(op, self.read_project, project)

    def set_provider(self, project):
        name = self.random.choice(PROVIDERS)
        last4 = f"{next(self.tokens):04x}"[-4:]
        op, _ = self.post("provider.set", project,
                          "/project/provider-keys/set", "provider-keys:write",
                          {"provider": name, "key": f"key-{last4}"},
                          project.thing("provider", name), {"last4": last4},
                          shown_provider)
        self.look(op, self.read_providers, project)

    def remove_provider(self, project):
        name = self.random.choice(PROVIDERS)
        op, _ = self.post("provider.remove", project,
                          "/project/provider-keys/remove",
                          "provider-keys:write", {"provider": name},
                          project.thing("provider", name), None,
                          shown_provider)
        self.look(op, self.read_providers, project)

    def invite(self, project):
        if len(project.members) >= MEMBERS:
            return self.remove_member(project)
        member = {"email": f"{self.token()}@x.example",
                  "role": self.random.choice(["owner", "admin", "member"])}
        self.send_token(project, "invite", member, None,
                        {**member, "status": "pending"})

    def resend(self, project):
        """The token of before is none any more."""
        member, user = self.some_member(project, project.invitations)
        if member:
            self.send_token(project, "resend", {"targetUserId": user},
                            project.thing("member", member), {})

    def send_token(self, project, call, body, thing, change):
        name = self.token()
        op, row = self.post(f"member.{call}", project,
                            f"/project/members/{call}", "members:write", body,
                            thing, {**change, "token": name}, shown_member,
                            matched=False)
        if row:
            project.members[row["id"]] = row["userId"]
            project.invitations.setdefault(row["id"], []).append(
                (name, row["token"]))
        self.look(op, self.read_members, project)

    def accept(self, project):
        """By any token that there was."""
        member, _ = self.some_member(project, project.invitations)
        if not member:
            return
        name, token = self.random.choice(project.invitations[member][-3:])
        thing = project.thing("member", member)

        def show(project, data):
            return [(thing, member_state(data), None)]

        op, _ = self.post("member.accept", project, "/invitations/accept",
                          None, {"token": token}, thing, {"status": "active"},
                          show, NOBODY, matched=False,
                          needs={"token": name, "status": "pending"})
        self.look(op, self.read_members, project)

    def some_member(self, project, among=None):
        return self.random.choice([
            (m, u) for m, u in list(project.members.items())
            if among is None or m in among] or [(None, None)])

    def change_role(self, project):
        member, user = self.some_member(project)
        role = self.random.choice(["owner", "admin", "admin", "member"])
        op, _ = self.post("member.update-role", project,
                          "/project/members/update-role", "members:write",
                          {"targetUserId": user, "role": role},
                          project.thing("member", member), {"role": role},
                          shown_member)
        self.look(op, self.read_members, project)

    def remove_member(self, project):
        """Those that were there at first stay, so that there are owners."""
        member, user = self.some_member(project, project.invitations)
        if not member:
            return
        op, _ = self.post("member.remove", project,
                          "/project/members/remove", "members:write",
                          {"targetUserId": user},
                          project.thing("member", member), None, shown_member)
        if op.done or op.status == 404:
            project.members.pop(member, None)
        self.look(op, self.read_members, project)

    # ---- keys: by the admin's ----

    def make_key(self, project, scopes=None, rate=None):
        scopes = scopes or self.random.choice(SCOPES)
        name = self.token()
        body = {"name": name, "scopes": list(scopes)}
        if rate:
            body["rateLimit"] = rate
        state = {"name": name, "scopes": tuple(sorted(scopes)), "ips": (),
                 "rate": rate, "disabled": False, "revoked": False,
                 "ends": None, "rotated": False}
        _, row = self.post("key.generate", project,
                           "/project/api-keys/generate", "api-keys:write",
                           body, None, state, shown_key, project.admin,
                           matched=False)
        return row and Key(row["id"], row["key"])

    def generate(self, project):
        if sum(not k.ended for k in list(project.keys)) >= KEYS:
            return self.revoke(project)
        key = self.make_key(project)
        if key:
            project.keys.append(key)

    def some_target(self, project):
        live = [k for k in list(project.keys) if not k.ended]
        return self.random.choice(live) if live else None

    def use(self, project, key, first):
        """A key that has just been changed, at once, on all hosts."""
        for n in range(2 * len(self.ports)):
            host = (first + n) % len(self.ports)
            if n % 3 == 2:
                self.get("whoami", project, "/whoami", None, shown_whoami,
                         key, host)
            else:
                self.get("settings", project, "/project/settings",
                         "settings:read", shown_settings, key, host)

    def change_key(self, kind, project, key, more, change, path=None,
                   by=True):
        body = {"keyId": key.id, **more} if by else {"key": key.secret}
        op, row = self.post(
            f"key.{kind}", project, path or f"/project/api-keys/{kind}",
            "api-keys:write" if by else None, body,
            project.thing("key", key.id), change,
            shown_key if by else shown_nothing,
            project.admin if by else NOBODY, matched=by)
        return op, row

    def update_key(self, project):
        key = self.some_target(project)
        if not key:
            return self.generate(project)
        what = self.random.choice(["scopes", "scopes", "disabled", "ips"])
        if what == "scopes":
            scopes = tuple(sorted(self.random.choice(SCOPES)))
            more, change = {"scopes": list(scopes)}, {"scopes": scopes}
        elif what == "disabled":
            more = change = {"disabled": self.chance(0.3)}
        else:
            ips = self.random.choice([(), ("127.0.0.0/8",), ("10.0.0.0/8",)])
            more, change = {"allowedIps": list(ips)}, {"ips": ips}
        op, _ = self.change_key("update", project, key, more, change)
        if op.done:
            self.use(project, key, self.other(op.host))

    def rotate(self, project):
        key = self.some_target(project)
        if not key:
            return self.generate(project)
        grace = self.random.choice([0, 1, 2])
        op, row = self.change_key(
            "rotate", project, key, {"graceSeconds": grace},
            {"grace": grace, "rotated": True} if grace else
            {"revoked": True, "rotated": True})
        if op.done:
            key.ended = time.monotonic() + grace
            project.keys.append(Key(row["id"], row["key"]))
            self.use(project, key, self.other(op.host))

    def revoke(self, project, by=True, path=None):
        key = self.some_target(project)
        if not key:
            return
        op, _ = self.change_key("revoke", project, key, {}, {"revoked": True},
                                path, by)
        if op.done:
            key.ended = time.monotonic()
            self.use(project, key, self.other(op.host))

    def revoke_as_holder(self, project):
        self.revoke(project, False, "/credentials/revoke")
