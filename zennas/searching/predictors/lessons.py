"""A predictor that is trained again and again, whose weights are derived and not stored.

Each training is a lesson with a seed, and continues from the weights of the lesson before. So the lessons decide the
weights, and a search that is continued carries them out again when it needs a prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from SearchSpace.graphs import Graph

if TYPE_CHECKING:
    from zennas.searching.predictors.network import BinaryRelation


@dataclass(frozen=True)
class Size:
    """The size of a network."""

    width: int
    depth: int
    dropout: float


@dataclass(frozen=True)
class Plan:
    """How a network is trained. pairs: of a batch. patience: epochs without a lower loss until training ends."""

    epochs: int
    pairs: int
    learning_rate: float
    weight_decay: float
    patience: int


@dataclass(frozen=True)
class Lesson:
    """A training. graphs: at least two. worth: the normalised accuracy, or rank by a proxy, of each of them."""

    graphs: Sequence[Graph]
    worth: Sequence[float]
    plan: Plan
    seed: int


def normalised(values: Sequence[float]) -> list[float]:
    """Return values scaled to 0 for the least and 1 for the greatest; all 0 if they are equal."""
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.0 for value in values]


def ranks(values: Sequence[float]) -> list[float]:
    """Return for each value the share of the others that are smaller, from 0 to 1; for values of any magnitude."""
    places: dict[float, int] = {}
    for place, value in enumerate(sorted(values)):
        places.setdefault(value, place)
    return [places[value] / max(1, len(values) - 1) for value in values]


class Pupil:
    """Takes lessons, and ranks graphs. seed: of the weights at the beginning."""

    def __init__(self, size: Size, seed: int) -> None:
        self._size, self._seed = size, seed
        self._taken = 0
        self._network: BinaryRelation | None = None

    def ranked(self, lessons: Sequence[Lesson], graphs: Sequence[Graph]) -> list[int]:
        """Return the places of the graphs after all lessons, that of the best first; of equal ones, the first first.

        lessons: those of the call before, and possibly more. graphs: at least one.
        """
        from zennas.searching.predictors.neighbourhoods import known_rows
        from zennas.searching.predictors.training import ranked, trained, untrained

        size = self._size
        if self._network is None:
            features = len(graphs[0].nodes[0])
            self._network = untrained(features, size.width, size.depth, size.dropout, self._seed)
        for lesson in lessons[self._taken :]:
            self._network = trained(self._network, lesson)
        self._taken = len(lessons)
        return ranked(self._network, known_rows(tuple(graphs), size.depth))
