#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/penzai_more/: trees of the models of tests/golden/penzai, and models of other sizes.

Usage: penzai_models.py

  trees.json   by model: metadata, and tree, one row a node in penzai's order:
               [key path, type, {static field: value}], of a parameter [key path, "Parameter",
               {label, axes: {name: size}}]
  sizes.json   by name: config, params (label: {axis: size}), tokens and padded_positions [batch, seq],
               logits and logits_padded_positions [batch, seq, vocabulary], and by: who computed them.
               Parameters are golden ones (penzai/README.json); padding is -1

The installed penzai builds and runs what it can. For the rest, trees are put together from its parts,
and logits come from forward.py, which must agree with penzai and with tests/golden/penzai to 5e-6 of the largest.
"""
import dataclasses
import functools
import json
import random

import jax
import jax.numpy as jnp
import numpy as np
from penzai import pz

import export_penzai as export
import forward
import manifest

AGREE = 5e-6
SEEDS = range(1, 11)
BATCH, SEQ = 2, 9
# What pencl does not keep: the value of masked scores, letters of einsums (told by the axes), and the
# names of axes that are always these.
LEFT_OUT = {"masked_out_value", "input_axes", "output_axes", "seq_axis", "kv_seq_axis", "new_axis_names"}


# ---- models that this penzai has no builder for ----

def plain_config(config):
    """The config without what penzai 0.2.5 lacks."""
    config = dict(config)
    for name in ("use_qk_norm", "global_scale_factor", "local_rope_wavelength"):
        config.pop(name, None)
    if config.get("mlp_variant") == "geglu_exact":
        config["mlp_variant"] = "geglu_approx"
    return config


def norm(label, config):
    return pz.nn.RMSLayerNorm.from_config(
        name=label, init_base_rng=jax.random.key(0), across_axes={"projection": config["projection_dim"]},
        epsilon=config.get("rms_norm_eps", 1e-6))


def normed(sequential, label, config):
    """[Linear, RoPE, ...] with a norm behind the Linear."""
    first, *rest = sequential.sublayers
    return pz.nn.Sequential([first, norm(label, config), *rest])


def local_rope(tree, wavelength):
    return pz.select(tree).at_instances_of(pz.nn.ApplyRoPE).apply(
        lambda r: dataclasses.replace(r, max_wavelength=wavelength))


def complete_attention(attention, block, config):
    at = f"transformer/block_{block}/attention"
    if config.get("use_qk_norm"):
        attention = dataclasses.replace(
            attention,
            input_to_query=normed(attention.input_to_query, f"{at}/query_norm", config),
            input_to_key=normed(attention.input_to_key, f"{at}/key_norm", config))
    sliding = pz.select(attention).at_instances_of(pz.nn.ApplyCausalSlidingWindowAttentionMask).count()
    if sliding and config.get("local_rope_wavelength"):
        attention = local_rope(attention, config["local_rope_wavelength"])
    return attention


def build(config):
    """The tree that penzai's HEAD builds. RoPE's scale_factor, which 0.2.5 has no field for, is missing."""
    model = export.build_golden(plain_config(config))
    blocks = iter(range(config["num_decoder_blocks"]))
    model = pz.select(model).at_instances_of(pz.nn.Attention).apply(
        lambda a: complete_attention(a, next(blocks), config))
    if config.get("mlp_variant") == "geglu_exact":
        exact = functools.partial(jax.nn.gelu, approximate=False)
        model = pz.select(model).at_instances_of(pz.nn.Elementwise).apply(lambda e: pz.nn.Elementwise(exact))
    return export.with_golden_values(model)


def runs(config):
    """True when `build` makes a tree that penzai runs as its HEAD would."""
    return not config.get("global_scale_factor")


# ---- trees ----

def name_of_function(fn):
    if isinstance(fn, functools.partial):
        return "gelu_approx" if fn.keywords["approximate"] else "gelu_exact"
    return {jax.nn.silu: "silu", jax.nn.relu: "relu"}[fn]


def static(name, value):
    if name == "fn":
        return name_of_function(value)
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, str) else float(value)


def rows(node, path, config):
    if isinstance(node, pz.Parameter):
        yield [path, "Parameter", {"label": node.label, "axes": dict(sorted(node.value.named_shape.items()))}]
    elif isinstance(node, (list, tuple)):
        for i, child in enumerate(node):
            yield from rows(child, f"{path}[{i}]", config)
    else:
        fields = {f.name: getattr(node, f.name) for f in dataclasses.fields(node)}
        children = {n: v for n, v in fields.items()
                    if isinstance(v, (pz.Parameter, list, pz.nn.Layer, pz.nn.EmbeddingTable))}
        statics = {n: static(n, v) for n, v in fields.items() if n not in children and n not in LEFT_OUT}
        yield [path, type(node).__name__, statics]
        for name, child in children.items():
            yield from rows(child, f"{path}.{name}", config)


def tree_of(model, config):
    found = list(rows(model.body, "", config))
    if config.get("global_scale_factor"):
        add_scales(found, config)
    return found


def add_scales(found, config):
    """HEAD's field, of the blocks that slide not."""
    windows = [row[1] for row in found if row[1].endswith("AttentionMask")]
    ropes = [row[2] for row in found if row[1] == "ApplyRoPE"]
    for i, fields in enumerate(ropes):  # two a block: query and key
        local = windows[i // 2] == "ApplyCausalSlidingWindowAttentionMask"
        fields["scale_factor"] = 1.0 if local else float(config["global_scale_factor"])


def metadata_of(model):
    fields = dataclasses.asdict(model.metadata)
    return fields | {"activation_dtype": jnp.dtype(fields["activation_dtype"]).name}


# ---- other sizes ----

def draw_attention(rng, blocks):
    one = lambda: rng.choice(["global", {"sliding": rng.randrange(1, 6)}])
    if rng.random() < 0.4:
        return one()
    return [one() for _ in range(rng.choice([n for n in range(1, blocks + 1) if blocks % n == 0]))]


def draw_llamalike(rng):
    groups = rng.choice([1, 1, 2, 2, 3, 4])
    multiplier = rng.choice([m for m in (1, 2, 3, 4) if m == 1 or m * groups <= 6])
    blocks = rng.randrange(1, 4)
    config = {
        "num_kv_heads": groups, "query_head_multiplier": multiplier,
        "embedding_dim": rng.randrange(5, 20), "projection_dim": 2 * rng.randrange(1, 6),
        "mlp_hidden_dim": rng.randrange(5, 20), "num_decoder_blocks": blocks,
        "vocab_size": 2 * rng.randrange(5, 10) + 1,
        "mlp_variant": rng.choice(["swiglu", "geglu_approx", "geglu_exact"]),
        "tie_embedder_and_logits": rng.random() < 0.5,
        "attention_type": draw_attention(rng, blocks),
    }
    options = {
        "rope_wavelength": 300.0, "rms_norm_eps": 1e-3, "use_post_attn_norm": True, "use_post_ffw_norm": True,
        "final_logit_softcap": 1.5, "attn_logits_soft_cap": 0.7, "query_scaling_factor": 0.9, "use_qk_norm": True,
        "local_rope_wavelength": 50.0, "global_scale_factor": 3.0,
    }
    return config | {n: v for n, v in options.items() if rng.random() < 0.35}


def draw_gpt_neox(rng):
    projection = rng.randrange(3, 11)
    return {
        "num_attention_heads": rng.randrange(1, 5), "embedding_dim": rng.randrange(5, 20),
        "projection_dim": projection, "mlp_hidden_dim": rng.randrange(5, 20),
        "num_decoder_blocks": rng.randrange(1, 4), "vocab_size": 2 * rng.randrange(5, 10) + 1,
        "activation_fn": rng.choice(["gelu_exact", "gelu_approx", "silu"]),
        "rope_subset_size": 2 * rng.randrange(1, projection // 2 + 1), "rope_wavelength": rng.choice([30.0, 10000.0]),
        "layernorm_epsilon": rng.choice([1e-5, 1e-3]),
    }


def draw_input(rng, vocabulary):
    """Tokens, and positions with padding at both ends."""
    tokens = np.array([[rng.randrange(vocabulary) for _ in range(SEQ)] for _ in range(BATCH)])
    positions = np.full((BATCH, SEQ), -1)
    for row in positions:
        left, right = rng.randrange(0, 4), rng.randrange(0, 3)
        row[left:SEQ - right] = np.arange(SEQ - left - right)
    return tokens, positions


def run_penzai(model, tokens, positions):
    wrap = lambda x: pz.nx.wrap(jnp.asarray(x, jnp.int32)).tag("batch", "seq")
    return np.asarray(model(wrap(tokens), token_positions=wrap(positions)).unwrap("batch", "seq", "vocabulary"))


def check_agree(name, got, want, positions):
    """Float32 against float64: to a few parts of the largest logit."""
    worst = np.abs(got - want)[positions >= 0].max() / max(1, np.abs(want).max())
    assert worst <= AGREE, f"{name}: {worst}"


def sized_model(seed):
    rng = random.Random(f"model {seed}")
    config = draw_gpt_neox(rng) if seed % 4 == 0 else draw_llamalike(rng)
    model = build(config)
    _, params = pz.unbind_params(model, freeze=True)
    shapes = {p.label: dict(sorted(p.value.named_shape.items())) for p in params}
    ours = forward.Model(config, {l: export.golden_values(l, s) for l, s in shapes.items()})
    tokens, padded = draw_input(rng, config["vocab_size"])
    default = np.broadcast_to(np.arange(SEQ), tokens.shape)
    answers = {"logits": default, "logits_padded_positions": padded}
    for name, positions in answers.items():
        answers[name] = ours.logits(tokens, positions)
        if runs(config):
            want, ours_was = run_penzai(model, tokens, positions), answers[name]
            check_agree(f"seed {seed}, {name}", ours_was, want, positions)
            answers[name] = want
    answers = {n: [float(f"{v:.7g}") for v in a.ravel()] for n, a in answers.items()}
    return {"by": "penzai" if runs(config) else "forward.py", "config": config, "params": shapes,
            "tokens": tokens.tolist(), "padded_positions": padded.tolist()} | answers


# ---- files ----

def golden_models():
    for path in sorted((manifest.GOLDEN / "penzai").glob("*.json")):
        model = json.loads(path.read_text())
        if "config" in model:
            yield path.stem, model


def check_forward(name, golden):
    params = {l: export.golden_values(l, s) for l, s in golden["params"].items()}
    model = forward.Model(golden["config"], params)
    tokens, padded = np.array(golden["tokens"]), np.array(golden["padded_positions"])
    default = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
    for key, positions in (("logits", default), ("logits_padded_positions", padded)):
        got = model.logits(tokens, positions)
        check_agree(f"{name}, {key}", got, np.array(golden[key]).reshape(got.shape), positions)


def tree_entry(name, golden):
    model = build(golden["config"])
    if runs(golden["config"]):  # the parts are put together rightly
        tokens = np.array(golden["tokens"])
        default = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
        got = run_penzai(model, tokens, default)
        check_agree(name, got, np.array(golden["logits"]).reshape(got.shape), default)
    return {"metadata": metadata_of(model), "tree": tree_of(model, golden["config"])}


def write(name, entries):
    """One entry a line."""
    folder = manifest.GOLDEN / "penzai_more"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in entries.items()]
    (folder / name).write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return f"penzai_more/{name}"


def main():
    trees = {}
    for name, golden in golden_models():
        check_forward(name, golden)
        trees[name] = tree_entry(name, golden)
    sizes = {f"seed_{seed}": sized_model(seed) for seed in SEEDS}
    for name, model in sizes.items():
        print(name, model["by"], json.dumps(model["config"]))
    manifest.record([write("trees.json", trees), write("sizes.json", sizes)], "tools/golden/penzai_models.py",
                    seed=f"{SEEDS[0]} to {SEEDS[-1]}", versions=manifest.versions("penzai", "jax", "numpy"))


if __name__ == "__main__":
    main()
