#!/usr/bin/env python3
"""Writes evaluation.json: what PyTorch (float64) and transformers say of the shipped tiny-llama.

    python3 make_evaluation.py ../../../examples > evaluation.json

Made with the versions that the file names. The model to judge is the shipped one with one weight set to zero,
which a test can do for itself."""
import hashlib, json, sys
import numpy, tokenizers, torch, transformers

examples = sys.argv[1]
folder, zeroed, window = examples + "/models/tiny-llama", "model.layers.3.mlp.down_proj.weight", 256
tokenizer = tokenizers.Tokenizer.from_file(folder + "/tokenizer.json")
text = open(examples + "/text/eval.txt", encoding="utf-8", newline="").read()
ids = tokenizer.encode(text, add_special_tokens=False).ids
ids = numpy.array(ids[: len(ids) // window * window], dtype="<i4").reshape(-1, window)


def load():
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager").eval()


def error(parts):
    return float(numpy.std([part.mean() for part in parts], ddof=1) / len(parts) ** 0.5)


@torch.no_grad()
def divergence(context):
    kl, agree, nll, base = [], [], [], []
    for row in ids:
        x = torch.tensor(row.astype(numpy.int64))[None]
        b, m = (torch.log_softmax(one(x).logits[0, context:-1], -1) for one in (baseline, model))
        target = x[0, context + 1:, None]
        kl.append((b.exp() * (b - m)).sum(-1).numpy())
        agree.append((b.argmax(-1) == m.argmax(-1)).double().numpy())
        nll.append(-m.gather(1, target)[:, 0].numpy())
        base.append(-b.gather(1, target)[:, 0].numpy())
    every = numpy.concatenate(kl)
    p50, p90, p99, largest = (float(v) for v in numpy.percentile(every, [50, 90, 99, 100]))
    ratio = [a - b for a, b in zip(nll, base)]
    return {"context": context, "kl_mean": float(every.mean()), "kl_stderr": error(kl), "kl_p50": p50,
            "kl_p90": p90, "kl_p99": p99, "kl_max": largest,
            "top1_agreement": float(numpy.concatenate(agree).mean()), "top1_stderr": error(agree),
            "perplexity": float(numpy.exp(numpy.concatenate(nll).mean())),
            "baseline_perplexity": float(numpy.exp(numpy.concatenate(base).mean())),
            "log_perplexity_ratio": float(numpy.concatenate(ratio).mean()),
            "log_perplexity_ratio_stderr": error(ratio), "tokens": int(every.size)}


@torch.no_grad()
def greedy(prompt, count):
    x = torch.tensor([tokenizer.encode(prompt).ids])
    start = x.shape[1]
    eos = baseline.config.eos_token_id
    while x.shape[1] < start + count:
        best = baseline(x).logits[0, -1].argmax()
        if best == eos:
            break
        x = torch.cat([x, best[None, None]], 1)
    new = x[0, start:].tolist()
    whole, before = tokenizer.decode(x[0].tolist()), tokenizer.decode(x[0, :start].tolist())
    assert whole.startswith(before)
    return {"prompt": prompt, "ids": new, "text": whole[len(before):]}


baseline, model = load(), load()
dict(model.named_parameters())[zeroed].data.zero_()
prompts = ["人工智能的未來發展", "The history of the", "In the beginning"]
print(json.dumps({
    "made_with": {"torch": torch.__version__, "transformers": transformers.__version__,
                  "tokenizers": tokenizers.__version__},
    "zeroed": zeroed, "window": window, "token_digest": "sha256:" + hashlib.sha256(ids.tobytes()).hexdigest(),
    "divergence": [divergence(0), divergence(window // 2)],
    "greedy": [greedy(prompt, 24) for prompt in prompts]}, indent=1, ensure_ascii=False))
