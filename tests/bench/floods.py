"""Cold keys and bad keys beside warm callers."""
import os
import secrets
import string
import subprocess
import sys
import time
import zlib
from pathlib import Path

from load import finish_wrk, start_wrk, wrk
from stacks import HERE, ROOT

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def with_checksum(start):
    """A key of this beginning: its last six characters are a CRC-32."""
    crc, end = zlib.crc32(start.encode()), ""
    for _ in range(6):
        crc, digit = divmod(crc, 62)
        end = BASE62[digit] + end
    return start + end


def random62(n):
    return "".join(secrets.choice(BASE62) for _ in range(n))


def bad_keys(good):
    """Three kinds of a thousand keys that are none."""
    return {
        "malformed": [with_checksum("cc_live_" + random62(40))[:-1] + "-"
                      for _ in range(1000)],
        "unknown prefix": [with_checksum("cc_live_" + random62(40))
                           for _ in range(1000)],
        "wrong secret": [with_checksum(k[:16] + random62(32)) for k in good]}


def scrypt_runs(stack):
    return stack.status()["scryptRuns"]


def forget(stack):
    """Every key is cold again: a new table of verified keys."""
    folder = Path(stack.conf["CODECOURIER_RUNTIME_DIR"])
    for path in folder.glob("host.*"):
        path.unlink()
    old = set(stack.workers())
    for pid in stack.pids("multiwatch"):
        os.kill(pid, 12)    # USR2
    end = time.monotonic() + 20
    while set(stack.workers()) & old or \
            len(stack.workers()) < stack.workers_wanted:
        assert time.monotonic() < end, "the workers were not replaced"
        time.sleep(0.05)


def cold_round(stack, seconds):
    """Warm callers alone, then while 1,000 cold keys arrive at once."""
    forget(stack)
    warm_keys = stack.save_keys("warm", stack.read_keys("spare"))
    wrk(stack.base, warm_keys, clients=4, seconds=2, lenient=True)
    quiet = wrk(stack.base, warm_keys, seconds=seconds)
    before = scrypt_runs(stack)
    process = start_wrk(stack.base, warm_keys, seconds=seconds)
    time.sleep(0.3)
    done = subprocess.run(
        [sys.executable, str(HERE / "cold.py"), str(stack.port),
         str(stack.keys["all"])], check=True, capture_output=True, text=True)
    busy = finish_wrk(process)
    found = [float(x) for x in done.stdout.split()]
    return {"quiet p99": quiet["p99"], "busy p99": busy["p99"],
            "quiet rate": quiet["rate"], "busy rate": busy["rate"],
            "ratio": busy["p99"] / quiet["p99"], "keys": len(found),
            "slowest": max(found), "scrypt runs": scrypt_runs(stack) - before,
            "failed": busy["status"] + busy["broken"]}


def flood_round(stack, kinds, clients, pause_ms, seconds, rate=5000,
                good_from=None, bad_from=None):
    """Good callers alone, then beside each kind of bad keys."""
    def good():
        return start_wrk(stack.base, stack.keys["all"], clients=clients,
                         pause_ms=pause_ms, seconds=seconds,
                         address=good_from)
    found = {"quiet": finish_wrk(good())}
    for kind in kinds:
        before = scrypt_runs(stack)
        bad = start_wrk(stack.base, stack.keys[kind], clients=rate // 50,
                        seconds=seconds + 1, pause_ms=20, address=bad_from)
        time.sleep(0.5)
        found[kind] = finish_wrk(good())
        flood = finish_wrk(bad)
        found[kind].update({
            "bad rate": flood["rate"], "bad 200s":
            flood["requests"] - flood["status"],
            "scrypt runs": scrypt_runs(stack) - before})
    return found


def limited(stack):
    """Limits by address on, and the clients' addresses taken from a header,
    as behind a proxy of one's own."""
    path = stack.top / "limits-behind.conf"
    path.write_text((ROOT / "nginx/limits.conf").read_text() +
                    "set_real_ip_from 127.0.0.1;\n"
                    "real_ip_header X-Forwarded-For;\n")
    stack.extra["LIMITS"] = str(path)
    return stack
