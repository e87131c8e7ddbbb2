#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/tiny/: small GGUF files of the llama architecture, and their logits by transformers.

Usage: tiny_gguf.py LIBGGML

  tiny_TYPE.gguf          2 blocks, embedding 64, 4 heads on 2 key-value heads of 16, neurons 96, vocabulary 300;
                          matrices in TYPE, embeddings (also the output: tied) in Q8_0, or F16 for f16
  tiny_mix.gguf           a type for each matrix, an output matrix of its own, and add_bos_token
  tiny_5.gguf             the same with types of 5 bits and IQ4_NL, quantised by ggml's shared library LIBGGML
  tiny_k.gguf             all K-quants: 1 block, embedding 256, 4 heads on 1 key-value head of 64, neurons 256
  tiny_TYPE.logits.npy    f32 [12, 300]: after each of the tokens of tiny.json
  tiny.json               {tokens, tokenize: [{text, tokens, special_tokens}]}, the same for all files
"""
import collections
import ctypes
import json
import sys

import gguf
import numpy as np
import tokenizers
import torch

import llama_gguf
import manifest
import texts

SEED = 7
Sizes = collections.namedtuple("Sizes", "embedding neurons blocks heads kv_heads projection")
SMALL = Sizes(64, 96, 2, 4, 2, 16)
FOR_K = Sizes(256, 256, 1, 4, 1, 64)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = """Ġ t|h e|Ġt he|i n|Ġ a|e r|o n|r e|Ġ s|n d|a t|Ġa nd|e n|Ġ w|o u|Ġ o|Ġo f|in g|e s|Ġ Ġ|ĠĠ ĠĠ|Ċ Ċ|i s|o r|a n|l l
a l|Ġ c|i t|Ġ b|Ġt o|Ġ in|Ġb e|a s|s t|Ã ³|Å Ĥ|Ä ħ|ð Ł|ðŁ ĺ|e d""".replace("\n", "|").split("|")
TOKENS = [1, 72, 263, 8, 200, 299, 0, 131, 72, 41, 258, 2]
NAMES = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
MIX = dict(zip(NAMES, "Q4_0 F16 Q8_0 Q4_1 Q4_1 Q4_0 BF16".split()))
MIX_5 = dict(zip(NAMES, "Q5_0 Q5_0 Q5_1 IQ4_NL IQ4_NL Q5_1 Q5_0".split()))
MIX_K = dict(zip(NAMES, "Q2_K Q5_K Q6_K Q3_K Q2_K Q2_K Q4_K".split()))
FOLDER = manifest.GOLDEN / "tiny"


def shapes(n):
    """Of the matrices of a block."""
    return dict(zip(NAMES, [
        (n.heads * n.projection, n.embedding), (n.kv_heads * n.projection, n.embedding),
        (n.kv_heads * n.projection, n.embedding), (n.embedding, n.heads * n.projection),
        (n.neurons, n.embedding), (n.neurons, n.embedding), (n.embedding, n.neurons)]))


def quantise(values, kind):
    """By gguf-py, or by ggml what gguf-py can only read."""
    try:
        return gguf.quants.quantize(values, kind)
    except NotImplementedError:
        block, size = gguf.GGML_QUANT_SIZES[kind]
        rows, columns = values.shape
        out = np.zeros((rows, columns // block * size), np.uint8)
        pointer, count = ctypes.c_void_p, ctypes.c_int64
        ctypes.CDLL(sys.argv[1]).ggml_quantize_chunk(
            ctypes.c_int(kind), pointer(values.ctypes.data), pointer(out.ctypes.data), count(0), count(rows),
            count(columns), pointer(None))
        return out


def vocabulary():
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    return SPECIAL + sorted(alphabet) + [m.replace(" ", "") for m in MERGES]


def add_metadata(w, n, tokens, bos):
    w.add_name("tiny")
    w.add_context_length(128)
    w.add_embedding_length(n.embedding)
    w.add_block_count(n.blocks)
    w.add_feed_forward_length(n.neurons)
    w.add_head_count(n.heads)
    w.add_head_count_kv(n.kv_heads)
    w.add_rope_freq_base(10000.0)
    w.add_rope_dimension_count(n.projection)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(len(tokens))
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens)
    w.add_token_types([llama_gguf.CONTROL] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL)))
    w.add_token_merges(MERGES)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_add_bos_token(bos)


def write(path, n, types, embeddings, output):
    """types: matrix name to GGUF type; output: type of the output matrix, None for tied."""
    rng = np.random.default_rng(SEED)
    tokens = vocabulary()
    w = gguf.GGUFWriter(path, "llama")
    add_metadata(w, n, tokens, bos=output is not None)

    def matrix(name, shape, kind, scale):
        kind = gguf.GGMLQuantizationType[kind]
        values = rng.normal(0, scale, shape).astype(np.float32)
        w.add_tensor(name, quantise(values, kind), raw_dtype=kind)

    def norm(name):
        w.add_tensor(name, (1 + 0.2 * rng.normal(size=n.embedding)).astype(np.float32))

    matrix("token_embd.weight", (len(tokens), n.embedding), embeddings, 8 / n.embedding ** 0.5)
    for b in range(n.blocks):
        norm(f"blk.{b}.attn_norm.weight")
        norm(f"blk.{b}.ffn_norm.weight")
        for name, shape in shapes(n).items():
            matrix(f"blk.{b}.{name}.weight", shape, types[name], 1.5 / shape[1] ** 0.5)
    norm("output_norm.weight")
    if output:
        matrix("output.weight", (len(tokens), n.embedding), output, 8 / n.embedding ** 0.5)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    kinds = {k: (SMALL, dict.fromkeys(NAMES, k.upper()), "F16" if k == "f16" else "Q8_0", None)
             for k in ("q4_0", "q4_1", "q8_0", "f16")}
    kinds["mix"] = SMALL, MIX, "Q8_0", "Q4_1"
    kinds["5"] = SMALL, MIX_5, "IQ4_NL", "Q5_1"
    kinds["k"] = FOR_K, MIX_K, "Q3_K", None
    written = ["tiny/tiny.json"]
    for kind, how in kinds.items():
        path = FOLDER / f"tiny_{kind}.gguf"
        write(path, *how)
        file = llama_gguf.File(path)
        with torch.no_grad():
            logits = llama_gguf.model(file)(torch.tensor([TOKENS])).logits[0].numpy()
        np.save(FOLDER / f"tiny_{kind}.logits.npy", logits)
        written += [f"tiny/tiny_{kind}.gguf", f"tiny/tiny_{kind}.logits.npy"]
        print(path.name, path.stat().st_size, "bytes; best", logits.argmax(1), logits.max(1))
    plain, special = (llama_gguf.tokenizer(file, p) for p in (False, True))
    rows = [{"text": t, "tokens": plain.encode(t).ids, "special_tokens": special.encode(t).ids}
            for t in ["", "the", " the 12 and\n\nother", texts.POLISH, texts.EMOJI, texts.CHAT, texts.CODE]]
    body = ",\n".join(json.dumps(r) for r in rows)
    (FOLDER / "tiny.json").write_text(f'{{"tokens": {TOKENS},\n"tokenize": [\n{body}\n]}}\n')
    manifest.record(written, "tools/golden/tiny_gguf.py libggml-base.so", seed=SEED,
                    versions=manifest.versions("torch", "transformers", "tokenizers", "gguf", "numpy"))


main()
