"""The forms of an API key and of an invitation's token, made without the
program."""
import zlib

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def checksum(text):
    """The six characters that end a key or token which begins with text."""
    number, out = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        out = BASE62[digit] + out
    return out


def make_key(public="Zz9Zz9Zz", secret="0" * 32, kind="live"):
    """A well-formed key that nobody was given."""
    text = f"cc_{kind}_{public}{secret}"
    return text + checksum(text)


def make_token(secret="0" * 40):
    """A well-formed token of an invitation that nobody was given."""
    text = f"cc_inv_{secret}"
    return text + checksum(text)
