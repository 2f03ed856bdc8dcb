"""All that decides the outcome of a search, as it is stored with the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar, cast

from zennas.budget.budgets import Budget
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.common.limits import check_kind, check_number, check_resolution, check_whole
from zennas.named.settings import NetworkSettings
from ZeroShotProxy import ScoreSettings

T = TypeVar("T")


_LEAST = {
    "num_classes": 1,
    "iterations": 1,
    "seed": 0,
    "batch_size": 2,
    "repeats": 1,
    "top": 1,
}


@dataclass(frozen=True)
class SearchSettings:
    """The same settings give the same result, whatever the machine is doing, also over a kill and resume.

    search_space: name or path. initial: structure to start from instead of the space's own.
    proxy: what ranks candidates; "zen" evolves on the expected Zen-score and confirms the `top`
    best by Monte Carlo with `repeats` repetitions. top: also how many are measured on the budget's devices that
    are here. report: proxies that the winner is scored with too,
    which decide nothing. objective: the kind of what is maximised. strategy: a name, or the path of a file;
    strategy_options: its own settings. ahead: candidates proposed before the first of them is known, so that several
    can be evaluated at once; None for 1, or 16 where networks are run. batch_size, repeats, gamma, device, precision,
    initialisation: for proxies that run networks. iterations: structures tried, over budget or not.
    """

    search_space: str = "XXBL"
    initial: str | None = None
    budget: Budget = field(default_factory=Budget)
    resolution: int = 32
    num_classes: int = 10
    use_se: bool = False
    proxy: str = "zen"
    report: tuple[str, ...] = ()
    objective: str = "proxy"
    strategy: str = "evolution"
    strategy_options: Mapping[str, Any] = field(default_factory=dict)
    iterations: int = 480_000
    ahead: int | None = None
    seed: int = 0
    batch_size: int = 16
    repeats: int = 8
    top: int = 8
    gamma: float = 0.01
    device: str = "auto"
    precision: str = "fp32"
    initialisation: str = "own"

    def __post_init__(self) -> None:
        self._check_kinds()
        for name, least in _LEAST.items():
            check_whole(name, getattr(self, name), WrongSettingError, least=least)
        check_resolution(self.resolution, WrongSettingError)
        self.scoring()  # raises where those are wrong

    def _check_kinds(self) -> None:
        for name in ("search_space", "objective", "strategy", "proxy", "device", "precision", "initialisation"):
            check_kind(name, getattr(self, name), str, WrongSettingError)
        check_kind("use_se", self.use_se, bool, WrongSettingError)
        check_number("gamma", self.gamma, WrongSettingError, most=1)
        if self.initial is not None:
            check_kind("initial", self.initial, str, WrongSettingError)
        if not isinstance(self.budget, Budget):
            raise WrongSettingError(f"budget is {self.budget!r}, expected a Budget")
        if not isinstance(self.strategy_options, Mapping) or not all(isinstance(k, str) for k in self.strategy_options):
            raise WrongSettingError(f"strategy_options is {self.strategy_options!r}, expected names and values")
        if self.ahead is not None:
            check_whole("ahead", self.ahead, WrongSettingError, most=4096)
        if not isinstance(self.report, (tuple, list)) or not all(isinstance(name, str) for name in self.report):
            raise WrongSettingError(f"report is {self.report!r}, expected a tuple of names of proxies")
        object.__setattr__(self, "report", tuple(self.report))  # a list where it comes from JSON

    @property
    def network(self) -> NetworkSettings:
        """What turns a structure into a network."""
        return NetworkSettings(self.resolution, self.num_classes, self.use_se)

    def scoring(self) -> ScoreSettings:
        """The part that proxies look at. Raises ProxyError."""
        shared = {f.name: getattr(self, f.name) for f in fields(ScoreSettings)}
        return ScoreSettings(**shared)

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "budget": self.budget.to_json(),
            "report": list(self.report),
            "strategy_options": dict(self.strategy_options),
        }

    @classmethod
    def from_json(cls, stored: Any) -> SearchSettings:
        """Raises SettingsError where the settings are of another version."""
        if isinstance(stored, dict) and "population_size" in stored:  # before format 4 of runs
            stored = dict(stored)
            stored["strategy_options"] = {"population_size": stored.pop("population_size")}
        return restored(lambda values: cls(**{**values, "budget": Budget.from_json(values["budget"])}), cls, stored)


def restored(make: Callable[[dict[str, Any]], T], kind: type[T], stored: Any) -> T:
    """Settings of that dataclass, made from a run's JSON. Raises SettingsError where they are of another version."""
    if not isinstance(stored, dict):
        raise SettingsError("the run has no settings")
    unknown = stored.keys() - {f.name for f in fields(cast(Any, kind))}
    if unknown:
        raise SettingsError(f"the run was made by another version, with settings {', '.join(sorted(unknown))}")
    try:
        return make(stored)
    except (KeyError, TypeError) as error:
        raise SettingsError(f"the settings of the run cannot be read: {error}") from None
