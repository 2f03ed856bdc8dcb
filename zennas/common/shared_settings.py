"""Settings that several commands have, so that a flag has one meaning and one text everywhere."""

from __future__ import annotations

from typing import Any

from zennas.common.settings import setting

DEVICE_HELP = "Device that runs networks: auto (CUDA if available), cpu, cuda, or one GPU such as cuda:1."


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
