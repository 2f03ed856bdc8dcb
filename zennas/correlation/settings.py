"""All settings that affect the result of a correlation; they are stored with the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from zennas.common.errors import WrongSettingError, ZennasError
from zennas.common.limits import MAX_BATCH, MAX_RESOLUTION
from zennas.common.settings import Setting, check, setting
from zennas.common.settings_text import restored, to_json
from zennas.common.shared_settings import device_setting, white_setting
from ZeroShotProxy import ScoreSettings

NOISE = "noise"
PROXIES = ("zen_expected", "naswot", "synflow")


class CorrelateError(ZennasError, RuntimeError):
    """A correlation cannot continue."""


@dataclass(frozen=True)
class CorrelateSettings:
    """Settings of a correlation. The same settings give the same result for any number of workers, and after a resume.

    Repetition i of a scoring uses other weights and another batch, drawn with `seed` + i.
    num_classes: None for the number of classes of `dataset`.

    Raises WrongSettingError if a setting is not valid, and ProxyError if it is a setting of proxies.
    """

    table: str = field(
        metadata=Setting(
            "Accuracies: a CSV file, plain or gzip, with a column arch and columns like cifar10_test; or the folder of "
            "NATS-Bench.",
            metavar="FILE",
        ).metadata
    )
    space: str = setting("nasbench201", "Search space of the architectures in the table.")
    dataset: str = setting("cifar10", "Data set of the accuracy.")
    split: str = setting("test", "Images of the accuracy.", choices=("val", "test"))
    epochs: int = setting(200, "Epochs of training before the accuracy was measured.", least=1)
    proxies: tuple[str, ...] = setting(
        PROXIES,
        "Name of a proxy, or vote(a+b+c), mean_rank(…), log_rank(…) of several; repeatable. 'all' means every proxy.",
        flag="--proxy",
    )
    sample: int = setting(1000, "Number of architectures, drawn at random.", least=2)
    seed: int = setting(0, "Seed of all randomness: sample, images, weights, intervals.", least=0)
    seeds: int = setting(1, "Number of times that each network is scored, with different weights and images.", least=1)
    data: str = setting(
        NOISE,
        "Images to score on: noise, cifar10, cifar100, a folder with one folder per class, or an .npz file of JPEGs "
        "(jpeg, offsets, labels).",
    )
    white: float | None = white_setting()
    resolution: int = setting(32, "Side of the square input image.", least=1, most=MAX_RESOLUTION, unit="pixels")
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

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
        if self.num_classes is None:
            from zennas.data import DATASETS  # imports numpy, which is slow

            known = DATASETS.get(self.dataset) if self.dataset in DATASETS else None
            object.__setattr__(self, "num_classes", 10 if known is None else known.classes)
        if not self.proxies:
            raise WrongSettingError("proxies is (), expected at least one name of a proxy")
        self.scoring(0)  # raises if one is not valid

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
        )

    def to_json(self) -> dict[str, Any]:
        return to_json(self)

    @classmethod
    def from_json(cls, stored: Any) -> CorrelateSettings:
        """Return the settings that a run has stored. Raises SettingsError if another version wrote them."""
        return restored(cls, stored)
