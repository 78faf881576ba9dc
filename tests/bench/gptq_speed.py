#!/usr/bin/env python3
"""GPTQ, ours and a PyTorch one, in turn: seconds of each, and the median of the ratios.

    PYTHON tests/bench/gptq_speed.py --presswork build/release/bin/presswork --model ../shared/models/small-llama \\
        --text ../shared/text/calibration.txt --heldout ../shared/text/heldout.txt

PYTHON has torch and transformers. The same method on both sides (Frantar et al. 2022): the same windows, layer by layer,
H = 2/n X^T X and its factors in float64, the mean diagonal's part --damp added, blocks of 128 inputs, a scale for each
group when it is reached, 4 symmetric bits. Ours is the whole command: it starts, reads the model, checks it, and writes
the result; PyTorch's clock runs from the model in memory to the quantized model in memory. PyTorch's inner loop works
on all rows of a block's column at once, as the paper's program does; --float32 lets it solve in float32.
With --heldout both models' perplexities are shown at the end. Ends with 1 when the ratio is under --bar or the
perplexities are more than 0.5 % apart."""
import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_grad_enabled(False)
BLOCK = 128


def windows_of(options, path, samples):
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    with open(path, encoding="utf-8", newline="") as file:
        ids = tokenizer(file.read(), add_special_tokens=False)["input_ids"]
    count = len(ids) // options.window
    count = min(count, samples) if samples else count
    return torch.tensor(ids[: count * options.window]).reshape(count, options.window)


def solve(weight, hessian, options):
    """Weight [out, in] rounded by GPTQ for inputs of this Hessian [in, in]; a new tensor of the same type."""
    w = weight.to(hessian.dtype)
    inputs, highest = w.shape[1], 2 ** (options.bits - 1) - 1
    dead = hessian.diagonal() == 0
    hessian.diagonal()[dead] = 1
    w[:, dead] = 0
    hessian.diagonal().add_(options.damp * hessian.diagonal().mean())
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    upper = torch.linalg.cholesky(inverse, upper=True)
    out = torch.empty_like(w)
    for begin in range(0, inputs, BLOCK):
        end = min(begin + BLOCK, inputs)
        errors = torch.empty_like(w[:, begin:end])
        for i in range(begin, end):
            if i % options.group_size == 0:
                largest = w[:, i:i + options.group_size].abs().amax(dim=1)
                scale = torch.where(largest > 0, largest / highest, torch.ones_like(largest))
            column = w[:, i]
            out[:, i] = (column / scale).round().clamp(-highest - 1, highest) * scale
            error = (column - out[:, i]) / upper[i, i]
            w[:, i:end] -= torch.outer(error, upper[i, i:end])
            errors[:, i - begin] = error
        w[:, end:] -= errors @ upper[begin:end, end:]
    return out.to(weight.dtype)


def theirs(options, windows):
    """(seconds, quantized model)"""
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
    kind = torch.float32 if options.float32 else torch.float64
    start = time.perf_counter()
    body = model.model
    batches = windows.split(options.batch)
    states = [body.embed_tokens(batch) for batch in batches]
    positions = torch.arange(options.window)[None]
    rope = body.rotary_emb(states[0], positions)
    for layer in body.layers:
        linears = {name: module for name, module in layer.named_modules() if isinstance(module, torch.nn.Linear)}
        sources = {"self_attn.q_proj": "q", "self_attn.k_proj": "q", "self_attn.v_proj": "q", "mlp.gate_proj": "g",
                   "mlp.up_proj": "g", "self_attn.o_proj": "o", "mlp.down_proj": "d"}  # linears that share inputs
        hessians, hooks = {}, []
        for name, module in linears.items():
            key = sources[name]
            if key in hessians:
                continue
            hessians[key] = torch.zeros(module.in_features, module.in_features, dtype=kind)

            def add(_, arguments, key=key):
                x = arguments[0].reshape(-1, arguments[0].shape[-1]).to(kind)
                hessians[key].addmm_(x.T, x, alpha=2 / windows.numel())

            hooks.append(module.register_forward_pre_hook(add))
        run = lambda x: layer(x, position_embeddings=rope, position_ids=positions, attention_mask=None)
        for x in states:
            run(x)
        for hook in hooks:
            hook.remove()
        for name, module in linears.items():
            module.weight.copy_(solve(module.weight, hessians[sources[name]].clone(), options))
        states = [result if torch.is_tensor(result := run(x)) else result[0] for x in states]
    return time.perf_counter() - start, model


def ours(options, folder):
    command = [options.presswork, "call", "quantize/gptq", "--json", "--input", f"model={options.model}", "--input",
               f"calibration={options.text}", "--with", f"bits={options.bits}", "--with",
               f"group_size={options.group_size}", "--with", f"samples={options.samples}", "--with",
               f"window={options.window}", "--with", f"damp={options.damp}", "--cores", str(options.threads), "--out",
               folder]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, json.loads(done.stdout)


def perplexity(model, windows):
    total = 0.0
    for part in windows.split(4):
        logits = model(part, use_cache=False).logits[:, :-1]
        losses = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), part[:, 1:].reshape(-1),
                                                   reduction="none")
        total += losses.double().sum().item()
    return math.exp(total / (windows.numel() - len(windows)))


def our_perplexity(options, folder):
    command = [options.presswork, "call", "evaluate/perplexity", "--json", "--input", f"model={folder}", "--input",
               f"text={options.heldout}", "--with", f"window={options.window}", "--cores", str(options.threads)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["metrics"][
        "perplexity"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--presswork", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--text", required=True, help="calibration text")
    parser.add_argument("--heldout", help="text to compare the perplexities on")
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--group-size", type=int, default=128)
    parser.add_argument("--damp", type=float, default=0.01)
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--batch", type=int, default=4, help="windows that PyTorch passes at once")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--float32", action="store_true", help="PyTorch's Hessians and solver in float32")
    parser.add_argument("--bar", type=float, default=1.5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    windows = windows_of(options, options.text, options.samples)
    ratios = []
    with tempfile.TemporaryDirectory() as scratch:
        for i in range(options.repeats):
            their_seconds, model = theirs(options, windows)
            folder = str(pathlib.Path(scratch) / f"ours-{i}")
            seconds, result = ours(options, folder)
            ratios.append(their_seconds / seconds)
            print(f"presswork {seconds:.1f} s (inside the stage {result['metrics']['calibration_seconds']:.1f} s), "
                  f"PyTorch {torch.__version__} {their_seconds:.1f} s: {ratios[-1]:.2f} x", flush=True)
        good = True
        if options.heldout:
            heldout = windows_of(options, options.heldout, 0)
            made = next(pathlib.Path(folder).rglob("config.json")).parent
            one, other = our_perplexity(options, made), perplexity(model, heldout)
            good = abs(one / other - 1) < 5e-3
            print(f"perplexity: presswork {one:.3f}, PyTorch {other:.3f}")
    ratio = statistics.median(ratios)
    print(f"{windows.numel()} tokens, {options.threads} threads, PyTorch's solver in "
          f"{'float32' if options.float32 else 'float64'}: median {ratio:.2f} x "
          f"({min(ratios):.2f} to {max(ratios):.2f}), bar {options.bar}")
    return 0 if good and ratio >= options.bar else 1


if __name__ == "__main__":
    sys.exit(main())
