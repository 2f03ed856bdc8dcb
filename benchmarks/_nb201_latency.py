"""Latency profiles from networks of NAS-Bench-201 that others measured: what was measured, and the fit.

Whole networks were measured, not kernels. A profile is therefore the sum over kernels that fits them best: for each
kind of kernel, non-negative rates per kernel, per multiply–accumulate and per byte, fitted to all data sets of a device
at once.
"""

from __future__ import annotations

import csv
import gzip
import statistics
import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latency.fitting.errors import Errors, errors
from latency.fitting.fit import ranges
from latency.kernels import ACTIVATION, AVG_POOL, CONV, GLOBAL_POOL, LINEAR, NORM, WEIGHTED, Fusion, Kernel, group
from latency.predicting.features import work
from latency.predicting.hardware import processor
from latency.predicting.models import Linear
from latency.predicting.profile import Profile
from PlainNet import lower
from PlainNet.blocks.nasbench201 import EDGES, OPERATIONS
from PlainNet.ops import OpGraph
from SearchSpace.nasbench201 import CELLS_A_STAGE, Cell201, canonical, network

Floats = NDArray[np.float64]

HELD_OUT = 0.15
"""Share of the classes of isomorphic cells that is held out from every fit."""
LARGE = 1 << 16
"""Number of bytes read by a convolution from which `Device.large` adds a second rate per multiply–accumulate."""


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
    """A device as it was measured. column: its name in the files. target: wanted percentage of networks within ±10 %.

    setting, remark: how it was run, and further remarks, for the card. large: whether large convolutions get a rate of
    their own, see `latency.predicting.models.Linear`.
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
    remark: str = ""


_TFLITE = Fusion(addition=False, zeros="removed")
_UNSAID = "one image at a time; the data do not state the number of threads or the clock rates"
DEVICES = (
    Device("pixel3", "Google Pixel 3", "TFLite", "fp32", _UNSAID, "pixel3_latency", _TFLITE, target=90),
    Device("raspi4", "Raspberry Pi 4", "TFLite", "fp32", _UNSAID, "raspi4_latency", _TFLITE, large=True, target=90),
    Device(
        "edgegpu", "NVIDIA Jetson TX2", "TensorRT", "fp32",
        "one image at a time; the data do not state the number of threads, the clock rates or the precision, which is "
        "assumed to be fp32",
        "edgegpu_latency", Fusion(addition=False),
        remark="Most of the error is not noise: the measured networks seem to run an additional kernel for every node "
        "of a cell, because their code adds the first term to 0. The networks here have no such additions.",
    ),
    Device("edgetpu", "Google Edge TPU", "TFLite", "int8", _UNSAID, "edgetpu_latency", _TFLITE),
    Device(
        "pi5-onnxruntime", "Raspberry Pi 5", "ONNX Runtime", "fp32", "one thread on one core, median of 40 runs",
        "pi5_onnx_cifar100_lat_ms", Fusion(zeros="run", repeats="once"), HW_NAS_BENCH_360,
    ),
    Device(
        "pi5-litert", "Raspberry Pi 5", "LiteRT", "fp32", "one thread on one core, median of 40 runs",
        "pi5_litert_cifar100_lat_ms", replace(_TFLITE, repeats="once"), HW_NAS_BENCH_360,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Networks of one data set on one device.

    classes: cells with equal names are isomorphic. ms: per image. counts (N, K): how many of `kernels` a network runs.
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
        """Whether a class is held out, by a checksum: isomorphic networks stay together in any order of the file."""
        return np.array([zlib.crc32(name.encode()) % 10_000 < HELD_OUT * 10_000 for name in self.classes])


def read(device: Device, data: DataSet, folder: Path) -> Measured:
    """Read the networks of a device; of isomorphic cells that share a measurement, only the measured one.

    Failures (−1 in the file) are left out, and so are networks with a constant output, which take almost no time.
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
    """Return how often each network runs each kernel, (N, K), and the kernels."""
    numbers: dict[Kernel, int] = {}
    rows = []
    for graph in _graphs(cells, data):
        row: Counter[int] = Counter()
        for kernel, nodes in group(graph, fusion):
            row[numbers.setdefault(kernel, len(numbers))] += _TIMES.get(graph.nodes[nodes[0]].block, 1)
        rows.append(row)
    counts = np.zeros((len(rows), len(numbers)))
    for i, row in enumerate(rows):
        counts[i, list(row)] = list(row.values())
    return counts, tuple(numbers)


_LOWERED = 2
"""Cells per stage that are lowered; the others are like the second. The first one's ReLU may be fused before it."""
_TIMES = {
    i: CELLS_A_STAGE - _LOWERED + 1
    for i, (before, spec) in enumerate(pairwise(network(Cell201((0,) * 6), cells=_LOWERED).blocks), start=1)
    if before.kind == spec.kind == "NB201Cell"
}
"""Return, by block, how often its kernels count."""


@cache
def _graphs(cells: tuple[Cell201, ...], data: DataSet) -> list[OpGraph]:
    return [
        lower(network(cell, cells=_LOWERED), resolution=data.resolution, num_classes=data.classes) for cell in cells
    ]


_AS = {NORM: ACTIVATION, GLOBAL_POOL: AVG_POOL, LINEAR: CONV}
"""Kinds that are the same in all networks: they share the rates of similar kinds."""


def fit(device: Device, parts: Sequence[Measured]) -> Profile:
    """Return the profile fitted to the networks in `parts`."""
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
        rates += [(same, size, each, mac, byte) for same in (kind, *_sharing(kind, size))]
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
    """A key that is equal for kernels that share rates."""
    kind = _AS.get(kernel.kind, kernel.kind)
    return kind, kernel.kernel if kind in WEIGHTED else 0


def _sharing(kind: str, size: int) -> list[str]:
    """The other kinds that have the rates of this one; linear layers are convolutions of 1×1."""
    return [other for other, of in _AS.items() if of == kind and (other != LINEAR or size == 1)]


def _terms(kernel: Kernel, keys: Sequence[tuple[str, int]], device: Device) -> list[float]:
    """One, MACs, bytes, and MACs if the input is large, in the columns of the kernel's key."""
    done, key = work(kernel, processor(device.precision)), _key(kernel)
    macs = done.macs if kernel.kind in WEIGHTED else 0
    large = macs if device.large and kernel.kind == CONV and done.in_bytes >= LARGE else 0
    return [float(term) for one in keys for term in ((1, macs, done.bytes, large) if one == key else (0, 0, 0, 0))]


def _relative(sums: Floats, ms: Floats, rounds: int = 30) -> list[float]:
    """Non-negative rates that minimise |sums @ rates / ms − 1|, by iteratively reweighted least squares.

    Predictions that are too high count less, since they would pull everything down; errors are nearly logarithmic.
    """
    from scipy.optimize import nnls

    size = np.abs(sums).max(axis=0)
    size[size == 0] = 1
    weights = np.ones(len(ms))
    for _ in range(rounds):
        weighted = np.column_stack([sums / size * (weights / ms)[:, None], weights])
        triangle: Floats = np.asarray(np.linalg.qr(weighted, mode="r"))  # the same problem in a few rows
        rates = nnls(triangle[:, :-1], triangle[:, -1], maxiter=2000)[0] / size
        ratio = sums @ rates / ms
        high = np.maximum(ratio, 1)
        weights = 1 / np.sqrt(np.maximum(np.abs(ratio - 1) / high, 0.01)) / high
    return [float(rate) for rate in rates]


def predicted(profile: Profile, part: Measured) -> Floats:
    """Return milliseconds per image; `latency.predicting.predictor.Predictor` gives the same values."""
    times = np.array([profile.kernel_ms(kernel) for kernel in part.kernels])
    found: Floats = profile.scale * (part.counts @ times) + profile.overhead_ms
    return found


LEAST = 3
"""Least number of networks from which a median is computed."""


def program(cell: Cell201) -> str:
    """Return a name that is equal for cells that are the same program, up to the order of sums and to unused parts.

    Finer than `canonical`: zeros in sums and nodes with a single edge stay, as some back ends run something for them.
    """
    nodes = ["x"]
    for node in (1, 2, 3):
        terms = []
        for chosen, (to, source) in zip(cell.edges, EDGES, strict=True):
            if to == node:
                operation = OPERATIONS[chosen]
                terms.append("0" if operation == "none" else f"{operation}{nodes[source]}")
        nodes.append(f"[{' '.join(sorted(terms))}]")
    return nodes[-1]


def noise(part: Measured) -> Errors | None:
    """Compare networks with the median of others that are the same program; None if each was measured only once."""
    theirs, own = [], []
    for members in _alike(part, [program(cell) for cell in part.cells]):
        for i in members if len(members) > 1 else ():
            theirs.append(statistics.median(part.ms[j] for j in members if j != i))
            own.append(float(part.ms[i]))
    return errors(theirs, own) if own else None


def medians(profile: Profile, part: Measured) -> Errors | None:
    """Compare the profile with medians of `LEAST` or more isomorphic networks that run the same kernels, if any."""
    groups = [members for members in _alike(part, part.classes) if len(members) >= LEAST]
    found = predicted(profile, part)
    theirs = [statistics.median(part.ms[members].tolist()) for members in groups]
    return errors([float(found[members[0]]) for members in groups], theirs) if groups else None


def _alike(part: Measured, names: Sequence[str]) -> list[list[int]]:
    """Networks with equal names and kernels; kernels distinguish a value used twice from one computed twice."""
    found: defaultdict[tuple[str, bytes], list[int]] = defaultdict(list)
    for i, name in enumerate(names):
        found[name, part.counts[i].tobytes()].append(i)
    return list(found.values())
