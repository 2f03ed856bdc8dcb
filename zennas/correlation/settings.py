"""All that decides the outcome of a correlation, as it is stored with the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from zennas.common.errors import WrongSettingError, ZennasError
from zennas.common.limits import MAX_RESOLUTION
from zennas.common.settings import Setting, check, setting
from zennas.common.settings_text import restored, to_json
from ZeroShotProxy import ScoreSettings

NOISE = "noise"
PROXIES = ("zen_expected", "naswot", "synflow")


class CorrelateError(ZennasError, RuntimeError):
    """A correlation that cannot go on."""


@dataclass(frozen=True)
class CorrelateSettings:
    """The same settings give the same result, however many processes work on it, also over a kill and resume.

    Each field says what it is. Repetition i of a scoring has other weights and another batch, from `seed` + i.
    num_classes: None becomes the number that `dataset` has. Raises WrongSettingError, and ProxyError.
    """

    table: str = field(
        metadata=Setting(
            "Accuracies: a CSV file, gzip or plain, with a column arch and columns like cifar10_test; or NATS-Bench's "
            "folder.",
            metavar="FILE",
        ).metadata
    )
    space: str = setting("nasbench201", "The search space that the table's architectures are of.")
    dataset: str = setting("cifar10", "Accuracy on which data set of the table.")
    split: str = setting("test", "Accuracy on which images.", choices=("val", "test"))
    epochs: int = setting(200, "After how many epochs of training.", least=1)
    proxies: tuple[str, ...] = setting(
        PROXIES,
        "Name of a proxy, or vote(a+b+c), mean_rank(…), log_rank(…) of several; may be given several times. 'all' for "
        "every one.",
        flag="--proxy",
    )
    sample: int = setting(1000, "Architectures, drawn at random.", least=2)
    seed: int = setting(0, "Seed of all randomness: sample, images, weights, intervals.", least=0)
    seeds: int = setting(1, "Score every network so often, with other weights and images.", least=1)
    data: str = setting(
        NOISE,
        "Images to score on: noise, cifar10, cifar100, a folder with a folder for each class, or an .npz file of JPEGs "
        "(jpeg, offsets, labels).",
    )
    resolution: int = setting(32, "Side of the square input image.", least=1, most=MAX_RESOLUTION, unit="pixels")
    num_classes: int | None = setting(
        None, "Classes that the networks tell apart.", least=1, shown="as many as --dataset has"
    )
    batch_size: int = setting(64, "Images in a batch, for proxies that run networks.", least=2)
    resamples: int = setting(1000, "Resamples of the intervals' bootstrap.", least=2)
    device: str = setting("auto", "Where networks run: auto (CUDA where there is one), cpu, cuda, cuda:1.")
    precision: str = setting(
        "fp32",
        "Of the Zen-score by Monte Carlo, bf16 being faster and a little coarser.",
        choices=("fp32", "bf16"),
        metavar="NAME",
    )
    initialisation: str = setting(
        "own",
        "Weights, for proxies that have no rule of their own: own (PyTorch's default), kaiming_fan_in, "
        "kaiming_fan_out, gaussian.",
    )

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
        if self.num_classes is None:
            from zennas.data import DATASETS  # has numpy with it, which takes longer to import than all of this

            known = DATASETS.get(self.dataset) if self.dataset in DATASETS else None
            object.__setattr__(self, "num_classes", 10 if known is None else known.classes)
        if not self.proxies:
            raise WrongSettingError("proxies is (), expected a tuple of names of proxies")
        self.scoring(0)  # raises where those are wrong

    def scoring(self, repeat: int) -> ScoreSettings:
        """How networks are scored the `repeat`-th time. Raises ProxyError."""
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
        """Raises SettingsError where the settings are of another version."""
        return restored(cls, stored)
