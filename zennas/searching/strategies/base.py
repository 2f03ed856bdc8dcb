"""What a search strategy is: it proposes candidates, receives their results, and can be saved and restored.

A strategy is one file in this folder, or anywhere else: a class with the methods of `Search`, a frozen dataclass with
its options, and one call of `register`. Most strategies inherit from `searching.population.PopulationSearch` and fit on
half a page; `random.py` is the shortest example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from PlainNet import Structure
from PlainNet.cost import CostModel
from PlainNet.errors import reason
from PlainNet.registry import Registry, did_you_mean, nearest_names
from SearchSpace import SearchSpace
from zennas.budget.budgets import Budget
from zennas.budget.meters import Device
from zennas.budget.rules import NO_RULES, Rules
from zennas.common.errors import WrongSettingError, ZennasError
from zennas.common.progress import WorkProgress, unwatched
from zennas.common.settings import checked_value, described
from zennas.named.settings import NetworkSettings
from zennas.runs.candidate import Candidate
from zennas.searching.objectives.base import Objective

if TYPE_CHECKING:
    from zennas.searching.guides.guide import Guide


LEARNED_FACT = "learned"
"""The fact with what a `Learning` search has learned."""


@dataclass(frozen=True)
class Progress:
    """The progress of a search.

    tried: number of proposals, within the budget or not.
    scored: number of candidates that were evaluated successfully.
    kept: number of candidates that the strategy keeps at present.
    rejected: number of rejected proposals by reason, such as "params", "duplicate" or "failed".
    ranked: number of structures that were scored to choose what to evaluate, see `searching/guides/guide.py`.
    """

    tried: int
    scored: int
    kept: int
    rejected: Mapping[str, int]
    ranked: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the progress as JSON."""
        found = {"tried": self.tried, "scored": self.scored, "kept": self.kept, "rejected": dict(self.rejected)}
        return {**found, "ranked": self.ranked} if self.ranked else found


@dataclass(frozen=True)
class Problem:
    """Everything that a strategy is given.

    model: computes the cost of a structure.
    meters: give the latencies that the budget limits, one for each device.
    iterations: number of proposals that may be tried.
    seed: seed of the strategy's random generator.
    evaluations: number of candidates that may be evaluated; None for no limit. The search ends at the first limit.
    repeats: whether a structure that is proposed again is a candidate again, instead of being rejected.
    guide: a cheap score by which candidates are chosen; None without one.
    initial: the structure that a user wants to begin with; None for the strategy's or the space's own beginning.
    rules: what the operators of a network may be.
    watch: follows the search for a first network within the budget.
    """

    space: SearchSpace
    model: CostModel
    budget: Budget
    meters: Sequence[Device]
    objective: Objective
    iterations: int
    seed: int
    evaluations: int | None = None
    repeats: bool = False
    guide: Guide | None = None
    initial: Structure | None = None
    rules: Rules = NO_RULES
    watch: WorkProgress = unwatched

    @property
    def network(self) -> NetworkSettings:
        """The settings of the networks."""
        model = self.model
        return NetworkSettings(model.resolution, model.num_classes or 0, model.options.use_se)


class Search(Protocol):
    """A search in progress, with the methods `ask` and `tell`.

    `state()` contains everything that decides what comes next, including the random generator and the candidates whose
    results are pending. A strategy does not evaluate, store or print; the runner does.
    """

    @property
    def done(self) -> bool:
        """Whether all iterations have been used."""

    @property
    def kept(self) -> Sequence[Candidate]:
        """The candidates kept at present; at the end, the best of them is the result."""

    @property
    def pending(self) -> Sequence[Candidate]:
        """The candidates that `ask` returned and `tell` has not received yet, in the order of asking."""

    def progress(self) -> Progress:
        """Return how many were tried, scored, kept, and rejected for which reason."""

    def ask(self, n: int) -> list[Candidate]:
        """Return at most `n` new candidates within the budget; possibly none, even before `done`.

        Can be called again before `tell` receives the earlier candidates. Raises BudgetError if no structure of the
        space fits the budget.
        """

    def tell(self, candidates: Iterable[Candidate]) -> None:
        """Receive candidates that were evaluated or failed, in the order in which they were asked for."""

    def take_changes(self) -> list[Candidate]:
        """Return the candidates that were kept, dropped or failed since the last call, for the store."""

    def state(self) -> dict[str, Any]:
        """Return the whole state except the kept candidates, as JSON."""

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        """Continue from a result of `state()`, given all candidates that `take_changes` had returned by then."""


@runtime_checkable
class Followed(Search, Protocol):
    """A search for several goals that follows its hypervolume."""

    def hypervolume(self) -> dict[str, Any] | None:
        """Return "worst" and "span", the scale, and "history", pairs of structures tried and hypervolume, as JSON."""


@runtime_checkable
class Learning(Search, Protocol):
    """A search that learns something besides the candidates that it keeps, such as a policy."""

    def learned(self) -> dict[str, float | str]:
        """Return what it has learned so far, by name, for the result: finite numbers, structures or words."""


@dataclass(frozen=True)
class Strategy:
    """A registered strategy.

    options: a frozen dataclass whose fields are the strategy's own settings; it raises WrongSettingError if one is not
        valid.
    make: returns the search for a problem and such options.
    source: the paper or program that it comes from.
    extensible: whether a search that was done goes on if it is restored with more iterations. That is so if what it
        proposes does not depend on `Problem.iterations`.
    draws: whether a warm-up can choose what it begins with, or teach it before it begins.
    moves: whether it can choose a proposal among several by a cheap score.
    repeats: whether, with a table of accuracies, it evaluates a structure again that it meets again, as published.
    small: options with which the contract tests take little time, for a strategy that takes long with its defaults.
    """

    name: str
    summary: str
    source: str
    options: type[Any]
    make: Callable[[Problem, Any], Search]
    extensible: bool = False
    draws: bool = False
    moves: bool = False
    repeats: bool = False
    small: Mapping[str, Any] = field(default_factory=dict)


STRATEGIES: Registry[Strategy] = Registry(
    "search strategy", "zennas.searching.strategies", "zennas.strategies", lambda strategy: (strategy.name,)
)


def register(strategy: Strategy) -> None:
    """Register a strategy under its name. Raises RegistryError if the name is taken."""
    STRATEGIES.add(strategy.name, strategy)


def options_of(strategy: Strategy, given: Mapping[str, Any]) -> Any:
    """Return the options of a strategy with the given values, whose types are checked even if the strategy does not.

    Raises WrongSettingError for an unknown name, a missing option or a value that is not valid.
    """
    known = [field.name for field in fields(strategy.options)]
    for name in given:
        if name not in known:
            near = nearest_names(name, known)
            hint = did_you_mean(near, f"it has {', '.join(known) or 'none'}")
            raise WrongSettingError(f"strategy {strategy.name} has no option {name!r}: {hint}")
    own = f"{strategy.name}'s option"
    for one in described(strategy.options, plain=True):
        if one.name not in given and one.required:
            raise WrongSettingError(f"{own} {one.name} is missing: give it with --strategy-option {one.name}=VALUE")
        if one.name in given and not one.setting.help and one.kind.simple:
            checked_value(one, given[one.name], WrongSettingError, f"{own} {one.name}")
    try:
        return strategy.options(**given)
    except ZennasError:
        raise
    except (TypeError, ValueError) as error:  # a strategy can come from anybody
        raise WrongSettingError(f"strategy {strategy.name} refuses its options: {reason(error)}") from error


def all_options(strategy: Strategy, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a strategy as JSON, including defaults. Raises WrongSettingError if one is not valid."""
    return asdict(options_of(strategy, given))
