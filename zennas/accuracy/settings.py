"""Settings of `zennas eval` and `zennas.evaluate(…)`."""

from __future__ import annotations

from dataclasses import dataclass

from zennas.common.errors import WrongSettingError
from zennas.common.limits import MAX_RESOLUTION
from zennas.common.settings import check, setting

PRECISIONS = ("fp32", "bf16", "fp16", "mixed")
"""Precisions of weights and images; "mixed" keeps weights in fp32 and computes in fp16 where that is safe."""


@dataclass(frozen=True)
class EvaluationSettings:
    """How a trained model is evaluated. The help text of each field describes it.

    workers: None chooses a suitable number. resolution: side of the input in pixels, None for the model's own.
    Raises WrongSettingError if a value is out of range.
    """

    batch_size: int = setting(256, "Images per batch; affects only time and memory.", least=1)
    precision: str = setting(
        "fp32",
        "Precision of weights and images; mixed keeps weights in fp32 and computes in fp16 where that is safe.",
        choices=PRECISIONS,
        metavar="NAME",
    )
    device: str = setting("auto", "Device to run on: auto (CUDA if available), cpu, cuda, or one GPU such as cuda:1.")
    workers: int | None = setting(
        None, "Number of processes that read images, at most one per core.", least=0, most=1024, shown="automatic"
    )
    skip_corrupt: bool = setting(False, "Skip images that cannot be read, and count them.")
    resolution: int | None = setting(
        None,
        "Side of the network's input image.",
        least=1,
        most=MAX_RESOLUTION,
        unit="pixels",
        shown="the model's own",
    )

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
