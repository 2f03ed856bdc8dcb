"""Scoring one network with all proxies that are asked for, in as few passes as can be. No torch until it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from PlainNet import Structure, StructureError
from zennas.store import Scoring
from ZeroShotProxy import PROXIES, ProxyError, ScoreSettings, score
from ZeroShotProxy.scores import finite


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
    """A scoring by each of `task.names`: its value, or the error that it failed with.

    All proxies are asked at once, so that they share passes. Where one of them fails they are asked one by one.
    """
    try:
        values = _values(job, task)
    except (ProxyError, StructureError) as error:
        if len(task.names) == 1:
            return [Scoring(task.candidate, task.names[0], task.repeat, None, " ".join(str(error).split()))]
        return [row for name in task.names for row in carry_out(job, replace(task, names=(name,)))]
    return [Scoring(task.candidate, name, task.repeat, values[name], None) for name in task.names]


def _values(job: Job, task: Task) -> dict[str, float]:
    settings = job.settings[task.repeat]
    if not needs_batch(task.names):
        found = score(task.structure, task.names, settings)
    else:
        import torch

        from ZeroShotProxy._measures import network_of

        given = job.batches[task.repeat]
        batch = torch.from_numpy(given.images), torch.from_numpy(given.labels)
        found = score(network_of(task.structure, settings), batch, task.names, settings)
    return {name: finite(name, found[name].value) for name in task.names}


def needs_batch(names: Sequence[str]) -> bool:
    """Whether one of the proxies measures networks on images."""
    return any(PROXIES.get(name).measure is not None for name in names)


def needs_torch(names: Sequence[str]) -> bool:
    return any(PROXIES.get(name).info.torch for name in names)
