# SPDX-License-Identifier: Apache-2.0
"""Inner loops of tiles, counted in the assembly: FMA a load, and how wide global memory is read."""
import collections
import re

KERNELS = ("matmul_simt_tile",)
FMA_A_LOAD = 8  # at least: below, loads and not arithmetic set the speed

# FMA of the loop with most of them, for each load in it; bytes that a lane reads of global memory in
# the widest load of the kernel.
Tile = collections.namedtuple("Tile", "fma_a_load width")


def amd(text):
    """Of clang's assembly."""
    def count(block):
        fma = len(re.findall(r"\tv_(?:fma|fmac|mac|mad)_f32", block))
        return fma + 2 * len(re.findall(r"\tv_pk_(?:fma|fmac)_f32", block))

    loop = max(re.split(r"\n(?=\.LBB|; %bb\.)|\ts_barrier", text), key=count)
    loads = len(re.findall(r"\t(?:ds_read|ds_load|global_load|flat_load|buffer_load)_?\w*", loop))
    widths = re.findall(r"\tglobal_load_dword(?:x(\d))?\b", text)
    return Tile(count(loop) // max(loads, 1), max((4 * int(w or 1) for w in widths), default=0))


def intel(text):
    """Of ocloc's assembly. Instructions have a width in lanes, (16|M0); (W) marks those that all lanes
    share; the lowest byte of a message's last number is the surface, 254 being local memory."""
    def lanes(pattern, block):
        return sum(int(found[1]) for found in re.finditer(pattern, block, re.M))

    def count(block):
        return lanes(r"^ +(?:\([^W)]*\) +)?(?:mad|mac) \((\d+)\|", block)

    reads = r"^ +(?:\([^W)]*\) +)?sends?\S* +\((\d+)\|\S+ .* (0x\w+) +\{?.*//.* rd:([1-9]\d*)"
    loop = max(re.split(r"\n(?=L\d+:)|signal barrier", text), key=count)
    loads = lanes(reads, loop)
    widths = [32 * int(found[3]) // int(found[1]) for found in re.finditer(reads, text, re.M)
              if int(found[2], 16) & 0xff != 254]
    return Tile(count(loop) // max(loads, 1), max(widths, default=0))
