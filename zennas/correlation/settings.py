"""All settings that affect the result of a correlation; they are stored with the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from PlainNet.sizes import Size
from zennas.common.errors import WrongSettingError, ZennasError
from zennas.common.limits import MAX_BATCH
from zennas.common.settings import Setting, check, setting
from zennas.common.settings_text import restored, to_json
from zennas.common.shared_settings import (
    device_setting,
    in_channels_setting,
    resolution_setting,
    training_steps_setting,
    white_setting,
)
from zennas.correlation import limits
from zennas.correlation.limits import COUNTS, Limit, Part, ScoreColumn
from ZeroShotProxy import ScoreSettings

NOISE = "noise"
PROXIES = ("zen_expected", "naswot", "synflow")
REGRET, COLUMNS = "Design regret", "Columns of files"
"""The panels of the flags."""

T = TypeVar("T")


def _budget_setting(what: str, example: str) -> Any:
    return setting(
        (),
        f"Largest {what}, like {example}, or the share of the sample that fits, like 30%; repeatable, or separated by "
        "commas.",
        panel=REGRET,
        metavar="LIMIT",
    )


class CorrelateError(ZennasError, RuntimeError):
    """A correlation cannot continue."""


@dataclass(frozen=True)
class CorrelateSettings:
    """Settings of a correlation. The same settings give the same result for any number of workers, and after a resume.

    Repetition i of a scoring uses other weights and another batch, drawn with `seed` + i.
    num_classes: None for the number of classes of `dataset`. epochs, sample: None for the most in the table, and for
    1,000 or all of a smaller table, which a run replaces by their number.

    Raises WrongSettingError if a setting is not valid, and ProxyError if it is a setting of proxies.
    """

    table: str = field(
        metadata=Setting(
            "Accuracies: a CSV file, plain or gzip, with a column arch and columns like cifar10_test; the folder of "
            "NATS-Bench; NAS-Bench-101's nasbench_only108.tfrecord or nasbench_full.tfrecord; or small-cifar10, which "
            "comes with the package.",
            metavar="FILE",
        ).metadata
    )
    space: str = setting("nasbench201", "Search space of the architectures in the table.")
    dataset: str = setting("cifar10", "Data set of the accuracy.")
    split: str = setting("test", "Images of the accuracy.", choices=("val", "test"))
    epochs: int | None = setting(
        None, "Epochs of training before the accuracy was measured.", least=1, shown="the most in the table"
    )
    training: int | None = setting(
        None, "Which of several trainings of each network, from 1.", least=1, shown="the mean of all"
    )
    proxies: tuple[str, ...] = setting(
        PROXIES,
        "Name of a proxy, or vote(a+b+c), mean_rank(…), log_rank(…) of several; repeatable. 'all' means every proxy, "
        "and 'none' no proxy besides --score-column.",
        flag="--proxy",
    )
    sample: int | None = setting(
        None, "Number of architectures, drawn at random.", least=2, shown="1000, or all of a smaller table"
    )
    seed: int = setting(0, "Seed of all randomness: sample, images, weights, intervals.", least=0)
    seeds: int = setting(1, "Number of times that each network is scored, with different weights and images.", least=1)
    data: str = setting(
        NOISE,
        "Images to score on: noise, cifar10, cifar100, a folder with one folder per class, or an .npz file of JPEGs "
        "(jpeg, offsets, labels).",
    )
    white: float | None = white_setting()
    resolution: Size = resolution_setting()
    in_channels: int | None = in_channels_setting("those that the networks of the table take")
    num_classes: int | None = setting(None, "Number of classes.", least=1, shown="that of --dataset")
    batch_size: int = setting(64, "Batch size, for proxies that run networks.", least=2, most=MAX_BATCH)
    resamples: int = setting(1000, "Number of bootstrap resamples for the intervals.", least=2)
    device: str = device_setting()
    precision: str = setting(
        "fp32",
        "Precision of the Monte Carlo Zen-score (bf16 is faster and slightly less precise).",
        choices=("fp32", "bf16"),
        metavar="NAME",
    )
    initialisation: str = setting(
        "own",
        "Initial weights, unless a proxy has its own: own (PyTorch's default), kaiming_fan_in, "
        "kaiming_fan_out, gaussian.",
    )
    training_steps: int | None = training_steps_setting(
        None, shown=f"those of the table's trainings if it tells, otherwise {ScoreSettings.training_steps:,}"
    )

    budget_params: tuple[str, ...] = _budget_setting("number of parameters", "0.2M")
    budget_flops: tuple[str, ...] = _budget_setting("number of multiply-accumulates per image", "50M")
    budget_activations: tuple[str, ...] = _budget_setting("number of activations per image", "0.5M")
    budget_layers: tuple[str, ...] = _budget_setting("number of layers", "20")
    budget_latency_ms: tuple[str, ...] = setting(
        (),
        "Largest latency in milliseconds, like 4, or the share of the sample that fits, like 30%; for every latency "
        "column, or like pixel3=4 for one; repeatable, or separated by commas.",
        panel=REGRET,
        metavar="LIMIT",
    )
    budget: tuple[str, ...] = setting(
        (), "Several limits at once, like params=0.2M+pixel3=4ms; repeatable.", panel=REGRET, metavar="LIMITS"
    )
    latency_columns: tuple[str, ...] = setting(
        (),
        "Column of latencies in milliseconds; pixel3 also finds pixel3_latency. Repeatable.",
        flag="--latency-column",
        panel=COLUMNS,
        metavar="NAME",
    )
    score_columns: tuple[str, ...] = setting(
        (),
        "Column of scores that are compared like those of a proxy; NAME:lower if lower is better. Repeatable.",
        flag="--score-column",
        panel=COLUMNS,
        metavar="NAME",
    )
    join: tuple[str, ...] = setting(
        (),
        "CSV file with further columns, joined to the table by architecture or by its column index; repeatable.",
        panel=COLUMNS,
        metavar="FILE",
    )

    def __post_init__(self) -> None:
        for name in (*(f"budget_{name}" for name in COUNTS), "budget_latency_ms", "budget"):
            object.__setattr__(self, name, _texts(getattr(self, name)))
        check(self, WrongSettingError)
        if self.num_classes is None:
            from zennas.data import DATASETS  # imports numpy, which is slow

            known = DATASETS.get(self.dataset) if self.dataset in DATASETS else None
            object.__setattr__(self, "num_classes", 10 if known is None else known.classes)
        if not self.proxies and not self.score_columns:
            raise WrongSettingError("proxies is (), expected at least one name of a proxy, or a column of scores")
        self.scoring(0)  # raises if one is not valid
        self._check_budgets()

    def _check_budgets(self) -> None:
        """Raises WrongSettingError if a budget or column is not valid."""
        for name in COUNTS:
            self.limits(name)
        rows = [one.row for one in self.columns_of_scores]
        for row in rows:
            if rows.count(row) > 1:
                raise WrongSettingError(
                    f"score_columns has {row.removeprefix(limits.PREFIX)!r} twice, expected it once"
                )
        named = {limit.column for limit in self.limits("latency_ms")}
        if None in named and not self.latency_columns:
            raise WrongSettingError(
                f"budget_latency_ms is {', '.join(self.budget_latency_ms)}, expected a latency column for it: name one "
                "with --latency-column, or write pixel3=4"
            )
        unused = set(self.latency_columns) - named - {part.name for _, parts in self.combined_limits for part in parts}
        if unused and None not in named:
            raise WrongSettingError(
                f"latency_columns has {min(unused)}, which no budget limits: add budget_latency_ms, or leave it out"
            )
        if self.join and not (self.columns_of_scores or self.columns_of_latencies):
            raise WrongSettingError(
                f"join is {', '.join(self.join)}, but no column is asked for: name one with --latency-column or "
                "--score-column"
            )

    def limits(self, name: str) -> tuple[Limit, ...]:
        """Return the budgets for one cost: one of `COUNTS`, or "latency_ms". Raises WrongSettingError."""
        field_name = f"budget_{name}"
        parse = limits.count_limits if name in COUNTS else limits.latency_limits
        return tuple(dict.fromkeys(_parsed(field_name, parse, getattr(self, field_name))))

    @property
    def drawn(self) -> int:
        """The number of architectures in the sample of a run."""
        assert self.sample is not None  # replaced when a run is created
        return self.sample

    @property
    def combined_limits(self) -> tuple[tuple[str, tuple[Part, ...]], ...]:
        """The budgets of several costs, as text and in parts. Raises WrongSettingError."""
        return tuple((text, _parsed("budget", limits.combined_limit, text)) for text in self.budget)

    @property
    def columns_of_scores(self) -> tuple[ScoreColumn, ...]:
        return tuple(_parsed("score_columns", limits.score_column, text) for text in self.score_columns)

    @property
    def latency_names(self) -> tuple[str, ...]:
        """The latency columns that are limited alone, as the user names them."""
        named = (limit.column for limit in self.limits("latency_ms") if limit.column is not None)
        return tuple(dict.fromkeys((*self.latency_columns, *named)))

    @property
    def columns_of_latencies(self) -> tuple[str, ...]:
        """All latency columns, also those of combined budgets, as the user names them."""
        parts = (part.name for _, parts in self.combined_limits for part in parts)
        return tuple(dict.fromkeys((*self.latency_names, *(name for name in parts if name not in COUNTS))))

    def scoring(self, repeat: int) -> ScoreSettings:
        """Return the settings of proxies for the `repeat`-th time. Raises ProxyError if one is not valid."""
        return ScoreSettings(
            resolution=self.resolution,
            num_classes=self.num_classes or 1,
            batch_size=self.batch_size,
            repeats=1,
            seed=self.seed + repeat,
            device=self.device,
            precision=self.precision,
            initialisation=self.initialisation,
            training_steps=self.training_steps or ScoreSettings.training_steps,
        )

    def to_json(self) -> dict[str, Any]:
        return to_json(self)

    @classmethod
    def from_json(cls, stored: Any) -> CorrelateSettings:
        """Return the settings that a run has stored. Raises SettingsError if another version wrote them."""
        return restored(cls, stored)


def _texts(value: Any) -> Any:
    """A budget or several as a tuple of texts; whatever else it is, is left for the checks."""
    several = value if isinstance(value, (tuple, list)) else (value,)
    plain = [str(one) if isinstance(one, (int, float)) and not isinstance(one, bool) else one for one in several]
    return tuple(plain)


def _parsed(name: str, parse: Callable[[Any], T], given: Any) -> T:
    try:
        return parse(given)
    except ValueError as error:
        raise WrongSettingError(f"{name}: {error}") from None
