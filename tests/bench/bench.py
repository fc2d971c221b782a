#!/usr/bin/python3
"""The benchmark: what `make bench` runs. Prints the table of targets, writes
build/bench/results.md (all tables) and results.svg (the plot).

    bench.py [--rounds N] [--seconds N] [--projects N] [--requests N] [PART...]

PART: versus settings counter million floods growth memory (default: all).
"""
import argparse
import signal
import sys

sys.dont_write_bytecode = True

import floods       # noqa: E402
import growth       # noqa: E402
import versus       # noqa: E402
from load import ratio      # noqa: E402
from report import Report, plot     # noqa: E402
from stacks import TOOLS, Bench       # noqa: E402

RIVALS = ["constant", "loop", "php", "large"]
PARTS = ["versus", "settings", "counter", "million", "floods", "growth",
         "memory"]


def prepare(args, stack, projects):
    stack.start()
    stack.fill(projects, args.keys)
    stack.save_keys("spare", [stack.env["API_KEY"]])
    return stack


def start_rivals(stack):
    answer = versus.call(stack, "/api/v1/project", stack.read_keys("all")[0])
    stack.start_constant("constant", answer, "stock")
    stack.start_constant("loop", answer, "own")
    stack.start_php()
    key = stack.env["API_KEY"]
    versus.call(stack, versus.SETTINGS + "/update", key,
                versus.json.dumps(versus.settings_of(100 << 10)).encode())
    large = versus.call(stack, versus.SETTINGS, key)
    stack.start_constant("large", large, "stock")


def run_versus(stack, args, report):
    found = versus.get_project(stack, args.rounds, args.seconds)
    report.side_by_side("Warm GET /api/v1/project, 16 clients, 1,000 keys",
                        found)
    report.target("warm GET /project, req/s, against the constant answer",
                  ratio(found, "ours", "constant", "rate"), 0.62)
    report.target("the same, the constant from our own accept loop",
                  ratio(found, "ours", "constant, our loop", "rate"))
    report.target("the same against PHP-FPM",
                  ratio(found, "ours", "PHP", "rate"), 2.5)
    report.target("p99 of warm GET at 16 clients against PHP-FPM's",
                  ratio(found, "ours", "PHP", "p99"), 0.5, less=True)
    calls = growth.calls(stack)
    report.calls(calls)
    total = sum(calls.values())
    report.target("system calls per warm GET in the worker",
                  (total, total, total), 16, less=True)


def run_settings(stack, args, report):
    found = versus.update_settings(stack, args.rounds, args.seconds)
    report.side_by_side("POST settings/update, durable, 16 clients", found)
    report.target("settings update against pgbench running the same "
                  "transaction", ratio(found, "ours", "pgbench", "rate"), 0.7)
    report.target("settings update against PHP-FPM",
                  ratio(found, "ours", "PHP", "rate"))
    found = versus.get_settings(stack, args.rounds, args.seconds)
    report.side_by_side("GET settings of 100 KiB, 16 clients", found)
    report.target("GET settings of 100 KiB against the constant answer of "
                  "the same size", ratio(found, "ours", "constant", "rate"),
                  0.5)


def run_counter(stack, args, report):
    found = versus.counter_add(stack, args.rounds, args.seconds)
    report.side_by_side("counter_add, durable, 64 clients", found)
    report.target("64 pgbench clients on counter_add against a single-row "
                  "update", ratio(found, "counter_add", "one row", "rate"), 6)


def run_million(stack, args, report):
    large = prepare(args, Bench(), args.projects)
    try:
        versus.warm(large, "all")
        found = versus.sizes(args.rounds, args.seconds, stack, large)
    finally:
        large.stop()
        large.clean()
    report.side_by_side(f"Warm GET /api/v1/project: {args.projects:,} "
                        "projects beside 1,000", found)
    report.target(f"warm GET p50, {args.projects:,} projects against 1,000",
                  ratio(found, "many", "1,000", "p50"), 1.15, less=True)


def run_floods(stack, args, report):
    cold = [floods.cold_round(stack, 12) for _ in range(args.rounds)]
    report.cold(cold)
    ratios = sorted(r["ratio"] for r in cold)
    report.target("warm callers' p99 while 1,000 cold keys arrive at once",
                  (ratios[len(ratios) // 2], ratios[0], ratios[-1]), 3,
                  less=True)
    slowest = sorted(r["slowest"] for r in cold)
    report.target("the slowest of 1,000 cold keys, seconds to its 200",
                  (slowest[len(slowest) // 2], slowest[0], slowest[-1]), 20,
                  less=True)
    versus.warm(stack, "all")
    run_bad_keys(stack, args, report, "")
    behind = prepare(args, floods.limited(Bench()), 1000)
    try:
        versus.warm(behind, "all")
        run_bad_keys(behind, args, report, ", limits by address on",
                     good_from="192.0.2.", bad_from="198.51.100.7")
    finally:
        behind.stop()
        behind.clean()


def run_bad_keys(stack, args, report, how, **addresses):
    kinds = floods.bad_keys(stack.read_keys("all"))
    for kind, keys in kinds.items():
        stack.save_keys(kind, keys)
    found = [floods.flood_round(stack, kinds, 16, 10, args.seconds,
                                **addresses) for _ in range(args.rounds)]
    report.floods(f"5,000 bad keys a second beside 16 good callers{how}",
                  found)
    for kind in kinds:
        ratios = sorted(r[kind]["p99"] / r["quiet"]["p99"] for r in found)
        report.target(f"good callers' p99 under 5,000 bad keys a second: "
                      f"{kind}{how}", (ratios[len(ratios) // 2], ratios[0],
                                       ratios[-1]), 2, less=True)
    runs = sum(r[k]["scrypt runs"] for r in found for k in kinds)
    report.target(f"scrypt runs of it all{how}", (runs, runs, runs), 0,
                  less=True)
    failed = sum(r[k]["status"] + r[k]["broken"] for r in found for k in r)
    report.target(f"good calls that failed meanwhile{how}",
                  (failed, failed, failed), 0, less=True)


def run_growth(stack, args, report):
    plots = {}
    rounds, seconds = max(1, args.rounds // 2), args.seconds
    for name, unit, run in (
            ("clients", "clients", growth.clients),
            ("keys", "keys in turn", growth.keys),
            ("settings", "KiB of settings", growth.settings),
            ("workers", "workers", growth.workers)):
        plots[unit] = run(stack, rounds, seconds)
        report.growth(unit, plots[unit])
    plot(TOOLS / "results.svg", plots)


def run_memory(args, report):
    found = growth.memory(args.requests, args.requests // 5)
    report.memory(found)
    last = found["steps"][-1][1] / 1024
    report.target(f"private memory of a worker after {args.requests:,} "
                  "requests, MiB", (last, last, last), 6, less=True)
    grown = found["steps"][-1][1] - found["steps"][0][1]
    report.target("its growth since the first fifth of them, KiB",
                  (grown, grown, grown), 64, less=True)
    peak, kept = (kib / 1024 for kib in growth.large_bodies())
    report.target("a worker's peak above idle, bodies of 2 MiB, MiB",
                  (peak, peak, peak), 30, less=True)
    report.target("what it keeps of them, MiB", (kept, kept, kept), 4,
                  less=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--projects", type=int, default=1000000)
    parser.add_argument("--requests", type=int, default=1000000)
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("parts", nargs="*", metavar="PART", default=PARTS)
    args = parser.parse_args()
    # the servers are ended on the way out, whoever asks
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    report = Report(args)
    stack = prepare(args, Bench(rivals=RIVALS), 1000)
    try:
        stack.save_keys("sizes", stack.make_projects(6))
        start_rivals(stack)
        versus.warm(stack, "all")
        for part in args.parts:
            if part == "memory":
                run_memory(args, report)
            else:
                globals()[f"run_{part}"](stack, args, report)
            report.write(TOOLS / "results.md")
    finally:
        stack.stop()
        stack.clean()
    print(report.targets_table())
    print(f"\nAll tables: {TOOLS}/results.md")


main()
