"""The form of an API key, made without the program."""
import zlib

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def checksum(text):
    """The six characters that end a key whose first 48 are text."""
    number, out = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        out = BASE62[digit] + out
    return out


def make_key(public="Zz9Zz9Zz", secret="0" * 32, kind="live"):
    """A well-formed key that nobody was given."""
    text = f"cc_{kind}_{public}{secret}"
    return text + checksum(text)
