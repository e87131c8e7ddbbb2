#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/text/bpe.json: a small byte-level BPE of Hugging Face's tokenizers, and what it
makes of some strings.

  tokens, n_control   the vocabulary, its control tokens first
  merges              "left right", best first
  rows                [{text, smollm, gpt-2, special}]: ids with either pre-tokenizer, and with the
                      first one when control tokens are parsed
"""
import json

import tokenizers
from tokenizers import pre_tokenizers

import manifest
import texts

CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SIZE = 400
COUNT = 64

GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
DIGITS = pre_tokenizers.Digits(individual_digits=True)
PRE = {"smollm": pre_tokenizers.Sequence([DIGITS, GPT2]), "gpt-2": GPT2}


def train():
    tok = tokenizers.Tokenizer(tokenizers.models.BPE())
    tok.pre_tokenizer = PRE["gpt-2"]  # so that numbers are merged too
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=SIZE, special_tokens=CONTROL, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tok.train_from_iterator([texts.RIVER, texts.NUMBERS * 3, texts.SPACES, texts.CODE], trainer)
    model = json.loads(tok.to_str())["model"]
    return model["vocab"], [tuple(m) for m in model["merges"]]


def plain(vocab, merges, pre):
    tok = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges))
    tok.pre_tokenizer = PRE[pre]
    return tok


def main():
    vocab, merges = train()
    smollm, gpt2, special = (plain(vocab, merges, p) for p in ("smollm", "gpt-2", "smollm"))
    special.add_special_tokens([tokenizers.AddedToken(t, normalized=False) for t in CONTROL])
    picked = texts.STRINGS[::max(1, len(texts.STRINGS) // COUNT)] + [texts.RIVER, texts.CHAT]
    rows = [{"text": t, "smollm": smollm.encode(t).ids, "gpt-2": gpt2.encode(t).ids,
             "special": special.encode(t).ids} for t in picked]
    tokens = sorted(vocab, key=vocab.get)
    out = {"tokens": tokens, "n_control": len(CONTROL), "merges": [" ".join(m) for m in merges]}
    dump = lambda x: json.dumps(x, ensure_ascii=True, separators=(",", ":"))
    head = ",\n".join(f"{dump(k)}:{dump(v)}" for k, v in out.items())
    body = ",\n".join(dump(r) for r in rows)
    (manifest.GOLDEN / "text").mkdir(parents=True, exist_ok=True)
    (manifest.GOLDEN / "text" / "bpe.json").write_text(f'{{\n{head},\n"rows":[\n{body}\n]}}\n')
    manifest.record(["text/bpe.json"], "tools/golden/bpe.py", versions=manifest.versions("tokenizers"))


main()
