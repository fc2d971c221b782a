"""415: what is not said to be JSON, and what is encoded."""
import gzip
import json

import pytest

from contract import JSON_WRITES, WRITES

EACH = pytest.mark.parametrize("path", list(WRITES))
NOT_JSON = [
    None, "", "json", "text/plain", "text/json", "application/xml",
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/jsonx", "application/json5", "application/json+x",
    "application/ld+json", "application/merge-patch+json",
    "application/jso", "application", "application/", "/json", "*/*",
    "application/*", "application /json", "application/json, text/plain",
    "text/plain; application/json", "application/octet-stream",
    "xapplication/json"]


@pytest.mark.parametrize("kind", NOT_JSON, ids=repr)
def test_content_type(refusing, kind):
    refusing.refused("UNSUPPORTED_MEDIA_TYPE", "POST", "/project/update",
                     {"name": "No"}, headers={"Content-Type": kind})


@EACH
def test_content_type_of_every_write(refusing, path):
    other = "text/plain" if path in JSON_WRITES else "application/json"
    refusing.refused("UNSUPPORTED_MEDIA_TYPE", "POST", path, WRITES[path],
                     headers={"Content-Type": other})


@EACH
def test_no_content_type_on_every_write(refusing, path):
    refusing.refused("UNSUPPORTED_MEDIA_TYPE", "POST", path, WRITES[path],
                     headers={"Content-Type": None})


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity",
                                    "x", "gzip, identity"])
def test_content_encoding(refusing, coding):
    refusing.refused("UNSUPPORTED_MEDIA_TYPE", "POST", "/project/update",
                     {"name": "No"}, headers={"Content-Encoding": coding})


@EACH
def test_content_encoding_of_every_write(refusing, path):
    raw = gzip.compress(json.dumps(WRITES[path]).encode())
    kind = "application/json" if path in JSON_WRITES else "text/plain"
    refusing.refused("UNSUPPORTED_MEDIA_TYPE", "POST", path, raw=raw,
                     headers={"Content-Encoding": "gzip",
                              "Content-Type": kind})


@pytest.mark.parametrize("kind", [
    "application/json", "application/json; charset=utf-8",
    "application/json;charset=utf-8", "application/json; charset=UTF-8",
    'application/json; charset="utf-8"', "Application/JSON",
    "application/json ; charset=utf-8"])
def test_json_by_any_of_its_names(api, kind):
    got = api.post("/project/update", {"name": "Yes"},
                   headers={"Content-Type": kind})
    assert got["name"] == "Yes"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
def test_accept_changes_nothing(api, accept):
    assert api.send("GET", "/project", headers={"Accept": accept}
                    ).status == 200


def test_answers_are_never_compressed(api):
    answer = api.send("GET", "/project/settings",
                      headers={"Accept-Encoding": "gzip, deflate, br"})
    assert answer.header("Content-Encoding") is None
