"""Histories that tests tell, op by op."""
from history import History, Op, Row
from judge import judge

PROJECT = "p"
SETTINGS = ("settings", PROJECT, "")
MEMBER, OTHER = ("member", PROJECT, "m1"), ("member", PROJECT, "m2")
KEY = ("key", PROJECT, "k")
GOOD = {"name": "k", "scopes": ("projects:read", "projects:write"),
        "ips": (), "rate": None, "disabled": False, "revoked": False,
        "ends": None}
OWNER = {"role": "owner", "status": "active"}


class Plot:
    """A history, told op by op; each moment is one of both clocks."""

    def __init__(self):
        self.history = History({
            SETTINGS: {"a": "0"}, KEY: GOOD, MEMBER: OWNER, OTHER: OWNER,
            ("key", PROJECT, "admin"): GOOD}, [], [])

    def op(self, kind, begin, end, status=200, row=None, **more):
        """`row`: when its audit row was written, if it was."""
        ops = self.history.ops
        op = Op(kind=kind, project=PROJECT, begin=begin, end=end,
                wall=(begin, end), status=status, rid=f"r{len(ops)}",
                **{"key": "admin", **more})
        ops.append(op)
        if row is not None:
            self.row(op, row)
        return op

    def row(self, op, at, object_id=""):
        self.history.rows.append(Row(
            PROJECT, len(self.history.rows) + 1, op.rid, object_id, at))

    def write(self, value, begin, end, row=None, **more):
        thing = more.pop("object", SETTINGS)
        change = more.pop("change", {"a": value})
        return self.op("settings.update", begin, end, row=row, writes=True,
                       object=thing, change=change, **more)

    def read(self, value, begin, end, tag=None, thing=SETTINGS, **more):
        seen = [(thing, value and {"a": value}, tag)]
        return self.op("settings", begin, end, seen=seen, **more)

    def revoke(self, begin, end, row, **more):
        return self.op("key.revoke", begin, end, row=row, writes=True,
                       object=KEY, change={"revoked": True}, **more)

    def use(self, begin, end, status=200, **more):
        return self.op("project", begin, end, status, key="k",
                       scope="projects:read", **more)

    def update_key(self, change, begin, end, row):
        return self.op("key.update", begin, end, row=row, writes=True,
                       object=KEY, change=change)


def fine(plot):
    assert [str(v) for v in judge(plot.history)] == []


def wrong(plot, promise, words):
    """Exactly this is found; the ops that show it."""
    found = judge(plot.history)
    assert [v.promise for v in found] == [promise], list(map(str, found))
    assert words in str(found[0]), found[0]
    assert len(found[0].ops) <= 6
    return [o for o in found[0].ops if o]
