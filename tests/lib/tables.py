"""The server's own tables, as build/tests/tables (tables.c) prints them."""
import os
import subprocess
import tempfile
from collections import namedtuple

from harness import ROOT

Field = namedtuple("Field", "type required nullable trimmed one_line in_bytes "
                   "is_id min max rule one_of")
Route = namedtuple("Route", "keyed paged body scope fields query")
TABLES = ROOT / os.environ.get("BUILD", "build") / "tests/tables"


def said(*argv, text=""):
    with tempfile.TemporaryFile("w+") as file:  # a pipe takes little at once
        file.write(text)
        file.seek(0)
        return subprocess.run([TABLES, *argv], stdin=file, text=True,
                              check=True, capture_output=True, timeout=60
                              ).stdout


def rows(*argv, **more):
    return [line.split("\t") for line in said(*argv, **more).splitlines()]


def read_tables():
    """{(method, path): Route}, and the rest."""
    routes, codes, limits = {}, set(), None
    for kind, *row in rows():
        if kind == "route":
            fields = {}
            routes[row[0], row[1]] = Route(*map(int, row[2:5]), row[5],
                                             fields, int(row[6]))
        elif kind == "field":
            fields[row[0]] = Field(*map(int, row[1:10]), row[10],
                                   row[11].split())
        elif kind == "code":
            codes.add((row[0], int(row[1])))
        else:
            limits = [int(n) for n in row]
    return routes, codes, limits


ROUTES, LIBRARY_CODES, LIMITS = read_tables()
# the operator's, on a port of its own: no part of the API's document
METRICS = ROUTES.pop(("GET", "/metrics"))
