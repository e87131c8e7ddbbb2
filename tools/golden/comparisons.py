#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes of rates as numpy and scipy find them: tests/golden/study/comparisons.json.

    tools/golden/comparisons.py

The rule is the one that include/pencl/history.h states: a moderated t on logarithms of the medians of
runs. scipy gives Student's quantiles, numpy medians and spreads; the samples are correlated noise.
"""
import json
import math

import numpy
from scipy import stats

from manifest import GOLDEN, record, versions

SEED = 20
USUAL, USUAL_FREEDOM = 0.0125, 5


def run_of(samples):
    logs = numpy.log(samples)
    off = logs - numpy.median(logs)
    square = float(off @ off)
    seen = float(off[1:] @ off[:-1]) / square if square > 0 else 0.0
    correlation = min(max((seen * len(off) + 0.3 * 10) / (len(off) + 10), 0), 0.9)
    independent = max(1, len(off) * (1 - correlation) / (1 + correlation))
    spread = numpy.median(abs(off)) / stats.norm.ppf(0.75)
    error = spread * math.sqrt(math.pi / 2 / independent + 0.25) if len(off) > 1 else 0.0
    return float(numpy.exp(numpy.median(logs))), float(error)


def change_of(was, new, confidence, alternating, past):
    a, b = (numpy.log([r[0] for r in side]) for side in (was, new))
    own = [numpy.mean([r[1] ** 2 for r in side]) for side in (was, new)]
    if alternating and len(a) == len(b) > 1:
        least, usual = sum(own), 2 * USUAL**2 + sum(own)
        squares, freedom = USUAL_FREEDOM * usual + numpy.var(b - a) * len(a), USUAL_FREEDOM + len(a) - 1
        share = 1 / len(a)
    else:
        least = sum(own) / 2
        squares = USUAL_FREEDOM * (USUAL**2 + least) + numpy.var(a) * len(a) + numpy.var(b) * len(b)
        freedom = USUAL_FREEDOM + len(a) - 1 + len(b) - 1
        if len(past) >= 3:
            steps = abs(numpy.diff(numpy.log(past)))
            spread = numpy.quantile(steps, 0.8) / stats.norm.ppf(0.9) / math.sqrt(2)
            worth = int(min(0.4 * len(steps), 20))
            squares, freedom = squares + worth * spread**2, freedom + worth
        share = 1 / len(a) + 1 / len(b)
    variance = max(squares / freedom, least)
    half = stats.t.ppf((1 + confidence) / 2, freedom) * math.sqrt(variance * share)
    moved = b.mean() - a.mean()
    return {"ratio": math.exp(moved), "low": math.exp(moved - half), "high": math.exp(moved + half),
            "noise": math.sqrt(variance), "freedom": int(freedom), "found": bool(abs(moved) > half)}


def samples_of(rng, n, middle, spread, correlation):
    x = [rng.normal()]
    for _ in range(n - 1):
        x.append(correlation * x[-1] + math.sqrt(1 - correlation**2) * rng.normal())
    return [round(float(middle * math.exp(spread * v)), 4) for v in x]


def main():
    rng = numpy.random.default_rng(SEED)
    cases = []
    for i in range(40):
        n_was, n_new = (3, 3) if i % 4 == 0 else (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        n, spread = int(rng.choice([1, 2, 5, 6, 20])), float(rng.choice([0, 0.003, 0.02, 0.08]))
        step = float(rng.choice([1, 1.03, 0.9]))
        sides = [[samples_of(rng, n, 200 * scale * math.exp(rng.normal(0, 0.01)), spread, 0.5) for _ in range(k)]
                 for k, scale in ((n_was, 1), (n_new, step))]
        past = [round(float(200 * math.exp(rng.normal(0, 0.02))), 4) for _ in range(int(rng.choice([0, 2, 3, 9, 80])))]
        given = {"was": sides[0], "is": sides[1], "past": past, "alternating": i % 4 == 0,
                 "confidence": float(rng.choice([0.95, 0.975, 0.99]))}
        runs = [[run_of(s) for s in side] for side in sides]
        cases.append({**given, "runs": runs[0] + runs[1],
                      **change_of(*runs, given["confidence"], given["alternating"], past)})
    path = GOLDEN / "study" / "comparisons.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
    record(["study/comparisons.json"], "tools/golden/comparisons.py", seed=SEED, versions=versions("numpy", "scipy"))


if __name__ == "__main__":
    main()
