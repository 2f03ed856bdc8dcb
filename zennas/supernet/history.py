"""What is known after each epoch of a search. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from zennas.supernet.errors import SupernetError

HISTORY_FILE = "history.jsonl"
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


def read_history(folder: Path) -> tuple[SearchEpoch, ...]:
    """Return the epochs of the search in `folder`, none if no epoch has ended.

    All have the same costs and the same decisions. Raises SupernetError, naming the line, if the file is damaged.
    """
    path = folder / HISTORY_FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:  # from UTF-8
        raise SupernetError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    found: list[SearchEpoch] = []
    for number, line in enumerate(lines, start=1):
        try:
            epoch = _of_line(line)
            if found and _shape(epoch) != _shape(found[0]):
                raise ValueError("other costs or decisions than in line 1")
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise SupernetError(f"{path} is damaged, line {number}: {why}") from None
        found.append(epoch)
    return tuple(found)


def _of_line(line: str) -> SearchEpoch:
    found = json.loads(line)
    if found["phase"] not in (WARM_UP, SEARCH):
        raise ValueError(f"phase is {found['phase']!r}, expected {WARM_UP} or {SEARCH}")
    if not all(found["probabilities"].values()):
        raise ValueError("a decision has no candidates")
    numbers = {name: float(found[name]) for name in ("lr", "loss", "top1", "entropy", "seconds")}
    loss, top1 = (None if found[name] is None else float(found[name]) for name in ("valid_loss", "valid_top1"))
    return SearchEpoch(
        found["phase"],
        int(found["epoch"]),
        **numbers,
        valid_loss=loss,
        valid_top1=top1,
        expected={name: float(value) for name, value in found["expected"].items()},
        probabilities={key: tuple(map(float, shares)) for key, shares in found["probabilities"].items()},
    )


def _shape(epoch: SearchEpoch) -> tuple[list[str], list[tuple[str, int]]]:
    """The costs, and the decisions with their numbers of candidates."""
    return list(epoch.expected), [(key, len(shares)) for key, shares in epoch.probabilities.items()]


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
