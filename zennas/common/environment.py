"""Where a run was made: versions and machine, for the record. Does not import torch."""

from __future__ import annotations

import platform
import sys

from latency.measuring.conditions import cores, processor, version_of

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "fvcore", "typer", "rich")


def environment() -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": cores(),
        "packages": {name: version_of(name) for name in PACKAGES},
        "command": " ".join(sys.argv),
    }
