#!/usr/bin/env python3
"""bench_tokenizer and the package `tokenizers` from PyPI on the same texts, one thread each.

    tests/bench/tokenizer_speed.py build/dev/bin/bench_tokenizer MODEL_FOLDER TEXT [repeats]"""

import os
import statistics
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import tokenizers  # noqa: E402


def measure(what, repeats, size, action):
    result, seconds = action(), []
    for _ in range(repeats):
        start = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - start)
    speeds = [size / 1e6 / s for s in seconds]
    print(f"{what:<14} {size / 1e6 / statistics.median(seconds):8.2f} MB/s ({min(speeds):.2f} to {max(speeds):.2f})  {result}")


def main():
    driver, folder, path = sys.argv[1:4]
    repeats = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    print("presswork")
    subprocess.run([driver, folder, path, str(repeats)], check=True)
    print("tokenizers", tokenizers.__version__)
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    size = len(text.encode())
    name = f"{folder}/tokenizer.json"
    measure("open", repeats, os.path.getsize(name), lambda: tokenizers.Tokenizer.from_file(name).get_vocab_size())
    tokenizer = tokenizers.Tokenizer.from_file(name)
    lines = text.splitlines(keepends=True)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    measure("encode, whole", repeats, size, lambda: len(tokenizer.encode(text, add_special_tokens=False).ids))
    measure("encode, lines", repeats, size,
            lambda: sum(len(tokenizer.encode(line, add_special_tokens=False).ids) for line in lines))
    measure("decode", repeats, size, lambda: len(tokenizer.decode(ids, skip_special_tokens=False).encode()))


if __name__ == "__main__":
    main()
