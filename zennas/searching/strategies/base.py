"""What a search strategy is: it proposes candidates, takes in what came of them, and can be saved and restored.

A strategy is one file in this folder, or anywhere else: a class with the methods of `Search`, a frozen dataclass of its
options, and one call of `register`. `searching/admission.py` checks proposals against the budget, so that a strategy of
a page is possible; `random.py` is the shortest one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

from PlainNet.cost import CostModel
from PlainNet.registry import Registry, nearest_names
from SearchSpace import SearchSpace
from zennas.budget.budgets import Budget
from zennas.budget.meters import Device
from zennas.common.errors import WrongSettingError
from zennas.runs.candidate import Candidate
from zennas.searching.objectives.base import Objective


@dataclass(frozen=True)
class Progress:
    """How far a search is.

    tried: proposals made, within the budget or not. scored: candidates that were evaluated. kept: those that the
    strategy holds at present. rejected: proposals that came to nothing, by reason ("params", "duplicate", "failed").
    """

    tried: int
    scored: int
    kept: int
    rejected: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Numbers and the reasons by name."""
        return {"tried": self.tried, "scored": self.scored, "kept": self.kept, "rejected": dict(self.rejected)}


@dataclass(frozen=True)
class Problem:
    """What is searched for: everything that a strategy is given.

    model: counts the cost of a structure. meters: give the latencies that the budget limits, one for each device.
    iterations: proposals that may be tried. seed: of the strategy's random generator.
    """

    space: SearchSpace
    model: CostModel
    budget: Budget
    meters: Sequence[Device]
    objective: Objective
    iterations: int
    seed: int


class Search(Protocol):
    """A search under way: ask and tell.

    Everything that decides what comes next is in `state()`, the random generator and the candidates that were asked and
    not told yet included. A strategy does not evaluate, store or print; the runner does.
    """

    @property
    def done(self) -> bool:
        """Whether all iterations have been spent."""

    @property
    def kept(self) -> Sequence[Candidate]:
        """The candidates that are held at present; the result is the best of them at the end."""

    @property
    def pending(self) -> Sequence[Candidate]:
        """The candidates that were asked and not told yet, in the order of asking."""

    def progress(self) -> Progress:
        """How much was tried, scored, kept, and rejected for what reason."""

    def ask(self, n: int) -> list[Candidate]:
        """At most `n` new candidates within the budget; perhaps none, also before `done`.

        May be called again before the earlier candidates are told. Raises BudgetError where no structure of the space
        fits the budget.
        """

    def tell(self, candidates: Iterable[Candidate]) -> None:
        """Take in evaluated or failed candidates, in the order in which they were asked."""

    def take_changes(self) -> list[Candidate]:
        """The candidates that were kept, dropped or failed since the last call, for the store."""

    def state(self) -> dict[str, Any]:
        """The whole state but the kept candidates, as JSON."""

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        """Continue from what `state()` gave, and all candidates that `take_changes` gave until then."""


@dataclass(frozen=True)
class Strategy:
    """A registered strategy.

    options: a frozen dataclass whose fields are the strategy's own settings; it raises WrongSettingError for wrong
    values. make: from a problem and such options to a search. source: paper or program that it comes from.
    """

    name: str
    summary: str
    source: str
    options: type[Any]
    make: Callable[[Problem, Any], Search]


STRATEGIES: Registry[Strategy] = Registry("search strategy", "zennas.searching.strategies", group="zennas.strategies")


def register(strategy: Strategy) -> None:
    """Make a strategy known by its name. Raises RegistryError if the name is taken."""
    STRATEGIES.add(strategy.name, strategy)


def options_of(strategy: Strategy, given: Mapping[str, Any]) -> Any:
    """The strategy's options with the given values. Raises WrongSettingError for an unknown name or a wrong value."""
    known = [field.name for field in fields(strategy.options)]
    for name in given:
        if name not in known:
            near = nearest_names(name, known)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known) or 'none'}"
            raise WrongSettingError(f"strategy {strategy.name} has no option {name!r}: {hint}")
    return strategy.options(**given)


def all_options(strategy: Strategy, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options in full, defaults included, as JSON. Raises WrongSettingError."""
    return asdict(options_of(strategy, given))
