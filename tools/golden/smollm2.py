#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/smollm2/: what transformers and tokenizers say about SmolLM2-135M-Instruct.

Usage: smollm2.py MODEL.gguf [--only tokenize]

  prompts.json        [{name, text, parse_special, tokens}]
  NAME.ids.npy        i32 [4096]: the 2048 likeliest next tokens, falling; then 2048 others, rising
  NAME.logits.npy     f32 [4096]: their logits after the prompt
  NAME.full.npy       f32 [49152]: all logits, of two prompts
  greedy.json         {name: {tokens, best}}: the greedy continuation (also past an end token), and at
                      each step the two best as [[id, logit], [id, logit]]; a small gap is a near tie
  hooks.json          what was changed in which run of the prompt "france"; its files hooks_*.npy
  tokenize.json       [{text, tokens}], with special_tokens where parsing special tokens differs
"""
import argparse
import json

import numpy as np
import torch

import llama_gguf
import manifest
import texts

SEED = 20260101
STEPS = {"france": 40}  # up to its end token; the others 24
FULL = ("france", "river")
FOLDER = manifest.GOLDEN / "smollm2"
written = []


def save(name, array):
    np.save(FOLDER / name, np.ascontiguousarray(array))
    written.append("smollm2/" + name)


def save_json(name, rows):
    """A list with one row a line, or an object with one member a line."""
    dump = lambda x: json.dumps(x, ensure_ascii=True, separators=(",", ":"))
    if isinstance(rows, dict):
        body = "{\n" + ",\n".join(f"{dump(k)}:{dump(v)}" for k, v in rows.items()) + "\n}\n"
    else:
        body = "[\n" + ",\n".join(dump(r) for r in rows) + "\n]\n"
    (FOLDER / name).write_text(body)
    written.append("smollm2/" + name)


def prompts(file):
    plain, special = (llama_gguf.tokenizer(file, p) for p in (False, True))
    for name, text, parse_special, keep in texts.PROMPTS:
        tok = special if parse_special else plain
        ids = tok.encode(text).ids
        if keep:
            assert len(ids) >= keep, (name, len(ids))
            text = tok.decode(ids[:keep])
            ids = ids[:keep]
        assert tok.encode(text).ids == ids, f"{name} does not tokenize back"
        yield {"name": name, "text": text, "parse_special": parse_special, "tokens": ids}


def save_logits(name, logits, rng):
    order = np.argsort(-logits, kind="stable")
    others = np.sort(rng.permutation(order[2048:])[:2048])
    ids = np.concatenate([order[:2048], others]).astype("<i4")
    save(f"{name}.ids.npy", ids)
    save(f"{name}.logits.npy", logits[ids])


def greedy(lm, ids, steps):
    """The last logits after ids; then steps tokens, each with the two best."""
    out = lm(torch.tensor([ids]), use_cache=True)
    first, tokens, best = out.logits[0, -1], [], []
    for _ in range(steps):
        value, token = out.logits[0, -1].topk(2)
        best.append([[int(t), round(float(v), 5)] for t, v in zip(token, value)])
        tokens.append(int(token[0]))
        out = lm(token[:1, None], past_key_values=out.past_key_values, use_cache=True)
    return first.numpy(), {"tokens": tokens, "best": best}


def hooked(lm, ids, zero_ffw, rescale, capture):
    """Last logits [vocabulary] and block `capture`'s output [seq, embedding] of a changed model."""
    seen = {}
    layers = lm.model.layers
    hooks = [layers[capture].register_forward_hook(lambda m, i, out: seen.update(x=out))]
    if zero_ffw is not None:
        zero = lambda m, i, out: torch.zeros_like(out)
        hooks.append(layers[zero_ffw].mlp.register_forward_hook(zero))
    if rescale is not None:
        scale = lambda m, i, out: out * 1.25
        hooks.append(layers[rescale].register_forward_hook(scale))
    logits = lm(torch.tensor([ids])).logits[0, -1].numpy()
    for h in hooks:
        h.remove()
    return logits, seen["x"][0].numpy()


def make_model_data(file):
    rng = np.random.default_rng(SEED)
    rows = list(prompts(file))
    save_json("prompts.json", rows)
    lm = llama_gguf.model(file)
    continuations = {}
    for row in rows:
        name = row["name"]
        logits, continuations[name] = greedy(lm, row["tokens"], STEPS.get(name, 24))
        save_logits(name, logits, rng)
        if name in FULL:
            save(f"{name}.full.npy", logits)
        print(name, len(row["tokens"]), "tokens, best", logits.argmax(), logits.max())
    save_json("greedy.json", continuations)
    runs = {
        "zero_ffw": {"zero_feed_forward_of_block": 3},
        "rescale": {"multiply_after_block": 5, "factor": 1.25},
        "both": {"zero_feed_forward_of_block": 3, "multiply_after_block": 5, "factor": 1.25},
    }
    for name, run in runs.items():
        logits, x = hooked(lm, rows[0]["tokens"], run.get("zero_feed_forward_of_block"),
                           run.get("multiply_after_block"), 7)
        save_logits(f"hooks_{name}", logits, rng)
        run["prompt"] = "france"
        if name == "both":
            save("hooks_both.block_7.npy", x)
            run["output_of_block_7"] = "hooks_both.block_7.npy"
    save_json("hooks.json", runs)


def make_tokenizer_data(file):
    plain, special = (llama_gguf.tokenizer(file, p) for p in (False, True))
    rows = []
    for text in texts.strings(SEED, 330):
        row = {"text": text, "tokens": plain.encode(text).ids}
        parsed = special.encode(text).ids
        if parsed != row["tokens"]:
            row["special_tokens"] = parsed
        rows.append(row)
    save_json("tokenize.json", rows)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--only", choices=["tokenize"])
    args = parser.parse_args()
    torch.set_num_threads(2)
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = llama_gguf.File(args.model)
    make_tokenizer_data(file)
    if not args.only:
        make_model_data(file)
    manifest.record(written, "tools/golden/smollm2.py SmolLM2-135M-Instruct.Q4_1.gguf", seed=SEED,
                    versions=manifest.versions("torch", "transformers", "tokenizers", "gguf", "numpy"))


main()
