"""Checks of an installation, each of which returns a finding and never raises. Some of them import torch."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from latency.measuring.conditions import processor, version_of
from zennas.common.environment import PACKAGES

_OLDEST_PYTHON, _NEWEST_PYTHON = (3, 10), (3, 13)
_OLDEST_TORCH = (2, 11)


@dataclass(frozen=True)
class Finding:
    """The result of a check: what was checked, whether it is in order, and what was found."""

    what: str
    ok: bool
    found: str


def examine() -> list[Finding]:
    """Run all checks, in an order in which each builds on the previous ones."""
    checks: list[tuple[str, Callable[[], tuple[bool, str]]]] = [
        ("Python", _python),
        ("packages", _packages),
        ("torch", _torch),
        ("torchvision", _torchvision),
        ("devices", _devices),
        ("working folder", _folder),
        ("latency back ends", _backends),
        ("export formats", _formats),
        ("a network, counted, built and scored", _network),
    ]
    return [_finding(what, check) for what, check in checks]


def _finding(what: str, check: Callable[[], tuple[bool, str]]) -> Finding:
    try:
        return Finding(what, *check())
    except Exception as error:  # whatever goes wrong is the finding
        return Finding(what, False, f"{type(error).__name__}: {error}")


def _python() -> tuple[bool, str]:
    oldest, newest = (".".join(map(str, version)) for version in (_OLDEST_PYTHON, _NEWEST_PYTHON))
    fits = _OLDEST_PYTHON <= sys.version_info[:2] <= _NEWEST_PYTHON
    return fits, f"{sys.version.split()[0]} on {processor()} (needs {oldest} to {newest})"


def _packages() -> tuple[bool, str]:
    found = {name: version_of(name) for name in PACKAGES}
    missing = [name for name, version in found.items() if version is None]
    listed = ", ".join(f"{name} {version}" for name, version in found.items() if version is not None)
    return not missing, listed + (
        f"; missing: {', '.join(missing)}: pip install 'zennas[torch,plot,onnx]'" if missing else ""
    )


def _torch() -> tuple[bool, str]:
    import torch

    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    needed = ".".join(map(str, _OLDEST_TORCH))
    return version >= _OLDEST_TORCH, f"{torch.__version__}, {torch.get_num_threads()} threads (needs {needed} or newer)"


def _torchvision() -> tuple[bool, str]:
    # Fails if torchvision was built for another torch, for example next to a CPU-only torch.
    import torch
    import torchvision
    from torchvision import ops

    ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    return True, f"{torchvision.__version__}, fits torch"


def _devices() -> tuple[bool, str]:
    import torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return True, ", ".join(names) if names else "no CUDA device; everything runs on the CPU"


def _folder() -> tuple[bool, str]:
    with tempfile.TemporaryFile(dir="."):
        return True, "can be written to"


def _backends() -> tuple[bool, str]:
    from latency.base import BACKENDS

    usable, missing = [], []
    for backend in BACKENDS:
        devices = {
            device: [precision for precision in backend.precisions if backend.available(precision, device) is None]
            for device in ("cpu", "cuda")
        }
        found = [f"{'/'.join(precisions)} on {device}" for device, precisions in devices.items() if precisions]
        if found:
            usable.append(f"{backend.name} ({', '.join(found)})")
        else:
            missing.append(f"{backend.name} ({backend.available(backend.precisions[0], 'cpu')})")
    return bool(usable), _listed(usable, missing)


def _formats() -> tuple[bool, str]:
    from zennas.exporting.base import FORMATS, completed

    reasons = {form.name: form.available(form.plan(completed(form, {}))) for form in FORMATS}
    usable = [name for name, reason in reasons.items() if reason is None]
    return bool(usable), _listed(usable, [f"{name} ({reason})" for name, reason in reasons.items() if reason])


def _listed(usable: list[str], missing: list[str]) -> str:
    return ", ".join(usable) + (f"; not here: {', '.join(missing)}" if missing else "")


def _network() -> tuple[bool, str]:
    from PlainNet import build, cost, parse
    from ZeroShotProxy import ScoreSettings, score

    structure = parse("SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,32,1,1)")
    counted = cost(structure, resolution=32, num_classes=10)
    built = sum(p.numel() for p in build(structure, num_classes=10).parameters())
    scores = score(structure, ["zen", "zen_expected"], ScoreSettings(batch_size=16, repeats=4))
    zen, expected = scores["zen"].value, scores["zen_expected"].value
    ok = built == counted.params and abs(zen - expected) < 2
    return ok, f"{built:,} parameters as counted, Zen-score {zen:.2f}, expected {expected:.2f}"
