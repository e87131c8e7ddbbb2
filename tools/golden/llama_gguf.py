# SPDX-License-Identifier: Apache-2.0
"""A GGUF file of the llama architecture as transformers' model in float32, and its tokenizer.

The weights are dequantised by gguf-py, so that the reference shares no code with pencl: what it
answers is what exact arithmetic on the stored weights gives, up to float32 rounding.
"""
import gguf
import numpy as np
import tokenizers
import torch
import transformers

CONTROL, USER_DEFINED = 3, 4  # token types of GGUF

NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class File:
    """A GGUF file: its metadata as a dictionary, its tensors as float32 by name."""

    def __init__(self, path):
        self.reader = gguf.GGUFReader(path)
        self.meta = {k: f.contents() for k, f in self.reader.fields.items()}

    def get(self, key):
        return self.meta["llama." + key]

    def tensors(self):
        for t in self.reader.tensors:
            shape = [int(n) for n in reversed(t.shape)]
            values = gguf.quants.dequantize(t.data, t.tensor_type)
            yield t.name, np.array(values, dtype=np.float32).reshape(shape)


def unpermute(w, heads):
    """[heads * projection, embedding], pairs side by side as GGUF has them: to halves side by side."""
    half = w.shape[0] // heads // 2
    return w.reshape(heads, half, 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def name_of(name):
    """transformers' name of a GGUF tensor."""
    if name.startswith("blk."):
        _, block, part, _ = name.split(".")
        return f"model.layers.{block}.{NAMES[part]}.weight"
    return {
        "token_embd.weight": "model.embed_tokens.weight",
        "output_norm.weight": "model.norm.weight",
        "output.weight": "lm_head.weight",
    }[name]


def model(file):
    heads = file.get("attention.head_count")
    kv_heads = file.get("attention.head_count_kv")
    state = {}
    for name, w in file.tensors():
        if name.endswith("attn_q.weight"):
            w = unpermute(w, heads)
        if name.endswith("attn_k.weight"):
            w = unpermute(w, kv_heads)
        state[name_of(name)] = torch.from_numpy(np.ascontiguousarray(w))
    tied = "lm_head.weight" not in state
    base = file.get("rope.freq_base")
    config = transformers.LlamaConfig(
        vocab_size=state["model.embed_tokens.weight"].shape[0],
        hidden_size=file.get("embedding_length"),
        intermediate_size=file.get("feed_forward_length"),
        num_hidden_layers=file.get("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=file.get("context_length"),
        rms_norm_eps=file.get("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": base},
        tie_word_embeddings=tied,
        attn_implementation="eager",
    )
    lm = transformers.LlamaForCausalLM(config).float().eval()
    missing, unexpected = lm.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    lm.tie_weights()
    half = config.hidden_size // heads // 2
    want = base ** -(torch.arange(half, dtype=torch.float64) / half)
    assert torch.allclose(lm.model.rotary_emb.inv_freq.double(), want, rtol=1e-5), "RoPE base"
    return lm


def tokenizer(file, parse_special):
    """Byte-level BPE with the pre-tokenizer "smollm": single digits, then GPT-2's expression."""
    assert file.meta["tokenizer.ggml.pre"] == "smollm"
    tokens = file.meta["tokenizer.ggml.tokens"]
    types = file.meta["tokenizer.ggml.token_type"]
    merges = [tuple(m.split(" ")) for m in file.meta["tokenizer.ggml.merges"]]
    vocab = {t: i for i, t in enumerate(tokens)}
    tok = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges))
    tok.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
    ])
    tok.decoder = tokenizers.decoders.ByteLevel()
    if parse_special:
        tok.add_special_tokens([
            tokenizers.AddedToken(t, special=True, normalized=False)
            for t, kind in zip(tokens, types) if kind in (CONTROL, USER_DEFINED)
        ])
    return tok
