"""The steps of an export: open the network, make the file, load it back, compare, measure, write."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency.base import UnavailableError
from PlainNet.sizes import sides
from zennas.accuracy.comparison import IMAGES, Accuracies, Check, ComparisonError, accuracies, checked
from zennas.accuracy.images import (
    BATCH,
    NOISE,
    Calibration,
    NoiseCalibration,
    Sets,
    batches,
    needed,
    noise,
    spread,
)
from zennas.common.errors import WrongSettingError
from zennas.common.files import check_writable
from zennas.common.progress import WorkProgress, unwatched
from zennas.data import ImageSet
from zennas.data.base import View
from zennas.data.kinds import SMALL_SIDE
from zennas.exporting.base import FORMATS, AccuracyLossError, ExportError, ExportJob, Format, Plan, completed
from zennas.exporting.settings import CALIBRATION_IMAGES, ExportSettings
from zennas.exporting.sidecar import described
from zennas.exporting.writing import check_free, sidecar_of, write_both
from zennas.runs.points import point_of

if TYPE_CHECKING:
    from zennas.named.models import TrainedModel


@dataclass(frozen=True)
class Exported:
    """An exported file.

    sidecar: content of its sidecar. check: comparison of its logits with PyTorch's. accuracy: None if it was not
    measured. usage: one line of code that loads the file.
    """

    path: Path
    sidecar: Mapping[str, Any]
    check: Check
    accuracy: Accuracies | None
    usage: str

    def to_json(self) -> dict[str, Any]:
        return {"file": str(self.path), "sidecar_file": str(sidecar_of(self.path)), **self.sidecar}


def export(
    network: str | Path,
    settings: ExportSettings = ExportSettings(),
    *,
    out: str | Path | None = None,
    checkpoint: str | Path | None = None,
    overwrite: bool = False,
    progress: WorkProgress = unwatched,
) -> Exported:
    """Export a network to a file for other programs, after checking that it computes what PyTorch does.

    network: folder of a run, or name of a model in the zoo; with `untrained`, whatever names a structure.
    settings: accuracies are measured on the test images of their data set, and calibrated formats use its training
        images. Without a data set, calibrated formats use the one that the network was trained on, if it is on this
        machine.
    out: path of the file; by default it is written to export/ in the run's folder, or to the current folder for a model
        of the zoo.
    checkpoint: file with other weights.
    overwrite: replace an existing file.
    progress: called with the steps done, their total, and a note.

    Raises ExportError if the file cannot be made or does not compute what the network does, AccuracyLossError if it
    loses more accuracy than is allowed, UnavailableError if a library is missing, WrongSettingError if an option is
    invalid, LatencyError if the network cannot be converted, and the errors of `trained_model` and `open_set`. If an
    error is raised, nothing is written.
    """
    form, skip_corrupt = FORMATS.get(settings.format), settings.skip_corrupt
    chosen = completed(form, settings.options)
    plan = form.plan(chosen)
    count = _calibration_count(form, plan, settings.calibration_images)
    missing = form.available(plan)
    if missing is not None:
        raise UnavailableError(f"{form.name} cannot be exported here: {missing}")
    path = _path(str(network), plan, out, settings.untrained)
    check_free(path, overwrite)
    check_writable(path.parent)

    model = _opened(str(network), settings, None if checkpoint is None else Path(checkpoint))
    if settings.white is not None:
        own = model.shown
        model = replace(model, shown=replace(own, decoding=replace(own.decoding, white=settings.white)))
    shown = Sets() if settings.untrained else needed(model, plan.calibrated, settings.dataset, settings.data_folder)
    model = _with_view(model, shown.test or shown.train)
    size, most = min(BATCH, plan.most or BATCH), plan.batch or plan.most
    calibration: Calibration | NoiseCalibration | None = None
    if shown.train is not None:
        calibration = Calibration(shown.train, count, model.shown, size, skip_corrupt)
    elif plan.calibrated:
        calibration = NoiseCalibration(count, model.shown, size)
    job = ExportJob(model, chosen, plan, calibration or ())

    content = form.make(job)
    answers = form.load(content)
    # Random weights can amplify the rounding of INT8 without bound, also where training leaves weights that do not.
    limit = None if settings.untrained and plan.calibrated else plan.limit
    try:
        check = checked(model, answers, *_check_images(model, shown.test, skip_corrupt), limit, most)
    except ComparisonError as error:
        raise ExportError(str(error)) from None
    accuracy = None
    if shown.test is not None:
        accuracy = accuracies(model, answers, shown.test, size, skip_corrupt, progress)
        _check_loss(accuracy, check, settings.allow_loss)
    sidecar = described(form, job, content, check, accuracy, calibration)
    write_both(path, content, json.dumps(sidecar, indent=2, allow_nan=False) + "\n")
    return Exported(path, sidecar, check, accuracy, form.usage(path))


def _opened(network: str, settings: ExportSettings, checkpoint: Path | None) -> TrainedModel:
    """The network with its weights. Raises WrongSettingError if weights are given for an untrained one."""
    from zennas.named.models import trained_model  # imports torch
    from zennas.named.untrained import untrained_model

    if not settings.untrained:
        if not os.path.isdir(network) and ("(" in network or os.path.isfile(network)):
            raise WrongSettingError(
                f"{network[:80]!r} has no trained weights, only trainings and models of the zoo have: train it with "
                "zennas train, or export it with random weights by adding --untrained"
            )
        return trained_model(network, checkpoint)
    if checkpoint is not None:
        raise WrongSettingError("an untrained network has random weights: leave out --checkpoint, or --untrained")
    return untrained_model(
        network, settings.resolution, settings.num_classes, settings.use_se, settings.in_channels, settings.seed
    )


def _check_loss(accuracy: Accuracies, check: Check, allowed: float) -> None:
    """Raises AccuracyLossError if the file loses more than `allowed` percentage points of top-1."""
    before, after = accuracy.pytorch.top1, accuracy.file.top1
    if before - after > allowed:
        raise AccuracyLossError(
            f"the file loses {before - after:.2f} points of top-1: {after:.2f} % instead of PyTorch's {before:.2f} % "
            f"on {accuracy.images} images of {accuracy.dataset}, and its logits differ by {check.rms:.2g} of their "
            f"size; at most {allowed:g} points are allowed, so nothing was written: use another format or more "
            f"calibration images, or accept the loss with --allow-loss {math.ceil(before - after)}"
        )


def _calibration_count(form: Format, plan: Plan, given: int | None) -> int:
    """The number of calibration images. Raises WrongSettingError if it is given and the format needs none."""
    if given is None:
        return CALIBRATION_IMAGES
    if not plan.calibrated:
        raise WrongSettingError(f"{form.name} in {plan.precision} needs no calibration: leave out --calibration-images")
    return given


def _with_view(model: TrainedModel, images: ImageSet | None) -> TrainedModel:
    """The model with one view of images: for those of earlier versions, the images decide, otherwise the resolution."""
    shown = model.shown
    if shown.view is not None:
        return model
    small: View = "whole" if max(sides(shown.resolution)) <= SMALL_SIDE else "centre"
    return replace(model, shown=replace(shown, view=small if images is None else images.view))


def _path(target: str, plan: Plan, out: str | Path | None, untrained: bool = False) -> Path:
    """The path of the file. Raises ExportError if --out is empty."""
    suffix = f"-untrained{plan.suffix}" if untrained else plan.suffix
    if out is not None:
        if not str(out):
            raise ExportError("--out is empty, expected a file name")
        return Path(out)
    point = point_of(target)
    if point is not None or os.path.isdir(target):
        folder = Path(target) if point is None else point.folder
        return folder / "export" / f"{folder.resolve().name or 'network'}{suffix}"
    if "(" in target:  # a structure
        return Path(f"network{suffix}")
    return Path(f"{Path(target).name[:100]}{suffix}")


def _check_images(model: TrainedModel, test: ImageSet | None, skip_corrupt: bool) -> tuple[Any, str]:
    """Images for the comparison of logits, and their source; noise without a data set."""
    if test is not None:
        rows = spread(test, IMAGES)
        found = next(batches(test, rows, model.shown, IMAGES, skip_corrupt), None)
        if found is not None:
            return found, test.name
    return noise(IMAGES, model.shown), NOISE
