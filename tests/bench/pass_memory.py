#!/usr/bin/env python3
"""Memory of a perplexity pass over a synthetic 7B model (bf16, 13.5 GB), which holds one layer at a time, and the time
that opening and verifying its folder takes.

    tests/bench/pass_memory.py --presswork build/release/bin/presswork \\
        --generator build/dev/bin/make_synthetic_model --tokenizer examples/models/tiny-llama \\
        --text examples/text/eval.txt [--scratch DIR]

Makes models of 8 and 32 layers one after the other in a temporary folder (17 GB free are needed) and removes them. The
peak is the kernel's, of the child process (ru_maxrss). Ends with 1 when it is over 1.3 times two stored layers and the
activations, or over 3 GiB, when the two models differ by more than 5 %, or opening takes more than a second."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HIDDEN, INTERMEDIATE, VOCABULARY, WINDOW, WINDOWS = 4096, 11008, 32000, 512, 4
LAYER = 2 * (4 * HIDDEN * HIDDEN + 3 * HIDDEN * INTERMEDIATE)  # bytes as stored
# States of all windows; for each token of one window its norm, q, k, v, attended, gate and up.
ACTIVATIONS = 4 * WINDOW * (WINDOWS * HIDDEN + 5 * HIDDEN + 2 * INTERMEDIATE)
GIB = 1 << 30


def call(options, stage, *arguments):
    """(result, seconds of the command, its children's largest peak in bytes)."""
    command = [options.presswork, "call", stage, "--json", "--cores", "2", *arguments]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    assert status == 0, text
    return json.loads(text), seconds, usage.ru_maxrss * 1024


def measure(options, layers, folder):
    subprocess.run([options.generator, folder, "--shape", "7b", "--layers", str(layers), "--threads", "2"], check=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(options.tokenizer, name), folder)
    opened = min(call(options, "model/load", "--with", f"path={folder}", "--with", "verify_finite=false")[1]
                 for _ in range(3))
    result, seconds, peak = call(options, "evaluate/perplexity", "--input", f"model={folder}", "--input",
                                 f"text={options.text}", "--with", f"window={WINDOW}", "--with", f"samples={WINDOWS}")
    metrics = result["metrics"]
    measured, predicted = metrics["peak_memory_bytes"], metrics["predicted_peak_memory_bytes"]
    print(f"{layers} layers: peak {peak / GIB:.2f} GiB (the stage says {measured / GIB:.2f}, predicted "
          f"{predicted / GIB:.2f}), {seconds:.0f} s; opened and verified in {opened:.2f} s", flush=True)
    return max(peak, measured), opened


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--presswork", required=True)
    parser.add_argument("--generator", required=True)
    parser.add_argument("--tokenizer", required=True, help="folder of a tokenizer of at most 32,000 entries")
    parser.add_argument("--text", required=True)
    parser.add_argument("--scratch")
    options = parser.parse_args()
    peaks, opened = {}, 0.0
    for layers in (8, 32):
        with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
            peaks[layers], opened = measure(options, layers, os.path.join(scratch, "model"))
    bound = 2 * LAYER + ACTIVATIONS
    apart = abs(peaks[32] / peaks[8] - 1)
    print(f"two layers and activations: {bound / GIB:.2f} GiB; 32 layers peak at {peaks[32] / bound:.2f} x (bar 1.3); "
          f"8 and 32 layers differ by {100 * apart:.1f} % (bar 5)")
    good = peaks[32] <= min(1.3 * bound, 3 * GIB) and apart <= 0.05 and opened < 1.0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
