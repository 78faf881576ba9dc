"""Makes packed_*.safetensors beside it: a module "m" in a quantized format of other programs, what it stands for
("expected", float32), and its quantization_config in the metadata.

    pip install numpy torch safetensors bitsandbytes compressed-tensors transformers && python make_packed.py

GPTQ and AWQ are packed by the loops of AutoGPTQ's qlinear_cuda_old.pack() and AutoAWQ's gemm.from_linear() (the
packages themselves need a GPU); bitsandbytes and compressed-tensors write their own."""

import json
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
RANDOM = np.random.default_rng(20250930)


def save(name, config, tensors, expected):
    tensors = {key: torch.as_tensor(np.ascontiguousarray(value)) if isinstance(value, np.ndarray) else value
               for key, value in tensors.items()}
    tensors["expected"] = torch.as_tensor(np.ascontiguousarray(expected)).float()
    save_file(tensors, HERE / f"packed_{name}.safetensors", {"config": json.dumps(config), "format": "pt"})


def pack_gptq(rows, bits):
    """[n, columns] -> [n * bits / 32, columns]: n packed along the first dimension, as AutoGPTQ does."""
    packed = np.zeros((rows.shape[0] * bits // 32, rows.shape[1]), np.uint32)
    rows = rows.astype(np.uint32)
    i = row = 0
    while row < packed.shape[0]:
        if bits in (2, 4, 8):
            for j in range(i, i + 32 // bits):
                packed[row] |= rows[j] << np.uint32(bits * (j - i))
            i += 32 // bits
            row += 1
        else:  # 3
            for j in range(i, i + 10):
                packed[row] |= rows[j] << np.uint32(3 * (j - i))
            i += 10
            packed[row] |= rows[i] << np.uint32(30)
            row += 1
            packed[row] |= (rows[i] >> np.uint32(2)) & np.uint32(1)
            i += 1
            for j in range(i, i + 10):
                packed[row] |= rows[j] << np.uint32(3 * (j - i) + 1)
            i += 10
            packed[row] |= rows[i] << np.uint32(31)
            row += 1
            packed[row] |= (rows[i] >> np.uint32(1)) & np.uint32(3)
            i += 1
            for j in range(i, i + 10):
                packed[row] |= rows[j] << np.uint32(3 * (j - i) + 2)
            i += 10
            row += 1
    return packed.view(np.int32)


def gptq(name, bits, group, symmetric, version, desc_act=False, out=32, inputs=64):
    groups = 1 if group < 0 else -(-inputs // group)
    g_idx = np.arange(inputs) // (inputs if group < 0 else group)
    if desc_act:
        g_idx = g_idx[RANDOM.permutation(inputs)]
    q = RANDOM.integers(0, 2**bits, (inputs, out))
    zeros = np.full((groups, out), 2 ** (bits - 1)) if symmetric else RANDOM.integers(0 if version == 2 else 1, 2**bits, (groups, out))
    scales = RANDOM.uniform(0.01, 0.1, (groups, out)).astype(np.float16)
    expected = (scales[g_idx].astype(np.float32) * (q - zeros[g_idx]).astype(np.float32)).T
    stored = zeros - 1 if version == 1 else zeros
    config = {"quant_method": "gptq", "bits": bits, "group_size": group, "desc_act": desc_act, "sym": symmetric,
              "lm_head": False, "checkpoint_format": "gptq" if version == 1 else "gptq_v2"}
    save(name, config, {"m.qweight": pack_gptq(q, bits), "m.qzeros": pack_gptq(stored.T, bits).T,
                        "m.scales": scales, "m.g_idx": g_idx.astype(np.int32)}, expected)


def awq(name, group, out=32, inputs=64):
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    groups = inputs // group
    q, zeros = RANDOM.integers(0, 16, (inputs, out)), RANDOM.integers(0, 16, (groups, out))
    scales = RANDOM.uniform(0.01, 0.1, (groups, out)).astype(np.float16)

    def pack(values):
        packed = np.zeros((values.shape[0], out // 8), np.uint32)
        for column in range(out // 8):
            for i in range(8):
                packed[:, column] |= values[:, column * 8 + order[i]].astype(np.uint32) << np.uint32(4 * i)
        return packed.view(np.int32)

    index = np.arange(inputs) // group
    expected = (scales[index].astype(np.float32) * (q - zeros[index]).astype(np.float32)).T
    config = {"quant_method": "awq", "zero_point": True, "group_size": group, "bits": 4, "version": "gemm",
              "modules_to_not_convert": None}
    save(name, config, {"m.qweight": pack(q), "m.qzeros": pack(zeros), "m.scales": scales}, expected)


def bitsandbytes(name, kind, nested, out=24, inputs=80):
    """Rows that are no whole number of blocks: a block runs on into the next row."""
    from bitsandbytes import functional
    from bitsandbytes.backends.default.ops import _dequantize_4bit_compute

    weight = torch.from_numpy(RANDOM.normal(0, 0.05, (out, inputs)).astype(np.float32))
    packed, state = functional.quantize_4bit(weight, quant_type=kind, compress_statistics=nested)
    absmax = state.absmax
    if nested:
        absmax = functional.dequantize_blockwise(state.absmax, state.state2) + state.offset
    # Not dequantize_4bit: its CPU kernel (0.50.2) starts each row with a new block, unlike the quantizer and CUDA.
    expected = _dequantize_4bit_compute(packed.reshape(-1), absmax, state.code, state.blocksize, (out, inputs), torch.float32)
    assert (expected - weight).abs().max() < 0.3 * weight.abs().max()
    parts = {f"m.weight.{key}": value.cpu() for key, value in state.as_dict(packed=True).items()}
    config = {"quant_method": "bitsandbytes", "load_in_4bit": True, "load_in_8bit": False,
              "bnb_4bit_quant_type": kind, "bnb_4bit_use_double_quant": nested}
    save(name, config, {"m.weight": packed.cpu(), **parts}, expected.numpy())


def float8(name, strategy, out=16, inputs=32):
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationScheme

    scheme = QuantizationScheme.model_validate(
        {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "symmetric": True, "strategy": strategy}})
    weight = torch.from_numpy(RANDOM.normal(0, 0.05, (out, inputs)).astype(np.float32))
    scale = weight.abs().amax(1, keepdim=True) / 448 if strategy == "channel" else weight.abs().max()[None] / 448
    compressor = BaseCompressor.get_value_from_registry("float-quantized")
    parts = compressor.compress({"weight": weight, "weight_scale": scale}, scheme)
    expected = compressor.decompress(dict(parts), scheme)["weight"]
    config = {"quant_method": "compressed-tensors", "format": "float-quantized", "ignore": ["lm_head"],
              "config_groups": {"group_0": {"targets": ["Linear"], "weights": {
                  "num_bits": 8, "type": "float", "symmetric": True, "strategy": strategy, "dynamic": False}}}}
    save(name, config, {f"m.{key}": value for key, value in parts.items()}, expected.numpy())


def block_float8(name, method, out=21, inputs=40):
    """Blocks that do not divide the weight, read by transformers after padding it to whole blocks."""
    from transformers.integrations.finegrained_fp8 import Fp8Dequantize

    rows, columns = 8, 16
    padded = np.zeros((-(-out // rows) * rows, -(-inputs // columns) * columns), np.float32)
    padded[:out, :inputs] = RANDOM.normal(0, 0.05, (out, inputs))
    blocks = padded.reshape(padded.shape[0] // rows, rows, padded.shape[1] // columns, columns)
    scales = torch.from_numpy(np.abs(blocks).max((1, 3)) / 448)
    spread = scales.repeat_interleave(rows, 0).repeat_interleave(columns, 1)
    q = (torch.from_numpy(padded) / spread).to(torch.float8_e4m3fn)
    expected = Fp8Dequantize(None)._dequantize_one(q, scales, torch.float32)[:out, :inputs]
    weights = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": "block",
               "block_structure": [rows, columns], "dynamic": False}
    config = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [rows, columns]}
    if method == "compressed-tensors":
        config = {"quant_method": method, "format": "float-quantized", "ignore": ["lm_head"],
                  "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}}
    ending = "weight_scale_inv" if method == "fp8" else "weight_scale"
    save(name, config, {"m.weight": q[:out, :inputs].contiguous(), f"m.{ending}": scales}, expected.numpy())


gptq("gptq4", 4, 16, True, 1)
gptq("gptq4_order", 4, 16, False, 1, desc_act=True)
gptq("gptq4_ragged", 4, 32, True, 1, inputs=40)
gptq("gptq8", 8, -1, True, 1)
gptq("gptq2_v2", 2, 32, False, 2)
gptq("gptq3_v2", 3, 32, False, 2)
gptq("gptq4_v2", 4, 64, False, 2)
awq("awq", 16)
bitsandbytes("nf4", "nf4", False)
bitsandbytes("nf4_nested", "nf4", True, out=40, inputs=480)
bitsandbytes("fp4", "fp4", False)
float8("float8", "channel")
float8("float8_tensor", "tensor")
block_float8("float8_block", "compressed-tensors")
block_float8("fp8", "fp8")
