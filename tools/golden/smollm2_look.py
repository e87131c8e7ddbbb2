#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/smollm2_look/: what SmolLM2 computes inside, by transformers' weights and rotary
embedding.

Usage: smollm2_look.py MODEL.gguf [--all OUT.npz]

  tokens.json     the 64 token ids of everything here
  captures.json   {path: {axes, shape, largest, at, values}}: outputs of the layers of a few blocks, by
                  the path of penzai's tree: 24 values at places `at` of C order, and the largest |value|
  lens.json       [layer][{tokens, logits}]: the five likeliest tokens after the last token if the model
                  ended after so many blocks
--all writes every layer's whole output to one file, for `pencl capture` to be compared with.
"""
import argparse
import json
import math

import numpy as np
import torch

import llama_gguf
import manifest

SEED = 20260102
N_TOKENS = 64
BLOCKS = (0, 1, 7, 15, 29)
MASKED = -2.3819763e38
FOLDER = manifest.GOLDEN / "smollm2_look"


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


class Look:
    """A forward pass written out, which keeps every value by the path of its layer."""

    def __init__(self, lm):
        self.lm = lm
        self.seen = {}

    def keep(self, path, axes, x):
        self.seen[path] = (axes, x.detach().numpy())
        return x

    def norm(self, path, layer, x):
        y = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + layer.variance_epsilon)
        self.keep(path + ".sublayers[0]", "seq embedding", y)
        self.keep(path + ".sublayers[1]", "seq embedding", y * layer.weight)
        return self.keep(path, "seq embedding", y * layer.weight)

    def attention(self, path, layer, x, cos, sin):
        c = self.lm.config
        groups, width = c.num_key_value_heads, c.hidden_size // c.num_attention_heads
        each = c.num_attention_heads // groups
        q_axes, k_axes = "seq head_groups query_heads projection", "seq head_groups projection"
        s_axes = "seq head_groups query_heads kv_seq"
        n = len(x)
        q = layer.q_proj(x).view(n, groups, each, width)
        k = layer.k_proj(x).view(n, groups, width)
        v = layer.v_proj(x).view(n, groups, width)
        self.keep(path + ".input_to_query.sublayers[0]", q_axes, q)
        self.keep(path + ".input_to_key.sublayers[0]", k_axes, k)
        self.keep(path + ".input_to_value.sublayers[0]", k_axes, v)
        q = self.keep(path + ".input_to_query.sublayers[1]", q_axes,
                      rotate(q, cos[:, None, None], sin[:, None, None]))
        k = self.keep(path + ".input_to_key.sublayers[1]", k_axes, rotate(k, cos[:, None], sin[:, None]))
        q = self.keep(path + ".input_to_query.sublayers[2]", q_axes, q / math.sqrt(width))
        scores = torch.einsum("tghp,sgp->tghs", q, k)
        self.keep(path + ".query_key_to_attn.sublayers[0]", s_axes, scores)
        hidden = torch.ones(n, n, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(hidden[:, None, None], MASKED)
        self.keep(path + ".query_key_to_attn.sublayers[1]", s_axes, scores)
        pattern = self.keep(path + ".query_key_to_attn.sublayers[2]", s_axes, scores.softmax(-1))
        z = self.keep(path + ".attn_value_to_output.sublayers[0]", q_axes,
                      torch.einsum("tghs,sgp->tghp", pattern, v))
        out = layer.o_proj(z.reshape(n, -1))
        self.keep(path + ".attn_value_to_output.sublayers[1]", "seq embedding", out)
        return self.keep(path, "seq embedding", out)

    def feed_forward(self, path, layer, x):
        gate = self.keep(path + ".sublayers[0].branches[0].sublayers[0]", "seq neurons", layer.gate_proj(x))
        gate = self.keep(path + ".sublayers[0].branches[0]", "seq neurons", torch.nn.functional.silu(gate))
        value = self.keep(path + ".sublayers[0].branches[1]", "seq neurons", layer.up_proj(x))
        both = self.keep(path + ".sublayers[0]", "seq neurons", gate * value)
        return self.keep(path, "seq embedding", layer.down_proj(both))

    def run(self, ids):
        model = self.lm.model
        x = self.keep(".sublayers[0]", "seq embedding", model.embed_tokens(torch.tensor(ids)))
        cos, sin = (t[0] for t in model.rotary_emb(x[None], torch.arange(len(ids))[None]))
        streams = [x]
        for i, block in enumerate(model.layers):
            path = f".sublayers[{i + 1}]"
            h = self.norm(path + ".sublayers[0].delta.sublayers[0]", block.input_layernorm, x)
            x = x + self.attention(path + ".sublayers[0].delta.sublayers[1]", block.self_attn, h, cos, sin)
            self.keep(path + ".sublayers[0]", "seq embedding", x)
            h = self.norm(path + ".sublayers[1].delta.sublayers[0]", block.post_attention_layernorm, x)
            x = x + self.feed_forward(path + ".sublayers[1].delta.sublayers[1]", block.mlp, h)
            self.keep(path, "seq embedding", x)
            streams.append(x)
        end = len(model.layers) + 1
        logits = self.lm.lm_head(self.norm(f".sublayers[{end}]", model.norm, x))
        self.keep(f".sublayers[{end + 1}]", "seq vocabulary", logits)
        return streams, logits


def samples(seen):
    rng = np.random.default_rng(SEED)
    rows = {}
    for path, (axes, x) in seen.items():
        at = np.sort(rng.choice(x.size, 24, replace=False))
        visible = x[x > MASKED / 2]
        rows[path] = {"axes": axes, "shape": x.shape, "largest": float(np.abs(visible).max()),
                      "at": at.tolist(), "values": [float(v) for v in x.reshape(-1)[at]]}
    return rows


def wanted(path):
    block = int(path.split("[")[1].split("]")[0]) - 1
    return block in BLOCKS or block < 0 or block >= 30


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--all")
    args = parser.parse_args()
    torch.set_num_threads(2)
    FOLDER.mkdir(parents=True, exist_ok=True)
    lm = llama_gguf.model(llama_gguf.File(args.model))
    prompts = json.loads((manifest.GOLDEN / "smollm2/prompts.json").read_text())
    ids = next(p["tokens"] for p in prompts if p["name"] == "river")[:N_TOKENS]
    look = Look(lm)
    streams, logits = look.run(ids)
    want = lm(torch.tensor([ids]), output_hidden_states=True)
    assert (want.logits[0] - logits).abs().max() < 1e-4
    for x, h in zip(streams[:-1], want.hidden_states[:-1]):
        assert (x - h[0]).abs().max() < 1e-3
    dump = lambda x: json.dumps(x, separators=(",", ":"))
    (FOLDER / "tokens.json").write_text(dump(ids) + "\n")
    rows = samples({k: v for k, v in look.seen.items() if wanted(k)})
    (FOLDER / "captures.json").write_text(
        "{\n" + ",\n".join(f"{dump(k)}:{dump(v)}" for k, v in rows.items()) + "\n}\n")
    lens = []
    for x in streams:
        value, token = lm.lm_head(lm.model.norm(x[-1])).topk(5)
        lens.append({"tokens": token.tolist(), "logits": [round(float(v), 5) for v in value]})
    (FOLDER / "lens.json").write_text("[\n" + ",\n".join(dump(r) for r in lens) + "\n]\n")
    if args.all:
        np.savez(args.all, **{k: v[1] for k, v in look.seen.items()})
    manifest.record([f"smollm2_look/{n}.json" for n in ("tokens", "captures", "lens")],
                    "tools/golden/smollm2_look.py SmolLM2-135M-Instruct.Q4_1.gguf", seed=SEED,
                    versions=manifest.versions("torch", "transformers", "gguf", "numpy"))


main()
