"""Where a run was made: versions and machine, for the record. Does not import torch."""

from __future__ import annotations

import os
import platform
import sys

from latency.measuring.conditions import cores, processor, version_of

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "fvcore", "typer", "rich")


def threads() -> int:
    """Return the number of threads on which PyTorch runs networks on the CPU; if it is not imported, the number that
    is to be expected.

    The order of sums depends on it, and so do the last digits of scores.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isascii() and asked.isdigit() and int(asked) > 0 else cores()


def environment() -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": cores(),
        "threads": threads(),
        "packages": {name: version_of(name) for name in PACKAGES},
        "command": " ".join(sys.argv),
    }
