#!/usr/bin/env python3
"""Decoding and prefill with 8 and 4 bits, ours (benchmark/inference) and llama.cpp's llama-bench on the same weights
(Q8_0, Q4_0), in turn: tokens/s of each, and the median of the ratios.

    PYTHON tests/bench/decode_speed.py --presswork build/release/bin/presswork --llama-bench PATH \\
        --model ../shared/models/small-llama [--model OTHER ...]

On a machine that others use as well, --processor-time compares what one thread needs of the processor for a token: the
difference of two runs of different length, loading so left out. PYTHON has gguf, numpy and safetensors. A Llama folder of any size will do, also one of make_synthetic_model. Ends with
1 when a median of decoding is under --bar."""
import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile

import gguf
import numpy
from safetensors import safe_open

NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
         "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
         "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def gguf_name(name):
    if name.startswith("model.layers."):
        _, _, layer, rest = name.removesuffix(".weight").split(".", 3)
        return f"blk.{layer}.{NAMES[rest]}.weight"
    return NAMES[name.removesuffix(".weight")] + ".weight"


def tensors(folder):
    """Names and float32 values; bf16 is read as the upper half of float32."""
    for path in sorted(glob.glob(os.path.join(folder, "*.safetensors"))):
        with safe_open(path, framework="numpy") as file:
            header = json.loads(open(path, "rb").read(8 + int.from_bytes(open(path, "rb").read(8), "little"))[8:])
            start = 8 + int.from_bytes(open(path, "rb").read(8), "little")
            for name in file.keys():
                entry = header[name]
                first, last = entry["data_offsets"]
                assert entry["dtype"] in ("BF16", "F32"), entry["dtype"]
                kind = "<u2" if entry["dtype"] == "BF16" else "<f4"
                raw = numpy.fromfile(path, kind, (last - first) // numpy.dtype(kind).itemsize, offset=start + first)
                if kind == "<u2":
                    raw = (raw.astype("<u4") << 16).view("<f4")
                yield name, raw.reshape(entry["shape"])


def interleaved(weight, heads):
    """llama.cpp rotates neighbours where Hugging Face rotates halves."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(folder, path, kind):
    config = json.load(open(os.path.join(folder, "config.json")))
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    tied = config.get("tie_word_embeddings", False)
    for name, values in tensors(folder):
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            values = interleaved(values, heads if "q_proj" in name else kv_heads)
        if values.ndim == 1:
            writer.add_tensor(gguf_name(name), values)
            continue
        packed = gguf.quants.quantize(values, kind)
        writer.add_tensor(gguf_name(name), packed, raw_dtype=kind)
        if tied and name == "model.embed_tokens.weight":
            writer.add_tensor("output.weight", packed, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llamas(options, path):
    command = [options.llama_bench, "-m", path, "-t", str(options.threads), "-p", str(options.prompt), "-n",
               str(options.tokens), "-r", str(options.inner), "-o", "json"]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    speed = {"prefill": 0.0, "decode": 0.0}
    for row in rows:
        speed["decode" if row["n_gen"] else "prefill"] = statistics.median(row["samples_ts"])
    return speed


def ours(options, folder, weights):
    command = [options.presswork, "call", "benchmark/inference", "--json", "--input", f"model={folder}", "--with",
               f"weights={weights}", "--with", f"prompt_tokens={options.prompt}", "--with",
               f"new_tokens={options.tokens}", "--with", f"repeats={options.inner}", "--cores", str(options.threads)]
    metrics = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["metrics"]
    return {"prefill": metrics["prefill_tokens_per_s"], "decode": metrics["decode_tokens_per_s"]}


def processor_seconds(command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return usage.ru_utime + usage.ru_stime


def compare_processor_time(options, folder, weights, path):
    def llama(repeats):
        return processor_seconds([options.llama_bench, "-m", path, "-t", "1", "-p", "0", "-n", str(options.tokens), "-r",
                                  str(repeats)])

    def mine(repeats):
        return processor_seconds([options.presswork, "call", "benchmark/inference", "--input", f"model={folder}",
                                  "--with", f"weights={weights}", "--with", "prompt_tokens=1", "--with",
                                  f"new_tokens={options.tokens}", "--with", f"repeats={repeats}", "--cores", "1"])

    ratios = []
    for _ in range(options.repeats):
        theirs, ours_ = (max(1e-9, run(1 + options.inner) - run(1)) / options.inner / options.tokens
                         for run in (llama, mine))
        ratios.append(theirs / ours_)
        print(f"  {1e3 * ours_:.2f} ms of a processor for a token, llama.cpp {1e3 * theirs:.2f} ({ratios[-1]:.2f} x)",
              flush=True)
    print(f"{os.path.basename(os.path.normpath(folder))} {weights}: median decode {statistics.median(ratios):.2f} x by "
          f"processor time (bar {options.bar})", flush=True)
    return statistics.median(ratios) >= options.bar


def compare(options, folder, weights, path):
    ratios = {"prefill": [], "decode": []}
    for _ in range(options.repeats):
        theirs, mine = llamas(options, path), ours(options, folder, weights)
        for what, rates in ratios.items():
            rates.append(mine[what] / theirs[what])
        print(f"  decode {mine['decode']:.1f} against {theirs['decode']:.1f} tokens/s ({ratios['decode'][-1]:.2f} x), "
              f"prefill {mine['prefill']:.0f} against {theirs['prefill']:.0f} ({ratios['prefill'][-1]:.2f} x)",
              flush=True)
    middle = {what: statistics.median(rates) for what, rates in ratios.items()}
    print(f"{os.path.basename(os.path.normpath(folder))} {weights}: median decode {middle['decode']:.2f} x, prefill "
          f"{middle['prefill']:.2f} x (bar of decode {options.bar})", flush=True)
    return middle["decode"] >= options.bar


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--presswork", required=True)
    parser.add_argument("--llama-bench", required=True)
    parser.add_argument("--model", required=True, action="append")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--inner", type=int, default=3, help="repeats inside a program's run")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--bar", type=float, default=0.8)
    parser.add_argument("--weights", choices=("int8", "int4"), help="only these")
    parser.add_argument("--processor-time", action="store_true")
    options = parser.parse_args()
    good = True
    measure = compare_processor_time if options.processor_time else compare
    kinds = {"int8": gguf.GGMLQuantizationType.Q8_0, "int4": gguf.GGMLQuantizationType.Q4_0}
    for folder in options.model:
        for weights, kind in kinds.items():
            if options.weights not in (None, weights):
                continue
            with tempfile.TemporaryDirectory() as scratch:
                path = os.path.join(scratch, "model.gguf")
                write_gguf(folder, path, kind)
                good = measure(options, folder, weights, path) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
