"""All that decides the outcome of a search, as it is stored with the run and written to its settings.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from zennas.budget.budgets import Budget
from zennas.common.errors import WrongSettingError
from zennas.common.limits import MAX_RESOLUTION
from zennas.common.settings import Setting, check, setting
from zennas.common.settings_text import restored, to_json
from zennas.named.settings import NetworkSettings
from ZeroShotProxy import ScoreSettings

SEARCH, SCORES = "Search", "Scores"


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a search. The same settings give the same result on any machine, also after a kill and resume.

    proxy: "zen" evolves on the expected Zen-score and confirms the `top` best by Monte Carlo. report: proxies that the
    winner is scored with too, which decide nothing. Raises WrongSettingError, or ProxyError for what proxies look at.
    """

    search_space: str = setting(
        "XXBL", "Search space: a name, or a .py file with gen_search_space.", panel=SEARCH, metavar="NAME"
    )
    initial: str | None = setting(
        None, "Structure (or file) to start from.", panel=SEARCH, metavar="NETWORK", shown="the space's"
    )
    budget: Budget = field(default_factory=Budget, metadata=Setting("Maxima, at least one.").metadata)
    resolution: int = setting(
        32, "Side of the square input image.", least=1, most=MAX_RESOLUTION, unit="pixels", panel=SEARCH
    )
    num_classes: int = setting(10, "Classes that the network tells apart.", least=1, panel=SEARCH)
    use_se: bool = setting(False, "Squeeze and excitation (SE) in the super-blocks.", panel=SEARCH, shown="no-use-se")
    proxy: str = setting("zen", "What to maximise.", flag="")
    report: tuple[str, ...] = setting((), "Proxies that the winner is scored with too.", flag="")
    objective: str = setting(
        "proxy",
        "Kind of what is maximised: proxy, or one that an installed package adds.",
        panel=SEARCH,
        metavar="NAME",
    )
    strategy: str = setting(
        "evolution", "How to search: evolution, random, or a .py file that registers one.", panel=SEARCH, metavar="NAME"
    )
    strategy_options: Mapping[str, Any] = field(
        default_factory=dict, metadata=Setting("Options of the strategy, by name.", flag="").metadata
    )
    iterations: int = setting(480_000, "Structures to try, like 480k.", least=1, panel=SEARCH)
    ahead: int | None = setting(
        None,
        "Candidates proposed before the first of them is scored, so that several can be scored at once.",
        least=1,
        most=4096,
        panel=SEARCH,
        shown="1; 16 where networks are run",
    )
    seed: int = setting(0, "Seed of all randomness.", least=0, panel=SEARCH)
    batch_size: int = setting(16, "Images in a batch, for proxies that run networks.", least=2, panel=SCORES)
    repeats: int = setting(8, "Repetitions with which the best are confirmed.", least=1, panel=SCORES)
    top: int = setting(
        8,
        "How many of the best are confirmed, and measured where the budget's devices are here.",
        least=1,
        panel=SCORES,
    )
    gamma: float = setting(
        0.01, "Size of the perturbation of the Zen-score.", above=0, most=1, panel=SCORES, metavar="NUMBER"
    )
    device: str = setting(
        "auto", "Where networks run: auto (CUDA where there is one), cpu, cuda, cuda:1.", panel=SCORES, metavar="NAME"
    )
    precision: str = setting(
        "fp32",
        "Precision of the Zen-score by Monte Carlo; bf16 is faster and a little coarser",
        choices=("fp32", "bf16"),
        panel=SCORES,
        metavar="NAME",
    )
    initialisation: str = setting(
        "own",
        "Weights for proxies without a rule of their own: own (PyTorch's), kaiming_fan_in, kaiming_fan_out, gaussian.",
        panel=SCORES,
        metavar="NAME",
    )

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
        if not isinstance(self.budget, Budget):
            raise WrongSettingError(f"budget is {self.budget!r}, expected a Budget")
        self.scoring()  # raises where those are wrong

    @property
    def network(self) -> NetworkSettings:
        """What turns a structure into a network."""
        return NetworkSettings(self.resolution, self.num_classes, self.use_se)

    def scoring(self) -> ScoreSettings:
        """The part that proxies look at. Raises ProxyError."""
        shared = {f.name: getattr(self, f.name) for f in fields(ScoreSettings)}
        return ScoreSettings(**shared)

    def to_json(self) -> dict[str, Any]:
        """As it is stored with a run."""
        return {**to_json(self), "budget": self.budget.to_json(), "strategy_options": dict(self.strategy_options)}

    @classmethod
    def from_json(cls, stored: Any) -> SearchSettings:
        """From what a run has stored. Raises SettingsError where that is of another version."""
        if isinstance(stored, dict) and "population_size" in stored:  # before format 4 of runs
            stored = dict(stored)
            stored["strategy_options"] = {"population_size": stored.pop("population_size")}
        return restored(cls, stored)
