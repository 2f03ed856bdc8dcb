"""The sidecar of an exported file, FILE.json: everything needed to use the file without this project."""

from __future__ import annotations

import platform
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from latency.measuring.conditions import processor, versions_of
from latency.measuring.onnx_files import BATCH, INPUT, OUTPUT
from PlainNet.sizes import sides
from zennas.accuracy.comparison import Accuracies, Check
from zennas.accuracy.images import Calibration, NoiseCalibration
from zennas.data.channels import COLOUR, GREY
from zennas.exporting.base import ExportJob, Format, Plan

if TYPE_CHECKING:
    from zennas.data.base import Shown

VERSION = 2
"""Version of the sidecar's keys."""


def described(
    form: Format,
    job: ExportJob,
    content: bytes,
    check: Check,
    accuracy: Accuracies | None,
    calibration: Calibration | NoiseCalibration | None,
) -> dict[str, Any]:
    """Return the content of the sidecar, JSON-compatible.

    accuracy: None if it was not measured. calibration: None if the file was not calibrated.
    """
    import zennas

    model = job.model
    network = model.network
    facts = form.facts(content, job)
    images, logits = facts.pop("input", {}), facts.pop("output", {})
    return {
        "sidecar": VERSION,
        "format": form.name,
        "precision": job.plan.precision,
        "sha256": sha256(content).hexdigest(),
        "bytes": len(content),
        "name": model.name,
        "structure": str(network.structure),
        "use_se": network.options.use_se,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "num_classes": model.num_classes,
        "classes": None if model.classes is None else list(model.classes),
        "input": {**_arranged(_input(model.shown, job.plan.most), job.plan), **images},
        "output": {
            "name": OUTPUT,
            "shape": [job.plan.batch or BATCH, model.num_classes],
            "dtype": "float32",
            "meaning": "logits",
            **logits,
        },
        "normalisation": model.shown.normalisation.to_json(),
        **facts,
        "check": check.to_json(),
        "accuracy": None if accuracy is None else accuracy.to_json(),
        "calibration": None if calibration is None else {"dataset": calibration.name, "images": calibration.seen},
        "training": {key: model.facts.get(key) for key in ("dataset", "top1")},
        "versions": {
            "zennas": zennas.__version__,
            "python": platform.python_version(),
            **versions_of(*form.packages),
        },
        "processor": processor(),
    }


def _input(shown: Shown, most: int | None) -> dict[str, Any]:
    return {
        "name": INPUT,
        "shape": [BATCH, shown.channels, *sides(shown.resolution)],
        "largest_batch": most,
        "dtype": "float32",
        "channels": {GREY: "grey", COLOUR: "red, green, blue"}.get(shown.channels, f"{shown.channels} channels"),
        "resolution": shown.resolution,
        "crop": shown.crop if shown.view == "centre" else None,
        "preparation": preparation(shown),
    }


def _arranged(found: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The input as the file has it: of any batch size or a fixed one, with the channels before or behind."""
    batch, channels, *sides = found["shape"]
    batch = plan.batch or batch
    shape = [batch, channels, *sides] if plan.layout == "NCHW" else [batch, *sides, channels]
    return {**found, "shape": shape, "layout": plan.layout, "largest_batch": plan.batch or plan.most}


def preparation(shown: Shown) -> list[dict[str, Any]]:
    """Return the steps from an image file to the network's input, in order and in numbers.

    shown: with a view. All sizes are in pixels; interpolation has half-pixel centres.
    """
    from zennas.data.preparation import resized_before_crop

    decoding, (height, width) = shown.decoding, sides(shown.resolution)
    square = height == width
    steps: list[dict[str, Any]] = [
        {
            "step": "decode",
            "channels": {GREY: "grey", COLOUR: "RGB"}.get(shown.channels, f"all {shown.channels}"),
            "exif_orientation": "applied" if decoding.upright else "ignored",
            "white_of_deep_grey": decoding.white,
        }
    ]
    if shown.view == "centre":
        high, wide = sides(resized_before_crop(shown.crop))
        resized = {"short_side": high} if high == wide else {"to_cover": [high, wide]}
        steps += [
            {"step": "resize", **resized, "interpolation": "bicubic", "antialias": True},
            {"step": "center_crop", "height": high, "width": wide},
        ]
    else:
        largest = "the largest square" if square else f"the largest part of the shape {height}:{width}"
        steps += [{"step": "center_crop", "to": largest}]
    return [
        *steps,
        {"step": "divide", "by": 255},
        {"step": "resize", "height": height, "width": width, "interpolation": "bilinear", "antialias": False},
        {"step": "normalise", **shown.normalisation.to_json()},
    ]
