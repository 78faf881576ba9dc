"""Makes rounding.safetensors beside it: weights and what they are rounded to, by torch (E4M3), bitsandbytes (NF4), numpy
and ml_dtypes (16-bit floats, one integer scale for a whole weight, clipping to the least squared error).

    pip install numpy ml_dtypes torch bitsandbytes safetensors && python make_rounding.py
"""

import pathlib

import ml_dtypes
import numpy as np
import torch
from bitsandbytes import functional
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
RANDOM = np.random.default_rng(20261124)
SHARES = [np.float32(share) / np.float32(100) for share in range(100, 19, -1)]


def weights(out=24, inputs=80):
    """Rows that are no whole number of NF4 blocks; zeros, an outlier, subnormal numbers, a ramp of ties."""
    w = RANDOM.normal(0, 0.02, (out, inputs)).astype(np.float32)
    w[3] = 0
    w[4:6] = 0
    w[5, 7] = 5
    w[6] *= np.float32(1e-30)
    w[7] = np.arange(inputs) - 40
    w[8] *= np.float32(1e-42 / 0.02)
    return w


def squared_error(w, rounded):
    return ((w.astype(np.float64) - rounded.astype(np.float64)) ** 2).sum()


def best(w, limit, rounded):
    """The limit, shrunk by hundredths, with the least squared error; the first of equals."""
    errors = [squared_error(w, rounded(w, limit * share)) for share in SHARES]
    return limit * SHARES[int(np.argmin(errors))]


def float8_scale(limit):
    scale = np.float32(limit) / np.float32(448)
    return scale if scale >= np.finfo(np.float32).tiny else np.float32(1)


def float8(w, limit):
    scaled = torch.from_numpy(w / float8_scale(limit)).clamp(-448, 448)
    return scaled.to(torch.float8_e4m3fn).view(torch.uint8).numpy()


def float8_values(w, limit):
    return torch.from_numpy(float8(w, limit)).view(torch.float8_e4m3fn).float().numpy() * float8_scale(limit)


def float8s(w, tensors):
    for name, rows in (("channel", list(w)), ("tensor", [w])):
        for clip in ("none", "mse"):
            limits = [np.abs(row).max() for row in rows]
            if clip == "mse":
                limits = [best(row, limit, float8_values) for row, limit in zip(rows, limits)]
            tensors[f"fp8.{name}.{clip}.q"] = np.stack([float8(r, l) for r, l in zip(rows, limits)]).reshape(w.shape)
            tensors[f"fp8.{name}.{clip}.scale"] = np.array([float8_scale(limit) for limit in limits], np.float32)


def nf4(w, tensors):
    packed, state = functional.quantize_4bit(torch.from_numpy(w), quant_type="nf4", blocksize=64)
    tensors["nf4.codes"] = packed.reshape(-1).numpy()
    tensors["nf4.scale"] = state.absmax.numpy()
    table = state.code.numpy()
    # Blocks of numbers next to zero are divided by 1e-38, as bitsandbytes does.
    middle = (table[1:].astype(np.float64) + table[:-1].astype(np.float64)) / 2

    def rounded(block, limit):
        return table[np.searchsorted(middle, block / max(limit, np.float32(1e-38)))] * limit

    blocks = [w.reshape(-1)[i:i + 64] for i in range(0, w.size, 64)]
    limits = [np.abs(block).max() for block in blocks]
    tensors["nf4.mse.scale"] = np.array([best(b, l, rounded) if l > 0 else l for b, l in zip(blocks, limits)], np.float32)


def integers(w, bits, symmetric):
    """One scale (and zero) for all."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    if symmetric:
        scale, zero = np.abs(w).max() * (np.float32(1) / np.float32(high)), 0
    else:
        scale = (max(w.max(), 0) - min(w.min(), 0)) * (np.float32(1) / np.float32(high - low))
        zero = np.rint(-min(w.min(), 0) / scale) + low
    return np.clip(np.rint(w / scale) + zero, low, high).astype(np.int8), np.float32(scale), np.int8(zero)


w = weights()
tensors = {"w": w, "fp16": w.astype(np.float16).view(np.uint16), "bf16": w.astype(ml_dtypes.bfloat16).view(np.uint16)}
float8s(w, tensors)
nf4(w, tensors)
for bits in (3, 4, 8):
    for symmetric in (True, False):
        name = f"int{bits}.{'sym' if symmetric else 'asym'}"
        q, scale, zero = integers(w, bits, symmetric)
        tensors |= {f"{name}.q": q, f"{name}.scale": np.array([scale]), f"{name}.zero": np.array([zero])}
save_file(tensors, HERE / "rounding.safetensors")
