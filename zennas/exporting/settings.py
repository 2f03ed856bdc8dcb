"""Settings of `zennas export` and `zennas.export(…)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PlainNet.sizes import Size
from zennas.common.errors import WrongSettingError
from zennas.common.settings import Setting, check, setting
from zennas.common.shared_settings import (
    data_folder_setting,
    in_channels_setting,
    resolution_setting,
    skip_corrupt_setting,
    white_setting,
)
from zennas.named.settings import NetworkSettings

CALIBRATION_IMAGES = 256
ALLOWED_LOSS = 3.0
"""Percentage points of top-1."""
UNTRAINED_ONLY = {"resolution": None, "in_channels": None, "num_classes": None, "use_se": None, "seed": 0}
"""Settings that only networks without training take, with their defaults."""


@dataclass(frozen=True)
class ExportSettings:
    """How a network is exported. The help text of each field describes it.

    Raises WrongSettingError if a value is out of range.
    """

    format: str = setting(
        "onnx",
        "onnx, onnx-int8, litert, litert-int8, c-array, torchscript, pt2, tensorrt, or one of your own.",
        metavar="NAME",
        shown="that of the target, else onnx",
    )
    dataset: str | None = setting(
        None,
        "Data set: test images measure accuracy, training images calibrate INT8: digits, cifar10, cifar100, imagenet, "
        "a folder with train/ and val/, or an .npz archive of JPEG files.",
        metavar="NAME",
        shown="none; for INT8 the network's own, if present",
    )
    data_folder: Path | None = data_folder_setting()
    calibration_images: int | None = setting(
        None,
        "Number of training images for the calibration of INT8.",
        least=1,
        most=100_000,
        shown=f"{CALIBRATION_IMAGES}, or all if there are fewer",
    )
    allow_loss: float = setting(
        ALLOWED_LOSS,
        "Largest loss of top-1, in percentage points, with which a file is written. INT8 may cost more than that.",
        least=0,
        most=100,
        metavar="POINTS",
    )
    untrained: bool = setting(
        False, "Export a structure or another network with random weights, for its size; noise calibrates INT8."
    )
    resolution: Size | None = resolution_setting(
        None, shown=f"only with --untrained; the network's own, else {NetworkSettings().resolution}"
    )
    in_channels: int | None = in_channels_setting("only with --untrained; the network's own")
    num_classes: int | None = setting(
        None,
        "For --untrained: number of classes.",
        least=1,
        shown=f"the network's own, else {NetworkSettings().num_classes}",
    )
    use_se: bool | None = setting(
        None, "For --untrained: squeeze and excitation (SE) in the super-blocks.", shown="the network's own"
    )
    seed: int = setting(0, "For --untrained: seed of the weights.", least=0)
    skip_corrupt: bool = skip_corrupt_setting()
    white: float | None = white_setting("as in the training of the network")
    options: Mapping[str, str | int | None] = field(
        default_factory=dict, metadata=Setting("Options of the format.", flag="").metadata
    )

    def __post_init__(self) -> None:
        check(self, WrongSettingError, flags=True)
        for name, unset in UNTRAINED_ONLY.items():
            if not self.untrained and getattr(self, name) != unset:
                flag = f"--{name.replace('_', '-')}"
                raise WrongSettingError(f"{flag} is for networks without training: leave it out, or add --untrained")
        for name in ("dataset", "data_folder"):
            if self.untrained and getattr(self, name) is not None:
                raise WrongSettingError(
                    "an untrained network has no accuracy to measure: leave out --dataset and --data, or --untrained"
                )
