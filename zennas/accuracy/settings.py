"""How a trained model is evaluated: what `zennas eval` and `zennas.evaluate(…)` are told."""

from __future__ import annotations

from dataclasses import dataclass

from zennas.common.errors import WrongSettingError
from zennas.common.limits import MAX_RESOLUTION
from zennas.common.settings import check, setting

PRECISIONS = ("fp32", "bf16", "fp16", "mixed")
"""Of weights and images; "mixed" keeps the weights in fp32 and computes in fp16 where that is safe, as Apex does."""


@dataclass(frozen=True)
class EvaluationSettings:
    """How a trained model is evaluated; each field says what it is. Raises WrongSettingError.

    workers: None for as many as pay. resolution: of the network, None for its own.
    """

    batch_size: int = setting(256, "Images at a time; decides nothing but time and memory.", least=1)
    precision: str = setting(
        "fp32",
        "Of weights and images, mixed being weights in fp32, and fp16 where that is safe.",
        choices=PRECISIONS,
        metavar="NAME",
    )
    device: str = setting("auto", "Where networks run: auto (CUDA where there is one), cpu, cuda, cuda:1.")
    workers: int | None = setting(
        None, "Processes that read images, one a core at most.", least=0, most=1024, shown="what pays"
    )
    skip_corrupt: bool = setting(False, "Leave out images that cannot be read, and count them.")
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
