"""Settings that several commands have, so that a flag has one meaning and one text everywhere."""

from __future__ import annotations

from typing import Any

from PlainNet.sizes import Size
from zennas.common.limits import MAX_IN_CHANNELS, MAX_RESOLUTION
from zennas.common.settings import setting

DEVICE_HELP = "Device that runs networks: auto (CUDA if available), cpu, cuda, or one GPU such as cuda:1."


RESOLUTION_HELP = "Size of the input image: one number for a square, or height and width like 96x160."
IN_CHANNELS_HELP = "Channels of the input image: 3 for colours, 1 for grey."
STEPS_HELP = "Steps of the training that mean_field prepares a network for: short ones need small gradients."
MOST_STEPS = 1_000_000_000


def resolution_setting(default: Size | None = 32, *, shown: str | None = None, panel: str | None = None) -> Any:
    """Return the field `resolution: Size`. default: None for one that another thing says, as `shown` explains."""
    return setting(
        default,
        RESOLUTION_HELP,
        least=1,
        most=MAX_RESOLUTION,
        unit="pixels",
        metavar="SIZE",
        shown=shown,
        panel=panel,
    )


def in_channels_setting(shown: str, panel: str | None = None) -> Any:
    """Return the field `in_channels: int | None`. shown: the default in help."""
    return setting(None, IN_CHANNELS_HELP, least=1, most=MAX_IN_CHANNELS, shown=shown, panel=panel)


def training_steps_setting(default: int | None, *, shown: str | None = None, panel: str | None = None) -> Any:
    """Return the field `training_steps: int`. default: None for one that another thing says, as `shown` explains."""
    return setting(
        default,
        STEPS_HELP,
        least=1,
        most=MOST_STEPS,
        shown=shown,
        panel=panel,
    )


def device_setting(panel: str | None = None) -> Any:
    """Return the field `device: str`."""
    return setting("auto", DEVICE_HELP, panel=panel, metavar="NAME")


def data_folder_setting(panel: str | None = None) -> Any:
    """Return the field `data_folder: Path | None`, with the flag --data."""
    return setting(
        None, "Folder with CIFAR or ImageNet.", flag="--data", metavar="FOLDER", shown="in ~/data", panel=panel
    )


def skip_corrupt_setting(panel: str | None = None) -> Any:
    """Return the field `skip_corrupt: bool`."""
    return setting(False, "Skip images that cannot be read.", panel=panel)


def white_setting(shown: str | None = None, panel: str | None = None) -> Any:
    """Return the field `white: float | None`. shown: the default in help."""
    return setting(
        None,
        "Value that is white in grey images of more than 8 bits, such as 4095 or 65535.",
        above=0,
        shown=shown,
        panel=panel,
    )
