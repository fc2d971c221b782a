"""What a key gives, by generate, update and rotate, is never more than it has.

Random callers and keys against a model that is written from the contract, and
against the promise itself: no key can make a request afterwards that neither
it nor the caller could have made before. ROUNDS: how many dice.
"""
import ipaddress
import json
import random
import time

import pytest

from client import Api
from fixtures import make_project, rounds
from session import Session

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

GENERATE, UPDATE, ROTATE = (
    "/project/api-keys/" + n for n in ("generate", "update", "rotate"))
MINUTE, HOUR, YEARS = 60_000, 3_600_000, 315_576_000_000    # ms; ten of them
READS = [f"{n}:read" for n in ("projects", "settings", "members",
                               "provider-keys", "api-keys", "counters",
                               "audit")]
WRITES = [f"{n}:write" for n in ("projects", "settings", "members",
                                 "provider-keys", "api-keys")]
CARRIED = [f"{n}:{a}" for a in ("read", "write") for n in (
    "workflows", "runs", "sandboxes", "personas", "issue-sessions", "issues",
    "learnings", "webhooks", "schedules")]
SCOPES = READS + WRITES + CARRIED
# the caller's lists have the tests' own address
BLOCKS = ["127.0.0.0/8", "127.0.0.1", "127.0.0.0/30", "10.0.0.0/8",
          "10.1.0.0/16", "10.1.2.3", "192.0.2.0/24", "2001:db8::/32",
          "2001:db8:1::/48", "2001:db8::1", "::1", "0.0.0.0/0", "::/0"]
PLACES = [ipaddress.ip_address(a) for a in (
    "127.0.0.1", "127.0.0.3", "127.9.9.9", "10.1.2.3", "10.1.9.9", "10.9.9.9",
    "192.0.2.7", "203.0.113.7", "2001:db8::1", "2001:db8:1::7",
    "2001:db8:9::9", "::1", "2001:db9::1")]
RATES = [100_000, 300_000, 500_000, 1_000_000]
AGES = [2 * MINUTE, HOUR, 24 * HOUR, 1000 * HOUR, YEARS - HOUR]


def covered(scopes):
    """With all that projects:* cover."""
    return {*scopes, *(READS if "projects:read" in scopes else ()),
            *(WRITES if "projects:write" in scopes else ())}


def inside(block, blocks):
    one = ipaddress.ip_network(block)
    return any(one.version == b.version and one.subnet_of(b)
               for b in map(ipaddress.ip_network, blocks))


# ---- what a key can do: {(scope, place, time): how often} ----

def can(row, times):
    """Of a row as the API shows it, or None."""
    if row is None or row["revoked"] or row["disabled"]:
        return {}
    end, rate = row["expiresAt"], row["rateLimit"] or float("inf")
    places = [p for p in PLACES if not row["allowedIps"] or
              inside(str(p), row["allowedIps"])]
    return {(s, p, t): rate for s in covered(row["scopes"]) for p in places
            for t in times if end is None or t < end}


def not_more(after, befores):
    """Nothing is in `after` that is in none of the others."""
    ends = {r["expiresAt"] for r in [after, *befores] if r and r["expiresAt"]}
    times = sorted({int(time.time() * 1000) + MINUTE, 1 << 53,
                    *ends, *(e - 1 for e in ends)})
    had = [can(row, times) for row in befores]
    more = {what: rate for what, rate in can(after, times).items()
            if rate > max((h.get(what, 0) for h in had))}
    assert not more, (after, befores, sorted(more, key=str)[:5])


# ---- what the contract says becomes of a call ----

def is_over(row):
    end = row["expiresAt"]
    return row["revoked"] or end is not None and end <= time.time() * 1000


def later(end, other):
    return other is not None and (end is None or end > other)


def beyond(row, own):
    """Whether its end, addresses or rate go further."""
    return later(row["expiresAt"], own["expiresAt"]) or \
        later(row["rateLimit"], own["rateLimit"]) or \
        bool(own["allowedIps"]) and (
            not row["allowedIps"] or
            not all(inside(b, own["allowedIps"]) for b in row["allowedIps"]))


def complaints(body, own):
    """The fields by which a body gives more than the caller has."""
    found, now = [], time.time() * 1000
    if set(body.get("scopes", ())) - covered(own["scopes"]):
        found.append("scopes")
    if "expiresAt" in body:
        end = body["expiresAt"]
        if end is not None and not now + MINUTE <= end <= now + YEARS or \
                later(end, own["expiresAt"]):
            found.append("expiresAt")
    if "allowedIps" in body and own["allowedIps"]:
        outside = [n for n, b in enumerate(body["allowedIps"] or ())
                   if not inside(b, own["allowedIps"])]
        if outside:
            found.append(f"allowedIps[{outside[0]}]")
        elif not body["allowedIps"]:
            found.append("allowedIps")
    if "rateLimit" in body and later(body["rateLimit"], own["rateLimit"]):
        found.append("rateLimit")
    return found


def changed(row, body):
    """The row after an update that was taken."""
    given = {n: v for n, v in body.items() if n != "keyId"}
    if "scopes" in given:
        given["scopes"] = sorted(given["scopes"])
    if "allowedIps" in given:
        given["allowedIps"] = given["allowedIps"] or []
    return {**row, **given}


def gains(row, body):
    """The first field by which an update gives a key more than it has."""
    after = changed(row, body)
    if set(after["scopes"]) - covered(row["scopes"]):
        return "scopes"
    for name in "expiresAt", "rateLimit", "allowedIps":
        if beyond({**row, name: after[name]}, row):
            return name
    return "disabled" if row["disabled"] and not after["disabled"] else None


def foreign(row, own):
    return set(row["scopes"]) - covered(own["scopes"])


def expect_generate(body, own):
    fields = complaints(body, own)
    return ("VALIDATION", fields) if fields else None


def expect_update(body, own, row):
    fields = complaints(body, own)
    if fields:
        return "VALIDATION", fields
    if body != {"keyId": row["id"], "disabled": True} and foreign(row, own):
        return "SCOPE_DENIED", "scope"
    if is_over(row):
        return "CONFLICT", "keyId"
    if row["rotatedTo"] and "expiresAt" in body and \
            later(body["expiresAt"], row["expiresAt"]):
        fields.append("expiresAt")
    field = gains(row, body)
    if field and beyond(changed(row, body), own):
        fields.append(field)
    return ("VALIDATION", fields) if fields else None


def expect_rotate(own, row):
    if foreign(row, own):
        return "SCOPE_DENIED", "scope"
    if beyond(row, own):
        return "FORBIDDEN", "keyId"
    if row["rotatedTo"] or is_over(row) or row["disabled"]:
        return "CONFLICT", "keyId"
    return None


# ---- dice ----

class Dice(random.Random):
    """Draws what callers have and bodies ask for: mostly what goes through."""

    def maybe(self, chance):
        return self.random() < chance

    def scopes(self, own=None):
        pool = sorted(covered(own)) if own and self.maybe(.8) else SCOPES
        found = self.sample(pool, min(len(pool), self.randint(1, 5)))
        return sorted(found)

    def end(self, own=None):
        """Never near to a limit, or the clock would decide."""
        now = int(time.time() * 1000)
        if self.maybe(.1):
            return self.choice([now - HOUR, now, now + 2 * YEARS, 1])
        ends = [now + a for a in AGES]
        if own and self.maybe(.7):
            ends = [e for e in ends if e <= own] + [own, own - 1000]
            ends = [e for e in ends if e > now + MINUTE * 1.5] or [own]
        elif self.maybe(.3):
            return None
        return self.choice(ends)

    def blocks(self, own=None):
        pool = BLOCKS
        if own and self.maybe(.7):
            pool = [b for b in BLOCKS if inside(b, own)]
        elif self.maybe(.4):
            return []
        return self.sample(pool, min(len(pool), self.randint(1, 3)))

    def rate(self, own=None):
        if not (own and self.maybe(.7)) and self.maybe(.4):
            return None
        rates = [r for r in RATES if not own or r <= own or self.maybe(.1)]
        return self.choice(rates + [own or 1000]) - self.randint(0, 1)

    def body(self, own, share):
        """Some of the fields, with what mostly may be given."""
        draws = {"name": lambda: f"name {self.randint(1, 9)}",
                 "scopes": lambda: self.scopes(own["scopes"]),
                 "expiresAt": lambda: self.end(own["expiresAt"]),
                 "allowedIps": lambda: self.blocks(own["allowedIps"]),
                 "rateLimit": lambda: self.rate(own["rateLimit"]),
                 "disabled": lambda: self.maybe(.3)}
        return {n: draw() for n, draw in draws.items() if self.maybe(share)}


def literal(value):
    if value is None:
        return "null"
    if isinstance(value, list):
        return "'{" + ",".join(value) + "}'"
    return f"'{value}'"


class World:
    """A project with a caller, whose row is changed as one likes, and keys
    that nobody holds."""

    def __init__(self, stack, dice):
        self.project, self.dice = make_project(stack), dice
        self.api = self.project.api
        self.caller = self.project.key_id
        self.session = Session(stack)

    def columns(self, own=None):
        """What a key has, at random; of the caller's itself if without."""
        dice, now = self.dice, int(time.time() * 1000)
        own = own or {"scopes": [], "expiresAt": None, "allowedIps": [],
                      "rateLimit": None}
        end = dice.end(own["expiresAt"])
        if end is not None and end > now:
            end = min(end, now + YEARS)
        return {"scopes": dice.scopes(own["scopes"]), "end": end,
                "addresses": dice.blocks(own["allowedIps"]),
                "rate": dice.rate(own["rateLimit"]),
                "disabled": dice.maybe(.3)}

    def usable(self):
        """What a key has that can make these calls, from here and now."""
        has, now = self.columns(), int(time.time() * 1000)
        scopes = {*has["scopes"], self.dice.choice(["api-keys:write"] * 3
                                                   + ["projects:write"])}
        here = [self.dice.choice(BLOCKS[:3])] if has["addresses"] else []
        end = has["end"]
        if end is not None and end < now + MINUTE:
            end = None
        return {**has, "scopes": sorted(scopes), "end": end, "disabled": False,
                "addresses": [*dict.fromkeys(has["addresses"] + here)]}

    def put(self, key_id, scopes, end, addresses, rate, disabled):
        when = "null" if end is None else f"to_timestamp({end} / 1000.0)"
        self.session.run(
            f"update codecourier.api_key set scopes = {literal(scopes)}, "
            f"ends_at = {when}, allowed_ips = {literal(addresses)}, "
            f"rate_limit = {literal(rate)}, disabled = {disabled} "
            f"where id = '{key_id}'")

    def new_key(self, own):
        """Of somebody else; as narrow as the caller, or not."""
        has = self.columns(own if self.dice.maybe(.7) else None)
        (key_id,) = self.session.run(
            "insert into codecourier.api_key (project_id, name, prefix, "
            "environment, hash, check_value) values "
            f"('{self.project.id}', 'x', 'cc_live_' || "
            "substr(md5(random()::text || clock_timestamp()), 1, 8), 'live', "
            "'x', '1234') returning id")
        self.put(key_id, **has)
        if self.dice.maybe(.1):
            self.session.run("update codecourier.api_key set revoked_at = "
                             f"now() where id = '{key_id}'")
        if has["end"] is not None and self.dice.maybe(.4):
            self.session.run("update codecourier.api_key set rotated_to = "
                             f"gen_random_uuid() where id = '{key_id}'")
        return key_id

    def row(self, key_id):
        (text,) = self.session.run(
            "select row_to_json(t) from (select id, name, environment, scopes, "
            "trunc(extract(epoch from ends_at) * 1000)::bigint as "
            '"expiresAt", array(select case when masklen(a) = case family(a) '
            "when 4 then 32 else 128 end then host(a) else a::text end from "
            'unnest(allowed_ips) a) as "allowedIps", rate_limit as '
            '"rateLimit", disabled, revoked_at is not null as revoked, '
            'rotated_from as "rotatedFrom", rotated_to as "rotatedTo", stamp '
            f"from codecourier.api_key where id = '{key_id}') t")
        return json.loads(text)

    def count(self):
        (number,) = self.session.run("select count(*) from codecourier.api_key "
                                     f"where project_id = '{self.project.id}'")
        return int(number)

    def call(self, path, body, expected):
        """Makes the call; its data, or None where it was refused as it
        should be."""
        answer = self.api.send("POST", path, body)
        if expected is None:
            assert answer.status == 200, (path, body, answer)
            return answer.json["data"]
        code, field = expected
        error = answer.json.get("error", {})
        got = [d["field"] for d in error["details"]] \
            if "details" in error else error.get("field")
        assert (error.get("code"), got) == (code, field), (path, body, answer)
        return None

    # ---- one case of each ----

    def generate(self, own):
        body = {"name": "made", **self.dice.body(own, .4)}
        made = self.call(GENERATE, body, expect_generate(body, own))
        if made is None:
            return None
        want = changed({**own, "disabled": False}, body)
        for name in ("name", "scopes", "expiresAt", "allowedIps", "rateLimit",
                     "disabled"):
            assert made[name] == want[name], (name, body, made, own)
        assert not made["revoked"] and made["rotatedFrom"] is None
        not_more(self.row(made["id"]), [own])
        return made["id"]

    def update(self, own, key_id):
        before = self.row(key_id)
        body = {"keyId": key_id}
        if self.dice.maybe(.2):
            body["disabled"] = self.dice.maybe(.5)
        else:
            body.update(self.dice.body(own, .3))
        done = self.call(UPDATE, body, expect_update(body, own, before))
        after = self.row(key_id)
        if done is None or len(body) == 1:
            assert after == before
        else:
            assert {**after, "stamp": 0} == {**changed(before, body),
                                             "stamp": 0}
            not_more(after, [before, own])
        return bool(done)

    def rotate(self, own, key_id):
        before, grace = self.row(key_id), self.dice.choice([0, 60, 86400])
        body = {"keyId": key_id, "graceSeconds": grace}
        made = self.call(ROTATE, body, expect_rotate(own, before))
        old = self.row(key_id)
        if made is None:
            assert old == before
            return None
        new = self.row(made["id"])
        for name in ("name", "environment", "scopes", "expiresAt",
                     "allowedIps", "rateLimit", "disabled"):
            assert new[name] == before[name], (name, new, before)
        assert new["rotatedFrom"] == key_id and old["rotatedTo"] == new["id"]
        assert old["revoked"] is (grace == 0)
        assert old["expiresAt"] <= time.time() * 1000 + grace * 1000
        assert before["expiresAt"] is None or \
            old["expiresAt"] <= before["expiresAt"]
        not_more(new, [before])
        not_more(new, [own])
        not_more(old, [before])
        if key_id == self.caller:
            self.caller, self.api = made["id"], Api(self.api.base, made["key"])
        return made["id"]


CASES = 60


@pytest.mark.parametrize("number", range(rounds(4)))
def test_nobody_ends_with_more(stack, number):
    dice = Dice(number)
    world = World(stack, dice)
    done, refused = 0, 0
    for _ in range(CASES):
        world.put(world.caller, **world.usable())
        own = world.row(world.caller)
        other = world.caller if dice.maybe(.2) else world.new_key(own)
        before = world.count()
        act = dice.choice(["generate", "update", "update", "update", "rotate"])
        made = world.generate(own) if act == "generate" else \
            getattr(world, act)(own, other)
        assert world.count() - before == (bool(made) and act != "update")
        done, refused = done + bool(made), refused + (not made)
    print(f"{done} done, {refused} refused")
    assert done > CASES / 6 and refused > CASES / 6     # the dice are no good
    world.session.close()


def begin_walk(world):
    """Three keys whose holder will try what comes to mind: {id: client}."""
    held = {}
    for _ in range(3):
        made = world.project.api.post(GENERATE, {"name": "held"})
        world.put(made["id"], **world.usable())
        held[made["id"]] = Api(world.api.base, made["key"])
    return held


def step(world, held, strange):
    """A call by one of the keys that are held, on any key; whether it went
    through."""
    dice = world.dice
    actor = dice.choice(sorted(held))
    target = dice.choice(sorted(held) + strange)
    path = dice.choice([GENERATE, UPDATE, UPDATE, UPDATE, ROTATE])
    body = {} if path == GENERATE else {"keyId": target}
    if path == ROTATE:
        body["graceSeconds"] = dice.choice([0, 3600])
    else:
        body.update(dice.body(world.row(actor), .3), name="walk")
    answer = held[actor].send("POST", path, body)
    assert answer.status < 500, (path, body, answer)
    data = answer.json.get("data", {})
    if "key" in data:
        held[data["id"]] = Api(world.api.base, data["key"])
    return bool(data)


@pytest.mark.parametrize("number", range(rounds(3)))
def test_a_holder_of_keys_never_has_more(stack, number):
    """However many calls, by whichever of the keys, on whichever: those that
    are held can never do what none of the first ones could."""
    world = World(stack, Dice(number + 1000))
    held = begin_walk(world)
    first = [world.row(k) for k in held]
    strange = [world.project.key_id, *(
        world.new_key(world.row(world.caller)) for _ in range(3))]
    done = 0
    for _ in range(CASES):
        done += step(world, held, strange)
        for key_id in held:
            not_more(world.row(key_id), first)
    print(f"{done} done, {len(held)} keys")
    assert done >= 5 and len(held) > 3      # the dice are no good
    world.session.close()
