#!/usr/bin/env python3
"""What Presswork and the guide's formulas predict, beside what is measured: the tables of docs/predictions.md.

    tests/bench/predictions.py --presswork build/dev/bin/presswork [--scratch DIR] [--write] \\
        [tiny-llama=examples/models/tiny-llama,examples/text/eval.txt,examples/text/calibration.txt,256] \\
        [NAME=MODEL,TEXT,CALIBRATION,WINDOW[,STRATEGY-TO-LEAVE-OUT...] ...]

Prints Markdown; --write puts it between the marks in docs/predictions.md instead. Finished calls are kept in the scratch
folder, and a second start goes on after them; speeds are measured anew each time, all models in turn, round after round,
as ratios to the original of the same round. Needs what the models need in disk, and about a quarter of an hour on two
cores for tiny-llama and small-llama."""
import argparse
import hashlib
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MIB, GIB = 2**20, 2**30
SAMPLES = {"calibration": 32, "text": 24, "sensitivity": 4}  # windows
CALIBRATED = ("quantize/gptq", "quantize/awq", "quantize/mixed", "quantize/w8a8", "prune/")


def int_grid(bits, group, symmetric=True):
    return {"bits": bits, "group_size": group, "symmetric": symmetric}


def strategies(group):
    """Candidate of strategy/plan (or a kind of pruning for the guide's formula alone) to the stages that carry it out."""
    g, mixed = f"g{group}", {"bits_per_weight": 4, "group_size": group}
    two_of_four = ("prune/n-m", {"method": "wanda", "pattern": "2:4"})
    gptq = ("quantize/gptq", int_grid(4, group))
    return {
        "rtn-int8": [("quantize/rtn", int_grid(8, 0))],
        "gptq-int8": [("quantize/gptq", int_grid(8, 0))],
        "w8a8": [("quantize/w8a8", {})],
        "rtn-fp8": [("quantize/rtn", {"type": "fp8"})],
        f"rtn-int4-{g}": [("quantize/rtn", int_grid(4, group))],
        f"gptq-int4-{g}": [gptq],
        f"gptq-int4-{g}-asym": [("quantize/gptq", int_grid(4, group, False))],
        f"awq-int4-{g}-asym": [("quantize/awq", int_grid(4, group, False))],
        f"mixed-4bit-{g}": [("quantize/mixed", mixed)],
        "rtn-nf4": [("quantize/rtn", {"type": "nf4"})],
        "gptq-int4-g32-pruned-2of4": [("quantize/gptq", int_grid(4, 32)), two_of_four],
        "pruned-2of4": [two_of_four],
        "unstructured": [("prune/unstructured", {"method": "wanda", "sparsity": 0.5})],
    }


class Presswork:
    def __init__(self, program, scratch):
        self.program, self.scratch = program, scratch

    def call(self, stage, inputs, parameters, keep=True):
        """Metrics and outputs; a finished call of the same name is read from the scratch folder."""
        asked = json.dumps([stage, inputs, parameters], sort_keys=True)
        folder = self.scratch / hashlib.sha256(asked.encode()).hexdigest()[:16]
        result = folder / "result.json"
        if keep and result.exists():
            return json.loads(result.read_text())
        command = [self.program, "call", stage, "--json", "--with-json", "-", "-q"]
        if keep:
            command += ["--out", str(folder / "out")]
        for name, path in inputs.items():
            command += ["--input", f"{name}={path}"]
        done = subprocess.run(command, input=json.dumps(parameters), stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{stage} {parameters} failed: {done.stdout}")
        if keep:
            result.write_text(done.stdout)
        print(f"  {stage} {json.dumps(parameters)}", file=sys.stderr, flush=True)
        return json.loads(done.stdout)


class Measured:
    """One model, and what came of each strategy."""

    def __init__(self, presswork, name, model, text, calibration, window, *left_out):
        self.presswork, self.name, self.window = presswork, name, int(window)
        self.model, self.text, self.calibration = (str(pathlib.Path(p).resolve()) for p in (model, text, calibration))
        self.analysis = presswork.call(
            "analyze/model", {"model": self.model, "text": self.text},
            {"window": self.window, "sensitivity": True, "sensitivity_windows": SAMPLES["sensitivity"]})
        self.original = self.judge(self.model)
        plan = presswork.call("strategy/plan", {"analysis": self.analysis["outputs"]["analysis"]}, {"memory_gb": 16})
        document = json.loads(pathlib.Path(plan["outputs"]["strategy"]).read_text())
        self.plan = {candidate["id"]: candidate for candidate in document["candidates"]}
        widths = document["subject"]["widths"]
        group = 128 if all(width % 128 == 0 for width in widths) else 32
        self.strategies = {name: stages for name, stages in strategies(group).items() if not name.startswith(left_out)}
        self.results = {}
        for strategy, stages in self.strategies.items():
            path, last = self.model, None
            for stage, parameters in stages:
                inputs = {"model": path}
                if stage.startswith(CALIBRATED):
                    inputs["calibration"] = self.calibration
                    parameters = {**parameters, "window": self.window, "samples": SAMPLES["calibration"]}
                last = presswork.call(stage, inputs, parameters)
                path = last["outputs"]["model"]
            self.results[strategy] = {**self.judge(path), "metrics": last["metrics"]}

    def judge(self, path):
        evaluation = self.presswork.call("evaluate/perplexity", {"model": path, "text": self.text},
                                         {"window": self.window, "samples": SAMPLES["text"]})["metrics"]
        counts = self.presswork.call("analyze/model", {"model": path}, {})["metrics"]
        return {"path": path, "evaluation": evaluation, "perplexity": evaluation["perplexity"],
                "bytes": counts["bytes"], "memory_gb": counts["inference_memory_refined_gb"]}

    def measure_speeds(self, rounds):
        """Decoding speed of each over the original's in the same round: the median."""
        ratios = {strategy: [] for strategy in self.results}
        for _ in range(rounds):
            before = self.speed(self.original)
            for strategy, result in self.results.items():
                ratios[strategy].append(self.speed(result) / before)
        for strategy, values in ratios.items():
            self.results[strategy]["speedup"] = statistics.median(values) if values else None

    def speed(self, result):
        metrics = self.presswork.call("benchmark/inference", {"model": result["path"]},
                                      {"prompt_tokens": 64, "new_tokens": 64, "repeats": 3}, keep=False)["metrics"]
        result["inference"] = metrics
        return metrics["decode_tokens_per_s"]

    def loss(self, strategy):
        return (self.results[strategy]["perplexity"] / self.original["perplexity"] - 1) * 100

    def divergence(self):
        """(strategy, predicted, measured) of mixed precision, in nats."""
        strategy = next((name for name in self.results if name.startswith("mixed")), None)
        if strategy is None:
            return None
        result = self.results[strategy]
        measured = self.presswork.call("evaluate/divergence",
                                       {"model": result["path"], "baseline": self.model, "text": self.calibration},
                                       {"window": self.window, "samples": 4})["metrics"]
        return strategy, result["metrics"]["predicted_divergence"], measured["kl_mean"]


def error(predicted, measured):
    return f"{predicted / measured * 100 - 100:+.1f} %" if measured else "–"


def ratio(value):
    return f"{value:.2f}" if value else "–"


def strategy_table(m):
    yield ("| strategy | weights, MiB: predicted / measured | memory, MiB: predicted / by formula from what was written | "
           "loss: guide / predicted / measured | error of the prediction, guide's | "
           "decoding: predicted / measured | error |")
    yield "|---|---|---|---|---|---|---|"
    for strategy, result in m.results.items():
        if strategy not in m.plan:
            continue
        candidate, loss = m.plan[strategy], m.loss(strategy)
        predicted, guide = candidate["predicted"], candidate["guide_accuracy_impact"]
        size, memory = predicted["bytes"], predicted["memory_gb"] * 1024
        yield (f"| `{strategy}` | {size / MIB:.3f} / {result['bytes'] / MIB:.3f} ({error(size, result['bytes'])}) "
               f"| {memory:.2f} / {result['memory_gb'] * 1024:.2f} ({error(memory, result['memory_gb'] * 1024)}) "
               f"| {guide:.1f} / {predicted['loss_percent']:.2f} / {loss:.2f} % "
               f"| {predicted['loss_percent'] - loss:+.2f}, {guide - loss:+.2f} points "
               f"| {ratio(predicted['speedup'])} / {ratio(result['speedup'])} "
               f"| {error(predicted['speedup'], result['speedup'])} |")


def formula_table(models, presswork):
    """The guide's formulas for one precision or pattern, beside what was measured of a strategy."""
    def quantization(to):
        return presswork.call("estimate/quantization-effect", {},
                              {"original_precision": "fp16", "target_precision": to, "model_params": 1000,
                               "model_type": "transformer"})["metrics"]

    def pruning(kind):
        return presswork.call("estimate/pruning-effect", {},
                              {"model_params": 1000, "pruning_type": kind, "sparsity_ratio": 0.5})["metrics"]

    yield "| formula | figure | predicted |" + "".join(f" {m.name} |" for m in models)
    yield "|---|---|---|" + "---|" * len(models)
    for to, strategy in (("int8", "rtn-int8"), ("int4", "rtn-int4-"), ("int4", "gptq-int4-")):
        effect = quantization(to)
        pick = [next(s for s in m.results if s.startswith(strategy)) for m in models]
        label = f"`quantization-effect` fp16→{to} (`{strategy.rstrip('-')}`)"
        rows = (("loss", f"{effect['estimated_accuracy_degradation_percent']:.1f} %", lambda m, s: f"{m.loss(s):.2f} %"),
                ("memory saved, linears", f"{effect['memory_saving_percent']:.0f} %",
                 lambda m, s: f"{(1 - m.results[s]['metrics']['bits_per_weight'] / 16) * 100:.1f} %"),
                ("memory saved, model", f"{effect['memory_saving_percent']:.0f} %",
                 lambda m, s: f"{(1 - m.results[s]['bytes'] / m.original['bytes']) * 100:.1f} %"),
                ("speed-up 0.7·ratio; min(ratio, 2)",
                 f"{effect['theoretical_speedup']:.2f}; {effect['memory_bandwidth_speedup']:.2f}",
                 lambda m, s: ratio(m.results[s]["speedup"])))
        for figure, predicted, measured in rows:
            yield f"| {label} | {figure} | {predicted} |" + "".join(
                f" {measured(m, s)} |" for m, s in zip(models, pick))
    for kind, strategy in (("unstructured", "unstructured"), ("n_m_structured", "pruned-2of4")):
        effect = pruning(kind)
        label = f"`pruning-effect` {kind}, half (Wanda)"
        yield f"| {label} | loss | {effect['estimated_accuracy_degradation_percent']:.1f} % |" + "".join(
            f" {m.loss(strategy):.1f} % |" for m in models)
        yield f"| {label} | speed-up | {effect['theoretical_speedup']:.2f} |" + "".join(
            f" {ratio(m.results[strategy]['speedup'])} |" for m in models)


def memory_table(models):
    yield "| model | stage | predicted peak, MiB | measured, MiB | error |"
    yield "|---|---|---|---|---|"
    for m in models:
        small = next(s for s in m.results if s.startswith("gptq-int4"))
        for what, result in (("original", m.original), (small, m.results[small])):
            for stage, metrics in (("evaluate/perplexity", result["evaluation"]),
                                   ("benchmark/inference", result.get("inference"))):
                if metrics is None:
                    continue
                predicted, peak = metrics["predicted_peak_memory_bytes"], metrics["peak_memory_bytes"]
                yield (f"| {m.name}, {what} | `{stage}` | {predicted / MIB:.0f} | {peak / MIB:.0f} "
                       f"| {error(predicted, peak)} |")


def divergence_table(models):
    yield "| model | strategy | predicted, nat | measured, nat | error |"
    yield "|---|---|---|---|---|"
    for m in models:
        if not (found := m.divergence()):
            continue
        strategy, predicted, measured = found
        yield f"| {m.name} | `{strategy}` | {predicted:.4f} | {measured:.4f} | {error(predicted, measured)} |"


def document(models, presswork, rounds):
    for m in models:
        yield f"### {m.name}"
        yield ""
        yield (f"Perplexity of the original {m.original['perplexity']:.4f} ({pathlib.Path(m.text).name}, "
               f"{SAMPLES['text']} windows of {m.window} at most); {SAMPLES['calibration']} windows of calibration; "
               f"speeds are medians of {rounds} rounds.")
        yield ""
        yield from strategy_table(m)
        yield ""
    for title, table in (("The guide's formulas", formula_table(models, presswork)),
                         ("Peak memory of Presswork's own stages", memory_table(models)),
                         ("Divergence of mixed precision", divergence_table(models))):
        yield f"### {title}"
        yield ""
        yield from table
        yield ""


def write(page, text):
    begin, end = "<!-- begin: tests/bench/predictions.py -->\n", "<!-- end -->"
    before, rest = page.read_text().split(begin)
    page.write_text(before + begin + "\n" + text + rest[rest.index(end):])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presswork", required=True)
    parser.add_argument("--scratch", default="build/predictions")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of speed; 0: none")
    parser.add_argument("--write", action="store_true")
    examples = ROOT / "examples"
    parser.add_argument("models", nargs="*", default=[
        f"tiny-llama={examples}/models/tiny-llama,{examples}/text/eval.txt,{examples}/text/calibration.txt,256"])
    options = parser.parse_args()
    scratch = pathlib.Path(options.scratch).resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    presswork = Presswork(str(pathlib.Path(options.presswork).resolve()), scratch)
    models = []
    for model in options.models:
        name, _, parts = model.partition("=")
        models.append(Measured(presswork, name, *parts.split(",")))
    for m in models:
        m.measure_speeds(options.rounds)
    text = "\n".join(document(models, presswork, options.rounds)) + "\n"
    if options.write:
        write(ROOT / "docs/predictions.md", text)
    else:
        print(text)


if __name__ == "__main__":
    main()
