"""Latencies of Qualcomm devices, from the files of the package qai-hub-models, as measurements for `adapted_profile`.

Qualcomm publishes there what its AI Hub measured of some 300 models on phones, boards and laptops (BSD-3-Clause). None
of it comes with this project: whoever wants a profile of such a device fetches the package, whose data is read where it
lies. It is neither imported nor installed, as it asks for versions of torch and other packages that differ from ours.
"""

from __future__ import annotations

import math
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from PlainNet.errors import ZennasError, reason

PACKAGE = "qai_hub_models"
NETWORKS: Mapping[str, str] = {
    "convnext_base": "torchvision:convnext_base",
    "convnext_tiny": "torchvision:convnext_tiny",
    "densenet121": "torchvision:densenet121",
    "efficientnet_b0": "torchvision:efficientnet_b0",
    "googlenet": "torchvision:googlenet",
    "inception_v3": "torchvision:inception_v3",
    "mnasnet05": "torchvision:mnasnet0_5",
    "mobilenet_v2": "torchvision:mobilenet_v2",
    "mobilenet_v3_large": "torchvision:mobilenet_v3_large",
    "mobilenet_v3_small": "torchvision:mobilenet_v3_small",
    "regnet": "torchvision:regnet_x_3_2gf",
    "regnet_y_800mf": "torchvision:regnet_y_800mf",
    "resnet101": "torchvision:resnet101",
    "resnet18": "torchvision:resnet18",
    "resnet50": "torchvision:resnet50",
    "resnext101": "torchvision:resnext101_32x8d",
    "resnext50": "torchvision:resnext50_32x4d",
    "shufflenet_v2": "torchvision:shufflenet_v2_x0_5",
    "squeezenet1_1": "torchvision:squeezenet1_1",
    "wideresnet50": "torchvision:wide_resnet50_2",
}
"""The convolutional classifiers of torchvision at 224×224 pixels, by the package's name, as this project names them.

Each was looked up in the package's source (0.65.0).
"""


class QaiHubError(ZennasError):
    """The package cannot be read, or has no such measurements."""


class Kind(NamedTuple):
    """What was measured: a device, as the package names it, a runtime such as tflite, and a precision such as w8a8."""

    device: str
    runtime: str
    precision: str


class Latency(NamedTuple):
    """The milliseconds of one image.

    network: this project's name. mixed: whether some layers ran on another unit than most, such as the CPU beside the
    NPU. job: the number of the measurement, which several devices can have in common.
    """

    kind: Kind
    network: str
    ms: float
    mixed: bool
    job: str


def latencies(package: Path) -> list[Latency]:
    """Return what a package has of the convolutional classifiers in `NETWORKS`, in their order.

    package: the wheel of qai-hub-models, or the folder `qai_hub_models` in which it is unpacked or installed.
    Raises QaiHubError if there is none, or it is not built like version 0.65.0.
    """
    found = [one for model, text in _files(package) for one in _of_model(package, model, text)]
    if not found:
        raise QaiHubError(
            f"{package} has no latencies of {len(NETWORKS)} known networks, expected the wheel of qai-hub-models: "
            "pip download --no-deps qai-hub-models"
        )
    return found


def kinds(found: Sequence[Latency]) -> dict[Kind, int]:
    """Return how many networks were measured of each kind, most first."""
    counts = Counter(one.kind for one in found)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def twins(found: Sequence[Latency]) -> dict[str, str]:
    """Return the devices that have another device's measurements, with the name of the first such one in the alphabet.

    The package gives several devices with one kind of chip the numbers of a single one.
    """
    jobs: dict[str, dict[tuple[str, str, str], str]] = {}
    for one in found:
        key = one.kind.runtime, one.kind.precision, one.network
        jobs.setdefault(one.kind.device, {})[key] = one.job
    alike: dict[str, str] = {}
    for device, other in combinations(sorted(jobs), 2):
        common = jobs[device].keys() & jobs[other].keys()
        if other not in alike and common and all(jobs[device][one] == jobs[other][one] != "" for one in common):
            alike[other] = device
    return alike


def of_kind(found: Sequence[Latency], kind: Kind) -> list[Latency]:
    """Return the latencies of one kind. Raises QaiHubError, which names what there is, if there are none."""
    same = [one for one in found if one.kind == kind]
    if same:
        return same
    for field, value in zip(Kind._fields, kind, strict=True):
        known = sorted({getattr(one.kind, field) for one in found})
        if value not in known:
            raise QaiHubError(f"there is no {field} {value!r}, expected one of {', '.join(known)}")
    of_device = [one for one in kinds(found) if one.device == kind.device]
    raise QaiHubError(
        f"{kind.device} has no networks with {kind.runtime} and {kind.precision}, expected one of "
        + ", ".join(f"{one.runtime} with {one.precision}" for one in of_device)
    )


def _files(package: Path) -> Iterator[tuple[str, bytes]]:
    """The names and the texts of the latencies of models."""
    inside = {model: f"models/{model}/perf.yaml" for model in NETWORKS}
    try:
        if package.is_dir():
            for model, name in inside.items():
                if (package / name).is_file():
                    yield model, (package / name).read_bytes()
            return
        with zipfile.ZipFile(package) as wheel:
            names = set(wheel.namelist())
            for model, name in inside.items():
                if f"{PACKAGE}/{name}" in names:
                    yield model, wheel.read(f"{PACKAGE}/{name}")
    except Exception as error:  # damaged archives make zipfile and its decompressors raise nearly everything
        raise QaiHubError(
            f"{package} cannot be read as the wheel or folder of qai-hub-models: {reason(error)}"
        ) from None


def _of_model(package: Path, model: str, text: bytes) -> Iterator[Latency]:
    try:
        import yaml
    except ModuleNotFoundError:
        raise QaiHubError(
            "the files of qai-hub-models need the package pyyaml: pip install 'zennas[qai-hub]'"
        ) from None
    place = f"{package}, models/{model}/perf.yaml"
    try:
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise QaiHubError(f"{place} is no YAML: {' '.join(str(error).split())[:200]}") from None
    for precision, components in _entries(content, "precisions", place):
        for _, component in _entries(components, "components", place):
            for device, runtimes in _entries(component, "performance_metrics", place):
                if not isinstance(runtimes, dict):
                    raise QaiHubError(f"{place}: {device} has no runtimes")
                for runtime, result in runtimes.items():
                    ms = _milliseconds(result)
                    if ms is not None:
                        kind = Kind(str(device), str(runtime), str(precision))
                        yield Latency(kind, NETWORKS[model], ms, _mixed(result), str(result.get("job_id") or ""))


def _entries(content: Any, key: str, place: str) -> Iterator[tuple[Any, Any]]:
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        raise QaiHubError(f"{place} has no {key}, expected a file as in qai-hub-models 0.65.0")
    yield from entries.items()


def _milliseconds(result: Any) -> float | None:
    """The latency, or None if the measurement failed."""
    ms = result.get("inference_time_milliseconds") if isinstance(result, dict) else None
    return float(ms) if isinstance(ms, (int, float)) and math.isfinite(ms) and ms > 0 else None


def _mixed(result: Mapping[str, Any]) -> bool:
    counts = result.get("layer_counts")
    units = {unit for unit in counts if unit != "total" and counts[unit]} if isinstance(counts, dict) else set()
    return len(units) > 1
