"""Where a run was made: versions and machine, for the record. No torch."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "fvcore", "typer", "rich")


def version_of(package: str) -> str | None:
    """The installed version, or None; does not import the package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def environment() -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "packages": {name: version_of(name) for name in PACKAGES},
        "command": " ".join(sys.argv),
    }


def processor() -> str:
    """The processor's name, as well as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: what platform knows has to do
    return platform.processor() or platform.machine()
