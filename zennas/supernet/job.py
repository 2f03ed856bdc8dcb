"""The request for a search in a supernet, as `zennas proxyless` takes it. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zennas.common.errors import WrongSettingError
from zennas.common.limits import MAX_BATCH, MAX_RESOLUTION
from zennas.common.settings import Setting, check, setting
from zennas.common.settings_text import to_json
from zennas.common.shared_settings import data_folder_setting, device_setting
from zennas.supernet.errors import SupernetError
from zennas.supernet.recipe import SearchRecipe

PREDICTOR, TABLE = "predictor:", "table:"
_IMAGES, _COST, _MACHINE = "Images", "Cost in the loss", "Machine and files"


class JobError(SupernetError, WrongSettingError):
    """A setting of the search is out of range, or two contradict each other."""


@dataclass(frozen=True)
class SearchJob:
    """A space, the images, and what the choices cost. The help text of each field describes it.

    Raises JobError if a value is out of range, or latencies and their sources differ in number.
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
    resolution: int = setting(
        32, "Side of the square input image.", least=1, most=MAX_RESOLUTION, unit="pixels", panel=_IMAGES
    )
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
    latency_backend: tuple[str, ...] = setting(
        (),
        "Source of a latency: predictor:PROFILE, or table:FILE with a latency for each block. Repeatable.",
        metavar="NAME",
        panel=_COST,
    )
    ref_latency_ms: tuple[float, ...] = setting(
        (), "The latency to aim at, one for each source.", unit="ms", metavar="MS", panel=_COST
    )
    ref_flops: int | None = setting(
        None, "The FLOPs (multiply–accumulates) to aim at.", least=1, shown="not in the loss", panel=_COST
    )
    ref_params: int | None = setting(
        None, "The number of parameters to aim at.", least=1, shown="not in the loss", panel=_COST
    )
    ref_ram: int | None = setting(
        None,
        "The RAM of activations for one image in INT8 to aim at, in bytes.",
        least=1,
        shown="not in the loss",
        panel=_COST,
    )
    cost_form: str = setting(
        "add",
        "Form of the loss with expected costs E and references R: add, CE + Σ weight·(E − R)/R; mul, CE·Π (E/R)^power; "
        "mul#log, scale·CE·Π (log E / log R)^power.",
        choices=("add", "mul", "mul#log"),
        panel=_COST,
    )
    cost_weight: float = setting(0.1, "Weight of the costs in the form add.", least=0, panel=_COST)
    cost_power: float = setting(0.3, "Power of the costs in the forms mul and mul#log.", least=0, panel=_COST)
    cost_scale: float = setting(0.2, "Factor of the form mul#log.", above=0, panel=_COST)

    def __post_init__(self) -> None:
        check(self, JobError, flags=True)
        if len(self.latency_backend) != len(self.ref_latency_ms):
            raise JobError(
                f"{len(self.latency_backend)} latency back ends and {len(self.ref_latency_ms)} reference latencies, "
                "expected the same number of each: repeat --latency-backend NAME --ref-latency-ms MS"
            )
        for source in self.latency_backend:
            if not source.startswith((PREDICTOR, TABLE)):
                raise JobError(
                    f"latency-backend is {source!r}, expected predictor:PROFILE or table:FILE: a back end cannot "
                    "measure each of the candidates in the loss"
                )


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

    def __post_init__(self) -> None:
        check(self, JobError, flags=True)


def identity_of(job: SearchJob) -> dict[str, Any]:
    """Return the settings that decide the result, as a JSON-compatible dict."""
    found: dict[str, Any] = to_json(job)
    return {name: value for name, value in found.items() if name not in ("recipe", "data_folder")}
