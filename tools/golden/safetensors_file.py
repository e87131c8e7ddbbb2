#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/safetensors/small.safetensors with the format's own library.

Usage: safetensors_file.py

  b.weight   f32 [2, 3]: 1 to 6
  a.weight   f32 [2]: -1.5, 2.5
  ids        i32 [3]: -1, 0, 70000
  half       f16 [4]: 0, 1, -2, 65504
  short      bf16 [1, 2, 1]: 1, -3
"""
import ml_dtypes
import numpy as np
import safetensors.numpy

import manifest

TENSORS = {
    "b.weight": np.arange(1, 7, dtype=np.float32).reshape(2, 3),
    "a.weight": np.array([-1.5, 2.5], np.float32),
    "ids": np.array([-1, 0, 70000], np.int32),
    "half": np.array([0, 1, -2, 65504], np.float16),
    "short": np.array([1, -3], ml_dtypes.bfloat16).reshape(1, 2, 1),
}
NAME = "safetensors/small.safetensors"

(manifest.GOLDEN / NAME).parent.mkdir(parents=True, exist_ok=True)
safetensors.numpy.save_file(TENSORS, manifest.GOLDEN / NAME, {"note": "za\u017c\u00f3\u0142\u0107 \"g\u0119\u015bl\u0105\"\n/"})
manifest.record([NAME], "tools/golden/safetensors_file.py", versions=manifest.versions("safetensors", "numpy"))
