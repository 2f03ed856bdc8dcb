"""Searches in NAS-Bench-Macro's supernet on CIFAR-10, with a latency in the loss; what they find is looked up.

Each seed is one front: a warm-up, then a search for each strength of the latency. The accuracy of a network is the mean
of three trainings by others, in NAS-Bench-Macro's table (Su et al., 2021). Beside it stand networks of the space that
cost about the same, and the network that `mean_field` picks among those that cost no more. Searches are runs in
NB201_RUNS and continue if the program is run again. SUPERNET_SEEDS: which seeds, such as 0,1,2. SUPERNET_STRENGTHS:
other strengths. The program uses one thread: run it once for each seed at the same time, and then for all.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import torch

import PlainNet
from benchmarks._nb201 import IMAGES, ROOT, RUNS, data_or_leave
from benchmarks.common import print_machine
from PlainNet import Structure
from SearchSpace import load_space
from zennas.accuracy.lookup import Trained
from zennas.api import proxyless_front
from zennas.common.environment import can_draw
from zennas.supernet.front_record import FrontPoint, ProxylessFront
from zennas.supernet.history import SearchEpoch
from zennas.supernet.spaces import open_space
from zennas.supernet.tables import counted, predicted
from ZeroShotProxy import ScoreSettings, score

TABLE, SPACE, PROFILE = "nas_bench_macro_cifar10.csv.gz", "nasbench-macro", "this-machine-fp32"
RESOLUTION, CLASSES = 32, 10
"""Of the images that the networks of the table were trained with."""
LOOKED_AT = 16
"""The side of the images that the supernet sees, for the time that two cores have."""
SEEDS = (0, 1, 2)
STRENGTHS = (0.02, 0.1, 0.3)
SETTINGS: dict[str, Any] = {
    "space": SPACE,
    "resolution": LOOKED_AT,
    "cost_resolution": RESOLUTION,
    "batch_size": 64,
    "warmup_epochs": 5,
    "warmup_lr": 0.1,
    "n_epochs": 2,
    "init_lr": 0.05,
    "grad_update_arch_param_every": 1,
    "arch_optim_lr": 0.01,
    "precision": "bf16",
    "latency_backend": (f"predictor:{PROFILE}",),
    "device": "cpu",
    "checkpoint_every": 200,
}
NEAR = 0.02
"""Networks with a cost within this share of a network's are its equals."""
PICTURE = ROOT / "docs" / "images" / "supernet-macro.png"


@dataclass(frozen=True)
class Known:
    """All networks of the space, (networks,) each. accuracy: in percent."""

    structures: list[Structure]
    accuracy: np.ndarray
    flops: np.ndarray
    ms: np.ndarray

    def place(self, structure: Structure) -> int:
        return self.structures.index(structure)

    def percentile(self, place: int) -> float:
        """The share in percent of the networks of its FLOPs or fewer whose accuracy is lower."""
        others = self.accuracy[self.flops <= self.flops[place]]
        return float(100 * np.mean(others < self.accuracy[place]))


def known(table: Path) -> Known:
    space, trained = open_space(SPACE), Trained(str(table), load_space(SPACE))
    sizes = {"resolution": RESOLUTION, "num_classes": CLASSES}
    flops, ms = counted(space, "flops", **sizes), predicted(space, PROFILE, **sizes)
    accuracies = trained.column(None)[1]
    structures, rows = [], []
    for numbers in product(*(range(len(options)) for options in space.options.values())):
        picks = {key: (pick,) for key, pick in zip(space.options, numbers, strict=True)}
        structures.append(space.network(picks))
        line = trained.lines.line(structures[-1])
        assert line is not None  # the table has the whole space
        rows.append((accuracies[line], flops.of(picks), ms.of(picks)))
    return Known(structures, *np.array(rows).T)


def mean_field(networks: Known) -> np.ndarray:
    """The score of each network, (networks,)."""
    settings = ScoreSettings(resolution=RESOLUTION, num_classes=CLASSES)
    return np.array([score(one, ["mean_field"], settings)["mean_field"].value for one in networks.structures])


class Lines:
    """Prints each epoch to standard error."""

    def step(self, phase: str, epoch: int, step: int, steps: int, loss: float) -> None:
        pass

    def epoch(self, done: SearchEpoch) -> None:
        top1 = "" if done.valid_top1 is None else f", most probable network {done.valid_top1:.2f} %"
        costs = ", ".join(f"{name} {value:.4g}" for name, value in done.expected.items())
        print(
            f"{done.phase} {done.epoch}: loss {done.loss:.3f}, entropy {done.entropy:.3f}, {costs}{top1}, "
            f"{done.seconds:.0f} s",
            file=sys.stderr,
            flush=True,
        )


def searched(seed: int, images: Path, strengths: tuple[float, ...], reference: float) -> ProxylessFront:
    return proxyless_front(
        **SETTINGS,
        dataset=str(images),
        strengths=strengths,
        ref_latency_ms=(reference,),
        seed=seed,
        save_dir=RUNS / f"supernet-macro-{seed}",
        go_on=True,
        watcher=Lines(),
    )


def print_found(one: FrontPoint, seed: int, networks: Known, scores: np.ndarray) -> None:
    place = networks.place(one.result.structure)
    flops, accuracy = networks.flops[place], networks.accuracy[place]
    near = networks.accuracy[np.abs(networks.flops / flops - 1) <= NEAR]
    allowed = networks.flops <= flops
    picked = int(np.argmax(np.where(allowed, scores, -np.inf)))
    expected = next(iter(one.result.expected.values()))
    print(
        f"  {seed} {one.strength:8g} {expected:8.3f} {networks.ms[place]:8.3f} {flops / 1e6:7.1f} {accuracy:9.2f} "
        f"{networks.percentile(place):10.1f} {networks.accuracy[allowed].max():8.2f} "
        f"{near.mean():10.2f} ± {near.std():.2f} {networks.accuracy[picked]:10.2f} "
        f"({networks.percentile(picked):.1f}) {one.result.seconds / 60:8.0f}"
    )


def picture(networks: Known, fronts: dict[int, ProxylessFront]) -> None:
    """Plot accuracy against latency: all networks, and what each search has found."""
    if not can_draw():
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), dpi=130, layout="constrained")
    axes = figure.subplots()
    axes.plot(networks.ms, networks.accuracy, ".", color="0.8", markersize=2, label="all 6,561 networks")
    for (seed, front), colour in zip(fronts.items(), ("#1f5fa8", "#c1440e", "#3a7d44"), strict=False):
        places = [networks.place(one.result.structure) for one in front.searches]
        axes.plot(
            networks.ms[places], networks.accuracy[places], "o-", color=colour, markersize=5, label=f"seed {seed}"
        )
        for place, one in zip(places, front.searches, strict=True):
            where = (networks.ms[place], networks.accuracy[place])
            axes.annotate(f"λ {one.strength:g}", where, (0, 6), textcoords="offset points", ha="center", fontsize=7)
    axes.set_ylim(np.quantile(networks.accuracy, 0.02), networks.accuracy.max() + 0.2)
    axes.set_xlabel(f"latency in ms, predicted by {PROFILE} at {RESOLUTION}×{RESOLUTION}")
    axes.set_ylabel("CIFAR-10 test accuracy in percent, looked up")
    axes.legend(loc="lower right", fontsize=8)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE)
    print(f"picture: {PICTURE.relative_to(ROOT)}")


def main() -> None:
    table, images = data_or_leave(TABLE, IMAGES)
    torch.set_num_threads(1)
    print_machine()
    asked_seeds = os.environ.get("SUPERNET_SEEDS")
    seeds = SEEDS if asked_seeds is None else tuple(int(one) for one in asked_seeds.split(","))
    strengths = tuple(
        float(one) for one in os.environ.get("SUPERNET_STRENGTHS", ",".join(map(str, STRENGTHS))).split(",")
    )
    networks = known(table)
    reference = round(float(np.median(networks.ms)), 3)
    whole = PlainNet.cost(networks.structures[0], resolution=RESOLUTION, num_classes=CLASSES)
    assert whole.flops == networks.flops[0]
    fronts = {seed: searched(seed, images, strengths, reference) for seed in seeds}
    scores = mean_field(networks)
    print(
        f"{SETTINGS['warmup_epochs']} epochs of warm-up and {SETTINGS['n_epochs']} of search at "
        f"{LOOKED_AT}×{LOOKED_AT}, batches of {SETTINGS['batch_size']}, one core; latency by {PROFILE} at "
        f"{RESOLUTION}×{RESOLUTION} in the loss, reference {reference} ms"
    )
    print("columns: seed; λ; expected ms; final ms; MFLOPs; accuracy; its percentile among networks of its FLOPs or")
    print(
        f"  fewer; the best of them; networks within {NEAR:.0%} of its FLOPs; mean_field's pick of its FLOPs or fewer,"
    )
    print("  and its percentile; minutes of one core, with the warm-up")
    for seed, front in fronts.items():
        for one in front.searches:
            print_found(one, seed, networks, scores)
    for seed, front in fronts.items():
        if len(front.searches) < 2:
            continue
        steps = [(next(iter(one.result.expected.values())), one.result.costs[front.cost]) for one in front.searches]
        falls = all(a[0] > b[0] and a[1] > b[1] for a, b in pairwise(steps))
        print(f"seed {seed}: expected and final latency fall with each step of λ: {'yes' if falls else 'no'}")
    picture(networks, fronts)


if __name__ == "__main__":
    main()
