#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/tiny/seeds.json: what include/pencl/generate.h says that a sampler draws, done in
NumPy over transformers' logits of tiny_mix.gguf.

Usage: seeds.py

  prompt     token ids
  tokens     [100][64]: what seeds 1 to 100 draw, with the default options
  margins    [100][64]: how near each draw came to another token: the least distance of the drawn
             number from an edge of the cumulative shares, of top-p's and min-p's cuts from their
             limits, and of the last of the top-k from the first that is left out
"""
import json

import numpy as np
import torch

import llama_gguf
import manifest

SEEDS, STEPS = 100, 64
PROMPT = [1, 72, 263, 8, 200]
TEMPERATURE, TOP_K, TOP_P, MIN_P = 0.8, 40, 0.95, 0.05
FILE = manifest.GOLDEN / "tiny/tiny_mix.gguf"


def philox(seed, counter):
    """The first word of Philox 4x32-10 (Salmon and others, 2011), key and counter of 64 bits."""
    c = [counter & 0xFFFFFFFF, counter >> 32, 0, 0]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c[0]


def draw(logits, seed, step):
    order = np.lexsort((np.arange(len(logits)), -logits))
    margin = logits[order[TOP_K - 1]] - logits[order[TOP_K]]
    ids = order[:TOP_K]
    weights = np.exp(logits[ids] - logits[ids[0]])
    before = np.cumsum(weights)[:-1]  # of all those in front
    goes_on = (before < TOP_P * weights.sum()) & (weights[1:] >= MIN_P)
    end = TOP_K if goes_on.all() else 1 + int(np.argmin(goes_on))
    margin = min(margin, np.abs(before / weights.sum() - TOP_P).min(), np.abs(weights - MIN_P).min())
    ids, logits = ids[:end], logits[ids[:end]]
    shares = np.exp((logits - logits[0]) / TEMPERATURE)
    edges = np.cumsum(shares / shares.sum())[:-1]
    u = (philox(seed, step) + 0.5) / 2**32
    if len(edges):
        margin = min(margin, np.abs(edges - u).min())
    return int(ids[np.searchsorted(edges, u, side="right")]), float(margin)


def main():
    model = llama_gguf.model(llama_gguf.File(FILE))
    ids = torch.tensor([PROMPT] * SEEDS)
    tokens, margins = np.zeros((SEEDS, STEPS), int), np.zeros((SEEDS, STEPS))
    cache = None
    with torch.no_grad():
        for step in range(STEPS):
            out = model(ids, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            logits = out.logits[:, -1].double().numpy()
            for i in range(SEEDS):
                tokens[i, step], margins[i, step] = draw(logits[i], i + 1, step)
            ids = torch.tensor(tokens[:, step:step + 1])
    rows = ",\n".join(json.dumps(r.tolist()) for r in tokens)
    near = ",\n".join(json.dumps([float(f"{m:.2e}") for m in r]) for r in margins)
    (manifest.GOLDEN / "tiny/seeds.json").write_text(
        f'{{"prompt": {PROMPT},\n"tokens": [\n{rows}\n],\n"margins": [\n{near}\n]}}\n')
    print(len(np.unique(tokens)), "tokens drawn; margins below 1e-4:", (margins < 1e-4).sum())
    manifest.record(["tiny/seeds.json"], "tools/golden/seeds.py",
                    versions=manifest.versions("torch", "transformers", "gguf", "numpy"))


main()
