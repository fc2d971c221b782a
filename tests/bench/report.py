"""Tables in Markdown, and the plot."""
import platform
import re
import statistics
import subprocess
from pathlib import Path

from load import median


def output(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    return (done.stdout or done.stderr).strip().split("\n")[0]


def machine():
    cpu = re.search(r"^model name\s*: (.*)$",
                    Path("/proc/cpuinfo").read_text(), re.M)
    cores = Path("/proc/cpuinfo").read_text().count("processor\t")
    return ", ".join([
        f"{cores} cores of {cpu.group(1) if cpu else platform.machine()}",
        f"Linux {platform.release().split('-')[0]}",
        output("nginx", "-v").split("version: ")[-1],
        output("/usr/lib/postgresql/15/bin/postgres", "-V"),
        " ".join(output("php-fpm8.2", "-v").split()[:2]),
        " ".join(output("wrk", "-v").split()[:2])])


def spread(found, digits=2):
    middle, low, high = found
    return (f"{middle:.{digits}f}", f"{low:.{digits}f} to {high:.{digits}f}")


class Report:
    def __init__(self, args):
        self.targets, self.sections = [], []
        self.head = (f"{machine()}. {args.rounds} rounds of {args.seconds} s, "
                     "interleaved; medians.")

    def section(self, title, columns, rows):
        lines = [f"### {title}\n", "| " + " | ".join(columns) + " |",
                 "|" + "---|" * len(columns)]
        lines += ["| " + " | ".join(str(c) for c in row) + " |"
                  for row in rows]
        self.sections.append("\n".join(lines) + "\n")
        print(self.sections[-1], flush=True)

    def target(self, what, found, goal=None, less=False):
        """A line of the table; without a goal it is only told."""
        met = "" if goal is None else (
            "met" if (found[0] <= goal if less else found[0] >= goal)
            else "**missed**")
        wanted = "" if goal is None else f"{'≤' if less else '≥'} {goal}"
        self.targets.append((what, wanted, *spread(found), met))

    def side_by_side(self, title, results):
        groups = sorted({f for r in results.values() for f in r[0]
                         if f.startswith("cpu ") and median(r, f) >= 0.5})
        rows = []
        for name, found in results.items():
            rates = [r["rate"] for r in found]
            row = [name, f"{statistics.median(rates):.0f}",
                   f"{min(rates):.0f} to {max(rates):.0f}"]
            row += [f"{median(found, f) / 1000:.2f}" if f in found[0] else ""
                    for f in ("p50", "p99")]
            row += [f"{median(found, g):.0f}" if median_or(found, g) else ""
                    for g in groups]
            rows.append(row)
        self.section(title, ["", "req/s", "spread", "p50 ms", "p99 ms",
                             *(f"{g[4:]}, CPU µs/req" for g in groups)], rows)

    def calls(self, calls):
        self.section("System calls of a warm GET in the worker",
                     ["call", "a request"],
                     [(n, f"{c:.2f}") for n, c in sorted(
                         calls.items(), key=lambda x: -x[1]) if c >= 0.01])

    def cold(self, rounds):
        self.section(
            "1,000 cold keys at once beside 16 warm callers",
            ["quiet p99 ms", "p99 ms meanwhile", "ratio", "keys with a 200",
             "slowest s", "scrypt runs", "warm calls failed"],
            [(f"{r['quiet p99'] / 1000:.2f}", f"{r['busy p99'] / 1000:.2f}",
              f"{r['ratio']:.2f}", r["keys"], f"{r['slowest']:.1f}",
              r["scrypt runs"], r["failed"]) for r in rounds])

    def floods(self, title, rounds):
        rows = []
        for kind in rounds[0]:
            found = [r[kind] for r in rounds]
            rows.append((
                kind, f"{median(found, 'rate'):.0f}",
                f"{median(found, 'p50') / 1000:.2f}",
                f"{median(found, 'p99') / 1000:.2f}",
                *((f"{median(found, 'bad rate'):.0f}",
                   sum(f["bad 200s"] for f in found),
                   sum(f["scrypt runs"] for f in found))
                  if "bad rate" in found[0] else ("", "", ""))))
        self.section(title, ["", "good req/s", "p50 ms", "p99 ms",
                             "bad req/s", "bad ones let in", "scrypt runs"],
                     rows)

    def growth(self, unit, results):
        groups = [g for g in ("cpu nginx", "cpu workers", "cpu PostgreSQL")]
        self.section(
            f"Growth: {unit}",
            [unit, "req/s", "p50 ms", "p99 ms", "answers not 200",
             *(f"{g[4:]}, CPU µs/req" for g in groups)],
            [(value, f"{median(r, 'rate'):.0f}",
              f"{median(r, 'p50') / 1000:.2f}",
              f"{median(r, 'p99') / 1000:.2f}",
              sum(x["status"] + x["broken"] for x in r),
              *(f"{median(r, g):.0f}" for g in groups))
             for value, r in results.items()])

    def memory(self, found):
        self.section("Memory of one worker", ["requests", "own memory, KiB"],
                     [(f"{n:,}", kib) for n, kib in found["steps"]] +
                     [("peak (all of it)", found["peak"])])

    def targets_table(self):
        lines = ["| what | target | measured | spread | |", "|---|---|---|---|---|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.targets]
        return "\n".join(lines)

    def write(self, path):
        path.write_text(f"# Results\n\n{self.head}\n\n{self.targets_table()}"
                        "\n\n" + "\n".join(self.sections))


def median_or(found, field):
    return field in found[0] and median(found, field) >= 0.5


def plot(path, plots):
    """Rate and p99 over what grows, one panel each."""
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    figure, panels = pyplot.subplots(1, len(plots), figsize=(14, 3.2))
    for panel, (unit, results) in zip(panels, plots.items()):
        x = list(results)
        panel.plot(x, [median(results[v], "rate") for v in x], "o-",
                   color="tab:blue")
        panel.set(xscale="log", xlabel=unit, ylim=(0, None))
        panel.set_ylabel("requests/s", color="tab:blue")
        other = panel.twinx()
        other.plot(x, [median(results[v], "p99") / 1000 for v in x], "s--",
                   color="tab:red")
        other.set_ylabel("p99, ms", color="tab:red")
        other.set_ylim(0, None)
        panel.set_xticks(x, [str(v) for v in x])
        panel.minorticks_off()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    head, rest = path.read_text().split("\n", 1)
    path.write_text(f"{head}\n<!-- Size: made by bench.py -->\n{rest}")
