"""cold.py PORT KEYS: a caller for each key of the file, all at once, each on
a connection of its own that it keeps. A 503 is tried again after its
Retry-After, as a client library does: with a random part, so that they do not
come in step. Prints the seconds that each one took to its 200."""
import asyncio
import random
import sys
import time


async def ask(reader, writer, key):
    """Status and Retry-After of one GET."""
    writer.write(f"GET /api/v1/project HTTP/1.1\r\nHost: x\r\n"
                 f"Authorization: Bearer {key}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    value = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
    await reader.readexactly(int(value["content-length"]))
    return int(head.split(" ", 2)[1]), float(value.get("retry-after", 0))


async def caller(port, key, begin):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        status, after = await ask(reader, writer, key)
        if status == 200:
            writer.close()
            return time.monotonic() - begin
        if status != 503 or not after:
            raise SystemExit(f"a good key got {status}")
        await asyncio.sleep(after * random.uniform(1, 1.5))


async def main(port, keys):
    begin = time.monotonic()
    found = await asyncio.gather(*(caller(port, k, begin) for k in keys))
    print(*(f"{x:.3f}" for x in found))


with open(sys.argv[2], encoding="ascii") as file:
    asyncio.run(main(int(sys.argv[1]), file.read().split()))
