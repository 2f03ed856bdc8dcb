"""Scoring one network with all proxies that are asked for, in as few passes as can be. No torch until it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from PlainNet import Structure
from zennas.runs.store import Scoring
from ZeroShotProxy import PROXIES, Score, ScoreSettings, score
from ZeroShotProxy.scores import score_each


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """Images (N, C, H, W) in float32, normalised, and labels (N,) in int64; arrays, so that they travel well."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """One network to be scored once: the `repeat`-th time."""

    candidate: int
    structure: Structure
    repeat: int
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Job:
    """What all tasks have in common: for each repetition its settings, and its batch where proxies want one."""

    settings: tuple[ScoreSettings, ...]
    batches: tuple[ImageBatch, ...]
    torch: bool


def carry_out(job: Job, task: Task) -> list[Scoring]:
    """A scoring by each of `task.names`: its value, or the error that it failed with."""
    found = score_each(task.names, partial(_scores, job, task))
    return [
        Scoring(task.candidate, name, task.repeat, None, score)
        if isinstance(score, str)
        else Scoring(task.candidate, name, task.repeat, score.value, None)
        for name, score in found.items()
    ]


def _scores(job: Job, task: Task, names: list[str]) -> dict[str, Score]:
    settings = job.settings[task.repeat]
    if not needs_batch(names):
        return score(task.structure, names, settings)
    import torch

    from ZeroShotProxy.engine.measures import network_of

    given = job.batches[task.repeat]
    batch = torch.from_numpy(given.images), torch.from_numpy(given.labels)
    return score(network_of(task.structure, settings), batch, names, settings)


def needs_batch(names: Sequence[str]) -> bool:
    """Whether one of the proxies measures networks on images."""
    return any(PROXIES.get(name).measure is not None for name in names)


def needs_torch(names: Sequence[str]) -> bool:
    return any(PROXIES.get(name).info.torch for name in names)
