"""Tables of single kernels as CSV, for fitting and for `zennas latency predict --ops`. No torch.

The columns are kind (regular or conv, depthwise, linear, add, … see `kernels.KINDS`), batch, in_channels, in_height,
in_width, out_channels, kernel, stride, fused_add; optional are groups, out_height, out_width, and latency_ms
(milliseconds for the whole batch). `.gz` files are read as well.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO, Any

from latency.base import LatencyError
from latency.kernels import CONV, DEPTHWISE, GLOBAL_POOL, GROUPED, KINDS, WEIGHTED, Kernel
from latency.predicting.models import Model
from latency.predicting.profile import Profile
from PlainNet.files import read_named
from PlainNet.ops import MaxPool, positions
from PlainNet.sizes import Sides, Size, area, sides, size_of, size_text

COLUMNS = ("kind", "batch", "in_channels", "in_height", "in_width", "out_channels", "kernel", "stride", "fused_add")
LATENCY = "latency_ms"
_NAMES = {"regular": CONV, **{kind: kind for kind in KINDS}}
_LARGEST = 1 << 20
_MOST = 1 << 50
"""The limit for the products of a kernel and for the numbers that it reads, which are counted in 64 bits."""


class KernelTableError(LatencyError):
    """A table cannot be read; the message names file and line."""


@dataclass(frozen=True)
class KernelTable:
    """Kernels in the order of the file, with their measured times in ms for whole batches, or None without times."""

    kernels: tuple[Kernel, ...]
    ms: tuple[float, ...] | None
    rows: tuple[dict[str, str], ...] = ()
    """The rows of the file as text."""

    def __len__(self) -> int:
        return len(self.kernels)

    def where(self, holds: Callable[[Kernel], bool]) -> KernelTable:
        """Return the rows whose kernel satisfies `holds`."""
        chosen = [i for i, kernel in enumerate(self.kernels) if holds(kernel)]
        ms = None if self.ms is None else tuple(self.ms[i] for i in chosen)
        return KernelTable(tuple(self.kernels[i] for i in chosen), ms)


def longer(table: KernelTable, ms: float) -> KernelTable:
    """Return the kernels that took at least `ms` milliseconds."""
    assert table.ms is not None
    chosen = [i for i, one in enumerate(table.ms) if one >= ms]
    return KernelTable(tuple(table.kernels[i] for i in chosen), tuple(table.ms[i] for i in chosen))


def read_table(path: Path, *, measured: bool = False) -> KernelTable:
    """Read a table of kernels.

    measured: require the column latency_ms. Raises KernelTableError, which names the line, if the table cannot be read.
    """
    try:
        with _opened(path) as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise KernelTableError(f"{path} has no column {missing[0]}, expected {', '.join(COLUMNS)}")
            timed = LATENCY in (reader.fieldnames or ())
            if measured and not timed:
                raise KernelTableError(f"{path} has no column {LATENCY}, which a fit needs")
            rows = [dict(row) for row in reader]
            found = [_row(row, timed, f"{path}, line {line}") for line, row in enumerate(rows, start=2)]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise KernelTableError(f"{path} cannot be read as a table of kernels: {why}") from None
    if not rows:
        raise KernelTableError(f"{path} has no rows")
    ms = tuple(ms for _, ms in found) if timed else None
    return KernelTable(tuple(kernel for kernel, _ in found), ms, tuple(rows))


def _opened(path: Path) -> IO[str]:
    content = read_named(path)
    text = gzip.decompress(content) if path.suffix == ".gz" else content
    return io.StringIO(text.decode("utf-8-sig"), newline="")


def _row(row: dict[str, Any], timed: bool, place: str) -> tuple[Kernel, float]:
    if None in row or None in row.values():
        raise KernelTableError(f"{place}: the number of cells differs from the number of columns")
    kind = _NAMES.get(row["kind"] or "")
    if kind is None:
        raise KernelTableError(f"{place}: unknown kind {row['kind']!r}, expected {', '.join(_NAMES)}")
    numbers = {name: _whole(row[name], name, place) for name in COLUMNS[1:-1]}
    added = _whole(row["fused_add"], "fused_add", place, least=0)
    if added > 1:
        raise KernelTableError(f"{place}: fused_add is {added}, expected 0 or 1")
    size, kernel, stride = size_of(numbers["in_height"], numbers["in_width"]), numbers["kernel"], numbers["stride"]
    out = 1 if kind == GLOBAL_POOL else _out_size(row, size, MaxPool(kernel, stride), place)
    if min(sides(out)) < 1:
        raise KernelTableError(f"{place}: a window of {kernel}×{kernel} does not fit an input of {size_text(size)}")
    channels, makes = numbers["in_channels"], numbers["out_channels"]
    groups = _whole(row["groups"], "groups", place) if row.get("groups") else channels if kind == DEPTHWISE else 1
    if channels % groups or makes % groups:
        raise KernelTableError(f"{place}: {groups} groups do not divide {channels} input and {makes} output channels")
    if kind == DEPTHWISE and not groups == channels == makes:
        kind = GROUPED
    found = Kernel(kind, numbers["batch"], channels, makes, size, out, kernel, stride, groups, bool(added))
    _check_size(found, place)
    return found, _time(row[LATENCY], place) if timed else math.nan


def _out_size(row: dict[str, Any], size: Size, window: MaxPool, place: str) -> Size:
    """The size that a row says, or that of a window with the usual padding. A square input has a square output."""
    height, width = (_whole(row[name], name, place) if row.get(name) else None for name in ("out_height", "out_width"))
    if not isinstance(size, Sides):
        height, width = height or width, width or height
    usual = sides(positions(window, size))
    return size_of(usual[0] if height is None else height, usual[1] if width is None else width)


def _check_size(kernel: Kernel, place: str) -> None:
    """Raises KernelTableError for a kernel that no device runs, because its work does not fit 64 bits."""
    length = kernel.kernel**2 * (kernel.in_channels // kernel.groups if kernel.kind in WEIGHTED else 1)
    products = kernel.batch * area(kernel.out_size) * kernel.out_channels * length
    numbers = kernel.batch * area(kernel.size) * kernel.in_channels
    if max(products, numbers) > _MOST:
        raise KernelTableError(
            f"{place}: the kernel is too large: {products:.2g} products of {numbers:.2g} inputs, at most {_MOST:.2g} "
            "can be predicted"
        )


def _whole(text: Any, name: str, place: str, least: int = 1) -> int:
    try:
        value = int(text)
    except (TypeError, ValueError):
        raise KernelTableError(f"{place}: {name} is {text!r}, expected a whole number") from None
    if not least <= value <= _LARGEST:
        raise KernelTableError(f"{place}: {name} is {value}, expected {least} to {_LARGEST}")
    return value


def _time(text: Any, place: str) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise KernelTableError(f"{place}: {LATENCY} is {text!r}, expected milliseconds above 0")
    return value


def predict_kernels(profile: Profile, kernels: Sequence[Kernel]) -> list[float]:
    """Return the milliseconds of each kernel for its whole batch.

    Raises ProfileError for a kind that the profile does not know, and if its numbers lead to no finite time.
    """
    measured = [profile.measured_as(kernel) for kernel in kernels]
    rows: dict[Model, list[int]] = {}
    for i, kernel in enumerate(measured):
        rows.setdefault(profile.model_of(kernel.kind), []).append(i)
    found = [math.nan] * len(kernels)
    for model, chosen in rows.items():
        try:
            times = model.many([measured[i] for i in chosen], profile.hardware)
        except OverflowError:
            times = [math.inf] * len(chosen)
        for i, ms in zip(chosen, times, strict=True):
            if profile.drift is not None:
                ms *= profile.drift.factor(measured[i], profile.hardware)
            found[i] = ms if 0 <= ms < math.inf else profile.refuse(ms, f"kernel {i + 1}, of kind {measured[i].kind}")
    return found


def merged(table: KernelTable) -> KernelTable:
    """Return each kernel once, with the median of its times."""
    assert table.ms is not None
    times: dict[Kernel, list[float]] = {}
    for kernel, ms in zip(table.kernels, table.ms, strict=True):
        times.setdefault(kernel, []).append(ms)
    return KernelTable(tuple(times), tuple(median(found) for found in times.values()))


def held_out(kernel: Kernel, share: float = 0.1) -> bool:
    """Whether a kernel is held out from fits to measure their error.

    A shape is held out with all of its batch sizes, with and without an addition. The choice is a checksum of the
    shape, so that it does not depend on the order of the table.
    """
    shape = kernel._replace(batch=0, added=False)
    return zlib.crc32(repr(tuple(shape)).encode()) % 10_000 < share * 10_000
