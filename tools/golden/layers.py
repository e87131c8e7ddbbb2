#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/penzai/layers.json: what penzai's layers give for small inputs.

  {case: {part: {"axes": {name: size}, "values": [in C order]}}}

Parts are x (and x1, x2: a tuple), the parameters by label, the side inputs by name, and y, the output.
Which layer a case builds is said by its function here, and by the test that reads it.
"""
import json

import jax
import jax.numpy as jnp
import manifest
import numpy as np
from penzai import pz
from penzai.toolshed import lora, model_rewiring

SEED = 5
rng = np.random.default_rng(SEED)
cases = {}


def noise(**axes):
    return pz.nx.wrap(jnp.asarray(rng.normal(size=list(axes.values())), jnp.float32), *axes)


def parameter(label, **axes):
    return pz.Parameter(value=noise(**axes), label=label)


def part(array):
    axes = dict(array.named_shape)
    values = np.asarray(array.unwrap(*axes))
    return {"axes": axes, "values": values.reshape(-1).tolist()}


def case(name, layer, *inputs, parameters=(), **side):
    """Calls the layer, on a tuple when there are several inputs, and keeps everything."""
    y = layer(inputs if len(inputs) > 1 else inputs[0], **side)
    kept = {"x" if i == 0 else f"x{i}": part(x) for i, x in enumerate(inputs)}
    kept |= {p.label: part(p.value) for p in parameters}
    kept |= {k: part(v.astype(jnp.int32)) for k, v in side.items()}
    cases[name] = kept | {"y": part(y)}


MASKED = -2.3819763e38
scores = noise(seq=3, heads=2, kv_seq=4)
case("explicit_mask", pz.nn.ApplyExplicitAttentionMask("mask", MASKED), scores,
     mask=pz.nx.wrap(jnp.asarray(rng.integers(0, 2, (3, 4)), bool), "seq", "kv_seq"))
case("explicit_mask_of_keys", pz.nn.ApplyExplicitAttentionMask("mask", MASKED), scores,
     mask=pz.nx.wrap(jnp.asarray([True, False, True, True]), "kv_seq"))

case("explicit_mask_of_another_value", pz.nn.ApplyExplicitAttentionMask("mask", -1e4), scores,
     mask=pz.nx.wrap(jnp.asarray([True, False, True, False]), "kv_seq"))
positions = pz.nx.wrap(jnp.asarray([-1, 0, 1, 2, 3]), "seq")
case("causal_mask_of_another_value", pz.nn.ApplyCausalAttentionMask(-1e4), noise(seq=5, heads=2, kv_seq=5),
     token_positions=positions)
case("window_mask_of_another_value", pz.nn.ApplyCausalSlidingWindowAttentionMask(-1e4, 2),
     noise(seq=5, heads=2, kv_seq=5), token_positions=positions)

three = noise(seq=3, heads=4, embedding=5)
across = ("seq", "embedding")
case("softmax_of_two", pz.nn.Softmax(across), three)
case("standardize_two", pz.nn.Standardize(across, 1e-3), three)
case("rms_standardize_two", pz.nn.RMSStandardize(across, 1e-3), three)

case("einsum_of_three", pz.nn.NamedEinsum(
    ({"seq": "t", "embedding": "e"}, {"embedding": "e", "neurons": "n"}, {"neurons": "n", "heads": "h"}),
    {"seq": "t", "heads": "h"}), noise(batch=2, seq=3, embedding=4), noise(batch=2, embedding=4, neurons=5),
     noise(batch=2, neurons=5, heads=2))
case("einsum_of_one", lambda x: pz.nn.NamedEinsum(({"seq": "a", "embedding": "b"},), {"embedding": "a", "seq": "b"})
     ((x,)), noise(batch=2, seq=3, embedding=4))
# the summed axis has the name of an axis of the output
case("einsum_with_taken_names", pz.nn.NamedEinsum(
    ({"seq": "t", "kv_seq": "p"}, {"seq": "s", "kv_seq": "p"}), {"seq": "t", "kv_seq": "s"}),
     noise(seq=3, kv_seq=4), noise(seq=2, kv_seq=4))
# two summed axes have one name
case("einsum_with_one_name_twice", pz.nn.NamedEinsum(
    ({"seq": "i", "kv_seq": "k"}, {"seq": "j", "kv_seq": "k"}, {"heads": "h", "neurons": "i", "embedding": "j"}),
    {"heads": "h"}), noise(seq=3, kv_seq=4), noise(seq=2, kv_seq=4), noise(heads=2, neurons=3, embedding=2))

case("einsum_that_sums_one", lambda x: pz.nn.NamedEinsum(({"seq": "t", "embedding": "e"},), {"seq": "t"})((x,)),
     noise(batch=2, seq=3, embedding=4))
case("einsum_that_sums_both", pz.nn.NamedEinsum(
    ({"seq": "t", "embedding": "e"}, {"neurons": "n", "heads": "h"}), {"seq": "t", "heads": "h"}),
     noise(seq=3, embedding=4), noise(neurons=5, heads=2))

case("rename_swaps", pz.nn.RenameAxes(("seq", "embedding"), ("embedding", "seq")), noise(seq=3, embedding=4))

weights = parameter("in_place.weights", embedding=4, embedding_out=4)
in_place = pz.nn.Linear.from_config("in_place", None, {"embedding": 4}, {"embedding": 4})
case("linear_in_place", pz.bind_variables(in_place, [weights]), noise(seq=3, embedding=4), parameters=[weights])

weights = parameter("lin.weights", heads=2, embedding=4, neurons=5)
linear = pz.nn.Linear(weights, ("embedding",), ("neurons",))
a = parameter("lin/LoRA_A.weights", embedding=4, lowrank=3, heads=2)
b = parameter("lin/LoRA_B.weights", lowrank=3, neurons=5, heads=2)
adapter = lora.LowRankAdapter.from_linear(linear, "lin", None, 3)
case("low_rank_adapter", pz.bind_variables(adapter, [a, b]), noise(seq=3, heads=2, embedding=4),
     parameters=[weights, a, b])

attention = pz.nn.Softmax("kv_seq")(noise(seq=4, heads=3, kv_seq=4))
keep = pz.nx.wrap(jnp.asarray([0.0, 0.25, 1.0], jnp.float32), "heads")
mask = pz.Parameter(value=keep, label="head_mask")
case("knock_out", model_rewiring.KnockOutAttentionHeads(keep), attention, parameters=[mask])

up = parameter("up.weights", blocks=3, embedding=4, neurons=16)
down = parameter("down.weights", blocks=3, neurons=16, embedding=4)
bias = parameter("b.bias", blocks=3, embedding=4)
shared = parameter("shared.bias", embedding=4)
stack = pz.nn.LayerStack(pz.nn.Sequential([
    pz.nn.Residual(pz.nn.Sequential([
        pz.nn.RMSStandardize("embedding", 1e-6), pz.nn.Linear(up, ("embedding",), ("neurons",)),
        pz.nn.Elementwise(jax.nn.silu),
        pz.nn.Linear(down, ("neurons",), ("embedding",)), pz.nn.AddBias(bias, ())])),
    pz.nn.AddBias(shared, ())]), "blocks", 3)
case("layer_stack", stack, noise(seq=5, embedding=4), parameters=[up, down, bias, shared])

path = manifest.GOLDEN / "penzai" / "layers.json"
rows = [f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in cases.items()]
path.write_text("{\n" + ",\n".join(rows) + "\n}\n")
manifest.record(["penzai/layers.json"], "tools/golden/layers.py", seed=SEED,
                versions=manifest.versions("penzai", "jax", "numpy"))
