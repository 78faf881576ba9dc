#!/usr/bin/env python3
"""The perplexity pass, ours and PyTorch's, in turn: tokens/s of each, and the median of the ratios.

    PYTHON tests/bench/perplexity_speed.py --presswork build/release/bin/presswork \\
        --model ../shared/models/small-llama --text ../shared/text/wikitext2.txt

PYTHON has torch and transformers. Same windows (the whole text without --samples), float32, as many threads; PyTorch
gets the faster of its two attentions and of some batch sizes, found before it counts. What counts is the forward pass
with log-likelihoods, loading apart; with --processor-time the time that one thread has of the processor, for a machine
that others use as well. Ends with 1 when the ratio is under --bar or the perplexities differ."""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_grad_enabled(False)


def ours(options):
    command = [options.presswork, "call", "evaluate/perplexity", "--json", "--input", f"model={options.model}",
               "--input", f"text={options.text}", "--with", f"window={options.window}", "--with",
               f"samples={options.samples}", "--cores", str(options.threads)]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result["metrics"]["tokens_per_s"], result["metrics"]["perplexity"]


def ours_by_processor_time(options):
    """From two runs of different length, so that loading is left out."""
    def seconds(samples):
        before = os.times()
        result = ours(argparse.Namespace(**{**vars(options), "samples": samples}))
        after = os.times()
        return after.children_user - before.children_user + after.children_system - before.children_system, result[1]

    (once, perplexity), (thrice, _) = seconds(options.samples), seconds(3 * options.samples)
    return 2 * options.samples * options.window / (thrice - once), perplexity


def windows_of(options):
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    with open(options.text, encoding="utf-8", newline="") as file:
        ids = tokenizer(file.read(), add_special_tokens=False)["input_ids"]
    count = len(ids) // options.window
    if options.samples:
        count = min(count, options.samples)
    return torch.tensor(ids[: count * options.window]).reshape(count, options.window)


def torchs(model, windows, batch, clock=time.perf_counter):
    start, total = clock(), 0.0
    for part in windows.split(batch):
        logits = model(part, use_cache=False).logits[:, :-1]
        losses = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), part[:, 1:].reshape(-1),
                                                   reduction="none")
        total += losses.double().sum().item()
    seconds = clock() - start
    return windows.numel() / seconds, math.exp(total / (windows.numel() - len(windows)))


def clock_of(options):
    return time.process_time if options.processor_time else time.perf_counter


def fastest(options, windows):
    """(model, batch, name) of PyTorch's best on a few windows."""
    found = []
    for attention in ("sdpa", "eager"):
        model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32,
                                                     attn_implementation=attention).eval()
        for batch in (1, 2, 4, 8):
            torchs(model, windows[:batch], batch)
            speed = max(torchs(model, windows[:8], batch, clock_of(options))[0] for _ in range(2))
            found.append((speed, model, batch, f"{attention}, {batch} windows at once"))
            print(f"PyTorch {torch.__version__}, {found[-1][3]}: {speed:.0f} tokens/s")
    return max(found, key=lambda one: one[0])[1:]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--presswork", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--samples", type=int, default=0, help="windows at most; 0: all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--bar", type=float, default=1.2)
    parser.add_argument("--processor-time", action="store_true", help="of one thread; needs --samples")
    options = parser.parse_args()
    if options.processor_time:
        options.threads = 1
        if not options.samples:
            parser.error("--processor-time needs --samples, at most a third of the text's windows")
    measure = ours_by_processor_time if options.processor_time else ours
    torch.set_num_threads(options.threads)
    windows = windows_of(options)
    model, batch, name = fastest(options, windows)
    ratios, good = [], True
    for _ in range(options.repeats):
        theirs, their_perplexity = torchs(model, windows, batch, clock_of(options))
        speed, perplexity = measure(options)
        ratios.append(speed / theirs)
        good = good and abs(perplexity / their_perplexity - 1) < 5e-4
        print(f"presswork {speed:.0f} tokens/s (perplexity {perplexity:.4f}), PyTorch {theirs:.0f} "
              f"({their_perplexity:.4f}): {ratios[-1]:.2f} x", flush=True)
    ratio = statistics.median(ratios)
    print(f"{windows.numel()} tokens, {options.threads} threads, PyTorch with {name}: median {ratio:.2f} x "
          f"({min(ratios):.2f} to {max(ratios):.2f}), bar {options.bar}")
    return 0 if good and ratio >= options.bar else 1


if __name__ == "__main__":
    sys.exit(main())
