"""What is known of one model. `reading.py` has its form in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PlainNet.errors import ZennasError

PUBLISHED, SHIPPED, YOURS = "published", "shipped", "yours"
"""Where a model is from: Zen-NAS's, this project's with its weights in the package, the user's own."""


class ZooError(ZennasError, ValueError):
    """A model that cannot be read from a zoo, or not be put into it."""


@dataclass(frozen=True)
class Weights:
    """Where the weights are: in `file`; or at `url`, to be kept at `path` below the cache folder. sha256: if known."""

    file: Path | None
    url: str | None
    path: str | None
    sha256: str | None


@dataclass(frozen=True)
class Entry:
    """A model. None where something is not known.

    origin: PUBLISHED, SHIPPED or YOURS. resolution, crop_image_size: sides in pixels. normalisation: mean and std of
    red, green and blue, of values from 0 to 1. classes: their names. params, flops: exact, the latter
    multiply–accumulates of convolution and linear layers. bn_eps: of batch-norm, None for Zen-NAS's. top1, top5:
    measured by this program, in per cent. published: what others say: params, flops, top1 (per cent), v100_ms, t4_ms,
    pixel2_ms (an image). note: where that differs from the exact counts. card: a text about the model.
    """

    name: str
    origin: str
    structure: str
    num_classes: int
    resolution: int
    crop_image_size: int
    use_se: bool
    normalisation: Mapping[str, list[float]]
    weights: Weights
    params: int
    flops: int
    bn_eps: float | None = None
    dataset: str | None = None
    classes: tuple[str, ...] | None = None
    top1: float | None = None
    top5: float | None = None
    published: Mapping[str, float] = field(default_factory=dict)
    note: str | None = None
    card: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Of dictionaries, lists, text and numbers only."""
        found = dict(vars(self))
        found["normalisation"] = {name: list(values) for name, values in self.normalisation.items()}
        found["weights"] = {**vars(self.weights), "file": _text(self.weights.file)}
        found["classes"] = None if self.classes is None else list(self.classes)
        found["published"] = dict(self.published)
        found["card"] = _text(self.card)
        return found


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
