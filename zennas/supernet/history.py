"""What is known after each epoch of a search. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

WARM_UP, SEARCH = "warm-up", "search"


@dataclass(frozen=True)
class SearchEpoch:
    """One epoch.

    phase: `WARM_UP` or `SEARCH`. epoch: counts from 1 in its phase. lr: at the end. loss, top1: means over the weight
    steps, top1 in per cent. valid_loss, valid_top1: those of the most probable network on the validation images, None
    if it was not validated. entropy: mean of the decisions, in nats. expected: each cost's expectation.
    probabilities: of each candidate, by key.
    """

    phase: str
    epoch: int
    lr: float
    loss: float
    top1: float
    entropy: float
    seconds: float
    valid_loss: float | None = None
    valid_top1: float | None = None
    expected: Mapping[str, float] = field(default_factory=dict)
    probabilities: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def history_text(history: Sequence[SearchEpoch]) -> str:
    """Return one line of JSON for each epoch."""
    return "".join(json.dumps(epoch.to_json()) + "\n" for epoch in history)


class Watcher(Protocol):
    """Receives the progress of a search."""

    def step(self, phase: str, epoch: int, step: int, steps: int, loss: float) -> None:
        """Called after each weight step. epoch, step: count from 1."""

    def epoch(self, done: SearchEpoch) -> None:
        """Called after each epoch."""


class NoWatcher:
    """Watches nothing."""

    def step(self, phase: str, epoch: int, step: int, steps: int, loss: float) -> None:
        pass

    def epoch(self, done: SearchEpoch) -> None:
        pass
