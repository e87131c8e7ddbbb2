# SPDX-License-Identifier: Apache-2.0
"""A forward pass of penzai's llamalike and GPT-NeoX models in numpy, float64, from their formulas: for
what the installed penzai cannot build, after it was held against what penzai answers.

Values have the axes [batch, seq, ...]; heads are always [groups, queries of a group].
"""
import math

import numpy as np

MASKED = -2.3819763e38
erf = np.vectorize(math.erf)
ACTIVATIONS = {
    "silu": lambda x: x / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "gelu_exact": lambda x: x / 2 * (1 + erf(x / math.sqrt(2))),
    "gelu_approx": lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
}
VARIANTS = {"swiglu": "silu", "geglu_exact": "gelu_exact", "geglu_approx": "gelu_approx"}


def soft_cap(x, cap):
    return x if not cap else np.tanh(x / cap) * cap


def rms_norm(x, scale, eps):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * scale


def layer_norm(x, scale, shift, eps):
    mean = x.mean(-1, keepdims=True)
    variance = np.maximum((x**2).mean(-1, keepdims=True) - mean**2, 0)
    return (x - mean) / np.sqrt(variance + eps) * scale + shift


def rope(x, positions, wavelength, scale=1.0, subset=None):
    """Rotates the first `subset` entries of the last axis, in halves."""
    d = subset or x.shape[-1]
    angles = positions[..., None] / wavelength ** (np.arange(d // 2) * 2 / d) / scale
    angles = angles.reshape(positions.shape + (1,) * (x.ndim - 3) + (d // 2,))
    cos, sin = np.cos(angles), np.sin(angles)
    a, b, rest = x[..., :d // 2], x[..., d // 2:d], x[..., d:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin, rest], -1)


def attend(q, k, v, positions, window, cap):
    """q [b, s, g, h, d], k and v [b, t, g, d]."""
    scores = soft_cap(np.einsum("bsghd,btgd->bghst", q, k), cap)
    distance = positions[:, :, None] - positions[:, None, :]
    seen = (distance >= 0) & (positions[:, None, :] >= 0)
    if window:
        seen &= distance < window
    scores = np.where(seen[:, None, None], scores, MASKED)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("bghst,btgd->bsghd", weights / weights.sum(-1, keepdims=True), v)


class Model:
    """params: label: (axis names, values)."""

    def __init__(self, config, params):
        self.c = config
        self.params = params
        self.neox = "activation_fn" in config
        if self.neox:
            groups, self.queries, self.common = config["num_attention_heads"], 1, ["heads"]
        else:
            groups, self.queries = config["num_kv_heads"], config["query_head_multiplier"]
            many = groups > 1 or self.queries == 1
            self.common = [("heads" if self.queries == 1 else "head_groups")] if many else []
        self.query_only = ["query_heads"] if self.queries > 1 else []
        self.groups = groups
        self.d = config["projection_dim"]

    def get(self, label, *axes):
        """A parameter in the order of these axes; rows and columns given as lists are merged."""
        names, values = self.params["transformer/" + label]
        order = [names.index(a) for a in axes]
        return values.astype(np.float64).transpose(order)

    def linear(self, x, label, out=(), parts=()):
        """x [..., embedding] to [..., *parts]."""
        w = self.get(label, "embedding", *out)
        return (x @ w.reshape(w.shape[0], -1)).reshape(x.shape[:-1] + tuple(parts))

    def heads(self, x, label, query):
        out = self.common + (self.query_only if query else []) + ["projection"]
        parts = (self.groups, self.queries, self.d) if query else (self.groups, self.d)
        if not self.neox:
            return self.linear(x, label + ".weights", out, parts)
        bias = self.get(label + "/AddBias.bias", "heads", "projection")
        return self.linear(x, label + "/Linear.weights", out, parts) + bias.reshape(parts)

    def output(self, x, label):
        axes = self.common + self.query_only + ["projection", "embedding"]
        w = self.get(label, *axes)
        return x.reshape(x.shape[:2] + (-1,)) @ w.reshape(-1, w.shape[-1])

    def rms(self, x, label, axis="embedding"):
        return rms_norm(x, self.get(label + "/scale.weights", axis), self.c.get("rms_norm_eps", 1e-6))

    def window(self, block):
        kind = self.c.get("attention_type", "global")
        kind = kind[block % len(kind)] if isinstance(kind, list) else kind
        return kind["sliding"] if isinstance(kind, dict) else None

    def llama_attention(self, x, positions, block, at):
        c, window = self.c, self.window(block)
        wavelength, scale = c.get("rope_wavelength", 10000), c.get("global_scale_factor") or 1
        if window:
            wavelength, scale = c.get("local_rope_wavelength") or wavelength, 1
        q, k = self.heads(x, at + "query", True), self.heads(x, at + "key", False)
        if c.get("use_qk_norm"):
            q = self.rms(q, at + "query_norm", "projection")
            k = self.rms(k, at + "key_norm", "projection")
        factor = c.get("query_scaling_factor", "default")
        factor = self.d**-0.5 if factor == "default" else factor
        q, k = rope(q, positions, wavelength, scale) * factor, rope(k, positions, wavelength, scale)
        v = self.heads(x, at + "value", False)
        mixed = attend(q, k, v, positions, window, c.get("attn_logits_soft_cap"))
        return self.output(mixed, at + "output.weights")

    def llama_block(self, x, positions, block):
        c, at = self.c, f"block_{block}/"
        y = self.llama_attention(self.rms(x, at + "pre_attention_norm"), positions, block, at + "attention/")
        x = x + (self.rms(y, at + "post_attention_norm") if c.get("use_post_attn_norm") else y)
        h = self.rms(x, at + "pre_ffw_norm")
        gate = ACTIVATIONS[VARIANTS[c["mlp_variant"]]](h @ self.get(at + "mlp/gating_linear.weights", "embedding", "neurons"))
        value = h @ self.get(at + "mlp/value_linear.weights", "embedding", "neurons")
        y = (gate * value) @ self.get(at + "mlp/out_linear.weights", "neurons", "embedding")
        return x + (self.rms(y, at + "post_ffw_norm") if c.get("use_post_ffw_norm") else y)

    def layer_norm(self, x, label, eps):
        return layer_norm(x, self.get(label + "/scale.weights", "embedding"),
                          self.get(label + "/shift.bias", "embedding"), eps)

    def neox_block(self, x, positions, block):
        c, at = self.c, f"block_{block}/"
        h = self.layer_norm(x, at + "pre_attention_norm", c["layernorm_epsilon"])
        q, k, v = (self.heads(h, at + f"attention/{n}", n == "query") for n in ("query", "key", "value"))
        q, k = (rope(y, positions, c["rope_wavelength"], subset=c["rope_subset_size"]) for y in (q, k))
        mixed = attend(q * self.d**-0.5, k, v, positions, None, None)
        attn = self.output(mixed, at + "attention/output/Linear.weights")
        attn = attn + self.get(at + "attention/output/AddBias.bias", "embedding")
        h = self.layer_norm(x, at + "pre_ffw_norm", c["layernorm_epsilon"])
        h = h @ self.get(at + "mlp/in/Linear.weights", "embedding", "neurons") + self.get(at + "mlp/in/AddBias.bias", "neurons")
        h = ACTIVATIONS[c["activation_fn"]](h)
        h = h @ self.get(at + "mlp/out/Linear.weights", "neurons", "embedding")
        return x + attn + h + self.get(at + "mlp/out/AddBias.bias", "embedding")

    def logits(self, tokens, positions):
        """int [batch, seq] each, to float64 [batch, seq, vocabulary]."""
        c = self.c
        table = self.get("embedder.embeddings", "vocabulary", "embedding")
        tied = c.get("tie_embedder_and_logits")
        x = table[tokens] * (math.sqrt(c["embedding_dim"]) if tied else 1)
        for block in range(c["num_decoder_blocks"]):
            x = (self.neox_block if self.neox else self.llama_block)(x, positions, block)
        x = self.layer_norm(x, "final_norm", 1e-6) if self.neox else self.rms(x, "final_norm")
        y = x @ (table.T if tied else self.get("lm_head.weights", "embedding", "vocabulary"))
        return soft_cap(y, c.get("final_logit_softcap"))
