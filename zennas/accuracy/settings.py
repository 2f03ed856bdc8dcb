"""Settings of `zennas eval` and `zennas.evaluate(…)`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PlainNet.sizes import Size
from zennas.common.errors import WrongSettingError
from zennas.common.limits import MAX_BATCH
from zennas.common.settings import check, setting
from zennas.common.shared_settings import (
    data_folder_setting,
    device_setting,
    resolution_setting,
    skip_corrupt_setting,
    white_setting,
)

PRECISIONS = ("fp32", "bf16", "fp16", "mixed")
"""Precisions of weights and images; "mixed" keeps weights in fp32 and computes in fp16 where that is safe."""


@dataclass(frozen=True)
class EvaluationSettings:
    """How a trained model is evaluated. The help text of each field describes it.

    dataset, data_folder: as in `zennas.data.open_set`; None for the data set of the model.
    workers: None chooses a suitable number. resolution: size of the input in pixels, None for the model's own.

    Raises WrongSettingError if a value is out of range.
    """

    dataset: str | None = setting(
        None,
        "digits, cifar10, cifar100, imagenet, a folder with val/CLASS/ or CLASS/, or an .npz archive of JPEG files "
        "(jpeg, offsets, labels).",
        metavar="NAME",
        shown="the data set of the model",
    )
    data_folder: Path | None = data_folder_setting()
    batch_size: int = setting(256, "Images per batch; affects only time and memory.", least=1, most=MAX_BATCH)
    precision: str = setting(
        "fp32",
        "Precision of weights and images (mixed keeps weights in fp32 and computes in fp16 where that is safe).",
        choices=PRECISIONS,
        metavar="NAME",
    )
    device: str = device_setting()
    workers: int | None = setting(
        None, "Number of processes that read images, at most one per core.", least=0, most=1024, shown="automatic"
    )
    skip_corrupt: bool = skip_corrupt_setting()
    white: float | None = white_setting("as in the training of the model")
    resolution: Size | None = resolution_setting(None, shown="the model's own")

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
