"""Variables as text (src/base/dotenv.c): what is written comes back, and other
people's files are read as npm's dotenv and python-dotenv read them, where those
two agree. test_dotenv_shell.py has the form for shells.

MAPS=10000: as many maps of variables for each form.
"""
import os
import random
import re

import pytest

import dotenvs
from test_clients import install

pytestmark = pytest.mark.plain      # the library's own word

MAPS = int(os.environ.get("MAPS", "300"))
DICE = random.Random(6)
PEM = "-----BEGIN KEY-----\nMIIB+/x=\n-----END KEY-----\n"
PIECES = ["a", "b c", "1", "\n", "\r", "\r\n", "\t", " ", "\\", "\\\\", "\\n",
          "\\t", "'", '"', "`", "$", "${A}", "$(touch x)", "#", " #", "=",
          "export ", "é", "\U0001f680", "\u2028", "\x85", "\xa0", "\ufeff",
          "\x01", "\x7f", "%", "!", "~", "*", ";", "&", PEM]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz0123456789"


def some_name():
    return DICE.choice(LETTERS[:53]) + "".join(
        DICE.choices(LETTERS, k=DICE.choice([0, 1, 1, 5, 20])))


def some_value(pieces=PIECES):
    return "".join(DICE.choices(pieces, k=DICE.choice([0, 1, 1, 2, 3, 8])))


def some_map(pieces=PIECES):
    return {some_name(): some_value(pieces)
            for _ in range(DICE.choice([1, 1, 2, 5]))}


def test_comes_back():
    """Byte for byte, by our own reader."""
    maps = [some_map() for _ in range(MAPS)]
    for got, want in zip(dotenvs.ours("read", "dotenv", dotenvs.ours(
            "write", "dotenv", maps)), maps):
        assert dotenvs.taken(got) == want and not got["wrong"], (got, want)


def test_comes_back_from_docker():
    """By our own reader, and by docker's rule; or refused, by its name."""
    maps = [some_map() for _ in range(MAPS)]
    written = dotenvs.ours("write", "docker", maps)
    refused = 0
    for text, want in zip(written, maps):
        cannot = [n for n, v in want.items()
                  if "\n" in v or v.endswith("\r")]
        refused += bool(cannot)
        if cannot:
            assert isinstance(text, list) and text[0] == cannot[0], text
        else:
            assert dotenvs.docker(text.encode()) == want
    assert MAPS / 10 < refused < MAPS * .9
    good = [(t, m) for t, m in zip(written, maps) if isinstance(t, str)]
    for got, (_, want) in zip(dotenvs.ours("read", "docker",
                                           [t for t, _ in good]), good):
        assert dotenvs.taken(got) == want and not got["wrong"]


@pytest.mark.parametrize("length, fits", [(65533, True), (65534, False)])
def test_dockers_line(length, fits):
    """A, = and so many bytes: docker reads lines of 64 KiB with their end."""
    made, = dotenvs.ours("write", "docker", [{"A": "x" * length}])
    assert isinstance(made, str) == fits
    if fits:
        assert dotenvs.docker(made.encode()) == {"A": "x" * length}
    else:
        assert made[0] == "A"
        with pytest.raises(AssertionError, match="token too long"):
            dotenvs.docker(f"A={'x' * length}\n".encode())


def test_docker_alike():
    """Any text: as docker reads it, or refused where docker refuses it."""
    texts = [some_text() for _ in range(MAPS)]
    texts += ["\ufeffA=1", " \u3000\rA= 1 \r\n#B=2\n\n B=\"'#\\n", "A\r\n"]
    for got, text in zip(dotenvs.ours("read", "docker", texts), texts):
        names = {name for _, name, _ in got["taken"]}
        strange = any(dotenvs.SPACE.search(name) for name in names)
        try:
            want = dotenvs.docker(text.encode())
        except AssertionError:
            assert strange or got["wrong"], (text, got)
        else:
            assert dotenvs.taken(got) == want and not got["wrong"], text


def is_told_alike(value):
    """A value of which the dotenv form needs nothing that the two see
    differently: escapes, of which each knows others, and a backslash in front
    of a quote."""
    if "${" in value or ('"' in value and set("'\r") & {*value}):
        return False
    if "\\" not in value or re.fullmatch(r"[\w:;%&*!~$/.\\-]+", value, re.A):
        return True     # in quotes or, with all of its backslashes, without
    return not (re.search(r"\\\\|\\\n|\\$", value) or set("'\r") & {*value})


def test_written_for_all():
    """What we write, npm's dotenv and python-dotenv read as it was, unless it
    holds what they see differently."""
    install()
    maps = [{n: v for n, v in some_map().items() if is_told_alike(v)}
            for _ in range(MAPS)]
    texts = dotenvs.ours("write", "dotenv", maps)
    for text, want, theirs in zip(texts, maps, dotenvs.npm(texts)):
        assert theirs == want, text
        assert dotenvs.python(text) == want, text


# ---- other people's files ----

QUOTED = ["a", "b c", "\\n", "\\t", "\\\\", "\\q", "\\", "#", " # ", "$A",
          "${A}", "=", "\n", "\r\n", "\r", "\u2028", "é", "\xa0"]


def some_foreign_value():
    kind = DICE.randrange(8)
    if kind < 3:
        quote = '"' if kind else "'"
        inner = some_value(QUOTED + ["'" if kind else '"', "\\" + quote])
        return quote + inner + quote
    pieces = ["a", "b c", "\\n", "\\", "#", " #c", "$A", "${A}", "=", " ",
              "\t", "\xa0", "\v", "\u2028", "é", "'", '"', "`", "\ufeff",
              "\x1c"]
    return some_value(pieces if kind == 3 else pieces[:10])


def some_line(name):
    if DICE.random() < .15:
        return DICE.choice(["", "  ", "# a", " # it's", "#A=1", "\t#\"", "#"])
    return "".join([DICE.choice(["", "", " ", "\t"]),
                    DICE.choice(["", "", "export ", "export\t "]),
                    name,
                    DICE.choice(["", "", " "]), "=",
                    DICE.choice(["", "", " ", "\t", "\xa0"]),
                    some_foreign_value(),
                    DICE.choice(["", "", "", " ", " # x", "#x", " # it's"])])


def some_text():
    end = DICE.choice(["\n", "\n", "\r\n", "\r"])
    names = ["A", "B", "AB_1", "export", "_", "c"][:DICE.choice([1, 2, 3, 6])]
    DICE.shuffle(names)
    return end.join(map(some_line, names)) + DICE.choice(["", end])


def broken(text):
    """A few characters of it otherwise."""
    for _ in range(DICE.choice([1, 1, 2])):
        at = DICE.randrange(len(text) + 1)
        text = text[:at] + DICE.choice(["", *"'\"\\=#\n\r A:-.$"]) + \
            text[at + DICE.choice([0, 1]):]
    return text


def alike(texts):
    """Those that both of them read alike, what they read, and what we do."""
    install()
    mine = dotenvs.ours("read", "dotenv", texts)
    for text, want, got in zip(texts, dotenvs.npm(texts), mine):
        if dotenvs.python(text) == want:
            yield text, want, got


def is_refused(got):
    """A line of it is none, or has no name that Settings take."""
    return got["wrong"] or not all(
        re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", n) for _, n, _ in got["taken"])


def test_foreign_files():
    """What those two read alike we read so, too. But for a line that is no
    variable at all: they leave it out in silence."""
    found = 0
    for text, want, got in alike([some_text() for _ in range(MAPS * 3)]):
        if "\\$" in text:
            continue        # ours, see test_rules
        found += 1
        assert dotenvs.taken(got) == want, (text, want, got)
        assert all(why.startswith("Must be NAME") for _, why in got["wrong"]), (
            text, want, got)
    assert found > MAPS / 2


def test_broken_files():
    """Files that somebody has spoiled are read the same, or refused."""
    found = 0
    for text, want, got in alike([broken(some_text())
                                  for _ in range(MAPS * 3)]):
        if "\\$" in text or is_refused(got):
            continue
        found += 1
        assert dotenvs.taken(got) == want, (text, want, got)
    assert found > MAPS / 4


RULES = [       # where those two differ: ours
    (r'A="\n\r\t\\\"\$"', "\n\r\t\\\"$"),
    (r'A="\q\'\a\ "', r"\q\'\a\ "),
    (r'A="\$5 $5 ${B} \${B}"', "$5 $5 ${B} ${B}"),
    ("A=${B}$C", "${B}$C"), ("A='${B}'", "${B}"),
    (r"A='\n\\'", r"\n\\"),
    ('A="b\r\nc\rd\ne"', "b\r\nc\rd\ne"), ("A='b\r\nc'", "b\r\nc"),
    ("A=b#c", "b#c"), ("A=#b", "#b"), ("A= #b", ""), ("A=b #c", "b"),
    ("A=`b`", "`b`"), ("\ufeffA=b", "b"), ("A=b\\", "b\\"),
    ("A=b\r\nA=c\r\n", "c"), ("A=b\rA=c", "c"), ("A=b\nA=", ""),
    ("A=a\x1c", "a\x1c"),
]


@pytest.mark.parametrize("text, value", RULES)
def test_rules(text, value):
    got, = dotenvs.ours("read", "dotenv", [text])
    assert dotenvs.taken(got) == {"A": value} and not got["wrong"], got


WRONG = [("A", 1), ('A="\n\n"\nB', 4), ("A=1\nB", 2), ("A=1\r\n\r\n=2", 3), ("A: 1", 1),
         ("\n\nexport A", 3), ("A=1\n'B'", 2), ("A\n=1", 1),
         ("\rA='b", 2), ('A=1\nB="\n\nc', 2), ("A='b'\nB='c\nd' e", 2),
         ("A='it\\'s'", 1)]


@pytest.mark.parametrize("text, line", WRONG)
def test_wrong_lines(text, line):
    got, = dotenvs.ours("read", "dotenv", [text])
    assert got["wrong"][0][0] == line, got
