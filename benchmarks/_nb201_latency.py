"""Latency profiles from networks of NAS-Bench-201 that others measured: what was measured, and the fit.

Whole networks were measured, not kernels. A profile is therefore the one sum over kernels that comes nearest to them: for each kind
of kernel non-negative rates a kernel, a multiply–accumulate and a byte, fitted to all data sets of a device at once.
"""

from __future__ import annotations

import csv
import gzip
import statistics
import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latency.errors import Errors, errors
from latency.features import work
from latency.fit import ranges
from latency.hardware import processor
from latency.kernels import ACTIVATION, AVG_POOL, CONV, GLOBAL_POOL, LINEAR, NORM, WEIGHTED, Fusion, Kernel, group
from latency.models import Linear
from latency.profile import Profile
from PlainNet import lower
from PlainNet.ops import OpGraph
from SearchSpace.nasbench201 import CELLS_A_STAGE, Cell201, canonical, network

Floats = NDArray[np.float64]

HELD_OUT = 0.15
"""Share of the classes of isomorphic cells that no fit sees."""
LARGE = 1 << 16
"""Bytes that a convolution reads, from where `Device.large` gives multiply–accumulates a second rate."""


@dataclass(frozen=True)
class DataSet:
    """Networks for one resolution and number of classes, and the file that has their latencies."""

    name: str
    file: str
    resolution: int
    classes: int


HW_NAS_BENCH = (
    DataSet("cifar10", "nb201_latency_cifar10.csv.gz", 32, 10),
    DataSet("cifar100", "nb201_latency_cifar100.csv.gz", 32, 100),
    DataSet("ImageNet16-120", "nb201_latency_ImageNet16-120.csv.gz", 16, 120),
)
HW_NAS_BENCH_360 = (DataSet("cifar100", "nb201_latency_pi5_pixel.csv.gz", 32, 100),)
FILES = tuple(data.file for data in (*HW_NAS_BENCH, *HW_NAS_BENCH_360))


@dataclass(frozen=True)
class Device:
    """A device as it was measured. column: in the files. target: percent within ±10 % that issue 4 asks for.

    setting: how it was run, for the card. large: whether large convolutions get a rate of their own, see `latency.models.Linear`.
    """

    name: str
    title: str
    backend: str
    precision: str
    setting: str
    column: str
    fusion: Fusion
    data: tuple[DataSet, ...] = HW_NAS_BENCH
    large: bool = False
    target: float | None = None


_TFLITE = Fusion(addition=False, zeros="removed")
_UNSAID = "one image at a time; threads and clocks are not in the data"
DEVICES = (
    Device("pixel3", "Google Pixel 3", "TFLite", "fp32", _UNSAID, "pixel3_latency", _TFLITE, target=90),
    Device("raspi4", "Raspberry Pi 4", "TFLite", "fp32", _UNSAID, "raspi4_latency", _TFLITE, large=True, target=90),
    Device(
        "edgegpu", "NVIDIA Jetson TX2", "TensorRT", "fp32", f"{_UNSAID}, nor is the precision, for which fp32 is a guess",
        "edgegpu_latency", Fusion(addition=False),
    ),
    Device("edgetpu", "Google Edge TPU", "TFLite", "int8", _UNSAID, "edgetpu_latency", _TFLITE),
    Device(
        "pi5-onnxruntime", "Raspberry Pi 5", "ONNX Runtime", "fp32", "one thread on one core, median of 40 runs",
        "pi5_onnx_cifar100_lat_ms", Fusion(addition=False, zeros="run"), HW_NAS_BENCH_360,
    ),
    Device(
        "pi5-litert", "Raspberry Pi 5", "LiteRT", "fp32", "one thread on one core, median of 40 runs",
        "pi5_litert_cifar100_lat_ms", Fusion(addition=False), HW_NAS_BENCH_360,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Networks of one data set on one device: cells, names of the classes that they are isomorphic in, and ms for one image.

    counts (N, K): how many of each of `kernels` a network runs.
    """

    data: DataSet
    cells: tuple[Cell201, ...]
    classes: tuple[str, ...]
    ms: Floats
    counts: Floats
    kernels: tuple[Kernel, ...]

    def where(self, chosen: NDArray[np.bool_]) -> Measured:
        rows = np.flatnonzero(chosen).tolist()
        cells, classes = tuple(self.cells[i] for i in rows), tuple(self.classes[i] for i in rows)
        return Measured(self.data, cells, classes, self.ms[chosen], self.counts[chosen], self.kernels)

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """By a checksum of the class, so that isomorphic networks are on one side, and the file's order does not matter."""
        return np.array([zlib.crc32(name.encode()) % 10_000 < HELD_OUT * 10_000 for name in self.classes])


def read(device: Device, data: DataSet, folder: Path) -> Measured:
    """What is in the file for the device; of isomorphic cells that share a measurement, the one that was measured.

    Left out are failures, which the file has as −1, and networks whose output is constant, which take next to nothing.
    """
    with gzip.open(folder / data.file, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    cells = tuple(
        Cell201.parse(row["arch_str"]) for row in rows if row.get("rep_arch_idx", row["index"]) == row["index"]
    )
    ms = [float(row[device.column] or 0) for row in rows if row.get("rep_arch_idx", row["index"]) == row["index"]]
    classes = tuple(canonical(cell) for cell in cells)
    counts, kernels = kernel_counts(cells, data, device.fusion)
    found = Measured(data, cells, classes, np.array(ms), counts, kernels)
    return found.where((found.ms > 0) & np.array([name != "" for name in classes]))


@cache
def kernel_counts(cells: tuple[Cell201, ...], data: DataSet, fusion: Fusion) -> tuple[Floats, tuple[Kernel, ...]]:
    """How often each network runs each kernel (N, K), and the kernels."""
    numbers: dict[Kernel, int] = {}
    rows = []
    for graph in _graphs(cells, data):
        row: Counter[int] = Counter()
        for kernel, nodes in group(graph, fusion):
            # A stage's cells are all alike: one is lowered, and counted as often as there are of it.
            row[numbers.setdefault(kernel, len(numbers))] += (
                CELLS_A_STAGE if graph.nodes[nodes[0]].block in _CELLS else 1
            )
        rows.append(row)
    counts = np.zeros((len(rows), len(numbers)))
    for i, row in enumerate(rows):
        counts[i, list(row)] = list(row.values())
    return counts, tuple(numbers)


_CELLS = [i for i, spec in enumerate(network(Cell201((0,) * 6), cells=1).blocks) if spec.kind == "NB201Cell"]


@cache
def _graphs(cells: tuple[Cell201, ...], data: DataSet) -> list[OpGraph]:
    return [lower(network(cell, cells=1), resolution=data.resolution, num_classes=data.classes) for cell in cells]


_AS = {NORM: ACTIVATION, GLOBAL_POOL: AVG_POOL, LINEAR: CONV}
"""Kinds of which each network has the same: they share the rates of what they resemble."""


def fit(device: Device, parts: Sequence[Measured]) -> Profile:
    """The profile of the networks in `parts`."""
    hardware = processor(device.precision)
    kernels = sorted({kernel for part in parts for kernel in part.kernels})
    keys = sorted({_key(kernel) for kernel in kernels})
    terms = {kernel: _terms(kernel, keys, device) for kernel in kernels}
    rows = [part.counts @ np.array([terms[kernel] for kernel in part.kernels]) for part in parts]
    sums = np.hstack([np.concatenate(rows), np.ones((sum(map(len, rows)), 1))])
    found = [float(f"{rate:.6g}") for rate in _relative(sums, np.concatenate([part.ms for part in parts]))]
    rates, large = [], []
    for i, (kind, size) in enumerate(keys):
        each, mac, byte, more = found[4 * i : 4 * i + 4]
        rates += [(same, size, each, mac, byte) for same in (kind, *(k for k, of in _AS.items() if of == kind != CONV))]
        large += [(kind, size, LARGE, more)] if more else []
    return Profile(
        device.name,
        device.title,
        device.backend,
        device.precision,
        1,
        hardware,
        device.fusion,
        (Linear(tuple(rates), tuple(large)),),
        overhead_ms=found[-1],
        ranges=ranges(kernels),
    )


def _key(kernel: Kernel) -> tuple[str, int]:
    """Kernels that share rates."""
    kind = _AS.get(kernel.kind, kernel.kind)
    return kind, kernel.kernel if kind in WEIGHTED else 0


def _terms(kernel: Kernel, keys: Sequence[tuple[str, int]], device: Device) -> list[float]:
    """One, MACs, bytes, and MACs where the input is large, in the places of the kernel's key."""
    done, key = work(kernel, processor(device.precision)), _key(kernel)
    macs = done.macs if kernel.kind in WEIGHTED else 0
    large = macs if device.large and kernel.kind == CONV and done.in_bytes >= LARGE else 0
    return [float(term) for one in keys for term in ((1, macs, done.bytes, large) if one == key else (0, 0, 0, 0))]


def _relative(sums: Floats, ms: Floats, rounds: int = 30) -> list[float]:
    """Non-negative rates for which |sums @ rates / ms − 1| is least, by least squares with new weights each round.

    Predictions that are too high count less, as they would otherwise pull everything down: errors are logarithms, nearly.
    """
    from scipy.optimize import nnls

    size = np.abs(sums).max(axis=0)
    size[size == 0] = 1
    weights = np.ones(len(ms))
    for _ in range(rounds):
        rates = nnls(sums / size * (weights / ms)[:, None], weights, maxiter=2000)[0] / size
        ratio = sums @ rates / ms
        high = np.maximum(ratio, 1)
        weights = 1 / np.sqrt(np.maximum(np.abs(ratio - 1) / high, 0.01)) / high
    return [float(rate) for rate in rates]


def predicted(profile: Profile, part: Measured) -> Floats:
    """Milliseconds for one image; `latency.predictor.Predictor` says the same."""
    times = np.array([profile.kernel_ms(kernel) for kernel in part.kernels])
    found: Floats = profile.scale * (part.counts @ times) + profile.overhead_ms
    return found


@dataclass(frozen=True)
class Scores:
    """How a profile does on networks. noise: how well others of its class predict a network, their median, or None where no two
    of a class were measured. medians: the profile against the medians of classes of `LEAST` or more, or None.
    """

    networks: Errors
    noise: Errors | None = field(default=None)
    medians: Errors | None = field(default=None)


LEAST = 3


def scores(profile: Profile, part: Measured) -> Scores:
    found = predicted(profile, part)
    classes: defaultdict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(part.classes):
        classes[name].append(i)
    theirs, own = [], []
    for members in classes.values():
        for i in members if len(members) > 1 else ():
            theirs.append(statistics.median(part.ms[j] for j in members if j != i))
            own.append(float(part.ms[i]))
    groups = [members for members in classes.values() if len(members) >= LEAST]
    return Scores(
        errors(found.tolist(), part.ms.tolist()),
        errors(theirs, own) if own else None,
        errors(
            [statistics.median(found[members].tolist()) for members in groups],
            [statistics.median(part.ms[members].tolist()) for members in groups],
        )
        if groups
        else None,
    )
