"""The document in OpenAPI 3.0, for generators that do not read 3.1 yet."""
from openapi import DOCUMENT, follow

# words that 3.0 has not
NEW = ("patternProperties", "propertyNames", "x-other-requests", "x-plain-http")


def nullable(schema):
    """An alternative to null: the other one, whole, which may be null."""
    one, = [s for s in schema.pop("oneOf") if s != {"type": "null"}]
    return {**older(follow(one)), **schema, "nullable": True}


def older(node):
    """The same in the words of 3.0."""
    if isinstance(node, list):
        return [older(n) for n in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:      # nothing counts beside it
        return {"$ref": node["$ref"]}
    if "oneOf" in node:
        return nullable(dict(node))
    found = {n: older(v) for n, v in node.items() if n not in NEW}
    kind = found.get("type")
    if isinstance(kind, list):
        found["type"], = set(kind) - {"null"}
        found["nullable"] = True
    elif kind == "null":
        found.update(type="string", nullable=True)
    value = found.pop("const", None)
    if isinstance(value, str):
        found["enum"] = [value]
    if isinstance(found.get("examples"), list):
        found["example"] = found.pop("examples")[0]
    if "required" in found and "properties" in found:
        found["required"] = [n for n in found["required"]
                             if n in found["properties"]]
    return found


def document():
    found = older(DOCUMENT)
    found["openapi"] = "3.0.3"
    del found["info"]["summary"], found["info"]["license"]["identifier"]
    return found
