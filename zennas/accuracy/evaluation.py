"""Evaluation of a trained model, for `zennas eval`, val.py and `zennas.evaluate(…)`.

This module chooses the data set, the precision and the device; `protocol.py` implements the protocol and counts. torch
is imported when a model is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency.measuring.conditions import cores
from PlainNet.sizes import Size, sides, size_of, size_text
from zennas.accuracy.settings import EvaluationSettings
from zennas.accuracy.suited import check_folder, held_out_fraction, suited, usual_dataset
from zennas.common.errors import ZennasError
from zennas.data import DataError, ImageSet, known_dataset, open_set
from zennas.data.channels import of_channels
from zennas.data.splitting import HELD_OUT

if TYPE_CHECKING:
    import torch

    from zennas.accuracy.protocol import Answers
    from zennas.common.progress import AccuracyProgress
    from zennas.data.base import Decoding, Shown
    from zennas.named.models import TrainedModel

_IMAGES_A_WORKER = 1000
"""Fewer images per worker do not make up for its start, which takes seconds."""


class EvaluationError(ZennasError, RuntimeError):
    """An evaluation cannot continue."""


@dataclass(frozen=True)
class EvaluationResult:
    """The accuracy of a model on a data set, with the conditions under which it was measured.

    top1, top5: in percent of `images`, the number of evaluated images. resolution: height and width of the network's
    input in pixels. crop: those of the centre crop of photographs, None if images were only resized. classes: number of
    classes of the model. skipped: messages about corrupt images that were left out. note: a reason to doubt the result,
    None if there is none.
    """

    model: str
    dataset: str
    top1: float
    top5: float
    images: int
    seconds: float
    images_per_second: float
    device: str
    precision: str
    batch_size: int
    resolution: Size
    crop: Size | None
    classes: int
    skipped: tuple[str, ...] = ()
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "skipped": list(self.skipped)}


def evaluate_model(
    model: TrainedModel,
    settings: EvaluationSettings = EvaluationSettings(),
    progress: AccuracyProgress | None = None,
) -> EvaluationResult:
    """Measure the accuracy of a model on the test images of a data set, and move its network to the device.

    progress: called now and then with the images done, their total, and top-1 so far in percent.

    Classes are matched by name, see `suited`.

    Raises DataError if images are missing, corrupt or of other classes, WrongSettingError if a setting does not fit,
    DeviceError if the device does not exist, EvaluationError if logits are not finite or memory runs out.
    """
    import torch

    from PlainNet.device import device_of
    from zennas.accuracy.protocol import Evaluator
    from zennas.data.preparation import memory_format

    device = device_of(settings.device)
    data_folder = settings.data_folder
    if settings.dataset is None and data_folder is None and model.facts.get("data_folder"):
        data_folder = Path(model.facts["data_folder"])  # the folder used in its training
    shown = _shown(model, settings)
    whole = _images(model, settings.dataset, data_folder, shown.decoding)
    images, note = suited(model, whole)
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(settings.precision, torch.float32)
    network = model.network.to(device, dtype).to(memory_format=memory_format(device))
    evaluation = Evaluator(
        images,
        shown,
        device,
        batch_size=settings.batch_size,
        workers=_workers(images, settings.workers),
        skip_corrupt=settings.skip_corrupt,
        dtype=dtype,
    )
    with _explaining_memory(device, settings.batch_size, shown.resolution):
        found = evaluation(_checked(network, model.name, device, settings.precision), progress)
    return EvaluationResult(
        model=model.name,
        dataset=images.name,
        device=str(device),
        precision=settings.precision,
        batch_size=settings.batch_size,
        resolution=shown.resolution,
        crop=shown.crop if (shown.view or images.view) == "centre" else None,
        classes=model.num_classes,
        note="; ".join(filter(None, (note, _other_kind(shown, images), _changed(model, whole), *whole.notes))) or None,
        **vars(found),
    )


def _images(model: TrainedModel, dataset: str | None, data_folder: Path | None, decoding: Decoding) -> ImageSet:
    name = dataset or usual_dataset(model)
    check_folder(name, data_folder)
    try:
        found = open_set(name, "test", data_folder, decoding, held_out_fraction(model, name))
    except DataError as error:
        if dataset or known_dataset(name):
            raise
        raise DataError(
            f"{error}; {model.name} was trained on these images: give their new place with --dataset"
        ) from None
    return of_channels(found, model.shown.channels)


def _shown(model: TrainedModel, settings: EvaluationSettings) -> Shown:
    own, resolution = model.shown, settings.resolution
    if settings.white is not None:
        own = replace(own, decoding=replace(own.decoding, white=settings.white))
    if resolution is None:
        return own
    scaled = (
        max(1, round(crop * side / before))
        for crop, side, before in zip(sides(own.crop), sides(resolution), sides(own.resolution), strict=True)
    )
    return replace(own, resolution=resolution, crop=size_of(*scaled))


def _other_kind(shown: Shown, images: ImageSet) -> str | None:
    """A clause for images that are not of the kind that the network was trained on."""
    if shown.view != "whole" or images.view == "whole":
        return None
    return (
        f"the model was trained on small squares of one size, but those of {images.name} are not: the network sees "
        "their central squares"
    )


def _changed(model: TrainedModel, images: ImageSet) -> str | None:
    """A clause if images were held out, and are not the same as then."""
    then = model.facts.get("test_fingerprint")
    if then is None or then == images.fingerprint or not images.name.endswith(HELD_OUT):
        return None
    return f"{images.name} has changed since the training: the model may have been trained on some of these images"


def _workers(images: ImageSet, wanted: int | None) -> int:
    """The number of workers: at most one per core; none for images in memory."""
    if images.pixels is not None:
        return 0
    return min(cores(), min(8, len(images) // _IMAGES_A_WORKER) if wanted is None else wanted)


def _checked(network: torch.nn.Module, name: str, device: torch.device, precision: str) -> Answers:
    """The network, with a check that its logits are finite: the index of the largest NaN would count as a class."""
    import torch

    def answers(images: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, torch.float16, enabled=precision == "mixed"):
            logits: torch.Tensor = network(images)
        if not logits.isfinite().all():
            way_out = "its weights are damaged" if precision == "fp32" else "evaluate it in fp32"
            raise EvaluationError(f"the logits of {name} are not finite in {precision}: {way_out}")
        return logits

    return answers


@contextmanager
def _explaining_memory(device: torch.device, batch_size: int, resolution: Size) -> Iterator[None]:
    import torch

    try:
        yield
    except torch.OutOfMemoryError:
        raise EvaluationError(
            f"{device} has too little memory for a batch of {batch_size} images of {size_text(resolution)} pixels: "
            "lower --batch-size"
        ) from None
