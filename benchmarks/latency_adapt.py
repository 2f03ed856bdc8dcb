"""A profile from ten measured cells of NAS-Bench-201, on devices that were never used: error, ranking and intervals.

Ten cells are chosen as `zennas latency suggest` does, or at random. Their latencies make a profile, as with `zennas
latency adapt`, which predicts all other cells. Nothing is fitted to other devices; the prior's
widths are varied, and chosen for each device on the others.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmarks._nb201 import ACCURACIES, DATA, data_or_leave
from benchmarks._nb201_latency import DataSet, kernel_counts
from benchmarks.common import print_machine
from latency.fitting.adapting import LEAST, best_fit
from latency.fitting.choosing import chosen
from latency.fitting.errors import errors
from latency.fitting.laws import Law, Widths, laws_for
from latency.fitting.robust import Floats
from latency.predicting.hardware import processor
from latency.predicting.posterior import DEVIATIONS, SHARE
from SearchSpace.nasbench201 import Cell201, canonical

HELP, HW_NAS_BENCH, HW_NAS_BENCH_360 = (
    "nb201_latency_help_13devices.csv.gz",
    "nb201_latency_cifar10.csv.gz",
    "nb201_latency_pi5_pixel.csv.gz",
)
IMAGES = DataSet("cifar10", HW_NAS_BENCH, 32, 10)
MEASURED = ("edgegpu", "raspi4", "edgetpu", "pixel3")
COMPUTED = ("fpga", "eyeriss")
"""Devices whose latencies were estimated or simulated."""
PUBLISHED = {"titan_rtx_256": 0.987, "gold_6226": 0.989, "raspi4": 0.890, "eyeriss": 0.940, "fpga": 0.985}
"""Spearman of HELP from ten cells, after training on nine other devices (Lee et al., NeurIPS 2021, table 3)."""
POOL, TARGETS = 200, 100
SEEDS = 5
TRIED = (Widths(), Widths(kind=0.5), Widths(kind=2.0), Widths(part=2.0))
"""Widths of the prior, the product's first."""


@dataclass(frozen=True, eq=False)
class Device:
    """A device's latencies. rows: (N,), of cells. ms: (N,), per image or batch, as the table has them."""

    name: str
    rows: np.ndarray
    ms: Floats


@dataclass(frozen=True)
class Found:
    """How good a profile is, in per cent except Spearman. half: of the interval's width, as a share of the latency."""

    within10: float
    spearman: float
    covered: float
    half: float

    @classmethod
    def mean(cls, of: Sequence[Found]) -> Found:
        return cls(*np.mean([(one.within10, one.spearman, one.covered, one.half) for one in of], axis=0).tolist())

    def __str__(self) -> str:
        return (
            f"within ±10 % {self.within10:5.1f} %, Spearman {self.spearman:.3f}, "
            f"{SHARE:.0f} % intervals cover {self.covered:5.1f} % (± {self.half:4.1f} %)"
        )


def main() -> None:
    data_or_leave(ACCURACIES, HELP, HW_NAS_BENCH, HW_NAS_BENCH_360)
    print_machine()
    print(f"{LEAST} measured cells, {SEEDS} draws of the {POOL} cells among which they are chosen; means of the draws")
    devices = help_devices() + hw_nas_bench_devices(MEASURED)
    further = hw_nas_bench_devices(COMPUTED) + hw_nas_bench_360_devices()
    for title, some in (("the 13 + 4 devices", devices), ("further devices", further)):
        print(f"\n{title}")
        report(some)
    print("\nSpearman beside that of HELP (Lee et al., NeurIPS 2021, table 3), also from ten cells")
    for device in devices + further:
        if device.name in PUBLISHED:
            print(f"  {device.name:16} {score(device).spearman:.3f}, HELP {PUBLISHED[device.name]:.3f}")
    print("\nthe widths of the prior, with chosen cells of two draws, over the 13 + 4 devices")
    scores = {widths: [score(device, range(2), widths) for device in devices] for widths in TRIED}
    for widths, found in scores.items():
        print(f"  {widths}: {Found.mean(found)}")
    nested = [scores[best_elsewhere(scores, i)][i] for i in range(len(devices))]
    print(f"  chosen for each device on the others: {Found.mean(nested)}")


def best_elsewhere(scores: Mapping[Widths, Sequence[Found]], device: int) -> Widths:
    """The widths with the most cells within ±10 % on the other devices."""
    return max(scores, key=lambda widths: sum(one.within10 for i, one in enumerate(scores[widths]) if i != device))


def report(devices: Sequence[Device]) -> None:
    found = [score(device) for device in devices]
    drawn = [score(device, at_random=True) for device in devices]
    for device, ours, theirs in zip(devices, found, drawn, strict=True):
        print(f"  {device.name:16} chosen: {ours}", flush=True)
        print(f"  {'':16} random: {theirs}")
    for what, some in (("chosen", found), ("random", drawn)):
        worst = min(some, key=lambda one: one.spearman)
        print(f"  mean of {len(some):2} devices, {what}: {Found.mean(some)}; smallest Spearman {worst.spearman:.3f}")
    mean, least = Found.mean(found), min(one.spearman for one in found)
    for what, holds in (
        ("Spearman at least .95 in the mean and .90 everywhere", mean.spearman >= 0.95 and least >= 0.90),
        ("within ±10 % for at least 70 % of the cells", mean.within10 >= 70),
        ("90 % intervals cover 85 to 95 %", 85 <= mean.covered <= 95),
    ):
        print(f"  {what}: {'reached' if holds else 'MISSED'}")


@cache
def score(device: Device, seeds: range = range(SEEDS), widths: Widths = Widths(), at_random: bool = False) -> Found:
    return Found.mean([adapt(device, seed, widths, at_random) for seed in seeds])


def adapt(device: Device, seed: int, widths: Widths, at_random: bool) -> Found:
    """Make a profile from ten cells of a device, and predict its other cells."""
    draw = np.random.default_rng(seed).permutation(len(device.rows))
    pool, targets = draw[:POOL], draw[POOL : POOL + TARGETS]
    laws, times = zip(*((law, times[device.rows]) for law, times in all_laws()), strict=True)
    if at_random:
        here = draw[:LEAST]
    else:
        here = pool[chosen(laws, [one[pool] for one in times], [one[targets] for one in times], LEAST)]
    fit = best_fit([(law, one[here]) for law, one in zip(laws, times, strict=True)], device.ms[here], widths)
    rest = np.setdiff1d(np.arange(len(device.rows)), here)
    parts = times[laws.index(fit.law)][rest] * np.exp(fit.logs)
    predicted, measured = parts.sum(axis=1), device.ms[rest]
    shares = parts / predicted[:, None]
    deviation = np.sqrt(np.einsum("nk,kl,nl->n", shares, fit.covariance, shares) + fit.spread**2)
    covered = np.abs(np.log(measured / predicted)) <= DEVIATIONS * deviation
    found = errors(predicted.tolist(), measured.tolist())
    half = 100 * float(np.median(np.exp(DEVIATIONS * deviation) - 1))
    return Found(found.within10, found.spearman or 0.0, 100 * float(covered.mean()), half)


@cache
def all_laws() -> list[tuple[Law, Floats]]:
    """The laws that compete, and for each the parts (cells, K) of the times of all cells."""
    found = []
    for law in laws_for(processor("fp32"), ()):
        counts, kernels = kernel_counts(tuple(cells()), IMAGES, law.fusion)
        constant = law.times({})
        found.append((law, constant + counts @ np.array([law.row(kernel) for kernel in kernels])))
    return found


@cache
def cells() -> list[Cell201]:
    """All cells in the order of the benchmark's index."""
    return [Cell201.parse(row["arch_str"]) for row in sorted(_rows(ACCURACIES), key=lambda row: int(row["index"]))]


def _rows(name: str) -> list[dict[str, str]]:
    with gzip.open(DATA / name, "rt", newline="") as file:
        return list(csv.DictReader(file))


def _device(name: str, rows: Sequence[dict[str, str]], column: str) -> Device:
    """The device of a column; failures and networks with a constant output are left out."""
    kept = [
        (int(row["index"]), float(row[column]))
        for row in rows
        if float(row[column] or 0) > 0
        and canonical(cells()[int(row["index"])])
        and row.get("rep_arch_idx", row["index"]) == row["index"]
    ]
    return Device(name, np.array([i for i, _ in kept]), np.array([ms for _, ms in kept]))


def help_devices() -> list[Device]:
    rows = _rows(HELP)
    return [_device(column, rows, column) for column in rows[0] if column != "index"]


def hw_nas_bench_devices(names: Sequence[str]) -> list[Device]:
    rows = _rows(HW_NAS_BENCH)
    return [_device(name, rows, f"{name}_latency") for name in names]


def hw_nas_bench_360_devices() -> list[Device]:
    rows = _rows(HW_NAS_BENCH_360)
    names = [name for name in rows[0] if name.endswith("_lat_ms")]
    return [_device(name.removesuffix("_cifar100_lat_ms"), rows, name) for name in names]


if __name__ == "__main__":
    main()
