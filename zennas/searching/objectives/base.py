"""What an objective is: what a search maximises.

An objective measures one candidate at a time, wherever an executor runs it, and then says what a set of measured
candidates is worth: each by itself, or by its rank among the others. One file in this folder, or anywhere else, with
one call of `register`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from PlainNet.registry import Registry
from zennas.runs.candidate import Candidate, Measure

if TYPE_CHECKING:
    from zennas.searching.settings import SearchSettings


class Objective(Protocol):
    """What is maximised.

    name: what to call it, in results too. measures: the names of what `measure` gives. relative: whether a candidate's
    value depends on the candidates that it is compared with. torch: whether networks are run, which takes milliseconds
    to seconds and pays for other processes.
    """

    name: str
    measures: tuple[str, ...]
    relative: bool
    torch: bool

    def measure(self, candidate: Candidate) -> dict[str, Measure]:
        """The measures of one candidate, whichever process asks. Raises ZennasError where there is none."""

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        """What each of the measured candidates is worth among these, higher is better."""


@dataclass(frozen=True)
class ObjectiveKind:
    """A registered kind of objective. make: from a search's settings to an objective, in every process anew.

    `make` raises WrongSettingError or SettingsError for settings that cannot be.
    """

    name: str
    summary: str
    make: Callable[[SearchSettings], Objective]


OBJECTIVES: Registry[ObjectiveKind] = Registry("objective", "zennas.searching.objectives", group="zennas.objectives")


def register(kind: ObjectiveKind) -> None:
    """Make a kind of objective known by its name. Raises RegistryError if the name is taken."""
    OBJECTIVES.add(kind.name, kind)


def objective_of(settings: SearchSettings) -> Objective:
    """What a search with these settings maximises. Raises UnknownNameError, SettingsError."""
    return OBJECTIVES.get(settings.objective).make(settings)


def best_first(objective: Objective, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The measured candidates in the order of their values among each other, the earliest of equals first."""
    values = dict(zip((c.id for c in candidates), objective.values(candidates), strict=True)) if candidates else {}
    return sorted(candidates, key=lambda candidate: (-values[candidate.id], candidate.id))
