#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the command once for each OpenCL call that can fail, with that call failing (faults.c): a run says
what it says without a fault, or ends with a message; it leaves no object, no row in the journal and no
verdict behind that a good driver would not have got.

    tests/layer/sweep.py [--platform pocl] [--store warm|cold] [--model FILE] [--first 1] [--every 1]
                         [--random N] [--seed 7] [--functions] [--jobs 1] [--build build/dev]

Each call fails once; then it and all after it, as on a device that was lost. On a cold store, which each run
gets anew, calls that fail once do so in the main process alone, and in those alone that try kernels out;
afterwards a run without a fault must do as ever. --random: so many calls, drawn by lot. --functions: the
first calls of each function instead, with what drivers return there and the errors of a lost device.
Prints each run that went wrong, then the messages with their counts; exit status 1 when any went wrong.
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import queue
import random
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CACHE = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
SETS = os.environ.get("PENCL_PLATFORMS", f"{CACHE}/pencl/platforms")
TINY = ROOT / "tests/golden/tiny/tiny_mix.gguf"
PROMPTS = {TINY: "the and of in"}  # four tokens each; other models: SmolLM2's
HANG_S = 300
NOT_AVAILABLE, OUT_OF_RESOURCES = -2, -5
FUNCTIONS = re.findall(r"OURS\((\w+)\)", (ROOT / "tests/layer/faults.c").read_text())

Case = collections.namedtuple("Case", "fault where")  # PENCL_FAULT, PENCL_FAULT_IN
Result = collections.namedtuple("Result", "status out err calls started live seconds")
NONE = Case("", "")


class Place:
    """A folder with a store, a report, and the environment that says so."""

    def __init__(self, options, folder):
        self.store, self.report = folder / "store", folder / "report"
        self.command = [str(options.build / "pencl"), "generate", "-m", str(options.model), "-p",
                        PROMPTS.get(options.model, "The capital of France"), "-n", "3", "--temp", "0"]
        self.env = dict(os.environ, OCL_ICD_VENDORS=f"{SETS}/{options.platform}", RUSTICL_ENABLE="llvmpipe",
                        PENCL_DEVICE=options.platform, PENCL_CACHE=str(self.store),
                        XDG_STATE_HOME=str(folder / "state"), PENCL_FAULT_REPORT=str(self.report),
                        OPENCL_LAYERS=str(options.build / "tests/libpencl_faults.so"))
        self.clear()

    def clear(self):
        shutil.rmtree(self.store, ignore_errors=True)
        self.store.mkdir(parents=True)

    def counts(self):
        """Calls of the main process and of those that it started; objects left by all of them."""
        numbers = [0, 0, 0, 0]
        for i, path in enumerate((self.report, self.report.with_name("report.started"))):
            if path.exists():
                numbers[2 * i:2 * i + 2] = struct.unpack("<qq", path.read_bytes())
        return numbers[0], numbers[2], numbers[1] + numbers[3]

    def run(self, case):
        env = dict(self.env, PENCL_FAULT=case.fault, PENCL_FAULT_IN=case.where)
        start = time.monotonic()
        try:
            done = subprocess.run(self.command, env=env, capture_output=True, timeout=HANG_S, check=False)
        except subprocess.TimeoutExpired:
            return Result("hangs", b"", "", 0, 0, 0, HANG_S)
        seconds = time.monotonic() - start
        return Result(done.returncode, done.stdout, done.stderr.decode(errors="replace"), *self.counts(), seconds)

    def left(self):
        """What is in the store besides the database, and the kernels that are not to be used."""
        files = [path.name for path in self.store.iterdir() if not path.name.startswith("cache.db")]
        db = sqlite3.connect(self.store / "cache.db")
        try:
            rows = db.execute("SELECT bytes FROM entries WHERE name LIKE 'verdicts%'").fetchall()
        except sqlite3.Error:
            rows = []  # it ended before there was one
        finally:
            db.close()
        lines = [line for row in rows for line in row[0].decode().splitlines()]
        return files, [line for line in lines if not line.endswith("\t")]


def message(result):
    """What standard error ends with, without numbers and names of kernels; "" when it is not ours."""
    said = result.err[result.err.rfind("pencl: "):] if "pencl: " in result.err else ""
    return re.sub(r"\d+", "N", re.sub(r"(?<!^)\b[\w+]+(/\S+)?: cl", "KERNEL: cl", said.strip()))


def problems(result, healthy):
    """What is wrong with a run in which a call failed."""
    if result.status == 0 and result.out != healthy.out:
        yield f"says {result.out[:60]}"
    if result.status not in (0, 1, 3):
        yield f"exit status {result.status}: {result.err[-300:]}"
    if result.status in (1, 3) and len(message(result)) < len("pencl: clFinish: "):
        yield f"exit status {result.status} without a reason: {result.err[-300:]}"
    if result.live != 0:
        yield f"{result.live} objects are left"


def attempt(place, case, healthy, cold):
    """The run with the fault, then on a cold store one without: (result, what is wrong)."""
    if cold:
        place.clear()
    result = place.run(case)
    wrong = list(problems(result, healthy))
    files, refused = place.left()
    if files:
        wrong.append(f"left in the store: {', '.join(files)}")
    built = [line for line in refused if "CL_BUILD_PROGRAM_FAILURE" in line]
    if [line for line in refused if line not in built]:
        wrong.append(f"given up for good: {'; '.join(refused)[:300]}")
    if cold:
        after = place.run(NONE)
        wrong += [f"the next start: {text}" for text in problems(after, healthy)]
        if after.status != 0:
            wrong.append(f"the next start: status {after.status}: {after.err[-300:]}")
    return result, wrong, bool(built)


def cases_of(options, calls, started):
    """What fails, one run each; `calls` of the main process."""
    if options.functions:
        for name in FUNCTIONS:
            if name.startswith("clRelease"):
                continue
            for at in ("1", "2", "7", "1+", "2+", "20+"):
                for code in ("", f"={NOT_AVAILABLE}", f"={OUT_OF_RESOURCES}"):
                    yield Case(f"{at}:{name}{code}", "")
        return
    numbers = range(options.first, calls + 1, options.every)
    if options.random:
        numbers = sorted(random.Random(options.seed).sample(range(1, calls + 1), options.random))
    for n in numbers:
        if options.store == "cold":
            yield Case(f"{n}", "main")
            if n <= started:
                yield Case(f"{n}", "started")
        else:
            yield Case(f"{n}", "")
        yield Case(f"{n}+={NOT_AVAILABLE if n % 2 else OUT_OF_RESOURCES}", "")


def prepare(options, folder):
    """Places for all jobs, each with a warm store, and the first and the second run without a fault."""
    places = [Place(options, folder / str(i)) for i in range(options.jobs)]
    first, healthy = places[0].run(NONE), places[0].run(NONE)
    if healthy.status != 0 or healthy.out != first.out or healthy.live != 0:
        sys.exit(f"without a fault: {healthy}")
    for other in places[1:]:
        shutil.copytree(places[0].store, other.store, dirs_exist_ok=True)
    return places, first, healthy


def sweep(options, folder):
    cold = options.store == "cold"
    places, first, healthy = prepare(options, folder)
    calls = first.calls if cold else healthy.calls
    free = queue.Queue()
    for place in places:
        free.put(place)

    def one(case):
        place = free.get()
        try:
            return case, *attempt(place, case, healthy, cold)
        finally:
            free.put(place)

    counts, said, bad, built, slowest = collections.Counter(), collections.Counter(), 0, 0, 0.0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for case, result, wrong, gave_up in pool.map(one, cases_of(options, calls, first.started)):
            counts[result.status] += 1
            said[message(result) if result.status else "(survived)"] += 1
            slowest = max(slowest, result.seconds)
            built += gave_up
            bad += bool(wrong)
            for text in wrong:
                print(f"{case.fault} {case.where}: {text}", flush=True)
    for end in [place.run(NONE) for place in places]:
        if end.status != 0 or end.out != healthy.out or end.calls != healthy.calls:
            bad += 1
            print(f"the store is not what it was: {end}")
    for text, n in said.most_common():
        print(f"{n:6} {text[:160]!r}")
    print(f"{options.platform}, {options.store} store, {options.model.name}: {calls} calls, {sum(counts.values())} "
          f"runs: {counts[0]} survived, {counts[1] + counts[3]} said why not, {bad} wrong; slowest "
          f"{slowest:.1f} s; {built} gave a kernel up as its build had failed")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--platform", default="pocl")
    parser.add_argument("--store", choices=("warm", "cold"), default="warm")
    parser.add_argument("--model", type=pathlib.Path, default=TINY)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--functions", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/dev")
    options = parser.parse_args()
    options.build = options.build.resolve()
    root = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # the store waits for the disk otherwise
    with tempfile.TemporaryDirectory(prefix="pencl-faults-", dir=root) as folder:
        return 1 if sweep(options, pathlib.Path(folder)) else 0


if __name__ == "__main__":
    sys.exit(main())
