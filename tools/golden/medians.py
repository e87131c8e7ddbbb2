#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/study/medians.json: means and medians of samples by NumPy, and the median's
interval by exact binomial sums: it goes from the (rank + 1)-th smallest to the (rank + 1)-th largest.

Usage: medians.py
"""
import json
import math
from fractions import Fraction

import numpy as np

import manifest

SEED = 5
SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 20, 25, 50, 101, 500, 1000]
FILE = "study/medians.json"


def rank(n):
    """One less than the largest k with P(Bin(n, 1/2) < k) <= 2.5 %; at least 0."""
    below, k = Fraction(math.comb(n, 0), 2**n), 0
    while below <= Fraction(25, 1000):
        k += 1
        below += Fraction(math.comb(n, k), 2**n)
    return max(k - 1, 0)


def main():
    rng = np.random.default_rng(SEED)
    rows = []
    for n in SIZES:
        row = {"n": n, "rank": rank(n)}
        if n <= 101:
            x = np.round(rng.lognormal(3, 0.2, n), 6)
            row |= {"samples": x.tolist(), "mean": float(x.mean()), "median": float(np.median(x)),
                    "stddev": float(x.std(ddof=1)) if n > 1 else 0.0}
        rows.append(row)
    (manifest.GOLDEN / FILE).parent.mkdir(exist_ok=True)
    (manifest.GOLDEN / FILE).write_text("[\n" + ",\n".join(f" {json.dumps(r)}" for r in rows) + "\n]\n")
    manifest.record([FILE], "tools/golden/medians.py", seed=SEED, versions=manifest.versions("numpy"))


main()
