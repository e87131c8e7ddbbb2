#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/penzai/reflection.json: colours and field names of penzai's classes, from penzai.

  {class: {"color": CSS or [border CSS, fill CSS], "fields": [names in order]}}

A NamedGroup's colour is that of its name: the entry has {"color": {name: ...}}. Left out is Elementwise's
colour, which in penzai is that of a memory address. penzai 0.2.5 of PyPI lacks the field scale_factor that
the rotary layers of its HEAD have.
"""
import dataclasses
import json

import manifest
from penzai import pz
from penzai.models.transformer import model_parts, sampling_mode
from penzai.toolshed import lora, model_rewiring

GROUPS = ["gate", "Pretrained", "Update"]  # every name that penzai itself gives
LAYERS = [getattr(pz.nn, name) for name in (
    "AddBias", "Affine", "ApplyCausalAttentionMask", "ApplyCausalSlidingWindowAttentionMask",
    "ApplyExplicitAttentionMask", "ApplyRoPE", "ApplyRoPEToSubset", "Attention", "BranchAndAddTogether",
    "BranchAndMultiplyTogether", "CastToDType", "CheckStructure", "CheckedSequential", "ConstantRescale",
    "DisabledDropout", "Elementwise", "EmbeddingDecode", "EmbeddingLookup", "EmbeddingTable", "Identity",
    "KVCachingAttention", "LayerNorm", "LayerStack", "Linear", "LinearInPlace", "NamedEinsum", "NamedGroup",
    "RMSLayerNorm", "RMSStandardize", "RenameAxes", "Residual", "Sequential", "Softmax", "Standardize",
    "StochasticDropout", "TanhSoftCap")]
OTHERS = [pz.NotInThisPartition, lora.LowRankAdapter, model_rewiring.KnockOutAttentionHeads,
          model_parts.TransformerBlock, model_parts.TransformerFeedForward, model_parts.TransformerLM,
          sampling_mode.KVCachingTransformerLM]
VARIABLES = [pz.Parameter, pz.ParameterValue, pz.ParameterSlot, pz.StateVariable, pz.StateVariableValue,
             pz.StateVariableSlot]


def color(cls, **fields):
    """The colour of an instance that has these fields only: no other matters."""
    node = object.__new__(cls)
    for name, value in fields.items():
        object.__setattr__(node, name, value)
    return node.treescope_color()


found = {cls.__name__: {"color": color(cls), "fields": [f.name for f in dataclasses.fields(cls)]}
         for cls in LAYERS + OTHERS if cls not in (pz.nn.NamedGroup, pz.nn.Elementwise)}
found |= {cls.__name__: {"color": color(cls)} for cls in VARIABLES}
found["NamedGroup"] = {"color": {name: color(pz.nn.NamedGroup, name=name) for name in GROUPS},
                       "fields": [f.name for f in dataclasses.fields(pz.nn.NamedGroup)]}
found["Elementwise"] = {"fields": [f.name for f in dataclasses.fields(pz.nn.Elementwise)]}

path = manifest.GOLDEN / "penzai" / "reflection.json"
rows = [f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found)]
path.write_text("{\n" + ",\n".join(rows) + "\n}\n")
manifest.record(["penzai/reflection.json"], "tools/golden/reflection.py", versions=manifest.versions("penzai", "jax"))
