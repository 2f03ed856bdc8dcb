"""Who competes at each budget: designed networks, and what people would take instead. No torch, but for Monte Carlo."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean

import ZenNet
from benchmarks._design_proof.budgets import CLASSES, PROFILE, RESNET_8, RESOLUTION, Costs, Limits, budgets, costs_of
from benchmarks._designs.peers import mobilenet_v2
from benchmarks._own_table.results import by_structure, results
from benchmarks._own_table.structures import MOST_LAYERS, SPACES, mobilenet
from benchmarks._own_table.structures import read_list as read_entries
from PlainNet import Structure, parse
from PlainNet.blocktype import BLOCKS, BOTTLENECK, CHANNELS, IN, OUT
from PlainNet.files import write_text
from PlainNet.ir import BlockSpec
from SearchSpace import load_space
from zennas.api import search
from zennas.budget.budgets import PREDICTOR
from zennas.searching.telling.resnets import resnet_of

LIST = Path(__file__).with_name("contestants.csv")
PROXIES = ("mean_field", "zen")
ITERATIONS = 8_000
TRAINING_STEPS = 11_700
"""Of 30 epochs in batches of 128."""
OURS = "ours"
RANDOM = 20
"""Structures that are drawn, of which the one with the most FLOPs competes."""
WALKS = range(5, 81)
"""Steps of a random walk that draws a structure."""
STEP = 0.02
"""Between the factors of widths that are tried."""
WIDEST = 4.0
"""The largest factor."""
SHRUNK = "zennet_cifar10_model_size05M_res32"


@dataclass(frozen=True)
class Contestant:
    """A network at a budget. kind: ours, hand, scaled, random, or outside for one that is beyond the limits."""

    budget: str
    kind: str
    name: str
    text: str

    @property
    def structure(self) -> Structure:
        return parse(self.text)

    @property
    def costs(self) -> Costs:
        return costs_of(self.structure)


def _designed(limits: Limits, proxy: str) -> Structure:
    """The network with the highest score among the winners of all spaces."""
    found: list[tuple[float, Structure]] = []
    for space in SPACES:
        with tempfile.TemporaryDirectory() as folder:
            best = search(
                search_space=space,
                proxy=proxy,
                budget_params=limits.params,
                budget_flops=limits.flops,
                budget_ram=limits.ram,
                budget_latency_ms=limits.ms,
                latency_backend=PREDICTOR + PROFILE,
                max_layers=MOST_LAYERS,
                iterations=ITERATIONS,
                training_steps=TRAINING_STEPS,
                save_dir=Path(folder) / "run",
                device="cpu",
            ).best
        assert best is not None
        found.append((best.measures[proxy].value, best.structure))
    return max(found, key=lambda one: one[0])[1]


def widened(structure: Structure, factor: float, multiple: int = 4) -> Structure:
    """Return a network with the widths of all blocks times `factor`, as multiples of a number, at least once that."""

    def scaled(spec: BlockSpec, first: bool) -> BlockSpec:
        params = BLOCKS.get(spec.kind).params
        args = [
            value
            if param not in (IN, OUT, CHANNELS, BOTTLENECK) or (first and param is IN)
            else max(multiple, round(value * factor / multiple) * multiple)
            for param, value in zip(params, spec.args, strict=True)
        ]
        return spec._replace(args=tuple(args))

    return Structure(tuple(scaled(spec, not number) for number, spec in enumerate(structure.blocks)))


def largest(limits: Limits, scaled: Callable[[float], Structure]) -> tuple[float, Structure] | None:
    """Return the factor of widths with the most FLOPs within a budget, and its network; None if there is none."""
    factors = [round(number * STEP, 2) for number in range(2, round(WIDEST / STEP))]
    fit = [(factor, one) for factor in factors if not limits.beyond(costs_of(one := scaled(factor)))]
    return max(fit, key=lambda one: costs_of(one[1]).flops, default=None)


def _scaled(limits: Limits) -> Iterator[Contestant]:
    """Networks that people drew and others published, with the widths that fit."""
    base = parse(mobilenet(16, (24, 32, 32, 48, 48, 48), (1, 2, 1, 2, 1, 1), 128, 3))
    if limits.beyond(costs_of(base)):
        yield Contestant(limits.name, "outside", "MobileNetV2-like by hand, as drawn", str(base))
    published = parse(ZenNet.model_info(SHRUNK)["structure"])
    ways: dict[tuple[str, str], Callable[[float], Structure]] = {
        ("hand", "MobileNetV2-like by hand"): lambda factor: widened(base, factor),
        ("scaled", "MobileNetV2"): lambda factor: mobilenet_v2(factor, RESOLUTION, narrow=True),
        ("scaled", "ZenNet 0.5M"): lambda factor: widened(published, factor),
    }
    for (kind, name), way in ways.items():
        found = largest(limits, way)
        if found is not None:
            yield Contestant(limits.name, kind, f"{name}, widths × {found[0]:.2f}", str(found[1]))


def _by_hand(limits: Limits) -> Iterator[Contestant]:
    """The best network of the own table within a budget that a hand drew, after its short trainings there."""
    accuracies = by_structure(results())
    drawn_by_hand = [one for one in read_entries() if one.group == "hand" and one.structure in accuracies]
    fit = [
        one for one in drawn_by_hand if one.structure != RESNET_8 and not limits.beyond(costs_of(parse(one.structure)))
    ]
    if fit:
        best = max(fit, key=lambda one: fmean(accuracies[one.structure]))
        yield Contestant(limits.name, "hand", f"by hand: {best.origin.split(', ')[0]}", best.structure)


def _resnet(limits: Limits) -> Contestant:
    """ResNet-8 itself where it is the budget, else the ResNet with the most FLOPs that fits."""
    if limits.flops == costs_of(parse(RESNET_8)).flops:
        return Contestant(limits.name, "hand", "ResNet-8", RESNET_8)
    tried = (resnet_of(1e6 * 1.03**number, RESOLUTION, CLASSES) for number in range(150))
    fit = [one for one in tried if one is not None and not limits.beyond(costs_of(one.structure))]
    best = max(fit, key=lambda one: one.cost.flops)
    return Contestant(limits.name, "scaled", f"{best.name} scaled", str(best.structure))


def drawn(limits: Limits, count: int = RANDOM, seed: int = 0) -> Structure:
    """Return the structure with the most FLOPs of `count` random walks within a budget, in all spaces in turn."""
    rng, found = Random(seed), []
    for number in range(count):
        space = load_space(SPACES[number % len(SPACES)])
        structure = space.initial()
        for _ in range(rng.choice(WALKS)):
            moved = space.mutate(structure, rng)
            structure = structure if limits.beyond(costs_of(moved)) else moved
        if not limits.beyond(costs_of(structure)):
            found.append(structure)
    return max(found, key=lambda one: costs_of(one).flops)


def choose(limits: Limits) -> list[Contestant]:
    """Return who competes at a budget."""
    ours = [Contestant(limits.name, OURS, f"ours, {proxy}", str(_designed(limits, proxy))) for proxy in PROXIES]
    chance = Contestant(limits.name, "random", f"largest of {RANDOM} random", str(drawn(limits)))
    return [_resnet(limits), *ours, *_by_hand(limits), *_scaled(limits), chance]


def write_list(contestants: Sequence[Contestant]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["budget", "kind", "name", "structure"])
    writer.writerows([one.budget, one.kind, one.name, one.text] for one in contestants)
    write_text(LIST, text.getvalue())


def read_list() -> list[Contestant]:
    """Return who competes, budget by budget; nobody before they are chosen."""
    if not LIST.is_file():
        return []
    with LIST.open(newline="") as file:
        found = [Contestant(row["budget"], row["kind"], row["name"], row["structure"]) for row in csv.DictReader(file)]
    order = [limits.name for limits in budgets()]
    return sorted(found, key=lambda one: order.index(one.budget))
