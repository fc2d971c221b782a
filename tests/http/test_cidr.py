"""Blocks of addresses (src/base/cidr.c) as Python and PostgreSQL see them."""
import ipaddress
import random

import pytest

from tables import rows

pytestmark = pytest.mark.plain     # the library's own word, by tables -b

ROUNDS = 20000
DICE = random.Random(13)
MAPPED = ipaddress.ip_network("::ffff:0:0/96")
ADDRESS = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}
DOTTED = ipaddress.ip_network("::/96")
PARTS = ["0", "1", "9", "10", "255", "256", "00", "01", "a", "ffff", "10000",
         "", ".", ".", ":", ":", "::", "/", "/8", "/32", "/128", "/0", "/08",
         "%lo", " ", "-1", "+1", "::ffff:", "2001:db8::", "10.0.0.0", "::1",
         "1.2.3.4", "127.0.0.1"]


def some_number(family):
    """Few bits or many, so that runs of zeros come, and far ones."""
    width = 32 if family == 4 else 128
    number = DICE.getrandbits(width)
    for _ in range(DICE.randrange(3)):
        number &= DICE.getrandbits(width)
    if family == 6:
        for group in range(8):
            if DICE.random() < .4:
                number &= ~(0xffff << 16 * group)
        if DICE.random() < .2:
            number = 0xffff << 32 | number & 0xffffffff
    return number


def some_block():
    family = DICE.choice([4, 6])
    address = ADDRESS[family](some_number(family))
    text = DICE.choice([str(address), str(address).upper(), address.exploded])
    if family == 6 and DICE.random() < .3:     # the last 32 bits with dots
        low = ADDRESS[4](int(address) & 0xffffffff)
        text = ":".join([*address.exploded.split(":")[:6], str(low)])
    if DICE.random() < .3:
        return text
    text += f"/{DICE.randrange(address.max_prefixlen + 1)}"
    if DICE.random() < .7:
        text = str(ipaddress.ip_network(text, strict=False))
    return text


def some_text():
    return "".join(DICE.choices(PARTS, k=DICE.randrange(1, 7)))


def expected(text):
    """The network that it is and whether it has host bits; None: none."""
    address, slash, length = text.partition("/")
    try:
        if "%" in text or not text.isascii():
            return None
        if slash and (not length.isdigit() or length != str(int(length))):
            return None
        made = ipaddress.ip_interface(text)
    except ValueError:
        return None
    net = made.network
    if net.version == 6 and net.subnet_of(MAPPED):
        net = ipaddress.IPv4Network((int(net[0]) & 0xffffffff,
                                     net.prefixlen - 96))
    return net, made.ip != made.network[0]


def written(found):
    if not found:
        return "none"
    net, host_bits = found
    text = str(net)
    if net.version == 6 and net.subnet_of(DOTTED) and int(net[0]) >> 16:
        # Python has no dots here; PostgreSQL and libc have
        text = f"::{ADDRESS[4](int(net[0]))}/{net.prefixlen}"
    text = text.removesuffix(f"/{net.max_prefixlen}")
    return text + ("!" if host_bits else "")


def lies_in(outer, inner):
    return bool(outer and inner and outer[0].version == inner[0].version and
                inner[0].subnet_of(outer[0]))


def some_pair():
    make = DICE.choice([some_block, some_block, some_block, some_text])
    outer, inner = make(), make()
    found = expected(outer)
    if found and DICE.random() < .6:           # near it: within, or about
        net = found[0]
        near = int(net[0]) ^ (DICE.getrandbits(net.max_prefixlen) >>
                              max(0, net.prefixlen - DICE.choice([0, 0, 1])))
        near = ADDRESS[net.version](near)
        inner = DICE.choice([str(near), f"{near}/{near.max_prefixlen}"])
        if near.version == 4 and DICE.random() < .3:
            inner = f"::ffff:{near}"
    return outer, inner


def test_like_python():
    """What is taken, how it is written, what lies in it."""
    pairs = [some_pair() for _ in range(ROUNDS)]
    want, seen = [], {"none": 0, "!": 0, "in": 0, "out": 0}
    for outer, inner in pairs:
        a, b = expected(outer), expected(inner)
        want.append([written(a), written(b), str(int(lies_in(a, b)))])
        seen["none"] += not a
        seen["!"] += bool(a and a[1])
        seen["in" if lies_in(a, b) else "out"] += bool(a and b)
    assert min(seen.values()) > ROUNDS / 20, seen
    given = rows("-b", text="".join(f"{a}\t{b}\n" for a, b in pairs))
    assert len(given) == ROUNDS
    wrong = [(pair, w, g) for pair, w, g in zip(pairs, want, given) if w != g]
    assert not wrong, (len(wrong), wrong[:10])


def test_like_postgresql(stack):
    """A column of type cidr shows them in the same form: rows of keys are made
    by the database, and what a caller reads is what it has sent."""
    texts = [some_block() for _ in range(2000)]
    mine = [row[0] for row in rows("-b", text="".join(f"{t}\t::\n"
                                                      for t in texts))]
    mine = [text for text in mine if not text.endswith("!")]
    assert len(mine) > 1000
    listed = ",".join(f"'{text}'" for text in mine)
    theirs = stack.sql("select string_agg(regexp_replace(b::cidr::text, "
                       "case family(b::cidr) when 4 then '/32$' else '/128$' "
                       f"end, ''), ' ' order by i) from unnest(array[{listed}]"
                       ") with ordinality as t (b, i)")
    wrong = [pair for pair in zip(mine, theirs.split(" ")) if pair[0] != pair[1]]
    assert len(theirs.split(" ")) == len(mine) and not wrong, wrong[:10]
