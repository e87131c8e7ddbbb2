# SPDX-License-Identifier: Apache-2.0
"""AMD's GPUs: clang's AMDGPU back end over ROCm's device library."""
import functools
import os
import re
import shutil
import subprocess

import tiles
from result import Result

DEVICES = {"gfx906": 10, "gfx90a": 8, "gfx1030": 16}  # waves of a SIMD
LANES = {"gfx906": 64, "gfx90a": 64, "gfx1030": 32}  # of a wave
LOCAL = {"gfx906": 65536, "gfx90a": 65536, "gfx1030": 131072}  # bytes that 4 SIMDs share
NEWEST = "gfx1030"
COMPILER = "clang-15"
LIBRARY = "/usr/lib/x86_64-linux-gnu/amdgcn/bitcode"


def missing():
    if shutil.which(COMPILER) is None or not os.path.isdir(LIBRARY):
        return f"no {COMPILER} or no {LIBRARY} (apt-get install clang-15 rocm-device-libs)"
    return None


@functools.cache
def version():
    return subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=True).stdout


def assembly(source, options, device):
    """Text of the assembly; ValueError with the compiler's messages."""
    words = [w for w in options.split() if w == "-w" or w.startswith("-D")]
    std = re.search(r"-cl-std=(\S+)", options)[1]
    out = source.with_suffix(".s")
    done = subprocess.run(
        [COMPILER, "-x", "cl", f"-cl-std={std}", *words, "-target", "amdgcn-amd-amdhsa", f"-mcpu={device}",
         f"--rocm-device-lib-path={LIBRARY}", "-S", "-o", out, source],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ValueError(done.stderr[:500])
    return out.read_text()


def number(text, name):
    return int(re.search(rf"{name}:?\s+(\d+)", text)[1])


def waves(text, body, kernel, device, local):
    """Waves of a SIMD, by registers and by local memory (which LLVM's own figure counts for one SIMD)."""
    by_registers = number(body, "; Occupancy")
    if local == 0:
        return by_registers
    lanes = int(re.search(rf"\.max_flat_workgroup_size: (\d+)\n\s+\.name:\s+{kernel}\n", text)[1])
    groups = LOCAL[device] // local
    return min(by_registers, groups * -(-lanes // LANES[device]) // 4)


def compile(source, kernel, options, device):
    text = assembly(source, options, device)
    body = text[text.index(f"\n{kernel}:"):]
    local = number(body, "; LDSByteSize")
    return Result(number(body, "; NumVgprs"), number(body, "; ScratchSize"), local,
                  waves(text, body, kernel, device, local),
                  *(tiles.amd(text) if kernel in tiles.KERNELS else ()))
