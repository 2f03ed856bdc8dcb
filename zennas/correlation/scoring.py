"""Scoring one network with all proxies that are asked for, in as few passes as can be. No torch until it is needed."""

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
"""Tasks that are out at once: enough for many workers, and few enough to begin soon where closed forms are scored."""


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
class ScoringWork:
    """What workers do: for each repetition its settings, and its batch where proxies want one."""

    settings: tuple[ScoreSettings, ...]
    batches: tuple[ImageBatch, ...]
    torch: bool

    def prepare(self) -> Callable[[Task], list[Scoring]]:
        """The function that carries out a task. It raises CorrelateError for a fault that is not of a proxy."""
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
    """The scorings of each task by each of its proxies, a value or the error that it failed with, in their order.

    A task whose workers died has failed by all of its proxies.
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
    """Whether one of the proxies measures networks on images."""
    return any(PROXIES.get(name).measure is not None for name in names)


def needs_torch(names: Sequence[str]) -> bool:
    return any(PROXIES.get(name).info.torch for name in names)
