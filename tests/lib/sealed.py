"""What the service seals, without the program: opened by the keyring's file."""
import base64
import ctypes
import ctypes.util
import os
import struct


def bound(parts):
    """What a sealed value is tied to."""
    return b"".join(struct.pack(">I", len(p)) + p.encode() for p in parts)


class Opener:
    """Opens what the worker has sealed, by the keyring's file."""

    def __init__(self, keyring):
        self.sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
        self.masters = {}
        with open(keyring) as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    name, _, key = line.split()
                    self.masters[name] = base64.b64decode(key)

    def open(self, key, parts, nonce, sealed):
        """The plain bytes; None: it does not open."""
        tied = bound(parts)
        if len(sealed) < 16:
            return None
        out = ctypes.create_string_buffer(len(sealed))
        length = ctypes.c_ulonglong()
        bad = self.sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            out, ctypes.byref(length), None, sealed,
            ctypes.c_ulonglong(len(sealed)), tied,
            ctypes.c_ulonglong(len(tied)), nonce, key)
        return None if bad else out.raw[:length.value]

    def data_key(self, row):
        data = bytes.fromhex(row["wrapped"][2:])
        return self.open(self.masters[row["master_key"]],
                         ["data-key", row["project_id"], row["id"],
                          row["master_key"]], data[1:25], data[25:])

    def value(self, keys, text, table, project, name):
        """A sealed column as a text that can be compared."""
        data = bytes.fromhex(text[2:])
        found = self.open(keys.get(data[1:17].hex(), b"\0" * 32),
                          ["value", table, project, name], data[17:41],
                          data[41:])
        return "DOES NOT OPEN" if found is None else found.decode()

    def new_data_key(self, project, name, master):
        """One more of a project's, wrapped, as the table has it."""
        tied, nonce = bound(["data-key", project, name, master]), os.urandom(24)
        out, length = ctypes.create_string_buffer(48), ctypes.c_ulonglong()
        self.sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
            out, ctypes.byref(length), os.urandom(32), ctypes.c_ulonglong(32),
            tied, ctypes.c_ulonglong(len(tied)), None, nonce,
            self.masters[master])
        return b"\1" + nonce + out.raw
