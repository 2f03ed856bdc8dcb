"""Measuring kernels for a profile: `zennas latency profile`. Each network of the sample is stored in its own file.

    measure_sample(folder, Campaign(MeasureSettings("onnxruntime"), networks=150))  # continues an interrupted sample
    table, networks, conditions = read_sample(folder)

`sampling.py` draws the networks, the back end times their kernels one by one, and `fit.py` learns from them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from latency.base import BACKENDS, LatencyError, LayerTime, MeasureSettings, UnavailableError
from latency.fitting.drifting import PROBE_CLASSES, PROBES
from latency.fitting.probing import looked_up
from latency.fitting.sampling import sampled
from latency.kernels import KINDS, WEIGHTED, Fusion, Group, Kernel, group
from latency.measuring.measure import Breakdown, measure, measure_blocks
from latency.measuring.subject import of_structure
from latency.predicting.table import KernelTable
from PlainNet import parse
from PlainNet.files import write_text
from PlainNet.lock import FolderInUseError, LockError, locked
from PlainNet.ops import OpGraph
from PlainNet.progress import WorkProgress, unwatched
from PlainNet.registry import UnknownNameError

REFERENCE_MS = (3.0, 50.0)
_REFERENCE_FIELDS = ("structure", "resolution", "num_classes", "use_se", "whole_ms")
SETTINGS_FILE, PROBES_FILE, FUSION_FILE = "profile.json", "references.json", "fusion.json"
REFUSED, MOST_REFUSED = "refused", 0.1
"""The reason of a network that was left out, and the largest share of those."""
_LEAST_SHARE = 0.3
"""The least share of the profiler's time that a kernel is assumed to take after the overhead is subtracted."""


@dataclass(frozen=True)
class Campaign:
    """The settings of a sample; equal settings draw the same networks.

    measure: how to measure. networks: how many. seed: of the random networks. repeats: how often each kernel is timed.
    """

    measure: MeasureSettings
    networks: int = 150
    seed: int = 0
    repeats: int = 30

    def to_json(self) -> dict[str, Any]:
        """Return the settings for JSON."""
        return {**asdict(self), "measure": {**asdict(self.measure), "options": list(self.measure.options)}}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Campaign:
        """Read settings. Raises KeyError, TypeError or LatencyError for data that `to_json` cannot have written."""
        measure = {**stored["measure"], "options": tuple(stored["measure"]["options"])}
        return cls(**{**stored, "measure": MeasureSettings(**measure)})


@dataclass(frozen=True)
class MeasuredNetwork:
    """A network of the sample: its kernels, and its median latency in ms for the whole batch."""

    kernels: tuple[Kernel, ...]
    ms: float


def measure_sample(folder: Path, campaign: Campaign, progress: WorkProgress = unwatched) -> None:
    """Measure the networks that are not in `folder` yet. An existing sample can be extended.

    A network that the back end does not compute well enough, such as a deep one in INT8, is noted and left out. Raises
    LatencyError if that happens to many, or if the folder contains a sample with other settings, and FolderInUseError
    if another process measures there.
    """
    try:
        with locked(folder, "the sample"):
            _measure(folder, campaign, progress)
    except FolderInUseError:
        raise
    except LockError as error:
        raise LatencyError(str(error)) from None


def _measure(folder: Path, campaign: Campaign, progress: WorkProgress) -> None:
    _begin(folder, campaign)
    _time_probes(folder, campaign.measure)
    fusion = _look_up_fusion(folder, campaign.measure)
    refused = sum(map(_was_refused, _sample_paths(folder)))
    for index in range(campaign.networks):
        path = _sample_path(folder, index)
        if path.is_file():
            continue
        one = sampled(campaign.seed, index)
        progress(index, campaign.networks, str(one.structure))
        subject = of_structure(one.structure, one.resolution, one.num_classes, one.use_se)
        try:
            found = measure_blocks(subject, campaign.measure, campaign.repeats)
        except UnavailableError:  # this has nothing to do with the network
            raise
        except LatencyError as error:
            refused += 1
            if refused > MOST_REFUSED * campaign.networks:
                raise LatencyError(
                    f"{refused} of {campaign.networks} networks of the sample were refused; the last, number {index}, "
                    f"{one.structure}: {error}"
                ) from None
            write_text(path, json.dumps({"structure": str(one.structure), REFUSED: str(error)}))
            continue
        stored = {
            "structure": str(one.structure),
            "resolution": one.resolution,
            "num_classes": one.num_classes,
            "use_se": one.use_se,
            "whole_ms": found.whole.median,
            "settled": found.whole.settled,
            "conditions": found.whole.conditions,
            "kernels": [[*kernel, ms] for kernel, ms in kernel_times(subject.graph, fusion, campaign.measure, found)],
        }
        write_text(path, json.dumps(stored))
    progress(campaign.networks, campaign.networks, "")


def _look_up_fusion(folder: Path, settings: MeasureSettings) -> Fusion:
    """What the back end fuses: looked up once, before the first network."""
    path = folder / FUSION_FILE
    if not path.is_file() and not _sample_paths(folder):
        write_text(path, json.dumps(asdict(looked_up(settings)), indent=1))
    return read_fusion(folder, settings.backend)


def read_fusion(folder: Path, backend: str) -> Fusion:
    """Return by which fusion the kernels of a sample were told apart: the rules of the back end in older folders.

    Raises LatencyError if the file is damaged.
    """
    path = folder / FUSION_FILE
    try:
        return Fusion.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return BACKENDS.get(backend).fusion
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise LatencyError(f"{path} cannot be read: {error}; measure again in another folder") from None


def _time_probes(folder: Path, settings: MeasureSettings) -> None:
    """Time the references of `drifting.py`: first, so that they are as old as the sample."""
    path = folder / PROBES_FILE
    if path.is_file() or _sample_paths(folder):
        return
    found = []
    for text, resolution in PROBES:
        subject = of_structure(parse(text), resolution, PROBE_CLASSES)
        ms = measure(subject, settings).median
        found.append(dict(zip(_REFERENCE_FIELDS, (text, resolution, PROBE_CLASSES, False, ms), strict=True)))
    write_text(path, json.dumps(found, indent=1))


def read_campaign(folder: Path) -> Campaign:
    """Return the settings of the sample in `folder`. Raises LatencyError if there is none or it is damaged."""
    path = folder / SETTINGS_FILE
    try:
        found = Campaign.from_json(json.loads(path.read_text(encoding="utf-8")))
        known = BACKENDS.get(found.measure.backend).precisions
        if found.measure.precision not in known:
            raise ValueError(f"precision is {found.measure.precision!r}, expected {' or '.join(known)}")
    except FileNotFoundError:
        raise LatencyError(f"{folder} has no measured kernels: make them with zennas latency profile") from None
    except (OSError, ValueError, KeyError, TypeError, LatencyError, UnknownNameError) as error:
        raise LatencyError(f"{path} cannot be read: {error}; measure again in another folder") from None
    return found


def read_sample(folder: Path) -> tuple[KernelTable, list[MeasuredNetwork], dict[str, Any]]:
    """Return all measured kernels, the networks that they belong to, and the conditions of the last measurement.

    Raises LatencyError if there are none or a file is damaged.
    """
    campaign = read_campaign(folder)
    networks, times, conditions = [], [], {}
    for index in range(campaign.networks):
        path = _sample_path(folder, index)
        if not path.is_file():
            continue
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if REFUSED in stored:
                continue
            kernels = [_kernel(fields) for *fields, _ in stored["kernels"]]
            times += [_milliseconds(ms, "the time of a kernel") for *_, ms in stored["kernels"]]
            networks.append(MeasuredNetwork(tuple(kernels), _milliseconds(stored["whole_ms"], "whole_ms")))
            conditions = stored["conditions"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LatencyError(f"{path} cannot be read: {error}; delete it to measure it again") from None
    if not networks:
        raise LatencyError(
            f"{folder} has no measured kernels yet: continue with zennas latency profile --resume {folder}"
        )
    return KernelTable(tuple(k for network in networks for k in network.kernels), tuple(times)), networks, conditions


def _kernel(fields: list[Any]) -> Kernel:
    """Read a kernel. Raises ValueError if a field is missing or has a wrong type or value."""
    if len(fields) != len(Kernel._fields):
        raise ValueError(f"a kernel has {len(fields)} fields, expected {len(Kernel._fields)} and its time")
    found = Kernel(*fields)
    if found.kind not in KINDS:
        raise ValueError(f"the kind of a kernel is {found.kind!r}, expected {', '.join(KINDS)}")
    if any(type(value) is not int or value < 1 for value in found[1:-1]) or not isinstance(found.added, bool):
        raise ValueError(
            f"the shape of a kernel is {list(found[1:])}, expected whole numbers above 0 and true or false"
        )
    return found


def _milliseconds(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(f"{what} is {value!r}, expected milliseconds above 0")
    return float(value)


def references(folder: Path, count: int = 5) -> list[dict[str, Any]]:
    """Return a few networks with their latencies, to find later how much slower or faster the machine has become.

    They are those of `drifting.py`. A sample that was measured before there were any has none; then they are networks
    of the sample, chosen evenly from those with a stable measurement and a moderate latency. Raises LatencyError if the
    file is damaged.
    """
    path = folder / PROBES_FILE
    if path.is_file():
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return [{name: one[name] for name in _REFERENCE_FIELDS} for one in stored]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LatencyError(f"{path} cannot be read: {error}; delete it and --resume {folder}") from None
    found = []
    for path in _sample_paths(folder):
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored.get("settled") and REFERENCE_MS[0] <= stored["whole_ms"] <= REFERENCE_MS[1]:
            found.append({name: stored[name] for name in _REFERENCE_FIELDS})
    return found[:: max(1, len(found) // count)][:count]


def kernel_times(
    graph: OpGraph, fusion: Fusion, settings: MeasureSettings, found: Breakdown
) -> list[tuple[Kernel, float]]:
    """Return each kernel of the graph with its time in ms for the whole batch, without the profiler's overhead.

    Operations that the back end adds, such as changes of layout, count towards a neighbour without weights. Kernels
    that the back end did not run separately are left out.
    """
    groups = group(graph, fusion, settings.batch_size)
    times = _assigned(groups, found.layers)
    excess = max(0.0, found.sum_ms - found.whole.median) / max(1, len(found.layers))
    counts = {i: len(layers) for i, layers in times.items()}
    net = {i: sum(max(ms - excess, _LEAST_SHARE * ms) for ms in layers) for i, layers in times.items()}
    return [(groups[i].kernel, net[i]) for i in sorted(net) if counts[i] and net[i] > 0]


def _assigned(groups: Sequence[Group], layers: Sequence[LayerTime]) -> dict[int, list[float]]:
    """For each group, by its index, the times of the back end's kernels that belong to it."""
    owner = {node: i for i, one in enumerate(groups) for node in one.nodes}
    owners: list[int | None] = []
    for layer in layers:
        mine = [owner[node] for node in layer.nodes if node in owner]
        weighted = [i for i in mine if groups[i].kernel.kind in WEIGHTED]
        owners.append(next(iter(weighted or mine), None))
    times: dict[int, list[float]] = {}
    for at, layer in enumerate(layers):
        own = owners[at]
        index = _neighbour(owners, at, groups) if own is None else own
        if index is not None:
            times.setdefault(index, []).append(layer.ms)
    return times


def _neighbour(owners: Sequence[int | None], at: int, groups: Sequence[Group]) -> int | None:
    """The group for a kernel without one: the nearest before or after it, preferably without weights."""
    before = next((i for i in reversed(owners[:at]) if i is not None), None)
    behind = next((i for i in owners[at + 1 :] if i is not None), None)
    near = [i for i in (before, behind) if i is not None]
    light = [i for i in near if groups[i].kernel.kind not in WEIGHTED]
    return next(iter(light or near), None)


def _begin(folder: Path, campaign: Campaign) -> None:
    path = folder / SETTINGS_FILE
    if path.is_file():
        known = read_campaign(folder)
        if replace(known, networks=campaign.networks) != campaign:
            raise LatencyError(
                f"{folder} contains kernels measured with other settings: choose another folder, or --resume it"
            )
        if campaign.networks <= known.networks:
            return
    backend = BACKENDS.get(campaign.measure.backend)
    reason = backend.available(campaign.measure.precision, campaign.measure.device)
    if reason is not None:
        raise LatencyError(f"back end {backend.name} cannot run here: {reason}")
    write_text(path, json.dumps(campaign.to_json(), indent=1))


def _was_refused(path: Path) -> bool:
    try:
        return REFUSED in json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError) as error:
        raise LatencyError(f"{path} cannot be read: {error}; delete it to measure it again") from None


def _sample_paths(folder: Path) -> list[Path]:
    return sorted((folder / "samples").glob("*.json"))


def _sample_path(folder: Path, index: int) -> Path:
    return folder / "samples" / f"{index:04d}.json"
