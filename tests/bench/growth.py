"""How the cost of a request grows: with workers, clients, keys, size; memory
of a worker; its system calls."""
import json
import re
import signal
import subprocess
import time
import urllib.error

from load import memory_kib, peak_kib, status_kib, wrk
from stacks import Bench
from versus import SETTINGS, call, settings_of, warm


def by(rounds, values, run):
    """{value: results}, in rounds over the values."""
    results = {v: [] for v in values}
    for _ in range(rounds):
        for value in values:
            results[value].append(run(value))
    return results


def clients(stack, rounds, seconds, values=(1, 4, 16, 64, 256, 1000, 2000)):
    return by(rounds, values, lambda n: wrk(
        stack.base, stack.keys["all"], clients=n, seconds=seconds,
        threads=2 if n > 1000 else 1, groups=stack.groups(), lenient=True))


def keys(stack, rounds, seconds, values=(1, 10, 100, 1000)):
    some = {n: stack.save_keys(f"first{n}", stack.read_keys("all")[:n])
            for n in values}
    return by(rounds, values, lambda n: wrk(
        stack.base, some[n], seconds=seconds, groups=stack.groups()))


def settings(stack, rounds, seconds, values=(1, 4, 16, 64, 256, 1024)):
    """Sizes in KiB, each in a project of its own."""
    some = {}
    for kib, key in zip(values, stack.read_keys("sizes")):
        call(stack, SETTINGS + "/update", key,
             json.dumps(settings_of(kib << 10)).encode())
        some[kib] = stack.save_keys(f"size{kib}", [key])
    return by(rounds, values, lambda kib: wrk(
        stack.base, some[kib], path=SETTINGS, seconds=seconds,
        groups=stack.groups()))


def workers(stack, rounds, seconds, values=(1, 2, 4, 8, 16, 32)):
    """The pool is started anew for each; a restart forgets the keys."""
    some = stack.save_keys("few", stack.read_keys("all")[:50])
    results = {n: [] for n in values}
    for _ in range(rounds):
        for n in values:
            stack.restart(n)
            warm(stack, "few")
            results[n].append(wrk(stack.base, some, seconds=seconds,
                                  groups=stack.groups()))
    stack.restart()
    return results


def memory(requests, step):
    """One worker and so many requests of all sizes: its own memory in KiB
    after each step, and the peak."""
    stack = Bench(workers=1)
    try:
        stack.start()
        key = stack.env["API_KEY"]
        call(stack, SETTINGS + "/update", key,
             json.dumps(settings_of(100 << 10)).encode())
        one = stack.save_keys("one", [key])
        body = stack.top / "body.json"
        body.write_text(json.dumps(settings_of(20 << 10)))
        pid, = stack.workers()
        done, found = 0, []
        while done < requests:
            goal = done + step
            while done < goal:
                done += wrk(stack.base, one, clients=4,
                            seconds=10)["requests"]
                done += wrk(stack.base, one, clients=4, path=SETTINGS,
                            seconds=1)["requests"]
                done += wrk(stack.base, one, clients=4, seconds=1, body=body,
                            path=SETTINGS + "/update")["requests"]
            found.append((done, memory_kib(pid)))
        assert stack.workers() == [pid]
        return {"steps": found, "peak": peak_kib(pid)}
    finally:
        stack.stop()
        stack.clean()


# 2 MiB of what costs most: begin, what is repeated, end; and the fullest
# settings that are taken
LARGE = [(b'{"x":[', b"{},", b"{}]}"), (b'{"x":[', b"[],", b"[]]}"),
         (b'{"x":[', b'{"a":{}},', b"{}]}"), (b'{"x":[', b"1,", b"1]}"),
         (b'{"x":[', b"[" * 28 + b"]" * 28 + b",", b"1]}"),
         (b'{"claudeMd":"', b"\\u0001", b'"}')]
FULL = {"testUserCredentials": {"a": [{}] * 21843},
        "envVars": {f"V{n}": "\1" * 65000 for n in range(5)}}


def large_bodies():
    """One worker and bodies of 2 MiB: what it has above an idle one, at most
    and afterwards, in KiB."""
    stack = Bench(workers=1)
    try:
        stack.start()
        key = stack.env["API_KEY"]
        for _ in range(50):
            call(stack, SETTINGS, key)
        pid, = stack.workers()
        idle, kept = status_kib(pid, "VmRSS"), []
        bodies = [begin + unit * (((2 << 20) - 30) // len(unit)) + end
                  for begin, unit, end in LARGE]
        for body in [*bodies, json.dumps(FULL).encode()]:
            try:
                call(stack, SETTINGS + "/update", key, body)
            except urllib.error.HTTPError as error:
                assert error.code == 400
            time.sleep(0.2)
            kept.append(status_kib(pid, "VmRSS") - idle)
        return peak_kib(pid) - idle, max(kept)
    finally:
        stack.stop()
        stack.clean()


def calls(stack, number=1000):
    """System calls of the workers while `number` warm requests are made one
    after the other: {name: calls a request}."""
    out = stack.top / "calls"
    key = stack.read_keys("all")[0]
    tracer = subprocess.Popen(
        ["strace", "-c", "-f", "-q", "-U", "calls,name", "-o", str(out),
         *(f"-p{p}" for p in stack.workers())], stderr=subprocess.PIPE)
    time.sleep(1)
    for _ in range(number):
        call(stack, "/api/v1/project", key)
    tracer.send_signal(signal.SIGINT)
    tracer.wait(10)
    return {name: int(n) / number for n, name in re.findall(
        r"^ *(\d+) +(\w+)$", out.read_text(), re.M) if name != "total"}
