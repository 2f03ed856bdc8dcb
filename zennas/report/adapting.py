"""Profiles from latencies that were typed by hand: which networks to measure, and the profile from their latencies."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from latency.base import LatencyError
from latency.fitting.adapting import LEAST, adapted
from latency.fitting.choosing import chosen
from latency.fitting.laws import laws_for
from latency.kernels import group
from latency.predicting.hardware import processor
from latency.predicting.profile import Profile
from latency.predicting.table import LATENCY
from PlainNet import Options, Structure, StructureError, lower, parse
from PlainNet.errors import ZennasError
from PlainNet.progress import WorkProgress, unwatched
from PlainNet.sizes import Size, SizeLike, sides
from SearchSpace import load_space
from SearchSpace.base import CellSpace, SearchSpace
from zennas.accuracy.tables.base import TableError
from zennas.accuracy.tables.columns import ARCHITECTURE_COLUMNS, architecture_column, table_text
from zennas.common.errors import WrongSettingError
from zennas.common.limits import checked_resolution
from zennas.named.networks import Network, network

POOL, TARGETS = 200, 100
"""How many random networks can be suggested, and for how many others the suggestions are to be telling."""
_DRAWS = 20
"""So many times as often a space is asked for networks that differ."""


@dataclass(frozen=True)
class Inputs:
    """What the networks of a list are. space: the name of a space in whose notation they are written, or None for
    any notation. The others are as in `zennas.named.networks.network`."""

    space: str | None = None
    resolution: SizeLike | None = None
    num_classes: int | None = None
    use_se: bool | None = None

    @property
    def size(self) -> Size:
        """The size of images. Raises WrongSettingError if there is none like this."""
        return 32 if self.resolution is None else checked_resolution(self.resolution, WrongSettingError)

    def read(self, text: str) -> Network:
        """Return the network that `text` names. Raises ZennasError."""
        if self.space is None:
            return network(text, self.resolution, self.num_classes, self.use_se)
        space = load_space(self.space)
        structure = space.read(text) if isinstance(space, CellSpace) else parse(text)
        return Network(text, self.size, self.num_classes or 10, bool(self.use_se), structure)


@dataclass(frozen=True)
class MeasuredLatency:
    """A network with its latency in ms per image. arch: how the list names it."""

    network: Network
    ms: float
    arch: str


def read_measured(path: Path, inputs: Inputs) -> list[MeasuredLatency]:
    """Read a CSV file with a column of architectures and a column latency_ms; rows without a latency are left out.

    Raises TableError, which names the line, if the file cannot be read or has fewer than `LEAST` different networks.
    """
    reader = csv.reader(io.StringIO(table_text(path)))
    found: list[MeasuredLatency] = []
    try:
        header = [name.strip().casefold() for name in next(reader, [])]
        column = architecture_column(header)
        if column is None or LATENCY not in header:
            raise TableError(
                f"{path} has the columns {', '.join(header)[:100] or 'of an empty file'}, expected {LATENCY} and one "
                f"of {', '.join(ARCHITECTURE_COLUMNS)}, separated by commas"
            )
        if header.count(LATENCY) > 1:
            raise TableError(f"{path} has {header.count(LATENCY)} columns {LATENCY}, expected one")
        for cells in reader:
            place = f"{path}, line {reader.line_num}"
            if not any(cells):
                continue
            if len(cells) != len(header):
                raise TableError(f"{place}: {len(cells)} cells, expected {len(header)}; texts with commas need quotes")
            text, latency = cells[column].strip(), cells[header.index(LATENCY)].strip()
            if latency:
                found.append(MeasuredLatency(_network(inputs, text, place), _milliseconds(latency, place), text))
    except csv.Error as error:
        raise TableError(f"{path}, line {reader.line_num}: {error}") from None
    different = {str(one.network.structure or one.network.name) for one in found}
    if len(different) < LEAST:
        raise TableError(
            f"{path} has {len(different)} different networks with a {LATENCY}, expected at least {LEAST}: zennas "
            "latency suggest chooses them"
        )
    return found


def _network(inputs: Inputs, text: str, place: str) -> Network:
    try:
        return inputs.read(text)
    except (ZennasError, ValueError) as error:
        raise TableError(f"{place}: {error}") from None


def _milliseconds(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1e9:
        raise TableError(f"{place}: {LATENCY} is {text[:40]!r}, expected milliseconds above 0")
    return value


@dataclass(frozen=True)
class LeftOut:
    """A measured network beside what the other ones predict for it, in ms per image."""

    arch: str
    measured: float
    predicted: float

    @property
    def factor(self) -> float:
        """By how much the two differ, at least 1."""
        return max(self.measured / self.predicted, self.predicted / self.measured)


def adapted_profile(
    blank: Profile, measured: Sequence[MeasuredLatency], sources: Sequence[Profile], text: str
) -> tuple[Profile, list[LeftOut]]:
    """Return a profile from measured networks, and each of these as the others predict it, the largest errors first.

    blank: a profile without models. text: where the latencies come from. Raises LatencyError.
    """
    graphs = [one.network.graph for one in measured]
    found = adapted(blank, graphs, [one.ms * blank.batch for one in measured], sources)
    left_out = [LeftOut(one.arch, one.ms, ms / blank.batch) for one, ms in zip(measured, found.left_out, strict=True)]
    left_out.sort(key=lambda one: -one.factor)
    made = found.profile
    sizes = sorted({one.network.resolution for one in measured}, key=sides)
    least, most = (f"{end(one.ms for one in measured):.4g}" for end in (min, max))
    said = (
        f"Latencies of {len(measured)} whole networks at {', '.join(map(str, sizes))} pixels, from {least} to {most} "
        f"ms per image. {text}"
    ).strip()
    limits = (
        "Only whole networks were measured, and few. Intervals hold for networks of the same kind: they widen for "
        "kinds of kernels that were not measured, but do not know of effects that no measured network has."
    )
    return replace(made, about={"source": said, **made.about, "limits": limits}), left_out


def suggested(
    space_name: str, inputs: Inputs, count: int, seed: int, precision: str = "fp32", progress: WorkProgress = unwatched
) -> list[str]:
    """Return `count` architectures of a space whose latencies tell most about those of the others, in its notation.

    Raises LatencyError if the space has too few networks, and UnknownSpaceError if there is no such space.
    """
    space, rng = load_space(space_name), Random(seed)
    wanted = max(POOL, 4 * count) + TARGETS
    laws = laws_for(processor(precision), ())
    options = Options(bool(inputs.use_se))
    times: list[list[Any]] = [[] for _ in laws]
    drawn = []
    tried = _drawn(space, rng, wanted)
    for i, structure in enumerate(tried):
        progress(i, len(tried), "")
        try:
            graph = lower(structure, resolution=inputs.size, num_classes=inputs.num_classes or 10, options=options)
        except StructureError:
            continue  # random structures of spaces without a limit can be too large for any device
        drawn.append(structure)
        for law, rows in zip(laws, times, strict=True):
            rows.append(law.times(Counter(kernel for kernel, _ in group(graph, law.fusion))))
    progress(len(tried), len(tried), "")
    if len(drawn) < count + 1:
        raise LatencyError(
            f"{space_name} has {len(drawn)} different networks at {inputs.size} pixels, expected more than {count}: "
            "lower --n"
        )
    pool = len(drawn) - max(1, min(TARGETS, len(drawn) - count))
    arrays = [np.array(rows) for rows in times]
    best = chosen(laws, [one[:pool] for one in arrays], [one[pool:] for one in arrays], count)
    write = space.write if isinstance(space, CellSpace) else str
    return [write(drawn[i]) for i in best]


def _drawn(space: SearchSpace, rng: Random, wanted: int) -> list[Structure]:
    """Different random networks of a space; cells that compute the same count once, and constant ones not at all."""
    found: dict[str, Structure] = {}
    for _ in range(_DRAWS * wanted):
        structure = space.sample(rng)
        name = space.canonical(structure) if isinstance(space, CellSpace) else str(structure)
        if name:
            found.setdefault(name, structure)
        if len(found) == wanted:
            break
    return list(found.values())
