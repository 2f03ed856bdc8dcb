"""The request for a design, as `zennas design` takes it. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from PlainNet.sizes import Size
from zennas.budget.target import find_target, lasting_target
from zennas.common.errors import WrongSettingError
from zennas.common.settings import Setting, check, setting
from zennas.common.shared_settings import (
    device_setting,
    in_channels_setting,
    resolution_setting,
    skip_corrupt_setting,
    white_setting,
)

IMAGES, EFFORT = "Images", "Effort"


@dataclass(frozen=True)
class DesignSettings:
    """A chip, images, and how long it may take. The help text of each field describes it.

    Raises WrongSettingError if a value is out of range.
    """

    target: str = field(
        metadata=Setting(
            "Chip or board, or a .toml file that describes one; see zennas targets.", metavar="NAME"
        ).metadata
    )
    dataset: str = field(
        metadata=Setting(
            "Folder with a folder of images for each class, or with train/ and val/ of such folders; an .npz of JPEG "
            "files; or digits, cifar10, cifar100.",
            flag="--data",
            metavar="FOLDER",
        ).metadata
    )
    minutes: float = setting(60.0, "Time for everything, in minutes.", above=0, panel=EFFORT, metavar="NUMBER")
    resolution: Size | None = resolution_setting(
        None, shown="that of the images if all have the same one of at most 160 pixels, else 96", panel=IMAGES
    )
    in_channels: int | None = in_channels_setting("1 if all images are grey, else 3", IMAGES)
    val_fraction: float = setting(
        0.2,
        "Share of the images that is held out for testing, if there are no test images.",
        above=0,
        most=0.9,
        panel=IMAGES,
    )
    white: float | None = white_setting("such images are refused", IMAGES)
    skip_corrupt: bool = skip_corrupt_setting(IMAGES)
    proxy: str = setting("mean_field", "What the search maximises.", metavar="NAME", panel=EFFORT)
    iterations: int | None = setting(
        None, "Structures to try.", least=1, shown="as many as fit into a tenth of the time", panel=EFFORT
    )
    epochs: int | None = setting(
        None, "Passes over the training images.", least=1, shown="as many as fit into the time", panel=EFFORT
    )
    seed: int = setting(0, "Seed of all randomness.", least=0, panel=EFFORT)
    device: str = device_setting(EFFORT)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)

    @property
    def seconds(self) -> float:
        """The time for everything."""
        return 60 * self.minutes


def lasting(settings: DesignSettings) -> DesignSettings:
    """Return settings that mean the same in any folder. Raises UnknownNameError or ConfigError for the target."""
    from zennas.data import lasting_dataset  # imports numpy

    find_target(settings.target)
    return replace(settings, target=lasting_target(settings.target), dataset=lasting_dataset(settings.dataset))
