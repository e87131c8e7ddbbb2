#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/penzai_more/stacked.json: models whose blocks are one LayerStack, by penzai.

Usage: stacked.py

  by name: config, params (label: {axis: size}), tokens and padded_positions [batch, seq], and the logits
  [batch, seq, vocabulary] of three runs: plain, with the padded positions, and through the KV cache
  (4 then 3 tokens, padding 0). Parameters are golden ones (penzai/README.json).
"""
import json

import jax.numpy as jnp
import numpy as np
from penzai import pz
from penzai.models.transformer import sampling_mode

import export_penzai as export
import manifest

NAMES = ["llama_gqa", "gemma1_mqa", "mistral_sw"]
FIRST = 4


def wrap(x):
    return pz.nx.wrap(jnp.asarray(x, jnp.int32)).tag("batch", "seq")


def numbers(logits):
    return np.asarray(logits.unwrap("batch", "seq", "vocabulary"))


def through_cache(model, tokens):
    kv = sampling_mode.KVCachingTransformerLM.from_uncached(
        model, cache_len=tokens.shape[1], batch_axes={"batch": tokens.shape[0]}, pad_id=0)
    parts = [numbers(kv(wrap(t))) for t in (tokens[:, :FIRST], tokens[:, FIRST:])]
    return np.concatenate(parts, axis=1)


def entry(name):
    golden = json.loads((manifest.GOLDEN / f"penzai/{name}.json").read_text())
    config = golden["config"] | {"use_layer_stack": True}
    model = export.build_golden(config)
    _, params = pz.unbind_params(model, freeze=True)
    tokens, padded = np.array(golden["tokens"]), np.array(golden["padded_positions"])
    answers = {
        "logits": numbers(model(wrap(tokens))),
        "logits_padded_positions": numbers(model(wrap(tokens), token_positions=wrap(padded))),
        "logits_kvcache_pad0_4then3": through_cache(model, tokens),
    }
    return {"config": config,
            "params": {p.label: dict(sorted(p.value.named_shape.items())) for p in params},
            "tokens": tokens.tolist(), "padded_positions": padded.tolist()} | {
                k: [float(f"{v:.7g}") for v in a.ravel()] for k, a in answers.items()}


def main():
    lines = [f"{json.dumps(n)}:{json.dumps(entry(n), separators=(',', ':'))}" for n in NAMES]
    (manifest.GOLDEN / "penzai_more/stacked.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    manifest.record(["penzai_more/stacked.json"], "tools/golden/stacked.py",
                    versions=manifest.versions("penzai", "jax", "numpy"))


main()
