#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/penzai_more/stacked.json: models whose blocks are one LayerStack, by penzai.

Usage: stacked.py

  by name: config, params (label: {axis: size}), tree (as in trees.json), caches: the axes of a key in a
  cache {axis: size}, tokens and padded_positions [batch, seq], and the logits [batch, seq, vocabulary] of
  three runs: plain, with the padded positions, and through the KV cache (4 then 3 tokens, padding 0).
  Parameters are golden ones (penzai/README.json).
"""
import json

import jax.numpy as jnp
import numpy as np
from penzai import pz
from penzai.models.transformer import sampling_mode

import export_penzai as export
import manifest
import penzai_models

NAMES = ["llama_gqa", "gemma1_mqa", "mistral_sw"]
# The rows of every matrix of a block fill whole tiles of 16; in the models above those of none do.
WHOLE_TILES = {
    "num_kv_heads": 2, "query_head_multiplier": 2, "embedding_dim": 16, "projection_dim": 8,
    "mlp_hidden_dim": 32, "num_decoder_blocks": 3, "vocab_size": 13, "mlp_variant": "geglu_approx",
    "tie_embedder_and_logits": False, "use_post_attn_norm": True, "use_post_ffw_norm": True,
    "attn_logits_soft_cap": 0.7, "use_layer_stack": True}
FIRST = 4


def wrap(x):
    return pz.nx.wrap(jnp.asarray(x, jnp.int32)).tag("batch", "seq")


def numbers(logits):
    return np.asarray(logits.unwrap("batch", "seq", "vocabulary"))


def caching(model, tokens):
    return sampling_mode.KVCachingTransformerLM.from_uncached(
        model, cache_len=tokens.shape[1], batch_axes={"batch": tokens.shape[0]}, pad_id=0)


def key_axes(kv):
    """Of the one Attention in the stack."""
    cache, = pz.select(kv).at_instances_of(pz.nn.KVCachingAttention).get_sequence()
    return dict(sorted(cache.kv_cache.value[0].named_shape.items()))


def through_cache(kv, tokens):
    parts = [numbers(kv(wrap(t))) for t in (tokens[:, :FIRST], tokens[:, FIRST:])]
    return np.concatenate(parts, axis=1)


def entry(config, golden):
    model = export.build_golden(config)
    _, params = pz.unbind_params(model, freeze=True)
    tokens, padded = np.array(golden["tokens"]), np.array(golden["padded_positions"])
    answers = {
        "logits": numbers(model(wrap(tokens))),
        "logits_padded_positions": numbers(model(wrap(tokens), token_positions=wrap(padded))),
        "logits_kvcache_pad0_4then3": through_cache(caching(model, tokens), tokens),
    }
    return {"config": config, "tree": penzai_models.tree_of(model, config),
            "caches": key_axes(caching(model, tokens)),
            "params": {p.label: dict(sorted(p.value.named_shape.items())) for p in params},
            "tokens": tokens.tolist(), "padded_positions": padded.tolist()} | {
                k: [float(f"{v:.7g}") for v in a.ravel()] for k, a in answers.items()}


def main():
    families = {n: json.loads((manifest.GOLDEN / f"penzai/{n}.json").read_text()) for n in NAMES}
    entries = {n: entry(g["config"] | {"use_layer_stack": True}, g) for n, g in families.items()}
    entries["whole_tiles"] = entry(WHOLE_TILES, families["llama_gqa"])
    manifest.record([penzai_models.write("stacked.json", entries)], "tools/golden/stacked.py",
                    versions=manifest.versions("penzai", "jax", "numpy"))


main()
