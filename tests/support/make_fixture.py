#!/usr/bin/env python3
"""Makes a fixture for tests/unit/modelkit_compute/fixture_test.cc: a tiny random model, saved by transformers in
float32, with what transformers computes for it.

    make_fixture.py OUT MODEL_TYPE [KEY=JSON ...]     one of your own, for example
    make_fixture.py tests/data/fixtures/olmo2 olmo2 num_key_value_heads=2
    make_fixture.py --all OUT_FOLDER                  those listed below

OUT/model.safetensors, config.json and expected.safetensors: input_ids [2, 48], logits, hidden_states
[layers + 1, 2, 48, width] (the last one after the final norm), greedy (8 prompt tokens and 16 more).
Needs the packages torch, transformers and safetensors."""

import json
import pathlib
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, CONFIG_MAPPING

# Small, and odd enough that a mistake shows: heads that share keys, a width that is no multiple of a vector.
COMMON = dict(vocab_size=64, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.15, bos_token_id=1,
              eos_token_id=2, pad_token_id=None, tie_word_embeddings=False)

ROPE = dict(rope_theta=10000.0)
MOE = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24)
CASES = {
    "llama-yarn": ("llama", dict(rope_parameters=dict(ROPE, rope_type="yarn", factor=4.0,
                                                      original_max_position_embeddings=32))),
    "llama-dynamic": ("llama", dict(max_position_embeddings=24,
                                    rope_parameters=dict(ROPE, rope_type="dynamic", factor=2.0))),
    "phi3-longrope": ("phi3", dict(max_position_embeddings=128, original_max_position_embeddings=32,
                                   rope_parameters=dict(
                                       ROPE, rope_type="longrope", original_max_position_embeddings=32,
                                       short_factor=[1.0, 1.1, 1.2, 1.3],
                                       long_factor=[1.0, 2.0, 3.0, 6.0]))),
    "phi3-longrope-short": ("phi3", dict(max_position_embeddings=256, original_max_position_embeddings=64,
                                         rope_parameters=dict(
                                             ROPE, rope_type="longrope", original_max_position_embeddings=64,
                                             short_factor=[1.0, 1.1, 1.2, 1.3],
                                             long_factor=[1.0, 2.0, 3.0, 6.0]))),
    "qwen2-window": ("qwen2", dict(use_sliding_window=True, sliding_window=16, max_window_layers=1)),
    "gemma3-global": ("gemma3_text", dict(num_hidden_layers=3, sliding_window=16, head_dim=16, query_pre_attn_scalar=20,
                                          layer_types=["sliding_attention", "sliding_attention", "full_attention"],
                                          tie_word_embeddings=True)),
    "mixtral": ("mixtral", dict(num_local_experts=3, num_experts_per_tok=2, intermediate_size=24)),
    "cohere": ("cohere", dict(use_qk_norm=True, logit_scale=0.25, tie_word_embeddings=True)),
    "cohere2": ("cohere2", dict(sliding_window=16, num_hidden_layers=2, tie_word_embeddings=True,
                                layer_types=["sliding_attention", "full_attention"])),
    "gemma": ("gemma", dict(head_dim=16, tie_word_embeddings=True)),
    "glm": ("glm", dict(head_dim=16)),
    "glm4": ("glm4", dict(head_dim=16)),
    "gptj": ("gptj", dict(num_key_value_heads=4, n_embd=32, n_layer=2, n_head=4, n_inner=40, rotary_dim=4, n_positions=128)),
    "gpt-neox": ("gpt_neox", dict(num_key_value_heads=4, rope_parameters=dict(ROPE, rope_type="default", partial_rotary_factor=0.5))),
    "gpt-neox-serial": ("gpt_neox", dict(num_key_value_heads=4, use_parallel_residual=False, hidden_act="gelu_fast")),
    "granite": ("granite", dict(embedding_multiplier=6.0, logits_scaling=4.0, residual_multiplier=0.4,
                                attention_multiplier=0.2)),
    "nemotron": ("nemotron", {}),
    "olmo2": ("olmo2", {}),
    "phi": ("phi", dict(qk_layernorm=True)),
    "qwen2-moe": ("qwen2_moe", dict(MOE, shared_expert_intermediate_size=16, norm_topk_prob=False,
                                    mlp_only_layers=[0])),
    "qwen3-moe": ("qwen3_moe", dict(MOE, head_dim=16, norm_topk_prob=True)),
    "smollm3": ("smollm3", dict(no_rope_layers=[1, 0])),
    "stablelm": ("stablelm", dict(use_qkv_bias=True, rope_parameters=dict(ROPE, rope_type="default",
                                                                          partial_rotary_factor=0.5))),
    "stablelm-parallel": ("stablelm", dict(qk_layernorm=True, use_parallel_residual=True)),
    "starcoder2": ("starcoder2", dict(sliding_window=16)),
    "llama-linear": ("llama", dict(rope_parameters=dict(ROPE, rope_type="linear", factor=2.5))),
    "arcee": ("arcee", {}),
    "ernie4-5": ("ernie4_5", dict(head_dim=16)),
    "exaone4": ("exaone4", dict(sliding_window=16, layer_types=["sliding_attention", "full_attention"])),
    "falcon-7b": ("falcon", dict(num_key_value_heads=4, num_kv_heads=1, multi_query=True, ffn_hidden_size=40)),
    "falcon-grouped": ("falcon", dict(new_decoder_architecture=True, num_kv_heads=2, ffn_hidden_size=40)),
    "gpt-bigcode": ("gpt_bigcode", dict(num_key_value_heads=4, n_embd=32, n_layer=2, n_head=4, n_inner=40, n_positions=128)),
    "helium": ("helium", dict(head_dim=8)),
    "hunyuan": ("hunyuan_v1_dense", dict(head_dim=16, rope_parameters=dict(ROPE, rope_type="dynamic", alpha=50.0,
                                                                          factor=1.0))),
    "olmo": ("olmo", dict(clip_qkv=0.6)),
    "olmo3": ("olmo3", dict(sliding_window=16, layer_types=["sliding_attention", "full_attention"],
                            rope_parameters=dict(
                                full_attention=dict(ROPE, rope_type="yarn", factor=4.0,
                                                    original_max_position_embeddings=32),
                                sliding_attention=dict(ROPE, rope_type="default")))),
    "olmoe": ("olmoe", dict(num_experts=4, num_experts_per_tok=2, intermediate_size=24)),
    "opt": ("opt", dict(num_key_value_heads=4, ffn_dim=40, word_embed_proj_dim=32, init_std=0.15)),
    "persimmon": ("persimmon", dict(num_key_value_heads=4)),
    "seed-oss": ("seed_oss", dict(head_dim=16)),
    "cwm": ("cwm", dict(head_dim=16, sliding_window=16, layer_types=["full_attention", "sliding_attention"])),
    "dots1": ("dots1", dict(head_dim=16, n_routed_experts=8, num_experts_per_tok=2, moe_intermediate_size=12,
                            n_shared_experts=2, n_group=2, topk_group=1, first_k_dense_replace=1, norm_topk_prob=True,
                            routed_scaling_factor=1.5, sliding_window=16,
                            layer_types=["full_attention", "sliding_attention"])),
    "ernie4-5-moe": ("ernie4_5_moe", dict(moe_num_experts=6, moe_k=2, moe_intermediate_size=12,
                                          moe_num_shared_experts=2, moe_layer_start_index=1, moe_layer_end_index=1)),
    "glm4-moe": ("glm4_moe", dict(head_dim=16, n_routed_experts=8, num_experts_per_tok=2, moe_intermediate_size=12,
                                  n_group=2, topk_group=1, use_qk_norm=True, attention_bias=True,
                                  routed_scaling_factor=1.5)),
    "gpt-neo": ("gpt_neo", dict(num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]], window_size=16,
                                num_key_value_heads=4)),
    "hyperclovax": ("hyperclovax", dict(use_post_norm=True, embedding_multiplier=6.0, logits_scaling=4.0,
                                        residual_multiplier=0.4, attention_multiplier=0.2)),
    "jais2": ("jais2", {}),
    "minimax-m2": ("minimax_m2", dict(head_dim=16, num_local_experts=4, num_experts_per_tok=2, intermediate_size=24,
                                      rotary_dim=8)),
    "vaultgemma": ("vaultgemma", dict(head_dim=16, query_pre_attn_scalar=20, sliding_window=16,
                                      layer_types=["sliding_attention", "full_attention"])),
}


def scramble(model, seed):
    """Random values for what transformers initialises to ones and zeros, so that norms and biases count."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2 or "norm" in name:
            noise = torch.randn(parameter.shape, generator=generator) * 0.2
            parameter.data = parameter.data + noise
    for name, buffer in model.named_buffers():
        if name.endswith("correction_bias"):
            buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.2)


def make(folder, model_type, overrides, seed=7):
    torch.manual_seed(seed)
    folder = pathlib.Path(folder)
    config_class = CONFIG_MAPPING[model_type]
    # Names that differ from model to model (n_embd, ...) are mapped by the class itself.
    config = config_class(**{**COMMON, **overrides})
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    scramble(model, seed)
    if folder.exists():
        shutil.rmtree(folder)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    # As a user would load it; a mapping of names on the way out and in is then part of the fixture.
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.randint(3, config.vocab_size, (2, 48))
    with torch.no_grad():
        result = model(ids, output_hidden_states=True, use_cache=False)
        greedy = ids[0, :8]
        for _ in range(16):
            step = model(greedy[None], use_cache=False).logits[0, -1]
            greedy = torch.cat([greedy, step.argmax()[None]])
    save_file({"input_ids": ids, "logits": result.logits.contiguous(),
               "hidden_states": torch.stack(result.hidden_states).contiguous(), "greedy": greedy},
              folder / "expected.safetensors")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {size / 1024:.0f} KiB, logits up to {result.logits.abs().max():.2f}")


def main():
    if sys.argv[1:2] == ["--all"] and len(sys.argv) >= 3:
        for name, (model_type, overrides) in CASES.items():
            if len(sys.argv) == 3 or name in sys.argv[3:]:
                make(pathlib.Path(sys.argv[2]) / name, model_type, overrides)
    elif len(sys.argv) >= 3:
        pairs = (argument.split("=", 1) for argument in sys.argv[3:])
        make(sys.argv[1], sys.argv[2], {key: json.loads(value) for key, value in pairs})
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
