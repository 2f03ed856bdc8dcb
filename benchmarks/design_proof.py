"""Networks designed here and what people would take instead, trained alike on CIFAR-10 at three small budgets.

    python -m benchmarks.design_proof choose [BUDGET…]   choose who competes, and write the list
    python -m benchmarks.design_proof train [COUNT]      train what is left, one process each
    python -m benchmarks.design_proof measure            measure the latencies here, in turns
    python -m benchmarks.design_proof                    print what there is so far, and draw the picture

`train` can be killed at any time and called again; it takes --budget, --epochs, --seeds, --device and --at-once. With
--device cuda --at-once 8 it trains everything on a GPU. The images are CIFAR-10's JPEG archives in ../shared/data, or
in the folder NB201_DATA; the trainings are in runs/, or NB201_RUNS.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks._design_proof.budgets import CLASSES, RESOLUTION, budgets
from benchmarks._design_proof.contestants import Contestant, choose, read_list, write_list
from benchmarks._design_proof.files import MEASURED, Measured, add, read_trained
from benchmarks._design_proof.report import report
from benchmarks._nb201 import IMAGES, data_or_leave
from benchmarks.common import print_machine

EPOCHS, SEEDS = 30, 3
NAMES = [limits.name for limits in budgets()]


def jobs(contestants: list[Contestant], epochs: int, seeds: int) -> list[tuple[Contestant, int]]:
    """Return the trainings that are left: every network of a budget once, then again; a network only once a seed."""
    done = {(one.structure, one.seed) for one in read_trained() if one.epochs == epochs}
    left: dict[tuple[str, int], tuple[Contestant, int]] = {}
    for name in NAMES:
        here = [one for one in contestants if one.budget == name]
        for seed in range(seeds):
            for one in here:
                if (one.text, seed) not in done:
                    left.setdefault((one.text, seed), (one, seed))
    return list(left.values())


def choose_for(names: list[str]) -> None:
    """Choose who competes at some budgets; those of the others stay."""
    kept = [one for one in read_list() if one.budget not in names]
    for limits in budgets():
        if limits.name in names:
            kept += choose(limits)
            write_list(kept)


def train(asked: argparse.Namespace) -> None:
    data_or_leave(IMAGES)
    contestants = [one for one in read_list() if asked.budget in (None, one.budget)]

    def run(job: tuple[Contestant, int]) -> None:
        one, seed = job
        command = [sys.executable, "-m", "benchmarks.design_proof", "one", one.text, str(seed), "--name", one.name]
        command += ["--epochs", str(asked.epochs), "--device", asked.device]
        # One thread, because networks as small as these gain nothing from more.
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})

    with ThreadPoolExecutor(asked.at_once) as threads:
        list(threads.map(run, jobs(contestants, asked.epochs, asked.seeds)[: asked.count]))


def one(asked: argparse.Namespace) -> None:
    from benchmarks._design_proof.training import train_one

    found = train_one(asked.structure, asked.seed, asked.epochs, asked.device, asked.name)
    print(
        f"{asked.name}, seed {found.seed}: {found.top1:.2f} % in {found.seconds:.0f} s, rate {found.rate}", flush=True
    )


def measure() -> None:
    """Measure the latency of all contestants with ONNX Runtime on one thread, in turns."""
    from latency.base import MeasureSettings
    from latency.measuring.measure import compare
    from latency.measuring.subject import of_structure

    found = list({one.text: one for one in read_list()}.values())
    subjects = [of_structure(one.structure, RESOLUTION, CLASSES) for one in found]
    stats = compare(subjects, MeasureSettings("onnxruntime", relative_error=0.01, seconds=8, threads=1))
    lines = [
        Measured(one.text, round(each.latency_ms, 4), round(min(each.samples), 4), each.settled)
        for one, each in zip(found, stats, strict=True)
    ]
    add(MEASURED, lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.design_proof", description=__doc__)
    parser.set_defaults(epochs=EPOCHS, seeds=SEEDS)
    actions = parser.add_subparsers(dest="action")
    choosing = actions.add_parser("choose")
    choosing.add_argument("budgets", nargs="*", metavar="BUDGET")
    training = actions.add_parser("train")
    training.add_argument("count", type=int, nargs="?")
    training.add_argument("--budget", choices=NAMES)
    training.add_argument("--at-once", type=int, default=1)
    single = actions.add_parser("one")
    single.add_argument("structure")
    single.add_argument("seed", type=int)
    single.add_argument("--name", default="")
    actions.add_parser("measure")
    for each in (parser, training, single):
        each.add_argument("--epochs", type=int, default=EPOCHS)
    for each in (parser, training):
        each.add_argument("--seeds", type=int, default=SEEDS)
    for each in (training, single):
        each.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    match asked.action:
        case "choose":
            for name in asked.budgets:
                if name not in NAMES:
                    parser.error(f"there is no budget {name}, expected {', '.join(NAMES)}")
            choose_for(asked.budgets or NAMES)
        case "train":
            train(asked)
        case "one":
            one(asked)
        case "measure":
            measure()
        case _:
            print_machine()
            report(read_list(), asked.epochs, asked.seeds)


if __name__ == "__main__":
    main()
