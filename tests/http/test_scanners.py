"""cgi-bin/scanners: what each tool finds in a file with keys in many places.

The tools themselves are no packages of Debian: their expressions are tried by
the engines that they name, RE2 (Go's) and, for Hyperscan's syntax, PCRE.
"""
import json
import math
import random
import re
import subprocess
import textwrap
import tomllib
from collections import Counter

import pytest
import yaml

from client import Api
from contract import BASE62, checksum, make_key
from harness import ROOT

pytestmark = pytest.mark.plain     # files, and calls that are made elsewhere

SCANNERS = ROOT / "cgi-bin/scanners"
# [pattern, text] → the first group of each match, or all of it
RE2 = """use re::engine::RE2 -strict => 1;
my ($pattern, $text) = @{decode_json(join '', <STDIN>)};
my @found;
push @found, $1 // $& while $text =~ /$pattern/g;
print encode_json(\\@found);"""
PCRE = RE2.partition("\n")[2]
PLACES = ["Authorization: Bearer {}", 'API_KEY="{}"', "export KEY={}",
          '{{"key":"{}"}}', "key: {} # live", "https://x/?api_key={}&page=2",
          "url=key%3D{}%26page", "<b>{}</b>", "xx{}", "{}_old", "{}\\n", "'{}'",
          "`{}`.", "a\t{}\tb"]
NEAR = [lambda k: k[:53], lambda k: k + "0", lambda k: k[:16],
        lambda k: k.upper(), lambda k: "cc_prod_" + k[8:],
        lambda k: "sk_live_" + k[8:], lambda k: k[:30] + "-" + k[31:],
        lambda k: k[:30] + "_" + k[31:], lambda k: k[:7] + k[8:],
        lambda k: k[:16] + "...", lambda k: k[:20] + " " + k[20:],
        lambda k: "cc_live_" + "é" * 46]
NOBODYS = ["cc_live_" + "x" * 46, "cc_test_" + "0" * 46,
           "cc_live_" + "X" * 40 + "YYYYYY"]


def entropy(text):
    """Shannon's, in bits a character, as both tools have it."""
    return -sum(n / len(text) * math.log2(n / len(text))
                for n in Counter(text).values())


def perl(script, pattern, text):
    done = subprocess.run(["perl", "-MJSON::PP", "-e", script],
                          input=json.dumps([pattern, text]), text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_rule(rule, text):
    """A rule of gitleaks, or one with its names."""
    if not any(word in text.lower() for word in rule["keywords"]):
        return []
    assert rule["secretGroup"] == 1
    return [found for found in perl(RE2, rule["regex"], text)
            if entropy(found) > rule["entropy"]]


def gitleaks(text):
    (rule,) = tomllib.loads((SCANNERS / "gitleaks.toml").read_text())["rules"]
    return by_rule(rule, text)


def trufflehog(text):
    (one,) = yaml.safe_load((SCANNERS / "trufflehog.yaml").read_text()
                            )["detectors"]
    (regex,) = one["regex"].values()
    return by_rule({**one, "regex": regex, "secretGroup": 1}, text)


def form(name):
    """The lines of a table of github.md: {field: what stands in backquotes}."""
    text = (SCANNERS / "github.md").read_text().split(f"**{name}**")[1]
    rows = re.findall(r"(?m)^\| ([^|]+?) \| .*?`(.+?)`.* \|$",
                      text.split("\n\n**")[0])
    return {field: value.replace("\\|", "|") for field, value in rows}


def custom(text):
    said = form("A custom pattern")
    return perl(PCRE, f"(?:{said['Before secret']})({said['Secret format']})"
                f"(?={said['After secret']})", text)


def partner(text):
    return perl(PCRE, form("The partner program")["Regular expression"], text)


TOOLS = [gitleaks, trufflehog, custom, partner]


@pytest.fixture(scope="module")
def made():
    """Keys as the program draws them, by another program."""
    pick = random.Random(3)
    return [make_key("".join(pick.choices(BASE62, k=8)),
                     "".join(pick.choices(BASE62, k=32)), kind)
            for kind in ("live", "test") * 500]


@pytest.mark.parametrize("tool", TOOLS)
def test_finds_all(made, tool):
    """In every place, at both ends of a file, and one beside another."""
    places = [p.format(k) for p, k in zip(PLACES * 99, made[1:-3])]
    text = "\n".join([made[0], *places, f"{made[-3]},{made[-2]}", made[-1]])
    assert tool(text) == made


@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_no_key(made, tool):
    """The partner's form says nothing of what follows."""
    text = "\n".join(near(made[0]) for near in NEAR if
                     tool != partner or near(made[0])[:54] != made[0])
    assert tool(text) == []


@pytest.mark.parametrize("tool", TOOLS)
def test_what_nobody_has_drawn(tool):
    """GitHub has no entropy in its forms."""
    assert tool("\n".join(NOBODYS)) == (
        [] if tool in (gitleaks, trufflehog) else NOBODYS)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_wrong_checksum_is_found_too(made, tool):
    """As README.md says: no tool computes it."""
    typo = made[0][:20] + ("A" if made[0][20] != "A" else "B") + made[0][21:]
    assert checksum(typo[:48]) != typo[48:]
    assert tool(f"key = {typo}\n") == [typo]


def test_found_and_ended(project):
    """What README.md says to do with what was found, as it says it."""
    made = [project.api.post("/project/api-keys/generate",
                             {"name": "x", "environment": e})["key"]
            for e in ("live", "test")]
    tells, ends = re.findall(r"(?m)(?:^    .*\n)+",
                             (SCANNERS / "README.md").read_text())
    both = textwrap.dedent(tells) + textwrap.dedent(ends).replace(
        "https://api.example.org", project.stack.base)

    def answers(key):
        done = subprocess.run(["bash", "-c", both], input=key + "\n",
                              text=True, capture_output=True, timeout=30)
        assert done.returncode == 0, done
        return done.stdout.split("\n")

    found = gitleaks("\n".join(made))
    assert found == made
    for key in found:
        assert answers(key) == ["True", '{"data":{"revoked":true}}']
        Api(project.stack.base, key).refused("AUTH_INVALID", "GET", "/project")
    tells, refused = answers(make_key()[:-1] + "!")
    assert tells == "False" and '"VALIDATION"' in refused


def test_the_forms_say_what_is_so(made):
    """One expression for all; the examples are keys."""
    rule = tomllib.loads((SCANNERS / "gitleaks.toml").read_text())["rules"][0]
    said = form("A custom pattern")
    expressions = {rule["regex"], yaml.safe_load(
        (SCANNERS / "trufflehog.yaml").read_text())["detectors"][0]["regex"]
        ["key"]}
    assert len(expressions) == 1
    bare = form("The partner program")["Regular expression"]
    assert said["Secret format"] == bare and f"({bare})" in rule["regex"]
    example = said["Test string"]
    assert checksum(example[:48]) == example[48:]
    assert form("The partner program")["An example"] == example[:48]
