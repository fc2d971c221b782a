"""What Unicode says of characters, from its own files as Debian has them."""
import functools
import re
from pathlib import Path

UNICODE = Path("/usr/share/unicode")
BIDI_CONTROL = {0x61c, 0x200e, 0x200f, *range(0x202a, 0x202f),
                *range(0x2066, 0x206a)}


def categories():
    """{code: category}, without those of no character."""
    found, first = {}, None
    for line in (UNICODE / "UnicodeData.txt").read_text().splitlines():
        code, name, category = line.split(";")[:3]
        code = int(code, 16)
        if name.endswith("First>"):
            first = code
        elif name.endswith("Last>"):
            found.update(dict.fromkeys(range(first, code + 1), category))
        else:
            found[code] = category
    return found


def ignorable():
    text = (UNICODE / "DerivedCoreProperties.txt").read_text()
    return {code for first, last in re.findall(
                r"^(\w+)(?:\.\.(\w+))? *; Default_Ignorable_Code_Point", text,
                re.M)
            for code in range(int(first, 16), int(last or first, 16) + 1)}


@functools.lru_cache(None)
def invisible():
    """Every code point that shows nothing, for one-line fields; of those not
    assigned only the noncharacters and whole planes."""
    unassigned = {*range(0xfdd0, 0xfdf0), *range(0x40000, 0x110000),
                  *(p + n for p in range(0, 0x110000, 0x10000)
                    for n in (0xfffe, 0xffff))}
    return {c for c, category in categories().items() if category[0] in "CZ"} \
        | ignorable() | unassigned | {0x2800}


def is_visible(character):
    return ord(character) not in invisible()


def is_control(character):
    code = ord(character)
    return code < 0x20 or 0x7f <= code < 0xa0 or code in (0x2028, 0x2029) or \
        code in BIDI_CONTROL
