"""TEG-NAS: the speed of its three indicators, and searches of NAS-Bench-201 by them, computed here.

The indicators are timed at the published sizes, on one core, as the median over random architectures. The searches are
those of TEG-NAS: REINFORCE with 500 steps and windowed differences, and aging evolution with a pool of 256, tournaments
of 64 and 1,000 steps more, by sums of ranks. They run at smaller sizes, and all seeds share one set of supernets and
images (`seed=0`), so that an architecture is evaluated once for all of them. REINFORCE also runs with half of the
published images and all else as published, with supernets and images of its own for each seed. Images and accuracies
are those of CIFAR-10 in ../shared/data, or in the folder NB201_DATA. TEG_FOLDER: where runs are kept, to continue them
when they are killed, or to carry out single seeds in other processes: `python -m benchmarks.teg large SEED`.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn import functional as F

from benchmarks._nb201 import ACCURACIES, IMAGES, data_or_leave
from benchmarks.common import print_machine
from PlainNet import Structure, ops, parse
from PlainNet.cost import CostModel, op_cost
from PlainNet.modules import op_function
from SearchSpace import load_space
from SearchSpace.nasbench201 import all_cells
from zennas.api import search
from zennas.runs.candidate import Candidate
from zennas.searching.objectives.base import indicators_of, objective_of
from zennas.searching.objectives.table import trained
from zennas.searching.result import SearchResult
from zennas.searching.settings import SearchSettings
from zennas.searching.simulations.curves import standard_error
from zennas.searching.teg_images import drawn, imaging_of
from ZeroShotProxy.teg.evaluator import TegImages
from ZeroShotProxy.teg.forward import Run, forward, pruned
from ZeroShotProxy.teg.kernels import condition_number, kernel, regression_error
from ZeroShotProxy.teg.regions import count_regions
from ZeroShotProxy.teg.rows import gradient_rows
from ZeroShotProxy.teg.supernets import SUPERNETS, architecture_of
from ZeroShotProxy.teg.weights import Weights

TIMED = {"nasbench201": 6, "darts": 3}
RANKED = 200
SMALL = ",images=16,networks=1,crops=1000,seed=0"
LARGE = ",images=32,networks=3,crops=1000"
SIDE, LARGE_SIDE = 16, 32
STEPS, POOL, TOURNAMENT, CHILDREN = 500, 256, 64, 1000
SEARCHES: dict[str, dict[str, Any]] = {
    "REINFORCE": {
        "strategy": "reinforce",
        "strategy_options": {"reward": "difference", "learning_rate": 0.04},
        "iterations": STEPS,
        "seeds": 5,
    },
    "evolution": {
        "strategy": "aging",
        "strategy_options": {"pool": POOL, "tournament": TOURNAMENT},
        "iterations": POOL + CHILDREN,
        "seeds": 5,
    },
}


def images_of(archive: Path) -> TegImages:
    return drawn(imaging_of(SearchSettings(search_space="nasbench201", objective=f"teg:{archive}", device="cpu")))


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time of a call in ms, which other programs disturb less than the time on a clock, and its result."""
    began = time.process_time()
    found = function()
    return 1e3 * (time.process_time() - began), found


def one_by_one(run: Run, images: Tensor) -> Tensor:
    """The gradients of each image's summed logits by one weight, with one backward pass of autograd for each."""
    graph, values = run.graph, {0: images}
    weights = {number: weight.clone().requires_grad_() for number, weight in run.weights.items()}
    for number, node in enumerate(graph.nodes[:-1], start=1):
        op, inputs = node.op, [values[i] for i in node.inputs]
        if isinstance(op, ops.Conv):
            values[number] = F.conv2d(inputs[0], weights[number], None, op.stride, op.padding, op.dilation, op.groups)
        elif isinstance(op, ops.BatchNorm):
            values[number] = F.batch_norm(inputs[0], None, None, training=True)
        elif isinstance(op, ops.Concat):
            values[number] = torch.cat(inputs, 1)
        else:
            function, constants = op_function(op)
            values[number] = function(*inputs, *constants)
    logits = values[len(graph.nodes) - 1].sum(1)
    rows = []
    for one in logits:
        found = torch.autograd.grad(one, list(weights.values()), retain_graph=True)
        rows.append(torch.cat([part.ravel() for part in found]))
    return torch.stack(rows)


def parts(structure: Structure, data: TegImages) -> dict[str, float]:
    """The parts of the indicators of one architecture in ms, over three networks."""
    supernet, architecture = architecture_of(structure)
    resolution, classes = data.known.shape[-1], data.classes
    found: dict[str, float] = {}

    def add(name: str, function: Callable[[], Any]) -> Any:
        ms, result = timed(function)
        found[name] = found.get(name, 0.0) + ms
        return result

    graph = add("graph", lambda: pruned(supernet.full_graph(architecture, resolution, classes)))
    known, held_out = torch.from_numpy(data.known), torch.from_numpy(data.held_out)
    labels, others = torch.from_numpy(data.known_labels), torch.from_numpy(data.held_out_labels)
    head = graph.nodes[-1]
    readout_of = (head.shape.channels, graph.shape_of(head.inputs[0]).channels)
    for number in range(3):
        weights, thin = Weights(0, f"full {number}", known.device), Weights(0, f"thin {number}", known.device)
        with torch.inference_mode():
            readout = weights(head.path, readout_of)
            first = add("forward", lambda w=weights: forward(graph, known, w))
            second = add("forward", lambda w=weights: forward(graph, held_out, w))
            rows = add("gradients", lambda r=first, w=readout: gradient_rows(r, w))
            more = add("gradients, held out", lambda r=second, w=readout: gradient_rows(r, w, cells_only=True))
            cells = add("kernels", lambda r=rows: kernel(r.cells, r.cells))
            whole = add("kernels", lambda r=rows, c=cells: c + kernel(r.others, r.others))
            across = add("kernels", lambda r=rows, m=more: kernel(m.cells, r.cells))
            add("eigenvalues and regression", lambda w=whole: condition_number(w))
            add(
                "eigenvalues and regression",
                lambda c=cells, a=across: regression_error(c, a, labels, others, classes),
            )
            small = supernet.thin_graph(architecture, data.crops.shape[-1])
            add("regions", lambda w=thin, g=small: count_regions(g, torch.from_numpy(data.crops), w))
        if not number:
            slow, _ = timed(lambda r=first: one_by_one(r, known))
    macs = sum(op_cost(node.op, node.shape).flops for node in graph.nodes if isinstance(node.op, ops.Conv))
    return {
        **found,
        "all": sum(found.values()),
        "autograd, known images only": 3 * slow,
        "10⁹ multiply–accumulates": 3 * 2 * 2 * len(known) ** 2 * macs / 1e9,  # by weights and by inputs, two batches
    }


def print_speed(data: TegImages) -> None:
    torch.set_num_threads(1)
    supernet = SUPERNETS.get("nasbench201")
    everything = {pruned(supernet.full_graph(cell.edges, 32, 10)) for cell in all_cells()}
    print(f"\nthe 15,625 cells of NAS-Bench-201 have {len(everything):,} different graphs with an effect")
    print("\nProcessor time in ms per architecture on one core, 64 + 64 images of 32×32, 3 networks, median:")
    print(f"{'':28} " + " ".join(f"{space:>12}" for space in TIMED))
    columns = []
    for space, count in TIMED.items():
        rng, loaded = Random(0), load_space(space)
        found = []
        while len(found) < count:
            one = loaded.sample(rng)
            if pruned(architecture_of(one)[0].full_graph(architecture_of(one)[1], 32, 10)).nodes[0].inputs:
                found.append(parts(one, data))
        columns.append({name: statistics.median(one[name] for one in found) for name in found[0]})
    for name in columns[0]:
        print(f"{name:28} " + " ".join(f"{column[name]:12,.0f}" for column in columns))


def print_agreement(archive: Path, accuracies: Path) -> None:
    """Spearman of the indicators at the sizes of the searches with test accuracy."""
    table = trained(str(accuracies), "nasbench201")
    tests = table.column("c10_test")[1]
    chosen = SearchSettings(
        search_space="nasbench201", objective=f"teg:{archive}{SMALL}", resolution=SIDE, device="cpu", seed=0
    )
    objective, rng, space = objective_of(chosen), Random(0), load_space("nasbench201")
    structures = list({space.sample(rng) for _ in range(RANKED)})
    model = CostModel(SIDE, 10)
    found = [Candidate(i, one, None, model(one), i, i) for i, one in enumerate(sorted(structures, key=str), 1)]
    measured = [one.evaluated(objective.measure(one)) for one in found]
    accuracy = [float(tests[table.lines.line(one.structure)]) for one in measured]
    columns = dict(zip(objective.measures, zip(*(indicators_of(objective, measured) or []), strict=True), strict=True))
    columns["sum of ranks"] = tuple(objective.values(measured))
    lacking = sum(bool(one.missing) for one in measured)
    print(
        f"\nSpearman with test accuracy on CIFAR-10, {len(measured)} random cells, {SMALL[1:]}, {SIDE}×{SIDE} pixels;"
    )
    print(f"{lacking} have a singular kernel and rank last:")
    for name, values in columns.items():
        print(f"  {name:20} {spearmanr(values, accuracy)[0]:.2f}")


def print_searches(archive: Path, accuracies: Path) -> None:
    table = trained(str(accuracies), "nasbench201")
    tests = table.column("c10_test")[1]
    print(f"\nTest accuracy on CIFAR-10 of what searches find, {SMALL[1:]}, images of {SIDE}×{SIDE} pixels, one set of")
    print("supernets and images for all seeds; seconds of a search: for what none before it evaluated:")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("TEG_FOLDER", temporary))
        for name, settings in SEARCHES.items():
            chosen, seeds = dict(settings), int(settings["seeds"])
            del chosen["seeds"]
            found, policies, cost = list[float](), list[float](), list[float]()
            for seed in range(seeds):
                result = searched(archive, SMALL, SIDE, seed, folder / f"{name}-{seed}", chosen)
                cost.append(result.seconds)
                assert result.best is not None
                found.append(float(tests[table.lines.line(result.best.structure)]))
                policies += argmax(result, table, tests)
            text = f"{name:12} {told(found)} ({seeds} seeds)"
            text += f"; most probable of the policy {told(policies)}" if policies else ""
            print(f"{text}; {', '.join(f'{one:,.0f}' for one in cost)} s", flush=True)


def searched(archive: Path, sizes: str, side: int, seed: int, place: Path, settings: dict[str, Any]) -> SearchResult:
    """Carry out, or go on with, a search in this process."""
    return search(
        search_space="nasbench201",
        objective=f"teg:{archive}{sizes}",
        resolution=side,
        duplicates="charged",
        ahead=1,
        executor="serial",
        device="cpu",
        seed=seed,
        save_dir=place,
        go_on=True,
        **settings,
    )


def large(archive: Path, folder: Path, seed: int) -> SearchResult:
    settings = {name: value for name, value in SEARCHES["REINFORCE"].items() if name != "seeds"}
    return searched(archive, LARGE, LARGE_SIDE, seed, folder / f"large-{seed}", settings)


def print_large(archive: Path, accuracies: Path) -> None:
    table = trained(str(accuracies), "nasbench201")
    tests = table.column("c10_test")[1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("TEG_FOLDER", temporary))
        results = [large(archive, folder, seed) for seed in range(SEARCHES["REINFORCE"]["seeds"])]
    best = [one.best for one in results]
    found = [float(tests[table.lines.line(one.structure)]) for one in best if one is not None]
    policies = [accuracy for one in results for accuracy in argmax(one, table, tests)]
    seconds = ", ".join(f"{one.seconds:,.0f}" for one in results)
    print(
        f"\nThe same, {LARGE[1:]}, images of {LARGE_SIDE}×{LARGE_SIDE} pixels, each seed with its own supernets and "
        "images:"
    )
    print(f"REINFORCE    {told(found)} ({len(found)} seeds); most probable of the policy {told(policies)}; {seconds} s")


def argmax(result: SearchResult, table: Any, tests: Any) -> list[float]:
    likely = result.learned.get("policy_argmax")
    return [] if likely is None else [float(tests[table.lines.line(parse(str(likely)))])]


def told(values: Sequence[float]) -> str:
    """Mean and standard error."""
    return f"{statistics.mean(values):.2f} ± {standard_error(np.array(values)):.2f}"


def main() -> None:
    archive, accuracies = data_or_leave(IMAGES, ACCURACIES)
    if sys.argv[1:2] == ["large"]:
        large(archive, Path(os.environ["TEG_FOLDER"]), int(sys.argv[2]))
        return
    print_machine()
    print_speed(images_of(archive))
    print_agreement(archive, accuracies)
    print_searches(archive, accuracies)
    print_large(archive, accuracies)


if __name__ == "__main__":
    main()
