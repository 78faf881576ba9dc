"""Makes the golden files beside it, with code that shares nothing with the product.

    pip install numpy ml_dtypes safetensors torch compressed-tensors && python make_golden.py

dtypes.safetensors    float32 values and their narrow forms by ml_dtypes (round to nearest even)
packing.safetensors   integers and their packed words by the compressed-tensors library
rtn.safetensors       weights and their quantized forms by numpy in float32, one set per case
"""

import itertools
import pathlib

import ml_dtypes
import numpy as np
import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
RANDOM = np.random.default_rng(20240607)


def dtypes():
    edges = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 65504, 65519.996, 65520, 65536, 448, 464, 464.00003, 480,
             1e-8, -1e-8, 2.0**-24, 2.0**-25, 1.0000001 * 2.0**-25, 2.0**-14, 2.0**-6, 2.0**-9, 2.0**-10,
             1.5 * 2.0**-10, 3.4e38, -3.4028235e38, 1e-45, 1 + 2.0**-8, 1 + 3 * 2.0**-8, 1 + 2.0**-11, 1 + 2.0**-4]
    bits = RANDOM.integers(0, 2**32, 1500, dtype=np.uint32).view(np.float32)
    usual = RANDOM.normal(0, 1, 500).astype(np.float32)
    small = (RANDOM.normal(0, 1, 300) * 2.0**-15).astype(np.float32)
    x = np.concatenate([np.array(edges, np.float32), bits, usual, small])
    with np.errstate(all="ignore"):
        f16, bf16, f8 = (x.astype(t) for t in (np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn))
        f16_all = np.arange(0, 65536, 13, dtype=np.uint16)
        save_file({
            "f32": x, "f16": f16.view(np.uint16), "bf16": bf16.view(np.uint16), "f8_e4m3": f8.view(np.uint8),
            "f16_patterns": f16_all, "f16_values": f16_all.view(np.float16).astype(np.float32),
            "f8_e4m3_values": np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float32),
            "f8_e5m2_values": np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e5m2).astype(np.float32),
        }, HERE / "dtypes.safetensors")


def packing():
    tensors = {}
    for bits in range(2, 9):
        half = 1 << (bits - 1)
        q = RANDOM.integers(-half, half, (5, 43)).astype(np.int8)
        tensors[f"q{bits}"] = q
        tensors[f"rows{bits}"] = pack_to_int32(torch.from_numpy(q), bits).numpy()
        tensors[f"columns{bits}"] = pack_to_int32(torch.from_numpy(q), bits, packed_dim=0).numpy()
    save_file(tensors, HERE / "packing.safetensors")


def rtn(w, bits, group, symmetric):
    out, inputs = w.shape
    g = w.reshape(out, -1, group or inputs)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    if symmetric:
        # The divisor's float32 reciprocal, as PyTorch divides by a constant on a GPU.
        scale = np.abs(g).max(-1, keepdims=True) * (np.float32(1) / np.float32(high))
    else:
        top, bottom = np.maximum(g.max(-1, keepdims=True), 0), np.minimum(g.min(-1, keepdims=True), 0)
        scale = (top - bottom) * (np.float32(1) / np.float32(2**bits - 1))
    zeros = scale == 0
    scale = np.where(zeros, np.float32(1), scale).astype(np.float32)
    zero = np.zeros_like(scale)
    if not symmetric:
        zero = np.where(zeros, 0, np.rint(-np.minimum(g.min(-1, keepdims=True), 0) / scale) + low)
    q = np.clip(np.rint(g / scale) + zero, low, high)
    return q.reshape(w.shape).astype(np.int8), scale[..., 0], zero[..., 0].astype(np.int8)


def rtns():
    w = RANDOM.normal(0, 0.02, (12, 96)).astype(np.float32)
    w[3] = 0
    w[4, :32] = 0
    w[5] = np.abs(w[5])  # a range that does not reach below zero
    w[6] = -np.abs(w[6])
    w[7] = np.arange(96) - 48  # many ties
    w[8, 10] = 5  # an outlier
    w[9] *= 1e-30
    tensors = {"w": w}
    for bits, group, symmetric in itertools.product((2, 3, 4, 8), (0, 16, 32), (True, False)):
        case = f"{bits}.{group}.{'sym' if symmetric else 'asym'}"
        q, scale, zero = rtn(w, bits, group, symmetric)
        tensors[case + ".q"] = q
        tensors[case + ".scale"] = np.ascontiguousarray(scale)
        if not symmetric:
            tensors[case + ".zero"] = np.ascontiguousarray(zero)
    save_file(tensors, HERE / "rtn.safetensors")


dtypes()
packing()
rtns()
