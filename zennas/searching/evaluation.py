"""Evaluating the candidates of a search, in any process."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from zennas.common.errors import ZennasError
from zennas.runs.candidate import Candidate, Measure, Missing
from zennas.searching.executors.base import Pending, WorkerDiedError
from zennas.searching.objectives.base import objective_of
from zennas.searching.settings import SearchSettings

Outcome: TypeAlias = "Mapping[str, Measure | Missing] | str"
"""The measures of a candidate, or the error of its evaluation."""


@dataclass(frozen=True)
class Evaluation:
    """The work of a search for workers. torch: whether its objective runs networks."""

    settings: SearchSettings
    torch: bool

    def prepare(self) -> Callable[[Candidate], Outcome]:
        """Return the function that measures a candidate with the objective of these settings."""
        measure = objective_of(self.settings).measure

        def outcome(candidate: Candidate) -> Outcome:
            try:
                found = measure(candidate)
            except ZennasError as error:
                return str(error)
            for one in found.values():
                if isinstance(one, Measure) and not math.isfinite(one.value):
                    return f"the score is {one.value}"
            return found

        return outcome


def evaluated(candidate: Candidate, pending: Pending[Outcome]) -> Candidate:
    """Return the candidate with its outcome; it counts as failed if its workers died."""
    try:
        return candidate.evaluated(pending.result())
    except WorkerDiedError as error:
        return candidate.evaluated(str(error))
