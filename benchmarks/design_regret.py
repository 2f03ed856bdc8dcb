"""Design regret of closed-form scores on public tables of trained networks, all rows, under budgets of every kind.

`python -m benchmarks.design_regret NAME …` scores with these proxies, beside params, FLOPs, activations and layers;
without names, with every proxy that needs no torch and no random numbers. Rank aggregations such as
`log_rank(flops+zen_expected)` are ranked over the whole table. NB201_DATA names the folder of the tables. Scores are
kept in the folder of the runs (NB201_RUNS) until the code that they depend on changes.

Spearman is that of all rows; networks that a proxy cannot score share the last place.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np

from benchmarks._floor import held_out
from benchmarks._nb201 import DATA, ROOT, RUNS
from benchmarks.common import print_machine
from PlainNet import Options, Structure
from PlainNet.cost import CostModel
from PlainNet.registry import UnknownNameError
from SearchSpace import DecisionSpace, SearchSpace, SearchSpaceError, load_space
from SearchSpace.darts import genotype_of
from zennas.accuracy.tables.sheets import Sheet, read_sheet
from zennas.correlation.limits import COUNTS
from zennas.correlation.regret import design_regrets, within
from zennas.correlation.result import direction
from zennas.correlation.sample import reader
from zennas.correlation.statistics import Floats, spearman_rows, top_count
from ZeroShotProxy import PROXIES, ScoreSettings, ensembles, score
from ZeroShotProxy.scores import score_each

SHARES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
"""Budgets: the costs that these shares of the table do not exceed."""
DEVICES = ("edgegpu", "raspi4", "edgetpu", "pixel3")
PI5 = ("nb201_latency_pi5_pixel.csv.gz", "pi5_onnx_cifar100_lat_ms", "pi5")


@dataclass(frozen=True)
class Table:
    """A table of trained networks.

    stacking: what is added to its notations to make them networks. latencies: file, column and short name.
    one_input: whether a cell reads its predecessor only, where DARTS's cells read their last two predecessors. steps:
    of the trainings, for `mean_field`.
    """

    title: str
    file: str
    space: str
    accuracy: str
    stacking: str = ""
    latencies: tuple[tuple[str, str, str], ...] = ()
    one_input: bool = False
    steps: int = ScoreSettings.training_steps

    def notation(self, text: str) -> str:
        """Return the notation of a network, as the project reads it."""
        return (text.replace(", 0)", ", 1)") if self.one_input else text) + self.stacking

    @property
    def stem(self) -> str:
        return self.file.split(".")[0] + ("-one-input" if self.one_input else "")


def _devices(dataset: str) -> tuple[tuple[str, str, str], ...]:
    file = f"nb201_latency_{dataset}.csv.gz"
    return (*((file, f"{device}_latency", device) for device in DEVICES), PI5)


IMAGES = 50_000
_NB201 = 200 * (IMAGES // 256)
"""Steps of trainings: epochs and batches as the tables' papers have them."""
_DARTS214 = 600 * (IMAGES // 96)
_DARTS1000 = 200 * (IMAGES // 128)
"""The size of the batches is not stated."""
_MACRO = 50 * (IMAGES // 256)
"""Assumed; the score orders these tables alike for ten times as many steps."""

TABLES = (
    Table(
        "NAS-Bench-201, CIFAR-10",
        "nb201_accuracy.csv.gz",
        "nasbench201",
        "c10_test",
        latencies=_devices("cifar10"),
        steps=_NB201,
    ),
    Table(
        "NAS-Bench-201, CIFAR-100",
        "nb201_accuracy.csv.gz",
        "nasbench201",
        "c100_test",
        latencies=_devices("cifar100"),
        steps=_NB201,
    ),
    Table(
        "Channel-Bench-Macro, ResNet",
        "channel_bench_macro_resnet_cifar10.csv.gz",
        "channelbench-resnet",
        "mean",
        steps=_MACRO,
    ),
    Table("NAS-Bench-Macro", "nas_bench_macro_cifar10.csv.gz", "nasbench-macro", "mean_acc", steps=_MACRO),
    Table("DARTS, 214 fully trained", "darts214_cifar10.csv.gz", "darts", "acc", steps=_DARTS214),
    Table(
        "DARTS, 1,000 after 200 epochs",
        "darts1000_cifar10.csv.gz",
        "darts",
        "c10_val_acc",
        " @ cifar(16, 8)",
        steps=_DARTS1000,
    ),
    # The table's authors do not say how they stack cells. With DARTS's two inputs, half of the cells of 70 networks
    # would not take part, yet these are as good as the others.
    Table(
        "DARTS, 1,000, a cell reads its predecessor only",
        "darts1000_cifar10.csv.gz",
        "darts",
        "c10_val_acc",
        " @ cifar(16, 8)",
        one_input=True,
        steps=_DARTS1000,
    ),
)


@dataclass(frozen=True, eq=False)
class Networks:
    """The networks of a file: costs by name, (n,) each, and the decisions that make each; None for an open space."""

    sheet: Sheet
    structures: tuple[Structure, ...]
    costs: dict[str, Floats]
    decisions: tuple[tuple[Hashable, ...], ...] | None


@cache
def networks_of(table: Table) -> Networks:
    """Read the networks of a table, and cost them."""
    sheet, space = read_sheet(DATA / table.file), load_space(table.space)
    assert sheet.by_architecture is not None, f"{sheet.path} has no column of architectures"
    read = reader(space)
    structures = tuple(read(table.notation(notation)) for notation in sheet.by_architecture)
    model = CostModel(32, 10, Options())
    costs = [model(structure) for structure in structures]
    values = {name: np.array([getattr(cost, name) for cost in costs], dtype=np.float64) for name in COUNTS}
    return Networks(sheet, structures, values, _decisions(space, structures))


def _decisions(space: SearchSpace, structures: Sequence[Structure]) -> tuple[tuple[Hashable, ...], ...] | None:
    if space.name == "darts":  # the space has neither `none` nor other stackings, which the tables have
        return tuple(
            tuple(part for edge in (*cell.normal, *cell.reduce) for part in edge)
            for cell in map(genotype_of, structures)
        )
    return tuple(space.encode(one) for one in structures) if isinstance(space, DecisionSpace) else None


def column(sheet: Sheet, name: str) -> Floats:
    """Return a column of numbers, (n,)."""
    position = sheet.position(name)
    assert position is not None, f"{sheet.path} has no column {name}"
    return np.array([sheet.number(place, position) for place in range(len(sheet.lines))])


def scores_of(table: Table, networks: Networks, names: Sequence[str]) -> dict[str, Floats]:
    """Return scores by name, (n,) each, higher is better, NaN where there is none."""
    found = dict(networks.costs)
    for name in ensembles.parts_of(names):
        if name not in found:
            found[name] = direction(name) * _kept(table, networks, name)
    for name in names:
        proxy = ensembles.find(name)
        if proxy.ranking is not None:
            own = {part: direction(part) * found[part] for part in proxy.parts}
            complete = ~np.isnan(list(own.values())).any(0)
            ranks = ensembles.rankings([name], {part: values[complete].tolist() for part, values in own.items()})
            found[name] = np.full(len(networks.structures), np.nan)
            found[name][complete] = ranks[name]
    return {name: found[name] for name in dict.fromkeys((*COUNTS, *names))}


def _kept(table: Table, networks: Networks, name: str) -> Floats:
    """The scores by one proxy, from the folder of the runs if the code has not changed since."""
    folder = RUNS / "design-regret"
    stem = f"{table.stem}-{name}-{table.steps}"
    path = folder / f"{stem}-{code_digest()}.csv.gz"
    if not path.is_file():
        values = _scored(networks.structures, name, table.steps)
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{stem}-{'?' * len(code_digest())}.csv.gz"):
            old.unlink()
        path.write_bytes(gzip.compress("\n".join(map(repr, values.tolist())).encode()))
    return np.array([float(text) for text in gzip.decompress(path.read_bytes()).decode().split("\n")])


def _scored(structures: Sequence[Structure], name: str, steps: int) -> Floats:
    settings = ScoreSettings(resolution=32, num_classes=10, repeats=1, training_steps=steps)
    found = np.full(len(structures), np.nan)
    for i, structure in enumerate(structures):
        one = score_each([name], lambda names, target=structure: score(target, names, settings))[name]
        if not isinstance(one, str):  # the reason of a failure
            found[i] = one.value
    return found


@cache
def code_digest() -> str:
    """Return a digest of the code that scores depend on."""
    found = hashlib.sha256()
    for package in ("PlainNet", "SearchSpace", "ZeroShotProxy"):
        for path in sorted((ROOT / package).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()[:12]


def default_names() -> list[str]:
    """Return the proxies that need neither torch nor random numbers."""
    alone = (proxy.info for proxy in PROXIES if proxy.ranking is None)
    return list(dict.fromkeys(info.name for info in alone if not (info.torch or info.random)))


def kinds_of(table: Table, networks: Networks) -> dict[str, Floats]:
    """Return the costs of every kind of budget, (n,) each; latencies that a file lacks are NaN."""
    found = {name: networks.costs[name] for name in ("params", "flops")}
    for file, name, device in table.latencies:
        if not (DATA / file).is_file():
            print(f"skipped latencies of {device}: {DATA / file} not there")
            continue
        sheet = read_sheet(DATA / file)
        values, places = column(sheet, name), sheet.by_architecture
        assert places is not None and networks.sheet.by_architecture is not None
        at = [places.get(notation) for notation in networks.sheet.by_architecture]
        found[device] = np.array([np.nan if place is None else values[place] for place in at])
    return found


def correlations(scores: Floats, accuracies: Floats) -> tuple[float, float]:
    """Return Spearman of all, and of the tenth with the best accuracies."""
    filled = np.where(np.isnan(scores), -np.inf, scores)
    best = np.argsort(-accuracies, kind="stable")[: top_count(len(accuracies))]
    return tuple(float(spearman_rows(filled[None, some], accuracies[None, some])[0]) for some in (slice(None), best))  # type: ignore[return-value]


RANDOM, FLOOR = "random pick", "supervised floor"
Summary: TypeAlias = dict[str, tuple[float, float, float]]
"""By score: Spearman, and mean regrets under budgets of parameters and of FLOPs."""


def show(table: Table, names: Sequence[str]) -> Summary:
    """Print correlations and regrets of every score on a table, or why it is skipped."""
    path = DATA / table.file
    if not path.is_file():
        print(f"\n{table.title}: skipped, {path} not there (NB201_DATA names the folder)")
        return {}
    try:
        networks = networks_of(table)
    except (UnknownNameError, SearchSpaceError) as error:
        print(f"\n{table.title}: skipped, {error}")
        return {}
    accuracies = column(networks.sheet, table.accuracy)
    scores = {RANDOM: np.zeros(len(accuracies)), **scores_of(table, networks, names)}
    if networks.decisions is not None:
        scores[FLOOR] = held_out(networks.decisions, accuracies)
    found: Summary = {}
    width = max(map(len, scores))
    print(f"\n{table.title}: {len(accuracies):,} networks, {table.accuracy} up to {accuracies.max():.2f} %")
    kinds = list(kinds_of(table, networks).items())
    for some in (kinds[:2], kinds[2:]):
        if some:
            print(f"{'':{width + 18}}" + "".join(f"{kind:>26}" for kind, _ in some))
            print(f"{'':{width}} Spearman best 10th" + "    mean  med. best10 mean10" * len(some))
        for name, values in scores.items() if some else ():
            whole, best = correlations(values, accuracies)
            regrets = [four_of(values, accuracies, costs) for _, costs in some]
            found.setdefault(name, (whole, regrets[0][0], regrets[1][0]))
            cells = ["".join(f"{known(value, 2):>6} " for value in four) for four in regrets]
            correlation = f"{'':18}" if name == RANDOM else f"{known(whole, 3):>8} {known(best, 3):>9}"
            print(f"{name:{width}} {correlation} {' '.join(cells)}".rstrip(), flush=True)
    return found


def four_of(scores: Floats, accuracies: Floats, costs: Floats) -> tuple[float, float, float, float]:
    """Return the mean and median regret over the budgets, and the means of those of the ten first picks."""
    limits = np.quantile(costs[~np.isnan(costs)], SHARES, method="lower")
    found = design_regrets(scores, accuracies, within(costs, limits))
    return (
        float(found.pick.mean()),
        float(np.median(found.pick)),
        float(found.best_of_top.mean()),
        float(found.mean_of_top.mean()),
    )


def known(value: float, digits: int) -> str:
    """Return a number as text; a dash if it is undefined, such as a correlation with what is always the same."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def summarise(found: dict[str, Summary]) -> None:
    """Print Spearman and the mean regrets under budgets of parameters and FLOPs of every table in one table."""
    print("\nSpearman [mean regret under budgets of parameters/of FLOPs]")
    for title, rows in found.items():
        print(title)
        width = max(map(len, rows))
        for name, (whole, params, flops) in rows.items():
            correlation = "" if name == RANDOM else known(whole, 2)
            print(f"  {name:{width}} {correlation:>5} [{known(params, 2)}/{known(flops, 2)}]")


def main() -> None:
    print_machine()
    given = sys.argv[1:]
    names = [ensembles.find(name).info.name for name in given] if given else default_names()
    print(
        "design regret in points: best accuracy within a budget minus that of the first pick, mean and median over "
        f"the budgets\nthat {', '.join(f'{share:.0%}' for share in SHARES)} of the networks fit; best10, mean10: of "
        "the ten first picks"
    )
    summarise({table.title: found for table in TABLES if (found := show(table, names))})


if __name__ == "__main__":
    main()
