"""The project at an earlier commit, next to the current one, so that both are measured in one run."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEFORE_THE_ROOMS = "99ee2fa"
"""The last commit before `zennas/` was divided into rooms."""
BEFORE_BFLOAT16 = "599d1d0"
"""The last commit at which trainings on a CPU were in float32 unless they were asked not to be."""


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A temporary folder with the files of that commit. Raises CalledProcessError if git does not have it."""
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
        yield Path(folder)


def seconds_of(folder: Path, code: str) -> float:
    """Run a Python program with the packages of that folder, and return the number that it prints last."""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])
