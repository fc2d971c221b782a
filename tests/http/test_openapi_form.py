"""The document is OpenAPI: what a linter looks for.

No linter for 3.1 is in Debian 12, but the text of the standard is: its tables
of fields are read here and the document is held against them. The rest are
the rules that every linter has.
"""
import copy
import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from harness import ROOT
from openapi import DOCUMENT, Response, Validator, flat, follow

PARTS = ROOT / "nginx/openapi"
STANDARD = Path("/usr/share/openapi-specification/versions/3.1.0.md")
SIMPLE = {"string": str, "boolean": bool}
# JSON Schema's words that only say something to people
WORDS = {*Draft202012Validator.VALIDATORS, "description", "default",
         "example", "examples", "title"}

pytestmark = pytest.mark.plain     # only the document is looked at


class Field:
    """A row of a table: `name | type | description`."""

    def __init__(self, kind, text):
        self.required = "| **REQUIRED**" in f"|{text}"
        self.map = kind.startswith("Map[")
        self.list = kind.startswith("[[") or kind.startswith("[`")
        self.simple = re.findall(r"`(\w+)`", kind.removeprefix("Map[`string`"))
        self.objects = [o for o in re.findall(r"\(#(\w+)\)", kind)
                        if o != "referenceObject"]


def read_standard():
    """{object: {name or pattern: Field}} of the standard's own tables."""
    found = {}
    parts = re.split(r'^#### <a name="(\w+Object)">', STANDARD.read_text(),
                     flags=re.M)
    for name, part in zip(parts[1::2], parts[2::2]):
        rows = re.findall(r'^<a name="\w+"></a>([^|]+?) *\| *((?:\\\||[^|])+?)'
                          r" *\|(.*)$", part, re.M)
        found[name] = {re.sub(r"\[(.*)\]\(.*\)", r"\1", n).strip():
                       Field(k, t) for n, k, t in rows}
    found["headerObject"] = {
        n: f for n, f in found["parameterObject"].items()
        if n not in ("name", "in")}
    return found


OBJECTS = read_standard()


def complaints(node, kind, place):
    """What the standard does not allow of a node that is such an object."""
    if kind == "schemaObject":
        yield from schema_complaints(node, place)
        return
    if kind == "securityRequirementObject":
        return      # its names are checked below
    if "$ref" in node:
        if set(node) - {"$ref", "summary", "description"}:
            yield f"{place}: members beside $ref"
        node = follow(node)
    fields = OBJECTS[kind]
    for name, value in node.items():
        field = fields.get(name) or by_pattern(kind, name)
        if name.startswith("x-"):
            continue
        if not field:
            yield f"{place}: no {name} in a {kind}"
        else:
            yield from value_complaints(value, field, f"{place}/{name}")
    for name, field in fields.items():
        if field.required and name not in node and "{" not in name \
                and applies(kind, name, node):
            yield f"{place}: {name} is required"


def applies(kind, name, node):
    """Of a security scheme only the fields of its type are required."""
    return kind != "securitySchemeObject" or name in ("type", "scheme")


def by_pattern(kind, name):
    if kind == "pathsObject" and name.startswith("/"):
        return OBJECTS[kind]["/{path}"]
    if kind == "responsesObject" and re.fullmatch("[1-5][0-9][0-9]", name):
        return OBJECTS[kind]["HTTP Status Code"]
    return None


def value_complaints(value, field, place):
    if field.map or field.list:
        if not isinstance(value, dict if field.map else list):
            yield f"{place}: a map or list is needed"
            return
        inner = value.items() if field.map else enumerate(value)
    else:
        inner = [("", value)]
    for name, one in inner:
        where = f"{place}/{name}" if name != "" else place
        if isinstance(one, dict) and field.objects:
            yield from complaints(one, field.objects[0], where)
        elif field.simple and field.simple[0] in SIMPLE:
            if not isinstance(one, SIMPLE[field.simple[0]]):
                yield f"{where}: {field.simple[0]} is needed"
        elif field.objects:
            yield f"{where}: an object is needed"


def schema_complaints(schema, place):
    if isinstance(schema, bool):
        return
    unknown = {w for w in schema if w not in WORDS and w[:2] != "x-"}
    if unknown - {"format"} or schema.get("format", "int64") not in (
            "int64", "date-time"):
        yield f"{place}: no {unknown} in a schema"
    if "$ref" in schema:
        follow(schema)
    for key in "properties", "patternProperties":
        for name, one in schema.get(key, {}).items():
            yield from schema_complaints(one, f"{place}/{name}")
    for name in "items", "additionalProperties", "propertyNames":
        yield from schema_complaints(schema.get(name, True),
                                     f"{place}/{name}")
    for name in "oneOf", "allOf":
        for one in schema.get(name, []):
            yield from schema_complaints(one, f"{place}/{name}")


def walk(node, place=""):
    """Every object below a node, with its place."""
    if isinstance(node, dict):
        yield place, node
    for name, value in node.items() if isinstance(node, dict) else \
            enumerate(node) if isinstance(node, list) else ():
        yield from walk(value, f"{place}/{name}")


OPERATIONS = [(f"{m} {p}", spec) for p, item in DOCUMENT["paths"].items()
              for m, spec in item.items()]
EACH = pytest.mark.parametrize("spec", [s for _, s in OPERATIONS],
                               ids=[n for n, _ in OPERATIONS])


def test_the_standard_was_read():
    assert len(OBJECTS) > 25
    assert OBJECTS["infoObject"]["version"].required
    assert OBJECTS["operationObject"]["responses"].objects == \
        ["responsesObject"]
    assert OBJECTS["componentsObject"]["schemas"].map


def test_every_object_is_one_of_the_standard():
    assert DOCUMENT["openapi"] == "3.1.0"
    assert list(complaints(DOCUMENT, "oasObject", "")) == []


@pytest.mark.parametrize("spoil, said", [
    (lambda d: d["info"].pop("version"), "/info: version is required"),
    (lambda d: d["info"].update(titel="x"), "no titel in a infoObject"),
    (lambda d: d["paths"]["/healthz"]["get"].update(tags="x"), "a map or"),
    (lambda d: d["paths"]["/healthz"]["get"]["responses"].update(
        ok={"description": "x"}), "no ok in a responsesObject"),
    (lambda d: d["components"]["schemas"]["Slug"].update(maxLenght=9),
     "maxLenght"),
    (lambda d: d["components"]["responses"]["Conflict"].pop("description"),
     "/components/responses/Conflict: description is required"),
    (lambda d: d["components"]["headers"]["Allow"].update(name="Allow"),
     "no name in a headerObject")], ids=range(7))
def test_a_spoilt_document_is_none(spoil, said):
    spoilt = copy.deepcopy(DOCUMENT)
    spoil(spoilt)
    assert any(said in c for c in complaints(spoilt, "oasObject", ""))


@pytest.mark.parametrize("path", sorted(PARTS.glob("*.json")),
                         ids=lambda p: p.name)
def test_no_name_twice(path):
    """A member given twice would be lost in making the document."""
    def once(pairs):
        assert len({n for n, _ in pairs}) == len(pairs), pairs
        return dict(pairs)
    json.loads(path.read_text(), object_pairs_hook=once)


def test_every_component_is_used():
    used = {node["$ref"] for _, node in walk(DOCUMENT) if "$ref" in node}
    used |= {f"#/components/securitySchemes/{name}"
             for one in DOCUMENT["security"] for name in one}
    assert used == {f"#/components/{kind}/{name}"
                    for kind, items in DOCUMENT["components"].items()
                    for name in items}


def test_operations_have_names_and_tags():
    names = [spec["operationId"] for _, spec in OPERATIONS]
    assert len(set(names)) == len(names)
    tags = [tag["name"] for tag in DOCUMENT["tags"]]
    assert {t for _, spec in OPERATIONS for t in spec["tags"]} == set(tags)
    assert len(set(tags)) == len(tags)


@EACH
def test_operation_says_enough(spec):
    assert spec["summary"] and spec["description"] and len(spec["tags"]) == 1
    assert not spec["summary"].endswith(".")
    assert list(spec["responses"]) == sorted(spec["responses"])
    if "requestBody" in spec:
        media = spec["requestBody"]["content"]
        (kind, media), = media.items()
        assert kind == ("text/plain" if spec["operationId"] in TEXTS
                        else "application/json")
        schema, example = flat(media["schema"]), media["example"]
        assert list(Validator(schema).iter_errors(example)) == []


RESPONSES = DOCUMENT["components"]["responses"]
TEXTS = ["importVariables"]     # whose body is no JSON
BY_SCOPE = ["SettingsWrittenResponse", "ImportedResponse"]  # all, or little


@pytest.mark.parametrize("name", RESPONSES)
def test_response(name):
    """Its examples are such answers; its data have no optional members."""
    spec = RESPONSES[name]
    assert {"X-Request-ID", "Cache-Control", "X-Content-Type-Options"} <= \
        set(spec["headers"])
    response = Response(spec)
    if not response.body:
        assert name in ("Options", "NotModified", "Unchanged")
        return
    media = spec["content"]["application/json"]
    examples = [e["value"] for e in media.get("examples", {}).values()] or \
        [media["example"]]
    for example in examples:
        body = example if name != "Document" else DOCUMENT
        assert list(response.body.iter_errors(body)) == []
    schema = response.body.schema
    # `count` of the audit log: of some rows
    if name in (*BY_SCOPE, "VariablesResponse", "AuditLogResponse"):
        return
    if "data" in schema["properties"]:
        for place, node in walk(schema):
            if "properties" in node:
                named = {n.strip("^$")
                         for n in node.get("patternProperties", {})}
                assert set(node.get("required", [])) == \
                    set(node["properties"]) | named, place
    elif name != "Document":
        codes = {e["error"]["code"] for e in examples}
        assert codes == set(response.codes) - {None}


def test_schemas_and_their_examples():
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Validator.check_schema(schema)
        for example in schema.get("examples", []):
            assert Validator(flat(schema)).is_valid(example), name
    for kind in "parameters", "headers":
        for name, spec in DOCUMENT["components"][kind].items():
            if "example" in spec:
                assert Validator(flat(spec["schema"])).is_valid(
                    spec["example"]), name


# ---- what generators of clients stumble over ----

SCHEMAS = DOCUMENT["components"]["schemas"]


def plain(name):
    """A name as languages with rules of their own write it."""
    return re.sub("[^a-z0-9]", "", name.lower())


def twice(names):
    names = [plain(name) for name in names]
    return {name for name in names if names.count(name) > 1}


def test_names_stay_apart():
    """`id` and `_id`, or a response and a schema, become one name."""
    for place, node in walk(DOCUMENT["components"]):
        if isinstance(node.get("properties"), dict):
            assert twice(node["properties"]) == set(), place
    names = [n for kind in DOCUMENT["components"].values() for n in kind]
    assert twice(names) == set()
    assert not {plain(n) for n in names} & {
        "error", "exception", "object", "string", "array", "list", "map",
        "set", "date", "any", "request", "response", "model", "class"}


def test_both_ids_are_exact():
    """_id is required and of id's form wherever id is."""
    ids = {"$ref": "#/components/schemas/Id"}
    found = [s for name, s in SCHEMAS.items()
             if "id" in s.get("properties", {})
             and name not in ("AuditRow", "Actor")]     # not objects of ours
    assert len(found) > 5
    for schema in found:
        assert schema["patternProperties"] == {"^_id$": ids}
        assert schema["required"][:2] == ["id", "_id"]
        one = flat(schema, close=True)["patternProperties"]["^_id$"]
        assert Validator(one).is_valid("5e0c4b7e-2d7a-4c1b-9a43-6f1d8e20b7c5")
        assert not Validator(one).is_valid("x")


def test_a_generated_key_is_its_row_and_the_key():
    """Written out: allOf makes a parent class of the row, or nothing."""
    row, made = SCHEMAS["ApiKey"], copy.deepcopy(SCHEMAS["GeneratedApiKey"])
    del made["properties"]["key"]
    made["required"].remove("key")
    assert made == row


def test_every_schema_has_its_type():
    """Lists without one are untyped, unions of an object lose their null."""
    for place, node in walk(DOCUMENT["components"]):
        if {"properties", "items", "const", "enum", "pattern"} & set(node) \
                and "properties" not in node.get("properties", {}) \
                and "/example" not in place and "/error/allOf/" not in place:
            kind = node.get("type")
            assert kind, place
            if isinstance(kind, list):
                assert not {"object", "array"} & set(kind), place


def test_words_that_are_taken_for_more():
    """A default in a body makes the field required, uniqueItems makes a set
    that is sent as {}."""
    bodies = [media for _, o in OPERATIONS if "requestBody" in o
              for media in o["requestBody"]["content"].values()]
    for body in bodies:
        for place, node in walk(flat(body["schema"])):
            assert "default" not in node, place
    assert not [p for p, node in walk(DOCUMENT) if "uniqueItems" in node]


def test_the_first_server_is_a_whole_url():
    """A client that is given no other asks it."""
    assert DOCUMENT["servers"][0]["url"] == "http://127.0.0.1:8080"
