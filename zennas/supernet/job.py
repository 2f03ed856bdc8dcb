"""The request for a search in a supernet, as `zennas proxyless` takes it. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PlainNet.sizes import Size
from zennas.common.errors import WrongSettingError
from zennas.common.limits import MAX_BATCH
from zennas.common.settings import Setting, check, setting
from zennas.common.settings_text import to_json
from zennas.common.shared_settings import (
    data_folder_setting,
    device_setting,
    in_channels_setting,
    resolution_setting,
)
from zennas.supernet.cost_settings import CostSettings
from zennas.supernet.errors import SupernetError
from zennas.supernet.recipe import SearchRecipe

_IMAGES, _MACHINE = "Images", "Machine and files"


class JobError(SupernetError, WrongSettingError):
    """A setting of the search is out of range, or two contradict each other."""


@dataclass(frozen=True)
class SearchJob:
    """A space, the images, and what the choices cost. The help text of each field describes it.

    Raises JobError if a value is out of range.
    """

    dataset: str = field(
        metadata=Setting(
            "digits (bundled), cifar10, cifar100, imagenet, a folder with train/, or an .npz of JPEG files.",
            panel=_IMAGES,
            metavar="NAME",
        ).metadata
    )
    space: str = setting(
        "mobile",
        "mobile, nasbench-macro, nasbench201, a .py file that defines supernet(), or a structure with choices.",
        metavar="NAME",
    )
    recipe: SearchRecipe = field(default_factory=SearchRecipe)
    resolution: Size = resolution_setting(panel=_IMAGES)
    in_channels: int | None = in_channels_setting("those of the space, which are 3 for its own ones", _IMAGES)
    batch_size: int = setting(
        256, "Images per step, of training and of held-out images alike.", least=2, most=MAX_BATCH, panel=_IMAGES
    )
    held_out: float = setting(
        0.1,
        "Share of the training images that is held out for architecture steps.",
        above=0,
        most=0.9,
        panel=_IMAGES,
    )
    train_images: int | None = setting(
        None, "Training images to use, drawn evenly.", least=2, shown="all", panel=_IMAGES
    )
    augment: bool = setting(
        True, "Shift or crop training images, and mirror them if that keeps the class.", panel=_IMAGES
    )
    data_folder: Path | None = data_folder_setting(_IMAGES)
    momentum: float = setting(0.9, "Momentum of the weights' SGD, which is Nesterov's.", least=0, most=1)
    weight_decay: float = setting(4e-5, "L2 penalty of the weights.", least=0)
    dropout: float = setting(0.0, "Dropout before the classifier.", least=0, most=1)
    costs: CostSettings = field(default_factory=CostSettings)

    def __post_init__(self) -> None:
        check(self, JobError, flags=True)

    @property
    def target_resolution(self) -> Size:
        """The size of the images that the network is for."""
        return self.costs.cost_resolution or self.resolution

    def at(self, strength: float) -> SearchJob:
        """Return the single search with one strength of the costs."""
        return replace(self, costs=self.costs.at(strength))


@dataclass(frozen=True)
class SearchOptions:
    """Options that do not change the result. Raises JobError if one is out of range."""

    device: str = device_setting(_MACHINE)
    workers: int = setting(0, "Number of processes that load images.", least=0, panel=_MACHINE)
    checkpoint_every: int | None = setting(
        None,
        "Weight steps between checkpoints within an epoch; each epoch ends with one.",
        least=1,
        shown="none",
        panel=_MACHINE,
    )
    tensorboard: bool = setting(False, "Write events for TensorBoard.", panel=_MACHINE)
    warm_from: Path | None = setting(
        None,
        "Folder of a search with the same settings except for costs: begin where its warm-up ended.",
        metavar="FOLDER",
        shown="none",
        panel=_MACHINE,
    )

    def __post_init__(self) -> None:
        check(self, JobError, flags=True)


def identity_of(job: SearchJob) -> dict[str, Any]:
    """Return the settings that decide the result as a JSON-compatible dict; of costs, their numbers do, not these."""
    found: dict[str, Any] = to_json(job)
    if job.in_channels is None:  # which earlier versions did not have
        del found["in_channels"]
    return {name: value for name, value in found.items() if name not in ("recipe", "costs", "data_folder")}
