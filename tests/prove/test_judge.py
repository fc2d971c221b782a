"""The checker itself: histories with one thing wrong, which it must find, and
what only looks wrong, which it must not."""
import pytest

from history import NEVER, History, Op, Row
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


@pytest.fixture
def plot():
    return Plot()


def fine(plot):
    assert [str(v) for v in judge(plot.history)] == []


def wrong(plot, promise, words):
    """Exactly this is found; the ops that show it."""
    found = judge(plot.history)
    assert [v.promise for v in found] == [promise], list(map(str, found))
    assert words in str(found[0]), found[0]
    assert len(found[0].ops) <= 6
    return [o for o in found[0].ops if o]


# ---- writes: once ----

def test_a_write_and_what_sees_it(plot):
    plot.write("1", 1, 3, row=2)
    plot.read("0", 1.5, 2.5)        # under way: either is right
    plot.read("1", 1.5, 4)
    plot.read("1", 4, 5)
    fine(plot)


def test_lost(plot):
    write = plot.write("1", 1, 2)
    assert wrong(plot, "lost", "acknowledged, and not written") == [write]


def test_done_twice(plot):
    write = plot.write("1", 1, 2, row=1.5)
    plot.row(write, 1.6)
    wrong(plot, "once", "done 2 times")


def test_refused_and_written(plot):
    plot.write("1", 1, 2, row=1.5, status=409)
    wrong(plot, "rows", "refused, and yet written")


def test_not_retryable_or_no_answer_may_be_written(plot):
    plot.write("1", 1, NEVER, row=9, status=0)
    plot.write("2", 1, 2, row=10, status=504)
    plot.write("3", 1, 2, status=504)
    plot.write("4", 1, NEVER, status=0)
    plot.read("0", 3, 4)
    plot.read("1", 3, 5)
    plot.read("2", 6, 7)
    fine(plot)


def test_retryable_and_written(plot):
    plot.write("1", 1, 2, row=1.5, status=503, retryable=True)
    wrong(plot, "rows", "refused, and yet written")


def test_nobody_has_asked(plot):
    plot.history.rows.append(Row(PROJECT, 1, "r99", "", 1.0))
    wrong(plot, "rows", "nobody has asked")


def test_a_read_that_writes(plot):
    plot.read("0", 1, 2, row=1.5)
    wrong(plot, "rows", "a read has written")


def test_a_retry(plot):
    plot.write("1", 1, NEVER, row=2, status=0, group="g")
    plot.write("1", 2, 3, status=409, code="IDEMPOTENCY_IN_PROGRESS",
               group="g")
    plot.write("1", 3, 4, group="g", replayed=True, digest=b"x")
    plot.write("1", 5, 6, group="g", replayed=True, digest=b"x")
    plot.read("1", 4.5, 5)
    fine(plot)


def test_a_retry_that_is_done_again(plot):
    plot.write("1", 1, NEVER, row=2, status=0, group="g")
    plot.write("1", 3, 4, row=3.5, group="g")
    wrong(plot, "once", "retried, and done 2 times")


def test_a_retry_that_is_answered_and_lost(plot):
    plot.write("1", 1, NEVER, status=0, group="g")
    plot.write("1", 3, 4, group="g", replayed=True)
    wrong(plot, "lost", "acknowledged")


def test_a_replay_that_differs(plot):
    plot.write("1", 1, 2, row=1.5, group="g", digest=b"x")
    plot.write("1", 3, 4, group="g", replayed=True, digest=b"y")
    wrong(plot, "replays", "two answers")


def test_two_first_answers(plot):
    plot.write("1", 1, 2, row=1.5, group="g")
    plot.write("1", 3, 4, group="g")
    wrong(plot, "replays", "two first answers")


def test_a_retry_is_no_other_request(plot):
    plot.write("1", 1, 2, row=1.5, group="g")
    plot.write("1", 3, 4, status=409, code="IDEMPOTENCY_MISMATCH", group="g")
    wrong(plot, "replays", "another request")


# ---- order, reads ----

def test_order_of_the_log(plot):
    first = plot.write("1", 1, 2)
    second = plot.write("2", 3, 4)
    plot.row(second, 3.5)
    plot.row(first, 1.5)
    assert wrong(plot, "order", "before what was answered") == [first, second]


def test_stale(plot):
    """On the other host, after the answer."""
    write = plot.write("1", 1, 2, row=1.5)
    read = plot.read("0", 3, 4, host=1)
    assert wrong(plot, "reads", "before an answer") == [write, write, read]


def test_stale_after_a_replay(plot):
    """A retry's answer acknowledges, too."""
    plot.write("1", 1, NEVER, row=1.5, status=0, group="g")
    plot.write("1", 3, 4, group="g", replayed=True)
    plot.read("0", 5, 6)
    wrong(plot, "reads", "before an answer")


def test_something_later_is_right(plot):
    plot.write("1", 1, 2, row=1.5)
    plot.write("2", 2.5, 8, row=3)
    plot.read("2", 3, 4)
    fine(plot)


def test_back_again(plot):
    """Seen, and then not any more, though the write is under way."""
    plot.write("1", 1, 9, row=2)
    plot.read("1", 3, 4)
    plot.read("0", 5, 6, host=1)
    wrong(plot, "reads", "before an answer")


def test_some_may_show_it_first(plot):
    """Where that is allowed, for so long."""
    plot.history.under_way = 2
    plot.write("1", 1, 9, row=2)
    plot.read("1", 3, 4)
    plot.read("0", 5, 6, host=1)
    fine(plot)
    plot.read("0", 6.5, 7, host=1)
    wrong(plot, "reads", "before an answer")


def test_what_never_was(plot):
    plot.read("7", 1, 2)
    wrong(plot, "reads", "what never was")


def test_from_the_future(plot):
    plot.write("1", 5, 6, row=5.5)
    plot.read("1", 1, 2)
    wrong(plot, "reads", "not yet been written")


def test_refused_and_seen(plot):
    plot.write("1", 1, 2, status=409)
    plot.read("1", 3, 4)
    wrong(plot, "reads", "what never was")


def test_an_answer_shows_its_own_state(plot):
    plot.write("1", 1, 4, row=2)
    plot.write("2", 1, 4, row=3, seen=[(SETTINGS, {"a": "1"}, None)])
    wrong(plot, "reads", "settings")


def test_made_and_gone(plot):
    thing = ("provider", PROJECT, "e2b")
    plot.history.initial[thing] = None
    plot.read(None, 0, 1, thing=thing)
    plot.write("1", 1, 2, row=1.5, object=thing)
    plot.read("1", 3, 4, thing=thing)
    plot.write(None, 5, 6, row=5.5, object=thing, change=None)
    plot.read(None, 7, 8, thing=thing)
    plot.write("x", 7, 8, status=404, object=thing)
    fine(plot)
    plot.read("1", 7, 8, thing=thing)
    wrong(plot, "reads", "before an answer")


def test_404_of_what_is_there(plot):
    plot.write("x", 7, 8, status=404)
    wrong(plot, "reads", "404")


def test_what_nobody_made(plot):
    plot.read("1", 1, 2, thing=("member", PROJECT, "m9"))
    wrong(plot, "reads", "never made")


# ---- tags ----

def test_a_tag_again(plot):
    plot.read("0", 0, 1, tag="t0")
    plot.write("1", 1, 2, row=1.5)
    plot.read("1", 3, 4, tag="t0")
    wrong(plot, "reads", "the tag t0 is that of another state")


def test_two_tags_of_one_state(plot):
    plot.read("0", 0, 1, tag="t0")
    plot.read("0", 2, 3, tag="t1")
    wrong(plot, "tags", "in one state")


def test_the_same_values_are_another_state(plot):
    plot.read("0", 0, 1, tag="t0")
    plot.write("1", 1, 2, row=1.5)
    plot.write("0", 3, 4, row=3.5)
    plot.read("0", 5, 6, tag="t2")
    fine(plot)
    plot.read("0", 7, 8, tag="t0")
    assert judge(plot.history)


def test_if_match(plot):
    plot.read("0", 0, 1, tag="t0")
    plot.write("1", 2, 3, row=2.5, if_match="t0")
    plot.write("2", 2, 3, status=412, if_match="t0")
    fine(plot)


def test_a_lost_update(plot):
    plot.read("0", 0, 1, tag="t0")
    plot.write("1", 2, 3, row=2.5)
    plot.write("2", 4, 5, row=4.5, if_match="t0")
    wrong(plot, "if-match", "another write was lost")


def test_412_for_nothing(plot):
    plot.read("0", 0, 1, tag="t0")
    plot.write("2", 2, 3, status=412, if_match="t0")
    wrong(plot, "if-match", "refused, though it was the one")


# ---- keys ----

def test_revoked(plot):
    plot.use(0, 1)
    plot.revoke(1, 3, row=2)
    plot.use(1.5, 2.5)
    plot.use(1.5, 9)        # began before the answer
    plot.use(2.9, 4, status=401)
    plot.use(5, 6, status=401)
    fine(plot)


def test_used_after_revocation(plot):
    revoke = plot.revoke(1, 3, row=2)
    use = plot.use(3.001, 4, host=1)
    assert wrong(plot, "keys", "succeeded") == [revoke, revoke, use]


@pytest.mark.parametrize("status", [304, 400, 404, 409, 412])
def test_let_in_is_a_success_of_the_key(plot, status):
    plot.revoke(1, 3, row=2)
    plot.use(4, 5, status=status)
    wrong(plot, "keys", "a request was told")


def test_revoked_in_doubt(plot):
    """As long as nobody was told, either is right."""
    plot.revoke(1, NEVER, row=2, status=0)
    plot.use(3, 4)
    plot.use(3, 4, status=401)
    fine(plot)


def test_revoked_again(plot):
    plot.revoke(1, 2, row=1.5)
    plot.revoke(3, 4, row=None)
    fine(plot)


@pytest.mark.parametrize("change, status, code", [
    ({"disabled": True}, 401, "AUTH_INVALID"),
    ({"scopes": ("settings:read",)}, 403, "SCOPE_DENIED"),
    ({"ips": ("10.0.0.0/8",)}, 403, "FORBIDDEN")])
def test_narrower(plot, change, status, code):
    plot.use(0, 1)
    plot.update_key(change, 1, 3, row=2)
    plot.use(4, 5, status=status, code=code)
    plot.update_key({n: GOOD[n] for n in change}, 6, 8, row=7)
    plot.use(7.5, 9, status=status, code=code)
    plot.use(7.5, 9)
    plot.use(9, 10)
    fine(plot)
    plot.use(4, 5)
    wrong(plot, "keys", "succeeded")


def test_nobody_is_refused_whose_key_is_good(plot):
    plot.use(1, 2, status=401, code="AUTH_INVALID")
    wrong(plot, "keys", "was told AUTH_INVALID")


@pytest.mark.parametrize("code", ["SCOPE_DENIED", "FORBIDDEN"])
def test_nobody_lacks_what_it_has(plot, code):
    plot.use(1, 2, status=403, code=code)
    wrong(plot, "keys", f"was told {code}")


def test_503_says_nothing_of_a_key(plot):
    plot.revoke(1, 3, row=2)
    plot.use(4, 5, status=503, retryable=True)
    fine(plot)


def rotate(plot, seconds):
    change = {"grace": seconds} if seconds else {"revoked": True}
    plot.history.successors["k"] = "k2"
    plot.op("key.rotate", 1, 3, row=2, writes=True, object=KEY,
            change=change)


def test_rotated_with_grace(plot):
    rotate(plot, 10)
    plot.use(10.5, 11)
    plot.use(11.5, 11.8)
    plot.use(11.5, 11.8, status=401)
    plot.use(12.5, 13, status=401)
    fine(plot)
    plot.use(12.5, 13)
    wrong(plot, "keys", "succeeded")


def test_over_before_its_grace(plot):
    rotate(plot, 10)
    plot.use(9, 10, status=401)
    wrong(plot, "keys", "was told")


def test_the_successor(plot):
    rotate(plot, 0)
    for key, status in ("k", 401), ("k2", 200):
        plot.op("project", 4, 5, status, key=key, scope="projects:read")
    fine(plot)
    plot.op("project", 4, 5, 200, key="k", scope="projects:read")
    wrong(plot, "keys", "succeeded")


def test_written_late(plot):
    """It began before the revocation, and was written after its answer."""
    plot.op("settings.update", 0, NEVER, 0, writes=True, object=SETTINGS,
            change={"a": "1"}, key="k", scope="settings:write")
    plot.revoke(1, 3, row=2)
    plot.row(plot.history.ops[0], 4.0)
    wrong(plot, "keys", "written 1.000 s after the answer")


# ---- owners, rates ----

def role(plot, thing, begin, row):
    return plot.op("member.update-role", begin, begin + 1, row=row,
                   writes=True, object=thing, change={"role": "admin"})


def test_owners(plot):
    role(plot, MEMBER, 1, 1.5)
    plot.op("members", 3, 4, owners=1)
    fine(plot)
    role(plot, OTHER, 1, 1.6)
    wrong(plot, "owners", "the last active owner is gone")


def test_a_list_without_owner(plot):
    plot.op("members", 3, 4, owners=0)
    wrong(plot, "owners", "a list without")


def test_rates(plot):
    plot.history.initial[KEY] = {**GOOD, "rate": 3}
    for n in range(3):
        plot.use(n, n + 1)
    plot.use(3, 4, status=429)
    plot.use(62, 63, host=1)
    for n in range(3):
        plot.use(62 + n, 63 + n)
    fine(plot)
    plot.use(62.5, 63.5)
    wrong(plot, "rates", "4 in a minute on host 0, 3 are allowed")


def test_shortest(plot):
    """Of a long history what matters is shown."""
    for n in range(1, 200):
        plot.write(str(n), n, n + 0.5, row=n + 0.2)
        plot.read(str(n), n + 0.6, n + 0.7)
    plot.read("120", 150.8, 150.9, host=1)
    ops = wrong(plot, "reads", "before an answer")
    assert {o.begin for o in ops} == {120, 150, 150.6, 150.8}
