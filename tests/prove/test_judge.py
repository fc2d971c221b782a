"""The checker itself: histories with one thing wrong, which it must find, and
what only looks wrong, which it must not."""
import pytest

from history import NEVER, Row
from judge import judge
from plot import MEMBER, OTHER, PROJECT, SETTINGS, fine, wrong


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


def invited(plot, token, begin, row):
    return plot.op("member.resend", begin, begin + 1, row=row, writes=True,
                   object=OTHER, change={"token": token, "status": "pending"})


def accept(plot, token, begin, status=200, row=None):
    return plot.op("member.accept", begin, begin + 1, status, row, key=None,
                   writes=True, object=OTHER, change={"status": "active"},
                   needs={"token": token, "status": "pending"})


def test_invitations(plot):
    invited(plot, "one", 1, 1.5)
    accept(plot, "none", 2.5, status=404)
    invited(plot, "two", 3, 3.5)
    accept(plot, "one", 5, status=404)
    accept(plot, "two", 5, row=5.5)
    accept(plot, "two", 7, status=404)
    fine(plot)


@pytest.mark.parametrize("token", ["one", "two"])
def test_accepted_by_what_is_over(plot, token):
    """By the token before the last one; by the last one again."""
    invited(plot, "one", 1, 1.5)
    invited(plot, "two", 3, 3.5)
    if token == "two":
        accept(plot, token, 5, row=5.5)
    accept(plot, token, 7, row=7.5)
    wrong(plot, "needs", "done of")


def test_404_of_a_good_invitation(plot):
    invited(plot, "one", 1, 1.5)
    accept(plot, "one", 5, status=404)
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


# ---- owners, and what is told ----

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


def test_shortest(plot):
    """Of a long history what matters is shown."""
    for n in range(1, 200):
        plot.write(str(n), n, n + 0.5, row=n + 0.2)
        plot.read(str(n), n + 0.6, n + 0.7)
    plot.read("120", 150.8, 150.9, host=1)
    ops = wrong(plot, "reads", "before an answer")
    assert {o.begin for o in ops} == {120, 150, 150.6, 150.8}


def test_not_modified(plot):
    """304 says that the state is still the tag's."""
    plot.read("0", 0, 1, tag="t0")
    plot.write("1", 2, 3, row=2.5)
    plot.op("settings", 2.6, 4, 304, object=SETTINGS, if_match="t0",
            seen=[(SETTINGS, {}, "t0")])
    fine(plot)
    plot.op("settings", 3.5, 4, 304, object=SETTINGS, if_match="t0",
            seen=[(SETTINGS, {}, "t0")])
    wrong(plot, "reads", "before an answer")


def versions(plot):
    plot.history.initial[SETTINGS] = {"a": "0", "version": 1}
    plot.write("1", 1, 2, row=1.5)
    plot.op("settings.rollback", 3, 4, row=3.5, writes=True, object=SETTINGS,
            change={"back to": 1})


def test_versions(plot):
    """What was is back under a number of its own; numbers stay what they
    are."""
    versions(plot)
    plot.op("settings", 5, 6, seen=[(SETTINGS, {"a": "0", "version": 3}, "t")])
    for number, value in (2, "1"), (3, "0"):
        plot.op("version", 5, 6, seen=[
            (("version", PROJECT, number), {"a": value}, None)])
    fine(plot)


@pytest.mark.parametrize("state, thing", [
    ({"a": "1"}, SETTINGS), ({"a": "0", "version": 1}, SETTINGS),
    ({"a": "0"}, ("version", PROJECT, 2))])
def test_what_no_version_was(plot, state, thing):
    versions(plot)
    plot.op("settings", 5, 6, seen=[(thing, state, None)])
    wrong(plot, "reads", "shows")


def test_a_version_that_is_lost(plot):
    versions(plot)
    plot.op("version", 5, 6, 404, object=("version", PROJECT, 2))
    wrong(plot, "reads", "404")
