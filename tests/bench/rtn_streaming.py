#!/usr/bin/env python3
"""Rounding a synthetic 7B model (bf16, 13.5 GB) to 4 bits: memory, and time beside copying.

    tests/bench/rtn_streaming.py --presswork build/release/bin/presswork \\
        --generator build/dev/bin/make_synthetic_model [--scratch DIR] [--layers 32]

In turn, --repeats times: `cp -r` of the model and of the result that a first run made, each with `sync` of its files,
since ours is on the disk when it ends; then quantize/rtn (int4, groups of 128, symmetric). 35 GB free are needed in
--scratch. The peak is the kernel's, of the child process (ru_maxrss), and holds the pages of mapped files as well.
Ends with 1 when it is over 2 GiB, or the time over 1.5 times that of the copies."""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

GIB = 1 << 30


def copy(folder, to):
    start = time.perf_counter()
    subprocess.run(["cp", "-r", folder, to], check=True)
    subprocess.run(["sync", *(os.path.join(to, name) for name in os.listdir(to))], check=True)
    seconds = time.perf_counter() - start
    shutil.rmtree(to)
    return seconds


def quantize(options, model, out):
    """(seconds, largest peak of the command and its children in bytes, folder of the result)"""
    command = [options.presswork, "call", "quantize/rtn", "--input", f"model={model}", "--with", "bits=4", "--with",
               "group_size=128", "--cores", str(options.threads), "--out", out]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    assert status == 0, command
    made = next(folder for folder, _, files in os.walk(out) if "config.json" in files)
    return seconds, usage.ru_maxrss * 1024, made


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--presswork", required=True)
    parser.add_argument("--generator", required=True)
    parser.add_argument("--scratch")
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    ratios, peak = [], 0
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        model, kept = os.path.join(scratch, "model"), os.path.join(scratch, "kept")
        subprocess.run([options.generator, model, "--shape", "7b", "--layers", str(options.layers), "--threads",
                        str(options.threads)], check=True)
        _, _, made = quantize(options, model, kept)
        for _ in range(options.repeats):
            copies = copy(model, os.path.join(scratch, "copy")) + copy(made, os.path.join(scratch, "copy"))
            out = os.path.join(scratch, "out")
            seconds, bytes_, _ = quantize(options, model, out)
            shutil.rmtree(out)
            peak = max(peak, bytes_)
            ratios.append(seconds / copies)
            print(f"quantize/rtn {seconds:.1f} s, copies {copies:.1f} s: {ratios[-1]:.2f} x; peak {peak / GIB:.2f} GiB",
                  flush=True)
    ratio = statistics.median(ratios)
    print(f"{options.layers} layers, {options.threads} threads: median {ratio:.2f} x the copies "
          f"({min(ratios):.2f} to {max(ratios):.2f}), bar 1.5; peak {peak / GIB:.2f} GiB, bar 2")
    return 0 if ratio <= 1.5 and peak <= 2 * GIB else 1


if __name__ == "__main__":
    sys.exit(main())
