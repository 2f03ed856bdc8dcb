"""Scoring a network with several proxies in as few passes as possible. Imports torch only when it is needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from PlainNet import Structure
from zennas.correlation.settings import CorrelateError
from zennas.runs.store import Scoring
from zennas.searching.executors.base import Running, WorkerDiedError
from ZeroShotProxy import PROXIES, Score, ScoreSettings, score
from ZeroShotProxy.scores import score_each

OUT = 64
"""Number of tasks submitted at the same time: enough for many workers, but few enough for a quick start."""


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """Normalised images (N, C, H, W) in float32 and labels (N,) in int64, as NumPy arrays, which are easy to pickle."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """One scoring of a network: the `repeat`-th."""

    candidate: int
    structure: Structure
    repeat: int
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ScoringWork:
    """The work for workers: the settings of each repetition, and its batch if proxies need one."""

    settings: tuple[ScoreSettings, ...]
    batches: tuple[ImageBatch, ...]
    torch: bool

    def prepare(self) -> Callable[[Task], list[Scoring]]:
        """Return the function that carries out a task. It raises CorrelateError for errors that are not errors of a
        proxy.
        """
        return partial(_carried_out, self)


def _carried_out(work: ScoringWork, task: Task) -> list[Scoring]:
    try:
        found = score_each(task.names, partial(_scores, work, task))
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise CorrelateError(f"scoring {str(task.structure)[:120]} fails: {what}") from error
    return [
        Scoring(task.candidate, name, task.repeat, None, score)
        if isinstance(score, str)
        else Scoring(task.candidate, name, task.repeat, score.value, None)
        for name, score in found.items()
    ]


def scored(running: Running[Task, list[Scoring]], tasks: Iterable[Task]) -> Iterator[list[Scoring]]:
    """Yield, task by task, the scorings by each of its proxies: a value, or the error that it failed with.

    If the workers of a task died, all of its proxies count as failed.
    """
    todo = iter(tasks)
    out = deque((task, running.submit(task)) for task in islice(todo, OUT))
    while out:
        task, pending = out.popleft()
        try:
            rows = pending.result()
        except WorkerDiedError as error:
            rows = [Scoring(task.candidate, name, task.repeat, None, str(error)) for name in task.names]
        out.extend((task, running.submit(task)) for task in islice(todo, 1))
        yield rows


def _scores(work: ScoringWork, task: Task, names: list[str]) -> dict[str, Score]:
    settings = work.settings[task.repeat]
    if not needs_batch(names):
        return score(task.structure, names, settings)
    import torch

    from ZeroShotProxy.engine.measures import network_of

    given = work.batches[task.repeat]
    batch = torch.from_numpy(given.images), torch.from_numpy(given.labels)
    return score(network_of(task.structure, settings), batch, names, settings)


def needs_batch(names: Sequence[str]) -> bool:
    """Return whether one of the proxies measures networks on images."""
    return any(PROXIES.get(name).measure is not None for name in names)


def needs_torch(names: Sequence[str]) -> bool:
    return any(PROXIES.get(name).info.torch for name in names)
