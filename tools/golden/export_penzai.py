#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes models built with penzai as .safetensors files that pencl reads.

Usage: export_penzai.py FOLDER

writes the models of tests/golden/penzai, built by the installed penzai with their golden parameters;
0.2.5 of PyPI cannot build two of them. From Python, for a model of your own:

  import export_penzai
  export_penzai.save("model.safetensors", model, config)

Tensors are named by penzai's labels. The metadata has penzai.builder, penzai.config and penzai.axes
(label: the names of the tensor's dimensions, in order).
"""
import dataclasses
import json
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.flax
from penzai import pz
from penzai.models.transformer.variants import gpt_neox, llamalike_common as llamalike

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
BUILDERS = {
    "llamalike": (llamalike.LlamalikeTransformerConfig, llamalike.build_llamalike_transformer),
    "gpt_neox": (gpt_neox.GPTNeoXTransformerConfig, gpt_neox.build_gpt_neox_transformer),
}


# ---- configs ----

def attention_json(kind):
    if isinstance(kind, llamalike.AttentionTypeGlobalCausal):
        return "global"
    if isinstance(kind, llamalike.AttentionTypeSlidingWindowCausal):
        return {"sliding": kind.window_size}
    return [attention_json(k) for k in kind]


def attention_type(value):
    if value == "global":
        return llamalike.AttentionTypeGlobalCausal()
    if isinstance(value, dict):
        return llamalike.AttentionTypeSlidingWindowCausal(value["sliding"])
    return [attention_type(v) for v in value]


def builder_of(config):
    """The builder's name, for a config of penzai's or for its JSON."""
    fields = config if isinstance(config, dict) else vars(config)
    return "gpt_neox" if "activation_fn" in fields else "llamalike"


def config_json(config):
    """What penzai.config says of a config of penzai's."""
    fields = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    if builder_of(config) == "gpt_neox":  # the form has no such fields
        dtypes = {jnp.dtype(fields.pop(n)).name for n in ("parameter_dtype", "activation_dtype")}
        if len(dtypes) > 1 or fields.pop("use_layer_stack"):
            raise ValueError("a GPT-NeoX model with a cast or a layer stack has no place in the form")
        return fields
    for name in ("parameter_dtype", "activation_dtype"):
        fields[name] = jnp.dtype(fields[name]).name
    return fields | {"attention_type": attention_json(config.attention_type)}


def why_not(config):
    """What this penzai lacks to build the JSON of a config; None when it can."""
    known = {f.name for f in dataclasses.fields(BUILDERS[builder_of(config)][0])}
    lacks = sorted(set(config) - known)
    if config.get("mlp_variant") == "geglu_exact":
        lacks.append("mlp_variant geglu_exact")
    return ", ".join(lacks) or None


def config_of(fields):
    """A config of penzai's from JSON."""
    fields = dict(fields)
    if builder_of(fields) == "gpt_neox":
        fields |= {"parameter_dtype": jnp.float32, "activation_dtype": jnp.float32}
    if "attention_type" in fields:
        fields["attention_type"] = attention_type(fields["attention_type"])
    return BUILDERS[builder_of(fields)][0](**fields)


# ---- golden parameters ----

def fnv1a(text):
    h = 2166136261
    for byte in text.encode():
        h = (h ^ byte) * 16777619 % 2**32
    return h


def golden_values(label, axes):
    """The parameter that tests/golden/penzai/README.json defines, its axes in sorted order."""
    names = sorted(axes)
    shape = [axes[n] for n in names]
    x = (fnv1a(label) + 2654435761 * np.arange(np.prod(shape, dtype=np.int64), dtype=np.uint64)) % 2**32
    x ^= x >> 16
    x = x * 0x85EBCA6B % 2**32
    x ^= x >> 13
    x = x * 0xC2B2AE35 % 2**32
    x ^= x >> 16
    u = x / 2**32 - 0.5
    value = 1 + 0.5 * u if label.endswith("scale.weights") else (0.4 if label.endswith(".bias") else 0.8) * u
    return names, value.astype(np.float32).reshape(shape)


def with_golden_values(model):
    """The same tree with golden parameters."""
    tree, params = pz.unbind_params(model, freeze=True)
    new = []
    for p in params:
        names, values = golden_values(p.label, p.value.named_shape)
        new.append(dataclasses.replace(p, value=pz.nx.wrap(jnp.asarray(values)).tag(*names)))
    return pz.bind_variables(tree, new, unfreeze_as_copy=True)


def build_golden(config):
    """penzai's model for the JSON of a config, with golden parameters."""
    build = BUILDERS[builder_of(config)][1]
    return with_golden_values(build(config_of(config), init_base_rng=jax.random.key(0)))


# ---- files ----

def save(path, model, config):
    """Writes a TransformerLM and the config that it was built from."""
    _, params = pz.unbind_params(model, freeze=True)
    axes = {p.label: list(p.value.named_shape) for p in params}
    metadata = {
        "penzai.builder": builder_of(config),
        "penzai.config": json.dumps(config_json(config)),
        "penzai.axes": json.dumps(axes),
    }
    tensors = {p.label: p.value.unwrap(*axes[p.label]) for p in params}
    safetensors.flax.save_file(tensors, path, metadata)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((GOLDEN / "penzai").glob("*.json")):
        config = json.loads(path.read_text()).get("config")
        if config is None:
            continue
        missing = why_not(config)
        if missing:
            print(f"{path.stem}: skipped, this penzai has no {missing}")
            continue
        save(folder / f"{path.stem}.safetensors", build_golden(config), config_of(config))
        print(f"{path.stem}: written")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
