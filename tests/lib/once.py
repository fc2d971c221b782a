"""The records of POSTs with an Idempotency-Key, made without the program."""
import hashlib

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"


def name_of(api_key, key):
    """What a record is called: 32 bytes under a key of the API key."""
    root = hashlib.blake2b(b"codecourier replay\0" + api_key.encode() + b"\0",
                           digest_size=32).digest()
    return hashlib.blake2b(b"name\0" + key.encode() + b"\0", key=root,
                           digest_size=32).digest()


def number_of(name):
    """Of the lock that the first one has."""
    return int.from_bytes(name[:8], "little", signed=True)


def records(project):
    return int(project.stack.sql("select count(*) from codecourier.replay "
                                 f"where project_id = '{project.id}'"))
