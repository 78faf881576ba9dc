#!/usr/bin/env python3
"""Makes the fixture of tests/unit/modelkit_train: a tiny random Llama with biases, saved by transformers in float32,
and what PyTorch's autograd and optimizers make of it.

    make_training.py OUT_FOLDER

OUT/config.json, model.safetensors, and expected.safetensors:
  input_ids [2, 24]; baseline_states [2, 24, width]: states of another model, behind the final norm;
  cross_entropy, divergence: the losses, each with the gradients by every linear as <loss>.<module>, and by the
  embeddings' output as <loss>.input;
  fake.*: a weight on a learned grid and its gradients (LSQ), symmetric and not;
  adamw.*: parameters, gradients of each step, and the parameters behind the last one.
Needs the packages torch, transformers and safetensors."""

import pathlib
import shutil
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def make_model(folder):
    torch.manual_seed(11)
    config = LlamaConfig(vocab_size=61, hidden_size=24, intermediate_size=40, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=64,
                         initializer_range=0.2, attention_bias=True, mlp_bias=True, tie_word_embeddings=False,
                         bos_token_id=1, eos_token_id=2)
    config._attn_implementation = "eager"
    model = LlamaForCausalLM(config).float().eval()
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2:
            parameter.data += torch.randn(parameter.shape) * 0.2
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    return model


def gradients(model, name, loss_of, ids, expected):
    model.zero_grad()
    inputs = model.model.embed_tokens(ids).detach().requires_grad_()
    loss = loss_of(model(inputs_embeds=inputs, use_cache=False).logits)
    loss.backward()
    expected[name] = loss.detach().reshape(1)
    expected[f"{name}.input"] = inputs.grad
    for module, layer in model.named_modules():
        if module.endswith(LINEARS):
            expected[f"{name}.{module}"] = layer.weight.grad.clone()


def model_losses(model, expected):
    ids = torch.randint(3, model.config.vocab_size, (2, 24))
    baseline = torch.randn(2, 24, model.config.hidden_size)
    expected["input_ids"], expected["baseline_states"] = ids, baseline
    gradients(model, "cross_entropy",
              lambda logits: F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()), ids, expected)
    target = F.log_softmax(model.lm_head(baseline).detach(), -1).flatten(0, 1)
    gradients(model, "divergence",
              lambda logits: F.kl_div(F.log_softmax(logits, -1).flatten(0, 1), target, log_target=True,
                                      reduction="batchmean"), ids, expected)


def through(value, replacement):
    """The replacement's value with the value's gradient."""
    return value + (replacement - value).detach()


def fake_quantize(weight, scales, zeros, bits, group):
    low, high = -2 ** (bits - 1), 2 ** (bits - 1) - 1
    w = weight.unflatten(1, (-1, group))
    level = w / scales[..., None]
    level = through(level, torch.round(level)) + zeros[..., None]
    return ((torch.clamp(level, low, high) - zeros[..., None]) * scales[..., None]).flatten(1)


def learned_grid(expected):
    for name, bits, symmetric in (("symmetric", 4, True), ("asymmetric", 3, False)):
        weight = (torch.randn(5, 48) * 0.05).requires_grad_()
        scales = (torch.rand(5, 3) * 0.01 + 0.008).requires_grad_()
        zeros = torch.zeros(5, 3) if symmetric else torch.randint(-3, 3, (5, 3)).float()
        out = fake_quantize(weight, scales, zeros, bits, 16)
        dout = torch.randn(5, 48)
        out.backward(dout)
        values = dict(weight=weight, scales=scales, zeros=zeros, out=out, dout=dout, dweight=weight.grad,
                      dscales=scales.grad)
        expected.update({f"fake.{name}.{key}": value.detach() for key, value in values.items()})


def adamw(expected):
    """Five steps of two parameters with rates of their own, gradients limited to a norm of 1 together, a cosine."""
    values = [torch.randn(3, 10), torch.randn(4, 5)]
    for i, value in enumerate(values):
        expected[f"adamw.{i}.start"] = value.clone()
    parameters = [torch.nn.Parameter(value) for value in values]
    optimizer = torch.optim.AdamW([dict(params=[parameters[0]], lr=0.05, weight_decay=0.0),
                                   dict(params=[parameters[1]], lr=0.01, weight_decay=0.3)], betas=(0.9, 0.999))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)
    for step in range(5):
        for i, parameter in enumerate(parameters):
            parameter.grad = torch.randn(parameter.shape) * (2.0 if step % 2 else 0.05)
            expected[f"adamw.{i}.gradient.{step}"] = parameter.grad.clone()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
        optimizer.step()
        schedule.step()
    for i, parameter in enumerate(parameters):
        expected[f"adamw.{i}.end"] = parameter.detach()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    if folder.exists():
        shutil.rmtree(folder)
    expected = {}
    model_losses(make_model(folder), expected)
    learned_grid(expected)
    adamw(expected)
    save_file({name: tensor.contiguous() for name, tensor in expected.items()}, folder / "expected.safetensors")
    print(f"{folder}: {sum(file.stat().st_size for file in folder.iterdir()) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
