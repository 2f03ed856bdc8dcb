"""Measuring kernels for a profile: `zennas latency profile`. Each network of the sample is stored in its own file.

    measure_sample(folder, Campaign(MeasureSettings("onnxruntime"), networks=150))  # continues an interrupted sample
    measure_sample(folder, Campaign(EstimateSettings("vela", "ethos-u55-128")))  # a compiler's estimates instead
    table, networks, conditions = read_sample(folder)

`sampling.py` draws the networks, the back end times their kernels one by one, or a compiler estimates them, and
`fit.py` learns from them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from latency.base import BACKENDS, ESTIMATORS, LatencyError, MeasureSettings, Subject, UnavailableError
from latency.fitting.attributing import kernel_times
from latency.fitting.drifting import PROBE_CLASSES, PROBES
from latency.fitting.probing import looked_up
from latency.fitting.sampling import Sampled, sampled
from latency.kernels import KINDS, Fusion, Kernel
from latency.measuring.measure import measure, measure_blocks
from latency.measuring.subject import of_structure
from latency.predicting.table import KernelTable
from PlainNet import StructureError, parse
from PlainNet.files import write_text
from PlainNet.lock import FolderInUseError, LockError, locked
from PlainNet.progress import WorkProgress, unwatched
from PlainNet.registry import UnknownNameError
from PlainNet.sizes import Size, size_of

REFERENCE_MS = (3.0, 50.0)
_REFERENCE_FIELDS = ("structure", "resolution", "num_classes", "use_se", "whole_ms")
LEFT_OUT = "left_out"
"""In the file of a network that has no latency, why: a compiler leaves a part of it to something else, or a back end
does not compute it well enough."""
MOST_LEFT_OUT = 0.1
"""The largest share of the networks that a back end may leave out."""
SETTINGS_FILE, PROBES_FILE, FUSION_FILE = "profile.json", "references.json", "fusion.json"


@dataclass(frozen=True)
class EstimateSettings:
    """A compiler that estimates latencies, and the device: the names of an `Estimator` and its configuration."""

    estimator: str
    configuration: str
    batch_size: int = field(default=1, init=False)
    precision: str = field(default="int8", init=False)

    def __str__(self) -> str:
        return f"{self.estimator}:{self.configuration}"


Source: TypeAlias = MeasureSettings | EstimateSettings


@dataclass(frozen=True)
class Campaign:
    """The settings of a sample; equal settings draw the same networks.

    measure: how to measure, or whose estimates to take. networks: how many. seed: of the random networks. repeats: how
    often each kernel is timed; estimates are the same every time.
    """

    measure: Source
    networks: int = 150
    seed: int = 0
    repeats: int = 30

    def to_json(self) -> dict[str, Any]:
        """Return the settings for JSON."""
        measure = asdict(self.measure)
        if isinstance(self.measure, MeasureSettings):
            measure["options"] = list(self.measure.options)
        else:
            measure = {"estimator": self.measure.estimator, "configuration": self.measure.configuration}
        return {**asdict(self), "measure": measure}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Campaign:
        """Read settings. Raises KeyError, TypeError or LatencyError for data that `to_json` cannot have written."""
        measure: Source
        if "estimator" in stored["measure"]:
            measure = EstimateSettings(**stored["measure"])
        else:
            measure = MeasureSettings(**{**stored["measure"], "options": tuple(stored["measure"]["options"])})
        return cls(**{**stored, "measure": measure})


@dataclass(frozen=True)
class MeasuredNetwork:
    """A network of the sample: its kernels with their times, and its median latency, in ms for the whole batch."""

    kernels: tuple[Kernel, ...]
    ms: float
    times: tuple[float, ...]


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
    most, left_out = campaign.networks, 0  # a compiler may leave out any number
    if isinstance(campaign.measure, MeasureSettings):
        _time_probes(folder, campaign.measure)
        _look_up_fusion(folder, campaign.measure)
        most, left_out = int(MOST_LEFT_OUT * campaign.networks), sum(map(_was_left_out, _sample_paths(folder)))
    fusion = read_fusion(folder, campaign.measure)
    for index in range(campaign.networks):
        path = _sample_path(folder, index)
        if path.is_file():
            continue
        one = sampled(campaign.seed, index, small=isinstance(campaign.measure, EstimateSettings))
        progress(index, campaign.networks, str(one.structure))
        try:
            found = _timed(one, campaign, fusion)
        except LatencyError as error:
            raise LatencyError(f"network {index} of the sample, {one.structure}: {error}") from None
        left_out += LEFT_OUT in found
        if left_out > most:
            raise LatencyError(
                f"{left_out} of {campaign.networks} networks of the sample were refused; the last, number {index}, "
                f"{one.structure}: {found[LEFT_OUT]}"
            )
        write_text(path, json.dumps({**one._asdict(), "structure": str(one.structure), **found}))
    progress(campaign.networks, campaign.networks, "")


def _timed(one: Sampled, campaign: Campaign, fusion: Fusion) -> dict[str, Any]:
    """The latency of a network and its kernels, for its file, or the reason why it has none."""
    source, subject = campaign.measure, of_structure(one.structure, one.resolution, one.num_classes, one.use_se)
    try:
        if isinstance(source, EstimateSettings):
            return _estimated(subject, source, fusion)
        made = measure_blocks(subject, source, campaign.repeats)
    except UnavailableError:  # this has nothing to do with the network
        raise
    except (LatencyError, StructureError) as error:
        return {LEFT_OUT: str(error)}
    times = kernel_times(subject.graph, fusion, source.batch_size, made.layers, made.whole.median)
    return {
        "whole_ms": made.whole.median,
        "settled": made.whole.settled,
        "conditions": made.whole.conditions,
        "kernels": [[*kernel, ms] for kernel, ms in times],
    }


def _estimated(subject: Subject, source: EstimateSettings, fusion: Fusion) -> dict[str, Any]:
    """Likewise, by a compiler, which has to compile the whole network for its accelerator."""
    made = ESTIMATORS.get(source.estimator).estimate(subject.graph, subject.build, source.configuration)
    if made.elsewhere:
        return {LEFT_OUT: f"{made.elsewhere[0]} does not run on {source.configuration}"}
    times = kernel_times(subject.graph, fusion, 1, made.layers, made.ms)
    return {
        "whole_ms": made.ms,
        "settled": True,
        "conditions": {"compiler": made.compiler, "system": made.system, "clock_hz": made.clock_hz},
        "kernels": [[*kernel, ms] for kernel, ms in times],
    }


def _look_up_fusion(folder: Path, settings: MeasureSettings) -> None:
    """Store what the back end fuses: looked up once, before the first network."""
    path = folder / FUSION_FILE
    if not path.is_file() and not _sample_paths(folder):
        write_text(path, json.dumps(asdict(looked_up(settings)), indent=1))


def read_fusion(folder: Path, source: Source) -> Fusion:
    """Return by which fusion the kernels of a sample were told apart: the rules of the back end in older folders, and
    of the compiler.

    Raises LatencyError if the file is damaged.
    """
    if isinstance(source, EstimateSettings):
        return ESTIMATORS.get(source.estimator).fusion(source.configuration)
    path = folder / FUSION_FILE
    try:
        return Fusion.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return BACKENDS.get(source.backend).fusion
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
        if isinstance(found.measure, EstimateSettings):
            known = ESTIMATORS.get(found.measure.estimator).configurations
            if found.measure.configuration not in known:
                raise ValueError(f"configuration is {found.measure.configuration!r}, expected {' or '.join(known)}")
        else:
            known = BACKENDS.get(found.measure.backend).precisions
            if found.measure.precision not in known:
                raise ValueError(f"precision is {found.measure.precision!r}, expected {' or '.join(known)}")
    except FileNotFoundError:
        raise LatencyError(f"{folder} has no measured kernels: make them with zennas latency profile") from None
    except KeyError as error:
        raise LatencyError(f"{path} cannot be read: it lacks {error}; measure again in another folder") from None
    except (OSError, ValueError, TypeError, LatencyError, UnknownNameError) as error:
        raise LatencyError(f"{path} cannot be read: {error}; measure again in another folder") from None
    return found


def read_sample(folder: Path) -> tuple[KernelTable, list[MeasuredNetwork], dict[str, Any]]:
    """Return all measured kernels, the networks that they belong to, and the conditions of the last measurement.

    Raises LatencyError if there are none or a file is damaged.
    """
    campaign = read_campaign(folder)
    networks, conditions = [], {}
    for index in range(campaign.networks):
        path = _sample_path(folder, index)
        if not path.is_file():
            continue
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if LEFT_OUT in stored:
                continue
            kernels = tuple(_kernel(fields) for *fields, _ in stored["kernels"])
            times = tuple(_milliseconds(ms, "the time of a kernel") for *_, ms in stored["kernels"])
            networks.append(MeasuredNetwork(kernels, _milliseconds(stored["whole_ms"], "whole_ms"), times))
            conditions = stored["conditions"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LatencyError(f"{path} cannot be read: {error}; delete it to measure it again") from None
    if not networks:
        raise LatencyError(
            f"{folder} has no measured kernels yet: continue with zennas latency profile --resume {folder}"
        )
    return table_of(networks), networks, conditions


def table_of(networks: Sequence[MeasuredNetwork]) -> KernelTable:
    """Return the kernels of all networks."""
    return KernelTable(
        tuple(kernel for network in networks for kernel in network.kernels),
        tuple(ms for network in networks for ms in network.times),
    )


def _kernel(fields: list[Any]) -> Kernel:
    """Read a kernel. Raises ValueError if a field is missing or has a wrong type or value."""
    if len(fields) != len(Kernel._fields):
        raise ValueError(f"a kernel has {len(fields)} fields, expected {len(Kernel._fields)} and its time")
    *first, size, out_size, kernel, stride, groups, added = fields
    found = Kernel._make([*first, _size(size), _size(out_size), kernel, stride, groups, added])
    if found.kind not in KINDS:
        raise ValueError(f"the kind of a kernel is {found.kind!r}, expected {', '.join(KINDS)}")
    if any(type(value) is not int or value < 1 for value in (*found[1:4], *found[6:-1])) or not isinstance(
        found.added, bool
    ):
        raise ValueError(
            f"the shape of a kernel is {list(found[1:])}, expected whole numbers above 0 and true or false"
        )
    return found


def _size(stored: Any) -> Size:
    height, width = stored if isinstance(stored, list) else (stored, stored)
    if any(type(value) is not int or value < 1 for value in (height, width)):
        raise ValueError(f"the size of a kernel is {stored}, expected whole numbers above 0")
    return size_of(height, width)


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
    source = campaign.measure
    if isinstance(source, EstimateSettings):
        name, reason = source.estimator, ESTIMATORS.get(source.estimator).available()
    else:
        name, reason = source.backend, BACKENDS.get(source.backend).available(source.precision, source.device)
    if reason is not None:
        raise LatencyError(f"{name} cannot run here: {reason}")
    write_text(path, json.dumps(campaign.to_json(), indent=1))


def _was_left_out(path: Path) -> bool:
    try:
        return LEFT_OUT in json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError) as error:
        raise LatencyError(f"{path} cannot be read: {error}; delete it to measure it again") from None


def _sample_paths(folder: Path) -> list[Path]:
    return sorted((folder / "samples").glob("*.json"))


def _sample_path(folder: Path, index: int) -> Path:
    return folder / "samples" / f"{index:04d}.json"
