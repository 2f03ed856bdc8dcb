"""All that decides the outcome of a correlation, as it is stored with the run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from zennas.common.errors import WrongSettingError, ZennasError
from zennas.common.limits import check_kind, check_resolution, check_whole
from zennas.common.settings_text import restored
from zennas.data import DATASETS
from ZeroShotProxy import ScoreSettings

NOISE = "noise"
PROXIES = ("zen_expected", "naswot", "synflow")

_LEAST = {"epochs": 1, "sample": 2, "seed": 0, "seeds": 1, "batch_size": 2, "num_classes": 1, "resamples": 2}


class CorrelateError(ZennasError, RuntimeError):
    """A correlation that cannot go on."""


@dataclass(frozen=True)
class CorrelateSettings:
    """The same settings give the same result, however many processes work on it, also over a kill and resume.

    space: name or path of the search space. table: the file of accuracies; dataset, split, epochs: which of them.
    proxies: names, or expressions of `ensembles.find`. sample: how many architectures are drawn. seed: of the sample,
    the batches, the weights and the intervals. seeds: how often each network is scored, each time with other
    weights and another batch, from seeds `seed`, `seed` + 1, ….
    data: "noise", the name of a data set, a folder of images, or an .npz file of JPEGs. num_classes: of the networks;
    None for as many as `dataset` has, 10 where that is not known. resamples: of the bootstrap. initialisation: of the
    weights, for proxies that have no rule of their own.
    """

    table: str
    space: str = "nasbench201"
    dataset: str = "cifar10"
    split: str = "test"
    epochs: int = 200
    proxies: tuple[str, ...] = PROXIES
    sample: int = 1000
    seed: int = 0
    seeds: int = 1
    data: str = NOISE
    resolution: int = 32
    num_classes: int | None = None
    batch_size: int = 64
    resamples: int = 1000
    device: str = "auto"
    precision: str = "fp32"
    initialisation: str = "own"

    def __post_init__(self) -> None:
        for name in ("table", "space", "dataset", "split", "data", "device", "precision", "initialisation"):
            check_kind(name, getattr(self, name), str, WrongSettingError)
            if not getattr(self, name):
                raise WrongSettingError(f"{name} is empty, expected a name")
        if self.num_classes is None:
            known = DATASETS.get(self.dataset) if self.dataset in DATASETS else None
            object.__setattr__(self, "num_classes", 10 if known is None else known.classes)
        for name, least in _LEAST.items():
            check_whole(name, getattr(self, name), WrongSettingError, least=least)
        check_resolution(self.resolution, WrongSettingError)
        if self.split not in ("val", "test"):
            raise WrongSettingError(f"split is {self.split!r}, expected val or test")
        given = self.proxies
        if not isinstance(given, (tuple, list)) or not given or not all(isinstance(name, str) for name in given):
            raise WrongSettingError(f"proxies is {given!r}, expected a tuple of names of proxies")
        object.__setattr__(self, "proxies", tuple(given))  # a list where it comes from JSON
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
        return {**asdict(self), "proxies": list(self.proxies)}

    @classmethod
    def from_json(cls, stored: Any) -> CorrelateSettings:
        """Raises SettingsError where the settings are of another version."""
        return restored(cls, stored)
