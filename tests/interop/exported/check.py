"""Have GPTQModel, bitsandbytes and transformers read what export/hf writes; see README.md. Exit code 77: nothing
that could read it is installed."""

import argparse
import importlib
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
    import transformers
    from safetensors.torch import load_file
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def reader(name):
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        print(f"skipped: no {name} ({missing})")
        return None


def gptqmodel_weights(folder):
    """Module -> float32 weight, as GPTQModel's own torch kernels dequantize it."""
    from gptqmodel import BACKEND, GPTQModel
    from gptqmodel.nn_modules.qlinear import BaseQuantLinear
    from gptqmodel.quantization.awq.utils.packing_utils import dequantize_gemm

    backend = BACKEND.AWQ_TORCH if (folder.name == "awq") else BACKEND.GPTQ_TORCH
    model = GPTQModel.load(str(folder), backend=backend, device="cpu", dtype=torch.float16).model
    weights = {}
    for name, module in model.named_modules():
        if not isinstance(module, BaseQuantLinear):
            continue
        scales = module.scales.float()  # they multiply in the type of the scales
        if folder.name == "awq":
            weight = dequantize_gemm(module.qweight, module.qzeros, scales, module.bits, module.group_size)
        else:
            half, module.scales = module.scales, scales
            weight = module.dequantize_weight()
            module.scales = half
        weights[name] = weight.float().T
    return model, weights


def bitsandbytes_weights(folder):
    """Module -> float32 weight of the model that transformers loads. Not dequantize_4bit: its CPU kernel (0.50.2) starts
    each row with a new block, unlike the quantizer and CUDA."""
    import bitsandbytes
    from bitsandbytes.backends.default.ops import _dequantize_4bit_compute

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map="cpu")
    weights = {}
    for name, module in model.named_modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            state = module.weight.quant_state
            weights[name] = _dequantize_4bit_compute(module.weight.data.reshape(-1), state.absmax, state.code,
                                                     state.blocksize, state.shape, torch.float32)
    return model, weights


def check(folder, original, ours, read, logits):
    model, theirs = read(folder)
    assert theirs, "no quantized module was loaded"
    for module, weight in theirs.items():
        assert torch.equal(weight, ours[module]), module
    if not logits:
        print(f"{folder.name}: {len(theirs)} weights equal", flush=True)
        return
    reference = transformers.AutoModelForCausalLM.from_pretrained(original, dtype=torch.float32)
    for module, weight in ours.items():
        reference.get_submodule(module).weight.data = weight
    reference.to(model.lm_head.weight.dtype)  # float16 alone changes this small model's logits by a fifth
    ids = torch.arange(3, 67).reshape(1, -1)
    with torch.no_grad():
        expected = reference(ids).logits.float()
        difference = ((model(ids).logits.float() - expected).abs().max() / expected.abs().max()).item()
    # Kernels multiply in 16 bits.
    assert difference < 5e-2, difference
    print(f"{folder.name}: {len(theirs)} weights equal; logits differ by {difference:.2g} of the largest", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--model", required=True)
    options = parser.parse_args()

    # What is exported: the quantized model's own form, the format, and who reads it.
    sym, asym = ["quantize", "4", "32", "sym"], ["quantize", "4", "32", "asym"]
    cases = [(sym, "gptq", "gptqmodel"), (sym, "gptq_v2", "gptqmodel"), (asym, "gptq_v2", "gptqmodel"),
             (["quantize", "8", "0", "sym"], "gptq", "gptqmodel"), (asym, "awq", "gptqmodel"), (sym, "awq", "gptqmodel"),
             (["round", "nf4", "*.down_proj"], "nf4", "bitsandbytes"), (["round", "nf4", "lm_head"], "nf4", "bitsandbytes")]
    packages = {name: reader(name) for name in ("gptqmodel", "bitsandbytes")}
    found = [f"{name} {package.__version__}" for name, package in packages.items() if package]
    if not found:
        sys.exit(77)
    print(f"{', '.join(found)}, torch {torch.__version__}, transformers {transformers.__version__}")
    done = 0
    for (verb, *how), name, package in cases:
        if not packages[package]:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            quantized, folder = pathlib.Path(temporary) / "quantized", pathlib.Path(temporary) / name
            if verb == "quantize":
                how += ["float16", "pack"]
            for command in ([verb, options.model, quantized, *how], ["export", quantized, folder, name],
                            ["dequantize", quantized, f"{temporary}/ours.safetensors"]):
                subprocess.run([options.tool, *map(str, command)], check=True)
            print(" ".join(how), end=" ")
            check(folder, options.model, load_file(f"{temporary}/ours.safetensors"),
                  gptqmodel_weights if package == "gptqmodel" else bitsandbytes_weights,
                  how != ["nf4", "lm_head"])  # bitsandbytes cannot run ragged rows on the CPU (README.md)
            done += 1
    print(f"{done} passed, 0 failed")


main()
