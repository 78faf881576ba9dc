"""Perplexity of a Llama whose weights and inputs are int8, in plain numpy: the oracle for what `evaluate/perplexity`
measures of the folders that `quantize/w8a8` writes.

    python3 -m venv build/interop && build/interop/bin/pip install numpy tokenizers
    build/interop/bin/python tests/interop/compressed_tensors/w8a8_perplexity.py MODEL TEXT WINDOW SAMPLES
    presswork call evaluate/perplexity --input model=MODEL --input text=TEXT --with window=WINDOW --with samples=SAMPLES

Inputs are rounded as vLLM's kernels do: q = clamp(round(x / s) + z, -128, 127) with s = max|x| / 127, or
(max - min) / 255 with a zero point. Everything else is float64.
"""

import json
import pathlib
import sys

import numpy as np
from tokenizers import Tokenizer

TYPES = {"F32": np.float32, "F16": np.float16, "I8": np.int8, "BF16": np.uint16}


def tensors(folder):
    found = {}
    for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        for name, entry in json.loads(data[8 : 8 + length]).items():
            if name == "__metadata__":
                continue
            first, last = entry["data_offsets"]
            values = np.frombuffer(data[8 + length + first : 8 + length + last], TYPES[entry["dtype"]])
            if entry["dtype"] == "BF16":
                values = (values.astype(np.uint32) << 16).view(np.float32)
            found[name] = values.reshape(entry["shape"])
    return found


class Model:
    def __init__(self, folder):
        self.config = json.loads((pathlib.Path(folder) / "config.json").read_text())
        self.tensors = tensors(folder)
        groups = self.config.get("quantization_config", {}).get("config_groups", {})
        self.inputs = next((group["input_activations"] for group in groups.values()), None)

    def rounded(self, x, module):
        if self.inputs is None or module + ".weight_scale" not in self.tensors:
            return x
        symmetric = self.inputs["symmetric"]
        if self.inputs["dynamic"]:
            low = np.minimum(x.min(-1, keepdims=True), 0)
            high = np.maximum(x.max(-1, keepdims=True), 0)
            scale = np.maximum(-low, high) / np.float32(127) if symmetric else (high - low) / np.float32(255)
            scale = np.where(scale > 0, scale, 1).astype(np.float32)
            zero = 0 if symmetric else np.clip(np.round(-128 - low / scale), -128, 127)
        else:
            scale = self.tensors[module + ".input_scale"].astype(np.float32)
            zero = 0 if symmetric else self.tensors[module + ".input_zero_point"].astype(np.float32)
        q = np.clip(np.round(x.astype(np.float32) / scale) + zero, -128, 127)
        return (q - zero).astype(np.float64) * scale

    def linear(self, x, module):
        weight = self.tensors[module + ".weight"].astype(np.float64)
        if module + ".weight_scale" in self.tensors:
            weight = weight * self.tensors[module + ".weight_scale"].astype(np.float64)
        return self.rounded(x, module) @ weight.T

    def norm(self, x, module):
        scale = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + self.config["rms_norm_eps"])
        return x * scale * self.tensors[module + ".weight"]

    def attention(self, x, prefix):
        c = self.config
        tokens, heads, shared = x.shape[0], c["num_attention_heads"], c["num_key_value_heads"]
        depth = c.get("head_dim") or c["hidden_size"] // heads
        theta = c.get("rope_theta") or c["rope_parameters"]["rope_theta"]
        angles = np.outer(np.arange(tokens), theta ** (-np.arange(0, depth, 2) / depth))
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]

        def turn(y):
            a, b = y[..., : depth // 2], y[..., depth // 2 :]
            return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

        q = turn(self.linear(x, prefix + "q_proj").reshape(tokens, heads, depth))
        k = turn(self.linear(x, prefix + "k_proj").reshape(tokens, shared, depth))
        v = self.linear(x, prefix + "v_proj").reshape(tokens, shared, depth)
        k, v = (np.repeat(y, heads // shared, 1) for y in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(depth)
        scores = np.where(np.tril(np.ones((tokens, tokens), bool)), scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        out = np.einsum("hqk,khd->qhd", weights, v).reshape(tokens, -1)
        return self.linear(out, prefix + "o_proj")

    def losses(self, ids):
        x = self.tensors["model.embed_tokens.weight"][ids].astype(np.float64)
        for i in range(self.config["num_hidden_layers"]):
            prefix = f"model.layers.{i}."
            x = x + self.attention(self.norm(x, prefix + "input_layernorm"), prefix + "self_attn.")
            y = self.norm(x, prefix + "post_attention_layernorm")
            gate = self.linear(y, prefix + "mlp.gate_proj")
            y = gate / (1 + np.exp(-gate)) * self.linear(y, prefix + "mlp.up_proj")
            x = x + self.linear(y, prefix + "mlp.down_proj")
        head = "model.embed_tokens" if self.config.get("tie_word_embeddings") else "lm_head"
        logits = self.linear(self.norm(x, "model.norm"), head)
        top = logits.max(-1, keepdims=True)
        log_sum = np.log(np.exp(logits - top).sum(-1)) + top[:, 0]
        return (log_sum[:-1] - logits[np.arange(len(ids) - 1), ids[1:]]).tolist()


def main():
    folder, text, window, samples = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    tokenizer = Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))
    ids = np.array(tokenizer.encode(pathlib.Path(text).read_text(), add_special_tokens=False).ids)
    model = Model(folder)
    losses = []
    for first in range(0, min(len(ids) // window, samples) * window, window):
        losses += model.losses(ids[first : first + window])
    print(f"{np.exp(np.mean(losses)):.6f}")


if __name__ == "__main__":
    main()
