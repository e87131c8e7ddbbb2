#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/dtypes/: stored numbers and what gguf-py reads in them.

Usage: dtypes.py [LIBGGML]

  TYPE.bin, TYPE.npy    random stored blocks of TYPE, and f32 [64, 128] or [16, 256]: their values (no NaN)
  floats.npy            f32 [16, 256]: zeros, constants, outliers, tiny, huge and random rows
  floats.TYPE.bin       floats.npy quantised to TYPE by gguf-py, whose rounding is ggml's reference; for IQ4_NL
                        by ggml's own quantize_row_iq4_nl_ref of the shared library LIBGGML, without which it stays
"""
import ctypes
import sys

import gguf
import numpy as np

import manifest

SEED = 11
ROWS, COLUMNS = 64, 128
FOLDER = manifest.GOLDEN / "dtypes"
LATER = 16, 256  # of types that came later
# byte offsets of the half scales in a block
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q8_0": [0], "Q5_0": [0], "Q5_1": [0, 2], "IQ4_NL": [0], "Q4_K": [0, 2],
          "Q6_K": [208], "Q5_K": [0, 2], "Q3_K": [108], "Q2_K": [80, 82]}


def stored(rng, name, rows, columns):
    """Random bytes [rows, bytes a row] whose values are finite (F16, BF16: also infinite)."""
    kind = gguf.GGMLQuantizationType[name]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    if name not in SCALES:
        bits = rng.integers(0, 1 << 16, rows * columns, dtype=np.uint16)
        exponent, top = (0x7C00, 0x7C00) if name == "F16" else (0x7F80, 0x7F80)
        bits[(bits & exponent) == exponent] &= 0x8000 | top  # NaN becomes an infinity
        bits[:8] = [0, 0x8000, 1, 0x8001, top, 0x8000 | top, top - 1, 0x0400]
        return bits.astype("<u2").view(np.uint8).reshape(rows, columns * 2)
    blocks = rng.integers(0, 256, (rows * columns // block, size), dtype=np.uint8)
    for offset in SCALES[name]:
        scale = (rng.normal(size=len(blocks)) * 10.0 ** rng.integers(-7, 3, len(blocks))).astype("<f2")
        scale[:3] = [0, -0.0, 65504 / 128]
        blocks[:, offset:offset + 2] = scale[:, None].view(np.uint8)
    return blocks.reshape(rows, columns // block * size)


def floats(rng):
    x = rng.normal(size=(16, 256)) * 10.0 ** rng.integers(-3, 3, (16, 1))
    x[0] = 0
    x[1] = 0.75
    x[2] = -3
    x[3, ::32] = 500  # one outlier a block
    x[4, 5::32] = -500
    x[5] = np.linspace(-1, 1, 256)
    x[6] = np.abs(x[6])
    x[7] = -np.abs(x[7])
    x[8] *= 1e-9
    x[9] = rng.integers(-8, 8, 256)  # many exact halves between two steps
    x[10, 1::2] = 0
    return x.astype("<f4")


def quantised(x, name):
    """x in TYPE by a reference, or None."""
    if name != "IQ4_NL" and not name.endswith("_K"):
        return gguf.quants.quantize(x, gguf.GGMLQuantizationType[name])
    if name != "IQ4_NL" or len(sys.argv) < 2:
        return None
    out = np.zeros(x.size // 32 * 18, np.uint8)
    quantize = ctypes.CDLL(sys.argv[1]).quantize_row_iq4_nl_ref
    quantize(x.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(x.size))
    # ggml leaves the quants of zeros as memory was: here they are those nearest to zero
    out.reshape(-1, 18)[~x.reshape(-1, 32).any(1), 2:] = 0x88
    return out


def main():
    rng = np.random.default_rng(SEED)
    FOLDER.mkdir(parents=True, exist_ok=True)
    x = floats(rng)
    np.save(FOLDER / "floats.npy", x)
    written = ["dtypes/floats.npy"]
    first = ["Q4_0", "Q4_1", "Q8_0", "F16", "BF16"]
    for name in first + [n for n in SCALES if n not in first]:
        rows, columns = (ROWS, COLUMNS) if name in first else LATER
        data = stored(rng, name, rows, columns)
        # gguf-py's reader has halves as such, the rest as bytes
        values = data.view("<f2").astype(np.float32) if name == "F16" else gguf.quants.dequantize(
            data, gguf.GGMLQuantizationType[name])
        assert values.shape == (rows, columns) and not np.isnan(values).any()
        data.tofile(FOLDER / f"{name.lower()}.bin")
        np.save(FOLDER / f"{name.lower()}.npy", values.astype("<f4"))
        written += [f"dtypes/{name.lower()}.bin", f"dtypes/{name.lower()}.npy"]
        if (blocks := quantised(x, name)) is not None:
            blocks.tofile(FOLDER / f"floats.{name.lower()}.bin")
            written.append(f"dtypes/floats.{name.lower()}.bin")
    command = "tools/golden/dtypes.py" + (" libggml-base.so" if len(sys.argv) > 1 else "")
    manifest.record(written, command, seed=SEED, versions=manifest.versions("gguf", "numpy"))


main()
