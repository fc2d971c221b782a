"""Query parameters: unknown, repeated, out of range; pages and cursors."""
import base64
from urllib.parse import quote

import pytest

from contract import PAGED, READ_CALLS, READS, WRITES, WRITE_CALLS
from fixtures import make_project

LISTS = list(PAGED)
EACH = pytest.mark.parametrize("path", LISTS)


def url(path, **query):
    return path + "?" + "&".join(f"{n}={quote(str(v), safe='')}"
                                 for n, v in query.items())


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("name", ["x", "Limit", "LIMIT", "offset", "page",
                                  "cursor2", "fields"])
def test_unknown_parameter(refusing, path, name):
    refusing.refused("VALIDATION", "GET", f"{path}?{name}=1", field=name)


@pytest.mark.parametrize("path", [r.path for r in READ_CALLS
                                  if not r.table and not r.filters])
@pytest.mark.parametrize("name", ["limit", "cursor"])
def test_page_of_what_has_no_pages(refusing, path, name):
    refusing.refused("VALIDATION", "GET", f"{path}?{name}=1", field=name)


@pytest.mark.parametrize("path", list(WRITES))
@pytest.mark.parametrize("name", ["x", "limit", "cursor"])
def test_parameter_of_a_write(refusing, path, name):
    refusing.refused("VALIDATION", "POST", f"{path}?{name}=1", WRITES[path],
                     field=name)


@EACH
@pytest.mark.parametrize("value", [
    "0", "101", "-1", "-50", "1000", "4294967297", "18446744073709551617",
    "9" * 100, "", " ", "abc", "1.5", "1e1", "0x10", "+5", " 5", "5 ", "5x",
    "١", "null", "true", "1,2", "5;6", "'", "%"], ids=repr)
def test_limit_refused(refusing, path, value):
    refusing.refused("VALIDATION", "GET", url(path, limit=value),
                     field="limit")


@EACH
@pytest.mark.parametrize("value", [1, 2, 50, 99, 100])
def test_limit_accepted(refusing, path, value):
    found = refusing.get(url(path, limit=value))
    assert found == refusing.get(path) and len(found) <= 1


@EACH
@pytest.mark.parametrize("query, field", [
    ("limit=1&limit=1", "limit"), ("limit=1&limit=2", "limit"),
    ("limit=1&x=1&limit=2", None), ("x=1&x=1", "x"),
    ("limit=5&x=1", "x"), ("limit", "limit"), ("x", "x"),
    ("cursor", "cursor"), ("cursor=", "cursor"),
    ("cursor=a&cursor=a", "cursor"), ("limit=1&cursor=", "cursor")])
def test_query_refused(refusing, path, query, field):
    error = refusing.refused("VALIDATION", "GET", f"{path}?{query}")
    assert field is None or error["field"] == field


@EACH
@pytest.mark.parametrize("cursor", [
    "x", "0", "null", "AAAA", "A" * 64, "A" * 3000, "e30", "bnVsbA", "====",
    "é", "\0", "' or true --", "-1", "1700000000000",
    base64.b64encode(b'{"list":"members"}').decode()],
    ids=lambda v: f"{v!r:.24}")
def test_cursor_refused(refusing, path, cursor):
    refusing.refused("VALIDATION", "GET", url(path, cursor=cursor),
                     field="cursor")


def lengthen(api, path, count):
    """Adds to a list until it is so long."""
    (by,) = (r.by for r in READ_CALLS if r.path == path)
    (fill,) = (w.fill for w in WRITE_CALLS if w.path == by)
    for n in range(count - len(api.get(path + "?limit=100"))):
        body = fill("m", n)
        if "role" in body:
            body["role"] = ("owner", "admin", "member")[n % 3]
        api.post(by, body)


@pytest.fixture(scope="module")
def crowd(stack):
    """A project with eight rows in every list."""
    project = make_project(stack)
    for path in LISTS:
        lengthen(project.api, path, 8)
    project.stack.ctl("member", "accept", project.slug, "5@m.example")
    return project.api


def pages(api, path, limit):
    """All pages of a list, following its cursors."""
    found, cursor = [], {}
    while True:
        page = api.page(url(path, limit=limit, **cursor))
        found.append(page["data"])
        if not page["hasMore"]:
            return found
        cursor = {"cursor": page["nextCursor"]}


@EACH
@pytest.mark.parametrize("limit, sizes", [
    (1, [1] * 8), (3, [3, 3, 2]), (4, [4, 4]), (7, [7, 1]), (8, [8]),
    (9, [8]), (100, [8])])
def test_pages_make_up_the_list(crowd, path, limit, sizes):
    found = pages(crowd, path, limit)
    assert [len(p) for p in found] == sizes
    assert sum(found, []) == crowd.get(path)


@EACH
def test_fifty_rows_without_a_limit(stack, path):
    project = make_project(stack)
    lengthen(project.api, path, 51)
    page = project.api.page(path)
    assert len(page["data"]) == 50 and page["hasMore"] is True
    rest = project.api.page(url(path, cursor=page["nextCursor"]))
    assert len(rest["data"]) == 1 and rest["hasMore"] is False


@EACH
def test_a_changed_cursor_is_refused(crowd, path):
    cursor = crowd.page(url(path, limit=2))["nextCursor"]
    for broken in (cursor[:-1], cursor[1:], cursor + "A", cursor[:-4],
                   cursor * 2, cursor.swapcase(), cursor[::-1]):
        crowd.refused("VALIDATION", "GET", url(path, cursor=broken),
                      field="cursor")


@EACH
def test_the_other_lists_cursor_is_refused(crowd, path):
    for other in {*LISTS} - {path}:
        cursor = crowd.page(url(other, limit=2))["nextCursor"]
        crowd.refused("VALIDATION", "GET", url(path, cursor=cursor),
                      field="cursor")


@EACH
def test_a_cursor_may_be_used_again(crowd, path):
    cursor = crowd.page(url(path, limit=3))["nextCursor"]
    first = crowd.page(url(path, limit=3, cursor=cursor))
    assert crowd.page(url(path, limit=3, cursor=cursor)) == first
    assert len(crowd.get(url(path, limit=1, cursor=cursor))) == 1


def test_an_addition_shifts_no_page_of_keys(project):
    api, names = project.api, []
    for n in range(4):
        api.post("/project/api-keys/generate", {"name": f"k{n}"})
    page = api.page("/project/api-keys?limit=2")
    names += [k["name"] for k in page["data"]]
    api.post("/project/api-keys/generate", {"name": "added"})
    names += [k["name"] for k in api.get(
        url("/project/api-keys", cursor=page["nextCursor"]))]
    assert names == ["k3", "k2", "k1", "k0", "first"]


def test_an_addition_shifts_no_page_of_members(project):
    api, seen = project.api, []
    for n in range(4):
        api.post("/project/members/invite", {"email": f"m{n}@example.com",
                                             "role": "member"})
    page = api.page("/project/members?limit=3")
    seen += [m["email"] for m in page["data"]]
    # one that sorts before the cursor, one that sorts behind it
    for email, role in ("before@example.com", "owner"), \
                       ("behind@example.com", "member"):
        api.post("/project/members/invite", {"email": email, "role": role})
    seen += [m["email"] for m in api.get(
        url("/project/members", cursor=page["nextCursor"]))]
    assert seen == [project.owner_email, "m0@example.com", "m1@example.com",
                    "m2@example.com", "m3@example.com", "behind@example.com"]


# but versions, which are sorted by their numbers
@pytest.mark.parametrize("path, table", [p for p in PAGED.items() if p[1] !=
                                         "settings_version"])
@pytest.mark.parametrize("spread", ["0", "n * interval '1 us'"],
                         ids=["same-instant", "same-millisecond"])
def test_times_in_full_precision(project, path, table, spread):
    """Rows of one millisecond, or of one instant: none lost, none twice."""
    api = project.api
    lengthen(api, path, 7)
    step = "interval '0'" if spread == "0" else spread
    project.stack.sql(
        f"update codecourier.{table} t set created_at = "
        f"date_trunc('ms', now()) - {step} from (select id, row_number() "
        f"over (order by id) n from codecourier.{table} where "
        f"project_id = '{project.id}') s where s.id = t.id")
    want = [r["id"] for r in api.get(path)]
    assert len(set(want)) == 7
    for limit in 1, 2, 3:
        got = [r["id"] for r in sum(pages(api, path, limit), [])]
        assert got == want
