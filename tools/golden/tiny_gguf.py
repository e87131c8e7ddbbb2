#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/tiny/: small GGUF files of the llama architecture, and their logits by transformers.

Usage: tiny_gguf.py

  tiny_TYPE.gguf          2 blocks, embedding 64, 4 heads on 2 key-value heads of 16, neurons 96, vocabulary 300;
                          matrices in TYPE, embeddings (also the output: tied) in Q8_0, or F16 for f16
  tiny_mix.gguf           a type for each matrix, an output matrix of its own, and add_bos_token
  tiny_TYPE.logits.npy    f32 [12, 300]: after each of the tokens of tiny.json
  tiny.json               {tokens, tokenize: [{text, tokens, special_tokens}]}, the same for all files
"""
import json

import gguf
import numpy as np
import tokenizers
import torch

import llama_gguf
import manifest
import texts

SEED = 7
EMBEDDING, NEURONS, BLOCKS, HEADS, KV_HEADS, PROJECTION = 64, 96, 2, 4, 2, 16
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = """Ġ t|h e|Ġt he|i n|Ġ a|e r|o n|r e|Ġ s|n d|a t|Ġa nd|e n|Ġ w|o u|Ġ o|Ġo f|in g|e s|Ġ Ġ|ĠĠ ĠĠ|Ċ Ċ|i s|o r|a n|l l
a l|Ġ c|i t|Ġ b|Ġt o|Ġ in|Ġb e|a s|s t|Ã ³|Å Ĥ|Ä ħ|ð Ł|ðŁ ĺ|e d""".replace("\n", "|").split("|")
TOKENS = [1, 72, 263, 8, 200, 299, 0, 131, 72, 41, 258, 2]
SHAPES = {
    "attn_q": (HEADS * PROJECTION, EMBEDDING),
    "attn_k": (KV_HEADS * PROJECTION, EMBEDDING),
    "attn_v": (KV_HEADS * PROJECTION, EMBEDDING),
    "attn_output": (EMBEDDING, HEADS * PROJECTION),
    "ffn_gate": (NEURONS, EMBEDDING),
    "ffn_up": (NEURONS, EMBEDDING),
    "ffn_down": (EMBEDDING, NEURONS),
}
MIX = dict(zip(SHAPES, "Q4_0 F16 Q8_0 Q4_1 Q4_1 Q4_0 BF16".split()))
FOLDER = manifest.GOLDEN / "tiny"


def vocabulary():
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    return SPECIAL + sorted(alphabet) + [m.replace(" ", "") for m in MERGES]


def add_metadata(w, tokens, bos):
    w.add_name("tiny")
    w.add_context_length(128)
    w.add_embedding_length(EMBEDDING)
    w.add_block_count(BLOCKS)
    w.add_feed_forward_length(NEURONS)
    w.add_head_count(HEADS)
    w.add_head_count_kv(KV_HEADS)
    w.add_rope_freq_base(10000.0)
    w.add_rope_dimension_count(PROJECTION)
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


def write(path, types, embeddings, output):
    """types: matrix name to GGUF type; output: type of the output matrix, None for tied."""
    rng = np.random.default_rng(SEED)
    tokens = vocabulary()
    w = gguf.GGUFWriter(path, "llama")
    add_metadata(w, tokens, bos=output is not None)

    def matrix(name, shape, kind, scale):
        kind = gguf.GGMLQuantizationType[kind]
        values = rng.normal(0, scale, shape).astype(np.float32)
        w.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    def norm(name):
        w.add_tensor(name, (1 + 0.2 * rng.normal(size=EMBEDDING)).astype(np.float32))

    matrix("token_embd.weight", (len(tokens), EMBEDDING), embeddings, 1)
    for b in range(BLOCKS):
        norm(f"blk.{b}.attn_norm.weight")
        norm(f"blk.{b}.ffn_norm.weight")
        for name, shape in SHAPES.items():
            matrix(f"blk.{b}.{name}.weight", shape, types[name], 1.5 / shape[1] ** 0.5)
    norm("output_norm.weight")
    if output:
        matrix("output.weight", (len(tokens), EMBEDDING), output, 1)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    kinds = {k: dict.fromkeys(SHAPES, k.upper()) for k in ("q4_0", "q4_1", "q8_0", "f16")}
    kinds["mix"] = MIX
    written = ["tiny/tiny.json"]
    for kind, types in kinds.items():
        path = FOLDER / f"tiny_{kind}.gguf"
        write(path, types, "F16" if kind == "f16" else "Q8_0", "Q4_1" if kind == "mix" else None)
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
    manifest.record(written, "tools/golden/tiny_gguf.py", seed=SEED,
                    versions=manifest.versions("torch", "transformers", "tokenizers", "gguf", "numpy"))


main()
