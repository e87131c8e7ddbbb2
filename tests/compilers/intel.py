# SPDX-License-Identifier: Apache-2.0
"""Intel's GPUs: ocloc, whose binaries say per kernel what the hardware is told ("patch tokens")."""
import functools
import os
import pathlib
import re
import shutil
import subprocess

import tiles
from result import Result

DEVICES = {"skl": 56, "tgllp": 112, "dg2": 128}  # threads of a subslice
LOCAL = {"skl": 65536, "tgllp": 65536, "dg2": 131072}  # bytes of it
GROUPS = {"skl": 16, "tgllp": 32, "dg2": 32}  # with a barrier or local memory, at a time
NEWEST = "dg2"
DISASSEMBLER = "/usr/lib/x86_64-linux-gnu/libiga64.so.1"  # which ocloc looks for as libiga64.so

# Patch tokens (igfxfmid/patch_list.h), with the word that is read.
LOCAL_MEMORY = 15
SPILLED = 18
ENVIRONMENT = 23
ARRAYS = 38


def missing():
    if shutil.which("ocloc") is None:
        return "no ocloc (apt-get install intel-opencl-icd)"
    return None


@functools.cache
def version():
    return subprocess.run(["dpkg-query", "-W", "intel-opencl-icd", "libigc1"], capture_output=True,
                          text=True, check=True).stdout


def ocloc(*words, **environment):
    done = subprocess.run(["ocloc", *words], capture_output=True, text=True, check=False,
                          env=dict(os.environ, **environment))
    if done.returncode != 0:
        raise ValueError((done.stdout + done.stderr)[:500])


def tokens(folder, kernel):
    """Patch tokens of a kernel: number to its words."""
    text = (folder / "PTM.txt").read_text()
    body = text[text.index(f"KernelName {kernel}\n"):].split("KernelBinaryHeader:")[0]
    found = {}
    for token, data in re.findall(r"Token (\d+)\n\t4 Size \d+\n\tHex ([0-9a-f ]*)", body):
        data = bytes(int(word, 16) for word in data.split())
        found[int(token)] = [int.from_bytes(data[i:i + 4], "little") for i in range(0, len(data), 4)]
    return found


def threads(device, words, local):
    """Threads of a subslice that work-groups of this kind fill."""
    most = DEVICES[device]
    lanes = words[3]
    group = -(-words[0] * words[1] * words[2] // lanes)
    if group == 0 or (local == 0 and not words[5]):
        return most
    groups = GROUPS[device]
    if local > 0:
        groups = min(groups, LOCAL[device] // max(1024, 1 << (local - 1).bit_length()))
    return min(most, groups * group)


def build(source, options, device):
    """The folder with what the binary says."""
    folder = pathlib.Path(source).parent
    ocloc("compile", "-q", "-file", source, "-device", device, "-options", options, "-out_dir", folder,
          "-output", "binary", "-output_no_suffix")
    (folder / "libiga64.so").symlink_to(DISASSEMBLER)
    ocloc("disasm", "-file", folder / "binary", "-device", device, "-dump", folder,
          LD_LIBRARY_PATH=str(folder))
    return folder


def compile(source, kernel, options, device):
    folder = build(source, options, device)
    found = tokens(folder, kernel)
    words = found[ENVIRONMENT]
    local = found.get(LOCAL_MEMORY, [0, 0])[1]
    spill = found.get(SPILLED, [0, 0])[1] // words[3] + found.get(ARRAYS, [0] * 4)[3]
    tile = ()
    if kernel in tiles.KERNELS:
        tile = tiles.intel((folder / f"{kernel}_KernelHeap.asm").read_text())
    return Result(words[3], spill, local, threads(device, words, local), *tile)
