"""Load and what it costs: wrk, pgbench, CPU time by process group."""
import json
import re
import statistics
import subprocess
from pathlib import Path

from stacks import HERE, PGBENCH


def cpu_seconds(pids):
    """CPU time used so far; kept in nanoseconds by the scheduler."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        except OSError:
            pass
    return total / 1e9


def wrk_command(base, keys, path="/api/v1/project", body=None, clients=16,
                seconds=4, pause_ms=0, threads=1, address=None):
    method = "POST" if body else "GET"
    return ["wrk", f"-t{threads}", f"-c{clients}", f"-d{seconds}s",
            "--timeout", "20s", "-s", str(HERE / "load.lua"), base, "--",
            str(keys), method, path, str(body or "-"), str(pause_ms),
            *([address] if address else [])]


def start_wrk(*args, **more):
    return subprocess.Popen(wrk_command(*args, **more),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def finish_wrk(process):
    """What wrk measured: rate in requests a second, latencies in us."""
    out, err = process.communicate()
    line = [x for x in out.splitlines() if x.startswith("{")]
    if process.returncode or not line:
        raise RuntimeError(out + err)
    got = json.loads(line[0])
    got["rate"] = got["requests"] / got["us"] * 1e6
    return got


def wrk(*args, groups=None, lenient=False, **more):
    """One run; with `groups`, also CPU time a request by group in us. Every
    answer must be a 200, unless `lenient`."""
    before = {n: cpu_seconds(p) for n, p in (groups or {}).items()}
    got = finish_wrk(start_wrk(*args, **more))
    if not lenient and (got["broken"] or got["status"]):
        raise RuntimeError(f"not what was asked for: {got}")
    for name, pids in (groups or {}).items():
        used = cpu_seconds(pids) - before[name]
        got[f"cpu {name}"] = used / got["requests"] * 1e6
    return got


def pgbench(stack, scripts, clients, seconds, role="API"):
    """Transactions a second of scripts chosen at random, prepared."""
    conninfo = {"API": stack.conf["CODECOURIER_DATABASE"],
                "admin": stack.admin()}[role]
    names = dict(p.split("=", 1) for p in conninfo.split())
    names.update(dict(p.split("=", 1) for p in conninfo.split()))
    done = stack.run(
        [PGBENCH, "-n", "-M", "prepared", f"-c{clients}", "-j2",
         f"-T{seconds}", "-h", names["host"], "-U", names["user"],
         *[a for s in scripts for a in ("-f", s)], "codecourier"],
        seconds=seconds + 60)
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.M)
    if done.returncode or not found:
        raise RuntimeError(done.stdout + done.stderr)
    return {"rate": float(found.group(1))}


def interleaved(rounds, runs):
    """{name: function} → {name: results}, in rounds A B C A B C, so that a
    noisy neighbour meets all of them."""
    results = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            results[name].append(run())
    return results


def median(results, field):
    return statistics.median(r[field] for r in results)


def ratio(results, ours, theirs, field):
    """Median of the rounds' ratios, with the least and the greatest."""
    found = [a[field] / b[field]
             for a, b in zip(results[ours], results[theirs])]
    return statistics.median(found), min(found), max(found)


def memory_kib(pid):
    """Memory of a process that is its own alone."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(n) for n in re.findall(
        r"^Private_(?:Clean|Dirty): +(\d+) kB", text, re.M))


def status_kib(pid, name):
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.M)
    return int(found.group(1)) if found else 0


def peak_kib(pid):
    return status_kib(pid, "VmHWM")


