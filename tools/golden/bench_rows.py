#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Made-up rows of measurements: tests/golden/bench/*.json.

    tools/golden/bench_rows.py

was and is: two runs, the prompt a fifth slower, decoding the same, one row unstable, one of another
depth. llama.jsonl: llama-bench's fields. secret: what a published file must not hold.
"""
import json

from manifest import GOLDEN, record, versions

DEVICE = {"id": "pocl:0", "name": "pthread-EPYC", "platform": "Portable Computing Language", "vendor": "AMD", "type": "cpu",
          "driver": "3.1", "opencl": "OpenCL 3.0", "opencl_c": "OpenCL C 1.2", "compute_units": 2, "memory": 1 << 33,
          "unified": True}
HOST = {"os": "Debian 12", "kernel": "Linux 6.1", "mesa": None, "cpu": "EPYC", "cores": 2, "governor": None}
ENDS = {"read_gbs": 40.0, "read_bytes": 1 << 27, "fma_gflops": 300.0, "fma_half_gflops": None, "dot8_gops": None,
        "launch_us": 3.0}


def timed(rates, tokens, time):
    ns = [round(tokens * 1e9 / r) for r in rates]
    mean = sum(rates) / len(rates)
    return {"test_time": time, "avg_ns": round(sum(ns) / len(ns)), "stddev_ns": 0, "avg_ts": mean, "stddev_ts": 0.0,
            "samples_ns": ns, "samples_ts": rates}


def work(prompt, gen, depth=0):
    return {"build_commit": "0123abc", "build_number": 1, "cpu_info": "EPYC", "gpu_info": "", "model_filename": "m.gguf",
            "model_type": "llama 134.5M Q4_1", "model_size": 96576768, "model_n_params": 134515008, "n_batch": 512,
            "n_ubatch": 512, "n_threads": 2, "n_prompt": prompt, "n_gen": gen, "n_depth": depth}


def ours(prompt, gen, rates, time, depth=0, unstable=()):
    row = {**work(prompt, gen, depth), "backends": "OpenCL", "type_k": "f32", "type_v": "f32",
           **timed(rates, prompt + gen, time)}
    middle = sorted(rates)[len(rates) // 2]
    half = len(rates) // 2
    return {**row, "schema": "pencl-bench/1", "protocol": {"name": "pencl-bench/1"}, "version": "0.1.0", "n_parallel": 1,
            "model_sha": "1dff70ef9e211d0ab8951aa641e75aa1", "preset": None, "quant": "Q4_1", "device": DEVICE,
            "host": HOST, "clock_mhz": None, "temperature_c": None, "power": None, "joules_per_token": None,
            "limits": {"before": ENDS, "after": ENDS}, "bytes_per_token": 9e7 if gen else 2e6, "flops_per_token": 2.7e8,
            "bandwidth_share": 9e7 * middle / 40e9 if gen else None, "bandwidth_divisor": "read_gbs",
            "flops_share": 2.7e8 * middle / 300e9, "flops_divisor": "fma_gflops", "cached": False, "load_ms": 100.0,
            "first_token_ms": 20.0, "memory_bytes": 1 << 28, "mode": "exact", "passes": "all", "tuning": "default",
            "candidates": {"matmul": "matmul_wide_tile"}, "selftest": "passed", "tokens_digest": None, "median_ts": middle,
            "ci95_ts": [min(rates), max(rates)], "median_ns": 1e9, "flags": ["unstable"] if unstable else [],
            "rounds": [{"order": 0, "median_ts": middle, "samples": half},
                       {"order": 1, "median_ts": middle, "samples": len(rates) - half}], "unstable": list(unstable)}


def llama(prompt, gen, rates, cache="f16"):
    return {**work(prompt, gen), "model_type": "llama 256M Q4_1", "backends": "CPU", "type_k": cache, "type_v": cache,
            **timed(rates, prompt + gen, "2026-01-03T00:00:00Z")}


def write(name, rows, lines=False):
    text = "".join(json.dumps(r) + "\n" for r in rows) if lines else json.dumps(rows, indent=1) + "\n"
    (GOLDEN / "bench" / name).write_text(text)
    return f"bench/{name}"


def main():
    (GOLDEN / "bench").mkdir(exist_ok=True)
    prompt, gen = [1000.0, 1004, 998, 1001, 1002, 999], [200.0, 201, 199.5, 200.5, 200, 201.5]
    slow = [r * 0.8 for r in prompt]
    was = [ours(64, 0, prompt, "2026-01-01T00:00:00Z"), ours(0, 32, gen, "2026-01-01T00:01:00Z"),
           ours(64, 0, prompt, "2026-01-01T00:02:00Z", depth=4096), ours(128, 0, prompt, "2026-01-01T00:03:00Z")]
    new = [ours(64, 0, slow, "2026-01-02T00:00:00Z"), ours(0, 32, gen[::-1], "2026-01-02T00:01:00Z"),
           ours(64, 0, slow, "2026-01-02T00:02:00Z", depth=2048),
           ours(128, 0, slow, "2026-01-02T00:03:00Z", unstable=["foreign load 0.8"])]
    secret = ours(64, 0, prompt, "2026-01-01T00:00:00Z")
    secret["model_filename"] = "/home/ada/models/m.gguf"
    secret["device"] = {**DEVICE, "uuid": "x", "name": "GPU 3f2504e0-4f89-11d3-9a0c-0305e82c3301 Serial: C02XK1"}
    secret["host"] = {**HOST, "name": "difference-engine", "kernel": "Linux 6.1 built in /home/ada/linux"}
    secret["unstable"] = ["foreign load of ada-lovelace"]
    secret["environment"] = {"HOME": "/home/ada"}
    files = [write("was.json", was), write("is.json", new), write("secret.json", [secret]),
             write("llama.jsonl", [llama(64, 0, prompt), llama(0, 32, gen, "f32")], lines=True)]
    record(files, "tools/golden/bench_rows.py", versions=versions())


if __name__ == "__main__":
    main()
