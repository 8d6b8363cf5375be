#!/usr/bin/env python3
"""What months cost, whole processes in turn, beside DuckDB where it does the same: a Markdown table with what is asked of each line.

usage: months.py [--rounds N] [--processors 1|2] [PART ...]
  PART  small     K=1: second month, whole, month 60, 24 whole months in one run, a correction, reads
        five      K=5: month 60, of changes and whole
        ten       K=10: second month, whole
        national  K=50: first load, second month, snapshots
  N     rounds of each comparison of K=1 (12); a third of it at K=5 and K=10, a quarter at K=50

K copies of the public month; "second" months deliver 1 % of the records, changed; "whole" ones everything again, 2 % changed and 0.5 % new.
Medians of processor seconds (on one processor: they do not depend on what waits for what) and kilobytes at most. Needs the public input
files and bench scripts beside the project, Python 3 on Linux, and its package duckdb for the lines that name it. Nothing is deleted before
the end of a part, which takes tens of gigabytes: ext4 makes each new file dearer for half a minute after.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.path.join(PROJECT, "..", "shared")
# Sixty months after October 2022 are in the future, and refused, for a while yet.
ENVIRONMENT = {**os.environ, "FEEDERSCOPE_TODAY": "2032-12-31"}
FIRST = "2022-10"


def month(number):
    year, of_year = divmod(2022 * 12 + 9 + number - 1, 12)
    return f"{year}-{of_year + 1:02}"


class Bench:
    def __init__(self, options):
        self.rounds, self.processors = options.rounds, options.processors
        target = ENVIRONMENT.get("CARGO_TARGET_DIR", os.path.join(PROJECT, "target"))
        subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=PROJECT, check=True)
        self.program = os.path.join(target, "release", "feederscope")
        self.work, self.places = tempfile.mkdtemp(dir=os.environ.get("TMPDIR", "/var/tmp")), 0

    def place(self, name):
        self.places += 1
        return os.path.join(self.work, f"{self.places}-{name}")

    def clear(self):
        """Deletes what was measured, and waits until that is forgotten."""
        shutil.rmtree(self.work)
        os.makedirs(self.work)
        os.sync()
        time.sleep(60)

    def alone(self):
        if self.processors == 1:
            os.sched_setaffinity(0, {0})
            try:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
            except PermissionError:
                pass

    def measure(self, command, environment=ENVIRONMENT):
        """Processor seconds and megabytes at most of a process and those that it waits for; 3 says that rules fail."""
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=self.alone
        )
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status) not in (0, 3):
            sys.exit(f"{' '.join(command)}:\n{said}")
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024

    def load(self, lake, landing, *more, environment=ENVIRONMENT):
        return self.measure([self.program, "--lake", lake, "--landing", landing, *(more or ("run",))], environment)

    def python(self, script, *arguments):
        subprocess.run([sys.executable, script, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

    def first(self, k):
        """A landing folder of the first month."""
        flat, landing = self.place(f"flat{k}"), self.place(f"landing{k}")
        self.python(f"{SHARED}/bench/scale.py", f"{SHARED}/real", flat, k)
        for name in os.listdir(flat):
            folder = os.path.join(landing, name[:8], FIRST)
            os.makedirs(folder, exist_ok=True)
            os.rename(os.path.join(flat, name), os.path.join(folder, name))
        return landing

    def changes(self, landing, number):
        self.python(f"{SHARED}/bench/second_month.py", landing, FIRST, month(number), 0.01, number)
        for utility in os.listdir(landing):
            folder = os.path.join(landing, utility, month(number))
            # Of few feeders none may be among those that change; a file without records would be refused.
            for name in os.listdir(folder):
                with open(os.path.join(folder, name), encoding="utf-8") as text:
                    is_empty = len(text.readlines(1 << 20)) < 2
                if is_empty:
                    os.remove(os.path.join(folder, name))

    def whole(self, first, months):
        out = self.place("whole")
        self.python(f"{PROJECT}/benches/whole_months.py", first, FIRST, out, months)
        return out

    def grown(self, first, months, add, **environment):
        """A landing folder, to which months were added one by one, and a lake that lacks the last of them. It is loaded from this very
        folder: a copy of a file is another one, and read again."""
        landing, lake = self.place("landing"), self.place("lake")
        shutil.copytree(first, landing)
        for number in range(2, months + 1):
            self.load(lake, landing, **environment)
            add(landing, number)
        return landing, lake

    def add_whole(self, whole):
        return lambda landing, number: shutil.copytree(f"{whole}/{month(number)}", landing, dirs_exist_ok=True)

    def again(self, landing, lake=None, **environment):
        """Loads what is new in a landing folder, over a copy of a lake, or into none."""
        def once():
            copy = self.place("copy")
            if lake:
                shutil.copytree(lake, copy)
                os.sync()
            return self.load(copy, landing, **environment)
        return once

    def compare(self, rounds, **runs):
        """Medians of runs in turn, by name."""
        found = {name: [] for name in runs}
        for _ in range(max(1, rounds)):
            for name, run in runs.items():
                found[name].append(run())
        return {name: tuple(map(statistics.median, zip(*of))) for name, of in found.items()}


def line(name, measured, beside, most, memory=None):
    """A row: what was measured, beside which, how many times of it at most, and so many megabytes."""
    (seconds, megabytes), (other, other_megabytes) = measured, beside
    ratio = seconds / other
    holds = ratio <= most and (memory is None or megabytes <= memory)
    asked = f"{most:g}" + (f", {memory:,.0f} MB" if memory else "")
    verdict = "holds" if holds else "no"
    print(f"| {name} | {seconds:.2f}; {other:.2f} | {megabytes:,.0f}; {other_megabytes:,.0f} MB | {ratio:.2f} | {asked} | {verdict} |", flush=True)


def small(bench):
    first = bench.first(1)
    whole = bench.whole(first, 24)
    changed, sixtieth = bench.grown(first, 2, bench.changes), bench.grown(first, 60, bench.changes)
    second_whole = bench.grown(first, 2, bench.add_whole(whole))
    found = bench.compare(
        bench.rounds, first=bench.again(first), second=bench.again(*changed), whole=bench.again(*second_whole),
        sixtieth=bench.again(*sixtieth),
    )
    line("K=1: second month; first month", found["second"], found["first"], 0.5)
    line("K=1: second month, whole; first month", found["whole"], found["first"], 1.2)
    line("K=1: month 60; month 2", found["sixtieth"], found["second"], 1.2, 1.2 * found["second"][1])
    landing, lake = bench.place("landing"), bench.place("lake")
    shutil.copytree(first, landing)
    for number in range(2, 25):
        bench.add_whole(whole)(landing, number)
    before = found["first"]
    at_once = bench.load(lake, landing)
    line("K=1: 24 whole months in one run; 24 first months", at_once, (24 * before[0], before[1]), 1)
    bench.python(f"{PROJECT}/benches/whole_months.py", "--correct", landing, month(12))
    found = bench.compare(bench.rounds // 2, first=bench.again(first), correction=bench.again(landing, lake))
    line("K=1: correction of 1 % of a month 12 months back; first month", found["correction"], found["first"], 1)
    landing, lake = sixtieth
    bench.load(lake, landing)
    feeder = subprocess.run(
        [bench.program, "--lake", lake, "--landing", landing, "feeders", "--over-mw", "8", "--limit", "1", "--format", "csv"],
        env=ENVIRONMENT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()[1].split(",")[1]
    for name, arguments in [("status", ["status"]), ("feeders --over-mw 8", ["feeders", "--over-mw", "8"]), ("ders", ["ders", feeder])]:
        found = bench.compare(2 * bench.rounds, read=lambda: bench.load(lake, landing, *arguments))
        line(f"K=1: `{name}` after 60 months; 50 ms", found["read"], (0.05, 0), 1)


def five(bench):
    first = bench.first(5)
    whole = bench.whole(first, 60)
    for name, add in [("", bench.changes), (", whole", bench.add_whole(whole))]:
        second, sixtieth = bench.grown(first, 2, add), bench.grown(first, 60, add)
        found = bench.compare(bench.rounds // 3, second=bench.again(*second), sixtieth=bench.again(*sixtieth))
        line(f"K=5: month 60{name}; month 2", found["sixtieth"], found["second"], 1.2, 1.2 * found["second"][1])


def ten(bench):
    first = bench.first(10)
    second = bench.grown(first, 2, bench.add_whole(bench.whole(first, 2)))
    found = bench.compare(bench.rounds // 3, first=bench.again(first), whole=bench.again(*second))
    line("K=10: second month, whole; first month", found["whole"], found["first"], 1.2)


def national(bench):
    first = bench.first(50)
    second = bench.grown(first, 2, bench.changes)
    flat, script = bench.place("flat"), bench.place("duckdb.py")
    os.makedirs(flat)
    for utility in os.listdir(first):
        for name in os.listdir(f"{first}/{utility}/{FIRST}"):
            os.symlink(f"{first}/{utility}/{FIRST}/{name}", f"{flat}/{name}")
    # It would guess the quote of a changed file wrong.
    with open(f"{SHARED}/bench/duckdb_second_month.py", encoding="utf-8") as text, open(script, "w", encoding="utf-8") as told:
        told.write(text.read().replace("all_varchar=true)", "all_varchar=true, quote='\\\"')"))
    database = bench.place("duckdb")
    duckdb = lambda mode, into, label: [sys.executable, script, mode, into, second[0], label, bench.place("out")]
    bench.measure(duckdb("first", database, FIRST))

    def duckdb_second():
        copy = shutil.copy(database, bench.place("duckdb"))
        os.sync()
        return bench.measure(duckdb("second", copy, month(2)))

    bare = lambda: bench.measure([sys.executable, f"{SHARED}/bench/peers.py", "duckdb", flat, bench.place("bare")])
    found = bench.compare(bench.rounds // 4, first=bench.again(first), bare=bare)
    line("K=50: first month; DuckDB's bare load", found["first"], found["bare"], 0.8, 1024)
    loaded = found["first"]
    found = bench.compare(bench.rounds // 4, second=bench.again(*second), duckdb=duckdb_second)
    line("K=50: second month; first month", found["second"], loaded, 0.5, 1229)
    line("K=50: second month; DuckDB's", found["second"], found["duckdb"], 1)
    utilities = os.path.join(bench.place("config"), "feederscope", "utilities")
    shutil.copytree(f"{PROJECT}/src/config/utilities", utilities)
    for name in os.listdir(utilities):
        with open(f"{utilities}/{name}", encoding="utf-8") as text:
            adapter = text.read()
        with open(f"{utilities}/{name}", "w", encoding="utf-8") as text:
            text.write(re.sub(r"(?m)^\[(circuits|install_der|planned_der)\]$", '\\g<0>\ndelivery = "snapshot"', adapter))
    snapshots = {**ENVIRONMENT, "XDG_CONFIG_HOME": os.path.dirname(os.path.dirname(utilities))}

    def add(landing, number):
        for utility in os.listdir(landing):
            shutil.copytree(f"{landing}/{utility}/{FIRST}", f"{landing}/{utility}/{month(number)}")
        bench.python(f"{PROJECT}/benches/whole_months.py", "--correct", landing, month(number))

    second = bench.grown(first, 2, add, environment=snapshots)
    found = bench.compare(
        bench.rounds // 6, first=bench.again(first, environment=snapshots), second=bench.again(*second, environment=snapshots)
    )
    line("K=50: snapshots, second month; first month", found["second"], found["first"], 1)


def main():
    parts = {"small": small, "five": five, "ten": ten, "national": national}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--processors", type=int, choices=[1, 2], default=1)
    parser.add_argument("parts", nargs="*", choices=[*parts, []], metavar="PART")
    options = parser.parse_args()
    bench = Bench(options)
    try:
        print("| processor seconds; of what it is beside | seconds | memory | ratio | asked | |\n|---|---|---|---|---|---|", flush=True)
        for at, part in enumerate(options.parts or parts):
            if at > 0:
                bench.clear()
            parts[part](bench)
    finally:
        shutil.rmtree(bench.work)


main()
