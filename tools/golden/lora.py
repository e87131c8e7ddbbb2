#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/lora/: low-rank adapters as PEFT saves them, and what models say with them.

Usage: lora.py

  first/        for all matrices of tiny/tiny_mix.gguf and its lm_head: rank 4 and alpha 6, other ones for a few
                modules; adapter_model.safetensors and adapter_config.json
  second.safetensors
                for its query and value matrices: rank 5, alpha 3 by the root of the rank; in float16, under the
                name "default", with the config in __metadata__
  tiny.NAMES.npy
                f32 [12, 300]: tiny_mix.gguf after tiny/tiny.json's tokens with `first`; with `second` at half its
                scale; with both
  neox/         for all matrices of a GPT-NeoX, and its head, embed_out
  neox.json     that model: config, params (golden ones, penzai/README.json), tokens [batch, seq], and the logits
                [batch, seq, vocabulary] without and with the adapter
  stack/        for a few matrices of llama_gqa of penzai_more/stacked.json, one of them in one block only
  stack.json    that model, in the same form

transformers and PEFT compute everything; forward.py must agree with the GPT-NeoX without its adapter,
and the logits of the stack with penzai's.
"""
import json
import shutil

import numpy as np
import peft
import safetensors.torch
import torch
import transformers

import export_penzai as export
import forward
import llama_gguf
import manifest

SEED = 23
FOLDER = manifest.GOLDEN / "lora"
NEOX = {"num_attention_heads": 2, "embedding_dim": 16, "projection_dim": 8, "mlp_hidden_dim": 20,
        "num_decoder_blocks": 2, "vocab_size": 13, "activation_fn": "gelu_exact", "rope_subset_size": 4,
        "rope_wavelength": 10000.0, "layernorm_epsilon": 1e-5}
NEOX_TOKENS = [[1, 5, 2, 9, 5, 2, 12], [3, 3, 7, 0, 11, 4, 0]]


def fill(model, name, generator):
    """Random matrices in place of A's own and B's zeros."""
    for key, p in model.named_parameters():
        if f".{name}." in key:
            size = 1 / p.shape[1] ** 0.5 if "lora_A" in key else 0.1
            p.data = size * torch.randn(p.shape, generator=generator)


def save(model, name):
    """As PEFT does, without its model card, in an order that does not change."""
    model.save_pretrained(FOLDER, selected_adapters=[name], save_embedding_layers=False)
    (FOLDER / "README.md").unlink()
    path = FOLDER / name / "adapter_config.json"
    config = json.loads(path.read_text())
    config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=1) + "\n")


def into_one_file(folder, path):
    config = json.loads((folder / "adapter_config.json").read_text())
    said = {k: json.dumps(config[k]) for k in ("r", "lora_alpha", "use_rslora")}
    tensors = safetensors.torch.load_file(folder / "adapter_model.safetensors")
    named = {k.replace(".weight", ".default.weight"): v.half() for k, v in tensors.items()}
    data = safetensors.torch.save(named, metadata={"format": "pt"} | said)
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))  # the library's order is a new one each time
    text = json.dumps(header, separators=(",", ":")).encode().ljust(size)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size:])
    shutil.rmtree(folder)


def tiny(generator):
    tokens = torch.tensor([json.loads((manifest.GOLDEN / "tiny/tiny.json").read_text())["tokens"]])
    every = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"]
    first = peft.LoraConfig(r=4, lora_alpha=6, target_modules=every,
                            rank_pattern={r"layers\.1\.self_attn\.[qk]_proj": 3, "down_proj": 7},
                            alpha_pattern={"model.layers.0.mlp.up_proj": 11, "o_proj": 2})
    second = peft.LoraConfig(r=5, lora_alpha=3, target_modules=["q_proj", "v_proj"], use_rslora=True)
    model = peft.get_peft_model(llama_gguf.model(llama_gguf.File(manifest.GOLDEN / "tiny/tiny_mix.gguf")),
                                first, "first")
    model.add_adapter("second", second)
    for name in ("first", "second"):
        fill(model, name, generator)
        for key, p in model.named_parameters():
            if ".second." in key:
                p.data = p.data.half().float()
        save(model, name)
    into_one_file(FOLDER / "second", FOLDER / "second.safetensors")
    for layer in model.modules():
        if isinstance(layer, peft.tuners.lora.LoraLayer) and "second" in layer.scaling:
            layer.scaling["second"] *= 0.5
    written = []
    for names in (["first"], ["second"], ["first", "second"]):
        model.base_model.set_adapter(names)
        path = f"tiny.{'+'.join(names)}.npy"
        np.save(FOLDER / path, model(tokens).logits[0].numpy())
        written.append(path)
    with model.disable_adapter():
        plain = model(tokens).logits[0].numpy()
    want = np.load(manifest.GOLDEN / "tiny/tiny_mix.logits.npy")
    assert abs(plain - want).max() < 1e-4
    for path in written:
        logits = np.load(FOLDER / path)
        print(path, "up to", abs(logits).max(), "differs from the model alone by", abs(logits - plain).max())
    return written + ["second.safetensors"]


def neox_shapes():
    heads = {"heads": NEOX["num_attention_heads"], "projection": NEOX["projection_dim"]}
    embedding, neurons = {"embedding": NEOX["embedding_dim"]}, {"neurons": NEOX["mlp_hidden_dim"]}
    vocabulary = {"vocabulary": NEOX["vocab_size"]}
    shapes = {"embedder.embeddings": vocabulary | embedding}
    for b in range(NEOX["num_decoder_blocks"]):
        at = f"block_{b}/"
        for norm in ("pre_attention_norm", "pre_ffw_norm"):
            shapes |= {f"{at}{norm}/scale.weights": embedding, f"{at}{norm}/shift.bias": embedding}
        for part in ("query", "key", "value"):
            shapes |= {f"{at}attention/{part}/Linear.weights": heads | embedding,
                       f"{at}attention/{part}/AddBias.bias": heads}
        shapes |= {f"{at}attention/output/Linear.weights": heads | embedding,
                   f"{at}attention/output/AddBias.bias": embedding,
                   f"{at}mlp/in/Linear.weights": embedding | neurons, f"{at}mlp/in/AddBias.bias": neurons,
                   f"{at}mlp/out/Linear.weights": neurons | embedding, f"{at}mlp/out/AddBias.bias": embedding}
    shapes |= {"final_norm/scale.weights": embedding, "final_norm/shift.bias": embedding,
               "lm_head.weights": vocabulary | embedding}
    return {f"transformer/{k}": v for k, v in shapes.items()}


def neox_state(get):
    """transformers' weights; get(label, axes...) gives a parameter in that order."""
    state = {"gpt_neox.embed_in.weight": get("embedder.embeddings", "vocabulary", "embedding"),
             "gpt_neox.final_layer_norm.weight": get("final_norm/scale.weights", "embedding"),
             "gpt_neox.final_layer_norm.bias": get("final_norm/shift.bias", "embedding"),
             "lm_head.weight": get("lm_head.weights", "vocabulary", "embedding")}
    width = NEOX["embedding_dim"]
    for b in range(NEOX["num_decoder_blocks"]):
        at, to = f"block_{b}/", f"gpt_neox.layers.{b}."
        for theirs, ours in (("input_layernorm", "pre_attention_norm"), ("post_attention_layernorm", "pre_ffw_norm")):
            state |= {f"{to}{theirs}.weight": get(f"{at}{ours}/scale.weights", "embedding"),
                      f"{to}{theirs}.bias": get(f"{at}{ours}/shift.bias", "embedding")}
        parts = [f"{at}attention/{p}" for p in ("query", "key", "value")]
        weights = [get(f"{p}/Linear.weights", "heads", "projection", "embedding") for p in parts]
        biases = [get(f"{p}/AddBias.bias", "heads", "projection") for p in parts]
        state |= {
            f"{to}attention.query_key_value.weight": np.stack(weights, 1).reshape(3 * width, width),
            f"{to}attention.query_key_value.bias": np.stack(biases, 1).ravel(),
            f"{to}attention.dense.weight":
                get(f"{at}attention/output/Linear.weights", "embedding", "heads", "projection").reshape(width, width),
            f"{to}attention.dense.bias": get(f"{at}attention/output/AddBias.bias", "embedding"),
            f"{to}mlp.dense_h_to_4h.weight": get(f"{at}mlp/in/Linear.weights", "neurons", "embedding"),
            f"{to}mlp.dense_h_to_4h.bias": get(f"{at}mlp/in/AddBias.bias", "neurons"),
            f"{to}mlp.dense_4h_to_h.weight": get(f"{at}mlp/out/Linear.weights", "embedding", "neurons"),
            f"{to}mlp.dense_4h_to_h.bias": get(f"{at}mlp/out/AddBias.bias", "embedding")}
    return {k: torch.from_numpy(np.ascontiguousarray(v, dtype=np.float32)) for k, v in state.items()}


def rename_head(path):
    """To the name that transformers had for GPT-NeoX's before version 5."""
    tensors = safetensors.torch.load_file(path)
    renamed = {k.replace(".lm_head.", ".embed_out."): v for k, v in tensors.items()}
    safetensors.torch.save_file(renamed, path, metadata={"format": "pt"})


def write_model(name, config, shapes, tokens, plain, adapted):
    print(name, "differs from the model alone by", abs(adapted - plain).max())
    content = {"config": config, "params": shapes, "tokens": tokens}
    content |= {k: [float(f"{v:.7g}") for v in a.ravel()]
                for k, a in (("logits_without", plain), ("logits", adapted))}
    lines = [f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in content.items()]
    (FOLDER / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return [f"{name}.json"]


def neox(generator):
    shapes = neox_shapes()
    ours = forward.Model(NEOX, {label: export.golden_values(label, axes) for label, axes in shapes.items()})
    config = transformers.GPTNeoXConfig(
        vocab_size=NEOX["vocab_size"], hidden_size=NEOX["embedding_dim"], intermediate_size=NEOX["mlp_hidden_dim"],
        num_hidden_layers=NEOX["num_decoder_blocks"], num_attention_heads=NEOX["num_attention_heads"],
        layer_norm_eps=NEOX["layernorm_epsilon"], tie_word_embeddings=False, attn_implementation="eager",
        rope_parameters={"rope_type": "default", "rope_theta": NEOX["rope_wavelength"],
                         "partial_rotary_factor": NEOX["rope_subset_size"] / NEOX["projection_dim"]})
    lm = transformers.GPTNeoXForCausalLM(config).float().eval()
    lm.load_state_dict(neox_state(ours.get))
    lm.gpt_neox.final_layer_norm.eps = 1e-6  # as penzai has it
    tokens = torch.tensor(NEOX_TOKENS)
    plain = lm(tokens).logits.numpy()
    positions = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
    assert abs(plain - ours.logits(np.array(NEOX_TOKENS), positions)).max() < 5e-6
    every = ["query_key_value", "attention.dense", "dense_h_to_4h", "dense_4h_to_h", "lm_head"]
    model = peft.get_peft_model(lm, peft.LoraConfig(r=2, lora_alpha=5, target_modules=every), "neox")
    fill(model, "neox", generator)
    save(model, "neox")
    rename_head(FOLDER / "neox/adapter_model.safetensors")
    adapted = model(tokens).logits.numpy()
    return write_model("neox", NEOX, shapes, NEOX_TOKENS, plain, adapted)


def stack_state(config, get):
    """transformers' weights of a stacked model; get(label, axes...) gives a parameter in that order."""
    heads, d = config["num_kv_heads"] * config["query_head_multiplier"], config["projection_dim"]
    width, kv_heads = config["embedding_dim"], config["num_kv_heads"]
    query, key = ("head_groups", "query_heads", "projection"), ("head_groups", "projection")
    parts = {"input_layernorm": ("pre_attention_norm/scale", ("embedding",), (width,)),
             "self_attn.q_proj": ("attention/query", (*query, "embedding"), (heads * d, width)),
             "self_attn.k_proj": ("attention/key", (*key, "embedding"), (kv_heads * d, width)),
             "self_attn.v_proj": ("attention/value", (*key, "embedding"), (kv_heads * d, width)),
             "self_attn.o_proj": ("attention/output", ("embedding", *query), (width, heads * d)),
             "post_attention_layernorm": ("pre_ffw_norm/scale", ("embedding",), (width,)),
             "mlp.gate_proj": ("mlp/gating_linear", ("neurons", "embedding"), (-1, width)),
             "mlp.up_proj": ("mlp/value_linear", ("neurons", "embedding"), (-1, width)),
             "mlp.down_proj": ("mlp/out_linear", ("embedding", "neurons"), (width, -1))}
    state = {"model.embed_tokens.weight": get("embedder.embeddings", "vocabulary", "embedding"),
             "model.norm.weight": get("final_norm/scale.weights", "embedding"),
             "lm_head.weight": get("lm_head.weights", "vocabulary", "embedding")}
    for theirs, (ours, axes, shape) in parts.items():
        for b, values in enumerate(get(f"blocks/{ours}.weights", "blocks", *axes)):
            state[f"model.layers.{b}.{theirs}.weight"] = values.reshape(shape)
    return {k: torch.from_numpy(np.ascontiguousarray(v, dtype=np.float32)) for k, v in state.items()}


def stack(generator):
    golden = json.loads((manifest.GOLDEN / "penzai_more/stacked.json").read_text())["llama_gqa"]
    c, shapes, tokens = golden["config"], golden["params"], golden["tokens"]
    ours = forward.Model(c, {label: export.golden_values(label, axes) for label, axes in shapes.items()})
    lm = transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=c["vocab_size"], hidden_size=c["embedding_dim"], intermediate_size=c["mlp_hidden_dim"],
        num_hidden_layers=c["num_decoder_blocks"], head_dim=c["projection_dim"],
        num_attention_heads=c["num_kv_heads"] * c["query_head_multiplier"], num_key_value_heads=c["num_kv_heads"],
        rms_norm_eps=c["rms_norm_eps"], tie_word_embeddings=False, attn_implementation="eager",
        rope_parameters={"rope_type": "default", "rope_theta": c["rope_wavelength"]})).float().eval()
    lm.load_state_dict(stack_state(c, ours.get))
    plain = lm(torch.tensor(tokens)).logits.numpy()
    assert abs(plain - np.array(golden["logits"]).reshape(plain.shape)).max() < 5e-6
    some = ["q_proj", "o_proj", "up_proj", "layers.1.mlp.down_proj"]
    model = peft.get_peft_model(lm, peft.LoraConfig(r=3, lora_alpha=4, target_modules=some), "stack")
    fill(model, "stack", generator)
    save(model, "stack")
    return write_model("stack", c, shapes, tokens, plain, model(torch.tensor(tokens)).logits.numpy())


@torch.no_grad()
def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(SEED)
    written = tiny(generator) + neox(generator) + stack(generator)
    for folder in ("first", "neox", "stack"):
        written += [f"{folder}/adapter_config.json", f"{folder}/adapter_model.safetensors"]
    manifest.record([f"lora/{n}" for n in written], "tools/golden/lora.py", seed=SEED,
                    versions=manifest.versions("torch", "transformers", "peft", "safetensors", "gguf", "numpy"))


main()
