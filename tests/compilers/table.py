# SPDX-License-Identifier: Apache-2.0
"""The table of kernels: a row a program, a cell a device."""
import collections

import amd
import intel
import tiles
from result import Result

DEVICES = {**intel.DEVICES, **amd.DEVICES}  # name: waves or threads at most
LOCAL_MOST = 32768                          # bytes
HEAD = ["kernel", "case", "chosen", *DEVICES, "why"]

Row = collections.namedtuple("Row", "chosen results why")


def cell(result):
    return "/".join(map(str, result if result.fma_a_load else result[:4])) if result else ""


def read(path):
    rows = {}
    for line in path.read_text().splitlines()[1:] if path.exists() else ():
        kernel, case, chosen, *cells, why = line.split("\t")
        results = {d: Result(*map(int, c.split("/"))) for d, c in zip(DEVICES, cells) if c}
        rows[kernel, case] = Row(chosen == "chosen", results, why)
    return rows


def write(path, rows):
    lines = ["\t".join(HEAD)]
    for (kernel, case), row in sorted(rows.items()):
        lines.append("\t".join([kernel, case, "chosen" if row.chosen else "",
                                *(cell(row.results.get(d)) for d in DEVICES), row.why]))
    path.write_text("\n".join(lines) + "\n")


def merge(rows, new, devices):
    """Takes over the new results of these devices; rows that are made no more go."""
    for key in [k for k in rows if k not in new]:
        del rows[key]
    for key, row in new.items():
        old = rows.get(key, row)
        others = {d: r for d, r in old.results.items() if d not in devices}
        rows[key] = Row(row.chosen, {**others, **row.results}, old.why)


def worse(a, b):
    return (a.spill > b.spill or a.local > b.local or a.waves < b.waves or a.fma_a_load < b.fma_a_load
            or a.width < b.width)


def compare(rows, new, partly, with_model):
    """What is worse than the table, not in it, or only in it. `partly`: there may be more in `new`."""
    for key, row in new.items():
        name = ", ".join(key)
        if key not in rows:
            if not partly:
                yield f"{name}: not in the table (kernels.py --update)"
            continue
        for device, is_now in row.results.items():
            was = rows[key].results.get(device)
            if was is None and not partly:
                yield f"{name}, {device}: not in the table"
            elif was and worse(is_now, was):
                yield f"{name}, {device}: {cell(is_now)}, the table has {cell(was)}"
    for key in rows:
        if key not in new and (with_model or "smollm2" not in key[1]):
            yield f"{', '.join(key)}: only in the table (kernels.py --update)"


def bars(rows):
    """Chosen kernels do not spill, leave local memory to others and fill half of the device, or their
    row says why not; tiles multiply enough for what they load."""
    for key, row in rows.items():
        for device, r in row.results.items() if row.chosen else ():
            small = r.spill == 0 and r.local <= LOCAL_MOST and 2 * r.waves >= DEVICES[device]
            if not small and not row.why:
                yield f"{', '.join(key)}, {device}: {cell(r)} of {DEVICES[device]}, and no reason why"
            if key[0] in tiles.KERNELS and r.fma_a_load < tiles.FMA_A_LOAD:
                yield f"{', '.join(key)}, {device}: {r.fma_a_load} FMA a load"
