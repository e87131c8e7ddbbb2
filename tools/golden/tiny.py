#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/penzai/: what penzai itself answers for eight tiny models.

Usage: tiny.py GOLDEN.json

GOLDEN.json comes from penzai's HEAD (commit aac7808) on JAX 0.10.2; penzai 0.2.5 of PyPI lacks two of
the eight. This script only splits it, one file a model, complete in itself:

  NAME.json     config, params (label: {axis: size}), tokens, padded_positions [batch, seq] and the logits
                of three runs: plain, with the padded positions, and through the KV cache (4 then 3 tokens)
  README.json   how the weights follow from their labels (_readme), and some of them to check that
"""
import argparse
import json
import pathlib

import manifest

parser = argparse.ArgumentParser()
parser.add_argument("golden", type=pathlib.Path)
golden = json.loads(parser.parse_args().golden.read_text())

folder = manifest.GOLDEN / "penzai"
folder.mkdir(parents=True, exist_ok=True)
files = {"README.json": {k: golden[k] for k in ("_readme", "param_check")}}
for name, model in golden["models"].items():
    files[f"{name}.json"] = {k: golden[k] for k in ("tokens", "padded_positions")} | model
for name, content in files.items():
    lines = [f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in content.items()]
    (folder / name).write_text("{\n" + ",\n".join(lines) + "\n}\n")
manifest.record([f"penzai/{n}" for n in files], "tools/golden/tiny.py golden.json",
                source="penzai HEAD aac7808 on JAX 0.10.2, CPU, float32")
