"""All settings that affect the result of a search; they are stored with the run and in its settings.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from PlainNet.sizes import Size
from zennas.budget.budgets import BUDGET, Budget
from zennas.budget.rules import Rules
from zennas.common.errors import WrongSettingError
from zennas.common.limits import MAX_BATCH
from zennas.common.settings import Setting, check, setting
from zennas.common.settings_text import restored, to_json
from zennas.common.shared_settings import (
    device_setting,
    in_channels_setting,
    resolution_setting,
    training_steps_setting,
)
from zennas.named.settings import NetworkSettings
from zennas.training.short import ShortTraining
from ZeroShotProxy import ScoreSettings

SEARCH, SCORES = "Search", "Scores"


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a search. The same settings give the same result on any machine, even if the run is killed and
    resumed.

    proxy: "zen" evolves on the expected Zen-score and confirms the `top` best by Monte Carlo.
    confirmation, confirm_by: how, and by which random proxy, see `choosing/confirming.py`.
    target: its limits and rules become those of the search when it begins, see `targeting.py`.
    maximise, minimise: goals of the objective "vector", see `fronts/goals.py`.
    report: further proxies that the winner is scored with; they do not affect the search.
    training: how the objective "train" trains each network.

    Raises WrongSettingError if a setting is not valid, and ProxyError if it is a setting of proxies.
    """

    search_space: str = setting(
        "XXBL",
        "Search space: a name, or a .py file with gen_search_space, which is executed.",
        panel=SEARCH,
        metavar="NAME",
    )
    initial: str | None = setting(
        None,
        "Structure to start from, or a file that contains it.",
        panel=SEARCH,
        metavar="NETWORK",
        shown="the space's",
    )
    budget: Budget = field(default_factory=Budget, metadata=Setting("Upper limits, at least one.").metadata)
    target: str | None = setting(
        None,
        "Chip or board, or a .toml file that describes one: its memories are limits, and its rules hold; see zennas "
        "targets.",
        panel=BUDGET,
        metavar="NAME",
    )
    rules: Rules = field(default_factory=Rules)
    resolution: Size = resolution_setting(panel=SEARCH)
    in_channels: int | None = in_channels_setting("those of the initial structure, else 3", SEARCH)
    num_classes: int = setting(10, "Number of classes.", least=1, panel=SEARCH)
    use_se: bool = setting(False, "Squeeze and excitation (SE) in the super-blocks.", panel=SEARCH, shown="no-use-se")
    proxy: str = setting("zen", "What to maximise.", flag="")
    report: tuple[str, ...] = setting((), "Further proxies that the winner is scored with.", flag="")
    maximise: tuple[str, ...] = setting(
        (),
        "Instead of --proxy, one of several goals: a proxy whose score should be high. Repeatable.",
        panel=SEARCH,
        metavar="NAME",
    )
    minimise: tuple[str, ...] = setting(
        (),
        "Another goal: params, flops, activations, layers, ram, flash, latency:NAME of a budget, or a proxy whose "
        "score should be low. Repeatable.",
        panel=SEARCH,
        metavar="NAME",
    )
    objective: str = setting(
        "proxy",
        "Kind of objective: proxy, vector (several goals), table:FILE[:COLUMN] (simulated training: the accuracies of "
        "a table), train (a short training of each network on --dataset), teg:IMAGES (trainability, expressivity and "
        "generalisation), or one from an installed package.",
        panel=SEARCH,
        metavar="NAME",
    )
    report_column: str | None = setting(
        None,
        "With a table: another column, like cifar10_test, whose value is reported for the best.",
        panel=SEARCH,
        metavar="COLUMN",
    )
    seconds_column: str | None = setting(
        None,
        "With a table: the column with the seconds that each training took, for curves over time.",
        panel=SEARCH,
        metavar="COLUMN",
    )
    training: ShortTraining | None = None
    strategy: str = setting(
        "evolution",
        "Search strategy: evolution, aging, random, reinforce, fp_nas, predictor, successive_halving (with --objective "
        "train), nsga2 (for several goals), or a .py file that registers one, which is executed.",
        panel=SEARCH,
        metavar="NAME",
    )
    strategy_options: Mapping[str, Any] = field(
        default_factory=dict, metadata=Setting("Options of the strategy, by name.", flag="").metadata
    )
    iterations: int = setting(480_000, "Structures to try, like 480k.", least=1, panel=SEARCH)
    budget_evaluations: int | None = setting(
        None,
        "Networks to train (with a table: to look up), or to score, after which the search ends.",
        least=1,
        panel=SEARCH,
        shown="no limit",
    )
    duplicates: str | None = setting(
        None,
        "Networks that are met again: charged (trained again, as published) or rejected.",
        choices=("charged", "rejected"),
        panel=SEARCH,
        metavar="NAME",
        shown="with a table, charged for strategies whose published protocol does so, otherwise rejected",
    )
    warm_up: int | None = setting(
        None,
        "Structures to draw; those that are best by --warm-up-proxy are trained first, or teach a policy.",
        least=1,
        most=1_000_000,
        panel=SEARCH,
        shown="none",
    )
    warm_up_proxy: str | None = setting(
        None,
        "The score of --warm-up and --move-proposal: a proxy, a rank aggregation, or a column table:FILE:COLUMN.",
        panel=SEARCH,
        metavar="NAME",
    )
    move_proposal: int | None = setting(
        None,
        "Neighbours of a parent, or draws, to score; the best by --warm-up-proxy is trained.",
        least=1,
        most=1_000_000,
        panel=SEARCH,
        shown="none",
    )
    move_random: float | None = setting(
        None,
        "Share of --move-proposal that is chosen at random instead.",
        least=0,
        most=1,
        panel=SEARCH,
        metavar="NUMBER",
        shown="0.25 of neighbours, as published; 0 for policies",
    )
    ahead: int | None = setting(
        None,
        "Candidates proposed before the first is scored, so that several can be scored in parallel.",
        least=1,
        most=4096,
        panel=SEARCH,
        shown="1; 16 if networks are run",
    )
    seed: int = setting(0, "Seed of all randomness.", least=0, panel=SEARCH)
    batch_size: int = setting(16, "Batch size, for proxies that run networks.", least=2, most=MAX_BATCH, panel=SCORES)
    repeats: int = setting(
        8, "Repetitions when the best are confirmed: the most in a race, otherwise all.", least=1, panel=SCORES
    )
    top: int = setting(
        8,
        "Number of best candidates that are confirmed, and measured if the devices are present.",
        least=1,
        panel=SCORES,
    )
    confirmation: str = setting(
        "racing",
        "How the best are confirmed: racing (until the best is known), full (every one with all repetitions, ordered "
        "by the means) or none.",
        choices=("racing", "full", "none"),
        panel=SCORES,
        metavar="NAME",
    )
    confirm_by: str | None = setting(
        None,
        "Random proxy that confirms the best; counterpart: the Monte Carlo proxy of the closed form.",
        panel=SCORES,
        metavar="NAME",
        shown="zen after zen, otherwise none",
    )
    confirmation_batch: int | None = setting(
        None,
        "Batch size in a race.",
        least=2,
        most=MAX_BATCH,
        panel=SCORES,
        shown="for zen the smallest that suffices, at most the batch size",
    )
    confirmation_difference: float = setting(
        0.0025,
        "Share of the score: a race ends when no other network is better by more.",
        least=0,
        most=1,
        panel=SCORES,
        metavar="NUMBER",
    )
    gamma: float = setting(
        0.01, "Size of the perturbation of the Zen-score.", above=0, most=1, panel=SCORES, metavar="NUMBER"
    )
    device: str = device_setting(SCORES)
    precision: str = setting(
        "fp32",
        "Precision of the Monte Carlo Zen-score (bf16 is faster and slightly less precise).",
        choices=("fp32", "bf16"),
        panel=SCORES,
        metavar="NAME",
    )
    initialisation: str = setting(
        "own",
        "Initial weights, unless a proxy has its own: own (PyTorch's), kaiming_fan_in, kaiming_fan_out, gaussian.",
        panel=SCORES,
        metavar="NAME",
    )
    training_steps: int = training_steps_setting(ScoreSettings.training_steps, panel=SCORES)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
        if not isinstance(self.budget, Budget):
            raise WrongSettingError(f"budget is {self.budget!r}, expected a Budget")
        if self.use_se and not self.rules.se:
            raise WrongSettingError("squeeze and excitation is used and not allowed: leave out --use-se or --no-se")
        self.scoring()  # raises if one is not valid

    @property
    def network(self) -> NetworkSettings:
        """The settings that turn a structure into a network."""
        return NetworkSettings(self.resolution, self.num_classes, self.use_se)

    def scoring(self) -> ScoreSettings:
        """Return the settings of proxies. Raises ProxyError if one is not valid."""
        shared = {f.name: getattr(self, f.name) for f in fields(ScoreSettings)}
        return ScoreSettings(**shared)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON, as they are stored with a run."""
        return {**to_json(self), "budget": self.budget.to_json(), "strategy_options": dict(self.strategy_options)}

    @classmethod
    def from_json(cls, stored: Any) -> SearchSettings:
        """Return the settings that a run has stored. Raises SettingsError if another version wrote them."""
        if isinstance(stored, dict) and "population_size" in stored:  # before format 4 of runs
            stored = dict(stored)
            stored["strategy_options"] = {"population_size": stored.pop("population_size")}
        return restored(cls, stored)
