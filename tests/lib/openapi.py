"""The OpenAPI document as assertions: may this operation answer so?

contract.check() calls check() with every answer of every test. References
and allOf are resolved once, and every object of an answer is closed: a member
that the document does not name is an error, though clients shall accept it.
"""
import ipaddress
import json
import os
import re

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

import api_key
import characters
from harness import ROOT

FILE = ROOT / os.environ.get("BUILD", "build") / "openapi.json"
DOCUMENT = json.loads(FILE.read_text())
NOTES = {"description", "examples"}
MAPS = ("properties", "patternProperties")
# what HTTP and TLS put there by themselves; "status" is FastCGI's
PLAIN_HEADERS = {"connection", "content-length", "content-type", "date",
                 "keep-alive", "server", "status", "transfer-encoding",
                 "strict-transport-security"}
# (operationId, status, code) of every answer so far; code of errors only
SEEN = set()


def follow(node):
    """What a reference names, or the node itself."""
    while "$ref" in node:
        pointer, node = node["$ref"], DOCUMENT
        for part in pointer.removeprefix("#/").split("/"):
            node = node[part]
    return node


def merge(parts):
    """One schema for several that all hold."""
    found = {}
    for part in parts:
        for key, value in part.items():
            if key in MAPS:
                into = found[key] = dict(found.get(key, {}))
                for name, schema in value.items():
                    into[name] = merge([into.get(name, {}), schema])
            elif key == "items":
                found[key] = merge([found.get(key, {}), value])
            elif key in ("required", "allOf"):
                found[key] = found.get(key, []) + value
            else:
                if found.get(key, value) != value and key not in NOTES:
                    found["allOf"] = found.get("allOf", []) + [
                        {key: found[key]}]
                found[key] = value
    return found


def flat(schema, close=False):
    """A schema without references and allOf; closed or as it stands."""
    if not isinstance(schema, dict):
        return schema
    own, parts = {}, []
    for key, value in schema.items():
        if key == "$ref":
            parts.append(flat(follow({"$ref": value})))
        elif key == "allOf":
            parts += [flat(s) for s in value]
        elif key in MAPS:
            own[key] = {n: flat(s) for n, s in value.items()}
        elif key == "oneOf":
            own[key] = [flat(s) for s in value]
        elif key in ("items", "additionalProperties", "propertyNames"):
            own[key] = flat(value)
        elif key == "pattern":      # ECMA's $ is Python's \Z
            own[key] = value.removesuffix("$") + r"\Z"
        else:
            own[key] = value
    found = merge([*parts, own])
    return closed(found) if close else found


def closed(schema):
    """The same without room for members that it does not name."""
    found = dict(schema)
    for key in MAPS:
        if key in found:
            found[key] = {n: closed(s) for n, s in found[key].items()}
    if "properties" in found:
        found.setdefault("additionalProperties", False)
    if "items" in found:
        found["items"] = closed(found["items"])
    return found


def text(value):
    return value if isinstance(value, str) else json.dumps(
        value, ensure_ascii=False, separators=(",", ":"))


def max_bytes(validator, limit, value, schema):
    if value is not None and len(text(value).encode()) > limit:
        yield ValidationError(f"more than {limit} bytes")


def max_bytes_together(validator, limit, value, schema):
    if isinstance(value, dict) and sum(
            len((n + text(v)).encode()) for n, v in value.items()) > limit:
        yield ValidationError(f"more than {limit} bytes together")


def one_line(validator, wanted, value, schema):
    if isinstance(value, str) and (
            any(map(characters.is_control, value)) or
            not any(map(characters.is_visible, value))):
        yield ValidationError("not one line to be seen")


def unique_items(validator, wanted, value, schema):
    if isinstance(value, list) and len(set(map(text, value))) < len(value):
        yield ValidationError("an entry twice")


def authority(validator, wanted, value, schema):
    """Of what the pattern has taken: addresses and port."""
    found = re.fullmatch(r"https://(\[.*\]|[^:/]*)(?::([0-9]+))?/.*", value,
                         re.S | re.I) if isinstance(value, str) else None
    if not found:
        return
    try:
        if found[1].startswith("["):
            ipaddress.IPv6Address(found[1][1:-1])
        elif found[1].rpartition(".")[2].isdigit():
            ipaddress.IPv4Address(found[1])
    except ValueError:
        yield ValidationError("no address")
    if int(found[2] or 0) > 65535:
        yield ValidationError("no port")


def addresses(validator, wanted, value, schema):
    """Of a list: each an address or a block, and none twice."""
    if not isinstance(value, list) or not all(
            isinstance(v, str) for v in value):
        return
    seen = set()
    for text in value:
        found = re.fullmatch(r"([0-9a-fA-F:.]+)(/(0|[1-9][0-9]{0,2}))?", text)
        try:
            block = ipaddress.ip_network(text) if found else None
        except ValueError:
            block = None
        mapped = block and block.version == 6 and block.prefixlen >= 96 and \
            block.network_address.ipv4_mapped
        if mapped:
            block = ipaddress.ip_network((mapped, block.prefixlen - 96))
        if not block or block in seen:
            yield ValidationError("no address, or a second time")
        seen.add(block)


def key_checksum(validator, wanted, value, schema):
    """Of what the pattern has taken."""
    if isinstance(value, str) and len(value) in (53, 54) and \
            value[-6:] != api_key.checksum(value[:-6]):
        yield ValidationError("another checksum")


Validator = extend(Draft202012Validator, {
    "x-maxBytes": max_bytes, "x-maxBytesTogether": max_bytes_together,
    "x-oneLine": one_line, "x-uniqueItems": unique_items,
    "x-authority": authority, "x-addresses": addresses,
    "x-checksum": key_checksum})


class Response:
    """One documented answer, ready to be compared with a real one."""

    def __init__(self, spec):
        spec = follow(spec)
        headers = {n.lower(): follow(h) for n, h in spec["headers"].items()}
        self.headers = {n: Validator(flat(h["schema"]))
                        for n, h in headers.items()}
        self.needed = {n for n, h in headers.items() if h.get("required")}
        content = spec.get("content", {})
        media = content.get("application/json")
        self.text = "text/plain" in content
        self.body = media and Validator(flat(media["schema"], close=True))
        found = media and self.body.schema.get("properties", {}).get("error")
        code = found["properties"]["code"] if found else {}
        self.codes = [code["const"]] if "const" in code else \
            code.get("enum", [None])
        self.fine = set()   # headers and short bodies that it has allowed

    def complaint(self, answer):
        """What the document does not allow of the answer, or None."""
        for name, value in answer.headers:
            if name not in PLAIN_HEADERS and name not in self.headers:
                return f"undocumented header {name}"
        for name, validator in self.headers.items():
            value = answer.header(name)
            if value is None and name in self.needed:
                return f"no header {name}"
            if value is None:
                continue
            if (name, value) in self.fine:
                continue
            is_number = validator.schema.get("type") == "integer"
            if not validator.is_valid(int(value) if is_number else value):
                return f"header {name}: {value}"
            self.fine.add((name, value))
        if answer.method == "HEAD" or not self.body:
            return f"body {answer.body[:80]}" if answer.body else None
        if answer.header("Content-Type") != "application/json":
            return None if self.text else "no JSON"
        body = answer.body.replace(
            answer.header("X-Request-ID").encode(), b"request")
        if body in self.fine:
            return None
        error = next(self.body.iter_errors(answer.json), None)
        if error:
            return f"{error.json_path}: {error.message[:400]}"
        if len(body) < 4096:
            self.fine.add(body)
        return None


class Operation:
    def __init__(self, name, spec):
        self.name = name
        self.spec = spec
        self.responses = {int(s): Response(r)
                          for s, r in spec["responses"].items()}

    def documented(self):
        return {(self.name, status, code)
                for status, response in self.responses.items()
                for code in response.codes}


RESPONSES = [Response(r) for r in DOCUMENT["components"]["responses"].values()]
# the headers that no answer of ours lacks
ALWAYS = set.intersection(*(r.needed for r in RESPONSES))
OPERATIONS = {(method.upper(), path): Operation(spec["operationId"], spec)
              for path, item in DOCUMENT["paths"].items()
              for method, spec in item.items()}
OTHER = Operation("other", DOCUMENT["x-other-requests"])
EVERY = [*OPERATIONS.values(), OTHER]


def is_document(answer):
    """Whether it is the document itself, which stands for itself."""
    return (answer.target or "").partition("?")[0] == "/api/v1/openapi.json"


def is_variables(answer):
    """Whether it is a map of variables, which stands for itself, too."""
    return answer.method in ("GET", "HEAD") and (answer.target or "").partition(
        "?")[0] == "/api/v1/project/settings/env"


def operation(method, target):
    """Whose answer it is; HEAD is GET's."""
    method = "GET" if method == "HEAD" else method
    path = re.sub(r"(?<=/versions/)[1-9][0-9]{0,18}\Z", "{n}",
                  target.partition("?")[0])
    return OPERATIONS.get((method, path), OTHER)


def check(answer):
    """The document allows the answer; where nobody knows the target, any of
    its operations may."""
    if answer.target is None:
        assert any(o.responses[answer.status].complaint(answer) is None
                   for o in EVERY if answer.status in o.responses), answer
        return
    found = operation(answer.method, answer.target)
    response = found.responses.get(answer.status)
    assert response, f"{found.name} is not documented to answer {answer}"
    said = response.complaint(answer)
    assert said is None, (found.name, answer, said)
    if answer.method != "HEAD":
        code = answer.json["error"]["code"] if answer.status > 399 else None
        SEEN.add((found.name, answer.status, code))
