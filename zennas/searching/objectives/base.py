"""What an objective is: it defines what a search maximises.

An objective measures one candidate at a time, in any process, and then ranks a set of measured candidates: by a value
of each, or by their ranks among each other. Write one file in this folder, or anywhere else, with one call of
`register`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from PlainNet.registry import Registry
from zennas.runs.candidate import Candidate, Measure, Missing

if TYPE_CHECKING:
    from PlainNet import Structure
    from PlainNet.arrays.blocks import Blocks
    from zennas.searching.fronts.goals import Goal
    from zennas.searching.settings import SearchSettings
    from ZeroShotProxy import ArrayScore


class Objective(Protocol):
    """What a search maximises.

    name: its name, also in results.
    measures: the names of the measures that `measure` returns.
    relative: whether the value of a candidate depends on the others that it is compared with.
    torch: whether it runs networks, which takes milliseconds to seconds, so that several processes save time.
    """

    name: str
    measures: tuple[str, ...]
    relative: bool
    torch: bool

    def measure(self, candidate: Candidate) -> Mapping[str, Measure | Missing]:
        """Return the measures of one candidate; called in any process. Raises ZennasError if it cannot be measured.

        A measure that a candidate lacks, but without which it can be ranked, is `Missing`.
        """

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        """Return the value of each measured candidate among these; higher is better."""


@runtime_checkable
class PartialObjective(Objective, Protocol):
    """An objective that knows without measuring which networks it cannot measure, like those that a table lacks."""

    def absent(self, structure: Structure) -> str | None:
        """Return the reason, in a few words, for which a network is rejected; None if it can be measured."""


@runtime_checkable
class ArrayObjective(Objective, Protocol):
    """An objective with one measure, whose value is the measure, and that may have an array form.

    sign: the value of a candidate is `sign` times its measure.
    """

    sign: int

    def arrays(self, blocks: Blocks) -> ArrayScore | None:
        """Return a function that measures many structures whose blocks are numbered by `blocks`; None without one."""


@runtime_checkable
class VectorObjective(Objective, Protocol):
    """An objective of several goals, whose best candidates are those that no other dominates.

    goals: one for each measure, in their order.
    """

    goals: tuple[Goal, ...]

    def vectors(self, candidates: Sequence[Candidate]) -> list[tuple[float, ...]]:
        """Return the values of each measured candidate, one for each goal; higher is better."""


@runtime_checkable
class IndicatorObjective(Objective, Protocol):
    """An objective that ranks candidates by several indicators together, such as the scores of an ensemble."""

    def indicators(self, candidates: Sequence[Candidate]) -> list[tuple[float, ...]]:
        """Return the indicators of each measured candidate; higher is better, whatever the others have. Minus infinity
        for one that is missing.
        """


@runtime_checkable
class TrainingObjective(Objective, Protocol):
    """An objective that trains networks, for as many epochs as `Candidate.epochs` says.

    epochs: those of a whole training, for candidates that say none.
    """

    epochs: int


@runtime_checkable
class AccuracyObjective(Objective, Protocol):
    """An objective whose values are accuracies of trained networks.

    per_cent: true, as they are between 0 and 100.
    """

    per_cent: bool


@dataclass(frozen=True)
class ObjectiveKind:
    """A registered kind of objective.

    make: returns the objective for the settings of a search; called in every process. Raises WrongSettingError or
        SettingsError if a setting is not valid. `settings.objective` is the name of the kind; what may follow it,
        after a colon, is read by `make`.
    example: for the contract tests, returns settings made from others, and structures that the objective measures;
        None if it takes any settings, and structures of any space.
    complete: returns settings that say everything and mean the same in any folder, such as the absolute path of images;
        None if they do. Raises WrongSettingError if something is missing.
    digest: returns a digest of what the objective reads, such as images, which a run that is continued has to have
        again; None if it reads nothing, or tables, whose digests are taken anyway.
    trains: whether it uses `settings.training`.
    """

    name: str
    summary: str
    make: Callable[[SearchSettings], Objective]
    example: Callable[[SearchSettings], tuple[SearchSettings, Sequence[Structure]]] | None = None
    complete: Callable[[SearchSettings], SearchSettings] | None = None
    digest: Callable[[SearchSettings], str] | None = None
    trains: bool = False


OBJECTIVES: Registry[ObjectiveKind] = Registry(
    "objective", "zennas.searching.objectives", "zennas.objectives", lambda kind: (kind.name,)
)


def register(kind: ObjectiveKind) -> None:
    """Register a kind of objective under its name. Raises RegistryError if the name is taken."""
    OBJECTIVES.add(kind.name, kind)


def kind_of(settings: SearchSettings) -> ObjectiveKind:
    """Return the kind of the objective of a search: `table` for `table:FILE`. Raises UnknownNameError."""
    return kind_named(settings.objective)


def kind_named(objective: str) -> ObjectiveKind:
    """Return the kind of an objective as settings name it. Raises UnknownNameError."""
    return OBJECTIVES.get(objective.partition(":")[0])


def objective_of(settings: SearchSettings) -> Objective:
    """Return the objective of a search with these settings. Raises UnknownNameError or SettingsError."""
    return kind_of(settings).make(settings)


def indicators_of(objective: Objective, candidates: Sequence[Candidate]) -> list[tuple[float, ...]] | None:
    """Return the indicators of each measured candidate, higher is better: scores of an ensemble, goals, or the value.

    An indicator that a candidate lacks is minus infinity.

    None for an objective that only ranks candidates among each other.
    """
    if isinstance(objective, VectorObjective):
        return objective.vectors(candidates)
    if isinstance(objective, IndicatorObjective):
        return objective.indicators(candidates)
    return None if objective.relative else [(value,) for value in objective.values(candidates)]


def best_first(objective: Objective, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the measured candidates ordered by their values, best first; of equal ones, the earliest comes first."""
    values = dict(zip((c.id for c in candidates), objective.values(candidates), strict=True)) if candidates else {}
    return sorted(candidates, key=lambda candidate: (-values[candidate.id], candidate.id))
