"""The checker on what is done with keys."""
import pytest

from history import NEVER
from plot import GOOD, KEY, PROJECT, SETTINGS, fine, wrong


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


def test_deleted(plot):
    """A project's end is that of its keys, the caller's too."""
    plot.op("project.delete", 1, 3, row=2, writes=True, change=None,
            object=("project", PROJECT, ""))
    plot.use(2, 4)
    plot.use(4, 5, status=401)
    fine(plot)
    plot.use(4, 5)
    wrong(plot, "keys", "succeeded")


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


def test_revoked_again_with_a_retry(plot):
    """Nothing is done, so nothing is kept."""
    plot.revoke(1, 2, row=1.5)
    plot.revoke(3, 4, row=None, group="g")
    plot.revoke(5, 6, row=None, group="g")
    fine(plot)
