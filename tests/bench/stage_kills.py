#!/usr/bin/env python3
"""kill -9 inside long stages, at random moments, and what a resumed run makes of them.

    tests/bench/stage_kills.py --presswork build/release/bin/presswork [--kills 10] [--stages gptq,awq,qat]
        [--model examples/models/tiny-llama] [--calibration examples/text/calibration.txt] [--seed 1]

For each stage: one undisturbed run, then runs of which at a random moment either the stage's process or presswork
itself is killed, and which are resumed. A round is good when the result's digest is that of the undisturbed run, when
the attempt that went on took over every layer that lay finished at the moment of the kill, so that at most the layer in
work was done again, and when no process is left. Ends with 1 when a round is not."""
import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

STAGES = {
    "gptq": ("quantize/gptq", {"group_size": 32, "samples": 64, "window": 256}),
    "awq": ("quantize/awq", {"group_size": 32, "samples": 64, "window": 256}),
    "qat": ("quantize/qat", {"group_size": 32, "samples": 16, "window": 128}),
}


def write_workflow(path, stage, options):
    uses, settings = STAGES[stage]
    path.write_text(json.dumps({"presswork": 1, "name": stage, "stages": {
        "load": {"uses": "model/load", "with": {"path": os.path.abspath(options.model)}},
        "text": {"uses": "data/text", "with": {"path": os.path.abspath(options.calibration)}},
        "made": {"uses": uses, "inputs": {"model": "load.model", "calibration": "text.text"}, "with": settings}}}))


def presswork(options, folder, *words):
    cores = [] if words[0] == "status" else ["--cores", str(options.cores)]
    return [options.presswork, *words, "--workspace", str(folder / "ws"), "--json", *cores]


def result_of(text):
    made = next(stage for stage in json.loads(text)["stages"] if stage["id"] == "made")
    return made["outputs"]["model"]["digest"], made["metrics"]


def finished_layers(folder):
    """Layers that lie whole in the stage's scratch folder: with the states behind them, or the last one."""
    return len(list((folder / "ws" / "scratch").glob("*/layers/layer-*.safetensors")))


def children_of(pid):
    try:
        found = [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
    return found + [below for child in found for below in children_of(child)]


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def disturbed(options, folder, moment, whole):
    """Kills the run `moment` seconds after its first stage began; (layers finished then, processes that are left)."""
    process = subprocess.Popen(presswork(options, folder, "run", str(folder / "w.yaml")), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    while process.poll() is None and not (folder / "ws" / "scratch").exists():
        time.sleep(0.01)
    time.sleep(moment)
    hosts = children_of(process.pid)
    if whole:
        process.kill()
    else:
        for host in reversed(hosts):
            try:
                os.kill(host, signal.SIGKILL)
            except ProcessLookupError:
                pass
    process.wait()
    patience = time.monotonic() + 20
    while any(alive(host) for host in hosts) and time.monotonic() < patience:
        time.sleep(0.02)
    return finished_layers(folder), [host for host in hosts if alive(host)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--presswork", required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--stages", default="gptq,awq,qat")
    parser.add_argument("--model", default="examples/models/tiny-llama")
    parser.add_argument("--calibration", default="examples/text/calibration.txt")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.presswork = os.path.abspath(options.presswork)
    draw = random.Random(options.seed)
    good = True
    for stage in options.stages.split(","):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            write_workflow(folder / "w.yaml", stage, options)
            run = presswork(options, folder, "run", str(folder / "w.yaml"))
            start = time.perf_counter()
            expected, _ = result_of(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
            seconds = time.perf_counter() - start
        equal = taken = left_none = 0
        layers = []
        for kill in range(options.kills):
            with tempfile.TemporaryDirectory() as name:
                folder = pathlib.Path(name)
                write_workflow(folder / "w.yaml", stage, options)
                finished, left = disturbed(options, folder, draw.uniform(0.05, 0.9) * seconds, kill % 2 == 0)
                done = subprocess.run(presswork(options, folder, "resume"), capture_output=True)
                shown = subprocess.run(presswork(options, folder, "status"), capture_output=True, text=True).stdout
                digest, metrics = result_of(shown) if done.returncode == 0 else ("", {})
                resumed = metrics.get("resumed_layers", -1)
                # Whoever writes may be killed between a layer's file and that of its states: it is not finished then.
                taken += finished - 1 <= resumed <= finished
                equal += digest == expected
                left_none += not left
                layers.append(f"{resumed}/{finished}")
        good = good and equal == taken == left_none == options.kills
        print(f"{stage}: {seconds:.1f} s undisturbed; of {options.kills} kills {equal} end with the same bytes, {taken} "
              f"redo at most one layer (taken over/finished: {' '.join(layers)}), {left_none} leave no process",
              flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
