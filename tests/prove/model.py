"""What a write makes of an object's state, and what a key's state allows."""
from history import NEVER, READ_SCOPE, WRITE_SCOPE

HERE = "127.0.0.1"      # where all clients call from
LAG = 0.005


def after(state, change, op, row):
    """The state of an object after a change: a dict of what it sets. NAME+
    adds to a map. Where None is, the object is gone."""
    if change is None:
        return None
    made = dict(state or {})
    for name, value in change.items():
        if name.endswith("+"):
            made[name[:-1]] = {**made.get(name[:-1], {}), **value}
        elif name == "grace":
            # by the clock of the transaction, which began after the request
            # and before its row was written
            made["ends"] = nearer(made["ends"], (op.wall[0] + value,
                                                 row.at + value))
        else:
            made[name] = value
    if "version" in made:
        made["version"] += 1
    return made


def nearer(one, other):
    return min(one, other) if one else other


def shows(state, seen):
    """Whether an answer that shows so much may show this state."""
    if seen is None or state is None:
        return seen is state
    return all(name in state and state[name] == value
               for name, value in seen.items())


def has(scopes, scope):
    wide = READ_SCOPE if (scope or "").endswith(":read") else WRITE_SCOPE
    return scope is None or scope in scopes or wide in scopes


def is_here(state):
    return not state["ips"] or "127.0.0.0/8" in state["ips"] or \
        HERE in state["ips"]


def covers(state, scope):
    """Whether a key may do this, its end aside."""
    return bool(state) and not state["revoked"] and not state["disabled"] \
        and is_here(state) and has(state["scopes"], scope)


def key_says(state, op):
    """Whether an answer with a key may come of its being in this state."""
    over = not state or state["revoked"] or state["disabled"]
    earliest, latest = state and state["ends"] or (NEVER, NEVER)
    may_be_over = over or op.wall[1] >= earliest - LAG
    if op.status == 401:
        return may_be_over
    if over or op.wall[0] > latest + LAG:
        return False
    if op.code == "FORBIDDEN":
        return not is_here(state)
    if not is_here(state):
        return False
    if op.status == 429:
        return state["rate"] is not None
    if op.code == "SCOPE_DENIED":
        return not has(state["scopes"], op.scope)
    return has(state["scopes"], op.scope)
