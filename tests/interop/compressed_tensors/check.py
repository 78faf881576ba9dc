"""Have compressed-tensors and transformers read what we write; see README.md. Exit code 77: not installed."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
    import compressed_tensors
    import transformers
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationConfig
    from compressed_tensors.utils import is_match
    from safetensors.torch import load_file
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CASES = [(bits, group, symmetry, scale, "pack")
         for bits in (3, 4, 8) for group in (0, 32) for symmetry in ("sym", "asym") for scale in ("float32", "bfloat16")]
CASES += [(8, 0, "sym", scale, "int") for scale in ("float32", "bfloat16")]
FLOATS = ["fp8", "fp8-tensor"]
# Stages whose folders hold more than the one grid above: scales of inputs, zero points of inputs, several widths.
STAGES = [("quantize/w8a8", ["activations=static"]),
          ("quantize/w8a8", ["activations=static", "observer=mse", "symmetric_activations=false"]),
          ("quantize/w8a8", ["activations=dynamic"]),
          ("quantize/mixed", ["bits_per_weight=4", "group_size=32"])]
# No asymmetric one: transformers cannot load them, whoever wrote them (README.md).
LOADED = [(3, 32, "sym", "float32", "pack"), (4, 32, "sym", "float32", "pack"), (8, 0, "sym", "float32", "pack")]


def scheme_of(module, groups):
    """The config group that names the module, or every Linear."""
    linear = torch.nn.Linear(1, 1)
    return next(group for group in groups if is_match(module, linear, group.targets))


def decompressed(folder):
    """Module -> weight, by the library's own decompressor."""
    config = json.loads((folder / "config.json").read_text())["quantization_config"]
    format_name = config["format"]
    groups = QuantizationConfig.model_validate(config).config_groups.values()
    tensors = load_file(folder / "model.safetensors")
    modules = {}
    for name, tensor in tensors.items():
        module, _, part = name.rpartition(".")
        if f"{module}.weight_scale" in tensors:
            modules.setdefault(module, {})[part] = tensor
    compressor = BaseCompressor.get_value_from_registry(format_name)
    return {module: compressor.decompress(parts, scheme_of(module, groups))["weight"]
            for module, parts in modules.items()}


def check_weights(folder, ours, scale):
    theirs = decompressed(folder)
    assert theirs.keys() == ours.keys(), theirs.keys() ^ ours.keys()
    for module, weight in theirs.items():
        if scale == "float32":
            assert weight.dtype == torch.float32
            assert torch.equal(weight, ours[module]), module
        else:  # they multiply in bfloat16; ours is the exact product, so rounding it must give theirs
            assert torch.equal(weight, ours[module].to(weight.dtype)), module


def check_logits(folder, original, ours):
    ids = torch.arange(3, 67).reshape(1, -1)
    reference = transformers.AutoModelForCausalLM.from_pretrained(original, dtype=torch.float32)
    for module, weight in ours.items():
        reference.get_submodule(module).weight.data = weight
    loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        difference = (loaded(ids).logits - reference(ids).logits).abs().max().item()
    assert difference < 1e-4, difference
    return difference


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--presswork", required=True)
    options = parser.parse_args()
    print(f"compressed-tensors {compressed_tensors.__version__}, torch {torch.__version__}, "
          f"transformers {transformers.__version__}")
    for kind in FLOATS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary) / "model"
            subprocess.run([options.tool, "round", options.model, folder, kind, "lm_head"], check=True)
            subprocess.run([options.tool, "dequantize", folder, f"{temporary}/ours.safetensors"], check=True)
            ours = load_file(f"{temporary}/ours.safetensors")
            check_weights(folder, ours, "float32")
            print(f"{kind}: {len(ours)} weights equal; transformers' logits differ by "
                  f"{check_logits(folder, options.model, ours):.2g}", flush=True)
    for case in CASES:
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary) / "model"
            words = [str(word) for word in case]
            subprocess.run([options.tool, "quantize", options.model, folder, *words], check=True)
            subprocess.run([options.tool, "dequantize", folder, f"{temporary}/ours.safetensors"], check=True)
            ours = load_file(f"{temporary}/ours.safetensors")
            check_weights(folder, ours, case[3])
            line = f"{' '.join(words)}: {len(ours)} weights equal"
            if case in LOADED:
                line += f"; transformers' logits differ by {check_logits(folder, options.model, ours):.2g}"
            print(line, flush=True)
    for stage, parameters in STAGES:
        with tempfile.TemporaryDirectory() as temporary:
            words = [word for parameter in parameters + ["samples=8", "window=64"] for word in ("--with", parameter)]
            subprocess.run([options.presswork, "call", stage, "-q", "--input", f"model={options.model}", *words,
                            "--out", temporary], check=True, stdout=subprocess.DEVNULL)
            folder = pathlib.Path(temporary) / "model"
            subprocess.run([options.tool, "dequantize", folder, f"{temporary}/ours.safetensors"], check=True)
            ours = load_file(f"{temporary}/ours.safetensors")
            check_weights(folder, ours, "float32")
            line = f"{stage} {' '.join(parameters)}: {len(ours)} weights equal"
            if stage == "quantize/mixed":
                line += f"; transformers' logits differ by {check_logits(folder, options.model, ours):.2g}"
            print(line, flush=True)
    print(f"{len(CASES) + len(FLOATS) + len(STAGES)} passed, 0 failed")


main()
