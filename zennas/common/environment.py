"""Where a run was made: versions and machine, for the record; what is installed. Does not import torch."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

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


def command() -> str:
    """Return the command line of this process, as it can be given to a shell from the same folder."""
    place = Path(sys.argv[0])
    program = ["python", "-m", place.parent.name] if place.name == "__main__.py" else [place.name]
    return shlex.join([*program, *sys.argv[1:]])


def environment() -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": cores(),
        "threads": threads(),
        "packages": {name: version_of(name) for name in PACKAGES},
        "command": command(),
    }


def can_draw() -> bool:
    """Return whether matplotlib is installed, the extra `plot`, which draws pictures."""
    return find_spec("matplotlib") is not None
