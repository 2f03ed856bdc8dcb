"""Searches and trainings that are killed (kill -9) at random moments and continued: each ends like others."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from benchmarks._hostile.cases import Case

SEARCHES, TRAININGS = 8, 4
_SEARCH = shlex.split(
    "search --budget-params 300k --max-layers 12 --iterations 4000 --top 1 --repeats 2 --go-on --save-dir"
)
_RANKED = shlex.split(
    "search --budget-params 300k --max-layers 12 --proxy 'vote(naswot+params)' --iterations 60 --go-on"
)
_TRAIN = shlex.split(
    "train 'SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,16,2,8,1)' --dataset digits --resolution 8 --epochs 4"
)
_CONTINUED = shlex.split("--checkpoint-minutes 0 --resume auto --device cpu --save-dir")


def kills(rng: Random, folder: Path) -> Iterator[Case]:
    """Each case is killed once, sometimes while it starts, then continued, and ends as a whole one has ended."""
    kinds = (
        (SEARCHES // 2, _SEARCH, "best_structure.txt"),
        (SEARCHES // 2, [*_RANKED, "--save-dir"], "best_structure.txt"),
        (TRAININGS, [*_TRAIN, *_CONTINUED], "history.csv"),
    )
    for number, (count, command, file) in enumerate(kinds):
        whole = folder / f"whole{number}"
        began = time.perf_counter()
        _run(command, whole)
        seconds = time.perf_counter() - began
        for i in range(count):
            place = folder / f"{number}-{i}"
            yield Case(
                f"{command[0]} killed in {place}", partial(_killed, command, file, whole, place, seconds * rng.random())
            )


def _killed(command: list[str], file: str, whole: Path, place: Path, seconds: float) -> None:
    process = _started(command, place)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _run(command, place)
    if _essence(place / file) != _essence(whole / file):
        raise AssertionError(f"{place / file} is not that of a search or training that was not killed")
    shutil.rmtree(place)


def _run(command: list[str], place: Path) -> None:
    process = _started(command, place)
    try:
        said = process.communicate()[1]
    finally:  # also if it hangs
        process.kill()
    if process.returncode != 0:
        raise AssertionError(f"exit code {process.returncode}: {said.decode(errors='replace')[-200:]}")


def _started(command: list[str], place: Path) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "zennas", *command, str(place)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=one_thread)


def _essence(file: Path) -> list[list[str]]:
    """The content without the times of a history."""
    columns = 6 if file.suffix == ".csv" else None
    return [line.split(",")[:columns] for line in file.read_text().splitlines()]
