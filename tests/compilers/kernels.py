#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles what pencl would give to a GPU by the compilers of Intel's and AMD's GPUs, and compares
registers, spills, local memory and waves with the table beside this file.

    kernels.py --build build/dev [--vendor intel|amd] [--all] [--update] [--keep FOLDER]

The programs come from the library itself: a libOpenCL with a GPU that computes nothing (fake_gpu.c)
writes them down while every case of every op runs by every kernel, and while models run (record.c). The
table has the programs of models and those with subgroups on every device, the others of ops on the newest
of each vendor; of ops those that differ in numbers only count as one. --all builds everything for every device and
compares what is in the table. --update writes it. Exit status 77: no compiler.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import amd
import intel
import table
import tiles
from result import Result

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VENDORS = {"amd": amd, "intel": intel}
TINY = ("tiny_f16", "tiny_q4_0", "tiny_q8_0")  # beside smollm2, of Q4_1 and Q8_0
PROMPTS = (1, 2, 3, 4, 64)  # tokens: each number of those that matmul_simt takes, and many

class Program(collections.namedtuple("Program", "kernel case chosen of_model source options")):
    @property
    def on_all_devices(self):
        return self.of_model or self.kernel.endswith("_subgroup")


def run(command, **environment):
    done = subprocess.run(command, env=dict(os.environ, **environment), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout[-2000:]}")


def record(build, vendor, folder):
    """Fills the folder with the programs of all ops and models for that vendor's fake GPU."""
    fake = {"PENCL_OPENCL": str(build / "tests/libfake_gpu.so"), "FAKE_GPU": vendor,
            "RECORD_TO": str(folder), "PENCL_CACHE": str(folder / "cache")}
    models = {name: ROOT / f"tests/golden/tiny/{name}.gguf" for name in TINY}
    if os.environ.get("PENCL_TEST_MODEL"):
        models["smollm2"] = os.environ["PENCL_TEST_MODEL"]
    for name, path in models.items():
        for n in PROMPTS:
            run([build / "tests/record_kernels", path, str(n)], RECORD_AS=f"* model {name}, {n} tokens", **fake)
    run([build / "tests/record_kernels"], **fake)


def used_options(options, source):
    """The options without definitions that the source does not read."""
    def used(word):
        return not word.startswith("-D") or word[2:].split("=")[0] in source
    return " ".join(word for word in options.split() if used(word))


def programs_of(folder, every_size):
    """The record, each program once, by the first use of it; chosen if it ever was. Of programs of ops
    that differ in numbers only, the first, unless every size is wanted."""
    found = {}
    for line in (folder / "index").read_text().splitlines():
        name, kernel, case, options = line.split("\t")
        source = (folder / f"{name}.cl").read_text()
        options = used_options(options, source)
        of_model = case.removeprefix("* ").startswith("model ")
        shape = source if every_size or of_model else re.sub(r"\b\d+\b", "N", source)
        key = (kernel, shape, options)
        chosen = case.startswith("* ")
        case = case.removeprefix("* ")
        if key in found:
            found[key] = found[key]._replace(chosen=found[key].chosen or chosen)
        else:
            found[key] = Program(kernel, case, chosen, of_model, source, options)
    times = collections.Counter()
    for p in found.values():
        times[p.kernel, p.case] += 1
        n = times[p.kernel, p.case]
        yield p if n == 1 else p._replace(case=f"{p.case} #{n}")


def cached(cache, vendor, device, program):
    """The result for a program, from the cache where the same compiler has seen it."""
    key = "\n".join((*(pathlib.Path(m.__file__).read_text() for m in (vendor, tiles)), vendor.version(), device,
                     program.kernel, program.options, program.source))
    path = cache / hashlib.sha256(key.encode()).hexdigest()
    if path.is_file():
        return Result(*map(int, path.read_text().split()))
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "k.cl"
        source.write_text(program.source)
        result = vendor.compile(source, program.kernel, program.options, device)
    path.write_text(" ".join(map(str, result)))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/dev")
    parser.add_argument("--vendor", choices=VENDORS, action="append")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--keep", type=pathlib.Path, help="the programs stay there")
    options = parser.parse_args()
    if options.update and not os.environ.get("PENCL_TEST_MODEL"):
        parser.error("--update would drop the real model's rows: PENCL_TEST_MODEL=$(tools/model)")
    jobs = int(os.environ.get("PENCL_JOBS", "1"))
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "pencl/compilers")
    cache.mkdir(parents=True, exist_ok=True)
    rows = table.read(HERE / "kernels.tsv")
    wrong = []
    for name in options.vendor or VENDORS:
        vendor = VENDORS[name]
        missing = vendor.missing()
        if missing:
            print(f"SKIPPED: {missing}")
            return 1 if os.environ.get("PENCL_REQUIRE_ALL") else 77
        folder = pathlib.Path(tempfile.mkdtemp())
        record(options.build.resolve(), name, folder)
        programs = list(programs_of(folder, options.all))
        work = [(p, device) for p in programs for device in vendor.DEVICES
                if options.all or p.on_all_devices or device == vendor.NEWEST]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            results = list(pool.map(lambda w: attempt(cache, vendor, *w), work))
        new = {}
        for (program, device), result in zip(work, results):
            if isinstance(result, str):
                wrong.append(result)
            else:
                row = new.setdefault((program.kernel, program.case), table.Row(program.chosen, {}, ""))
                row.results[device] = result
        print(f"{name}: {len(programs)} programs, {len(work)} builds")
        if options.update:
            table.merge(rows, new, vendor.DEVICES)
        else:
            wrong += table.compare(rows, new, options.all, "PENCL_TEST_MODEL" in os.environ)
        if options.keep:
            shutil.copytree(folder, options.keep / name, dirs_exist_ok=True)
        shutil.rmtree(folder)
    if options.update:
        table.write(HERE / "kernels.tsv", rows)
    wrong += table.bars(rows)
    print("\n".join(wrong[:50]))
    return 1 if wrong else 0


def attempt(cache, vendor, program, device):
    """The result, or what the compiler said."""
    try:
        return cached(cache, vendor, device, program)
    except (ValueError, subprocess.SubprocessError) as error:
        return f"{program.kernel}, {program.case}, {device}: {error}"


if __name__ == "__main__":
    sys.exit(main())
