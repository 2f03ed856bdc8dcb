"""`Entry`, the description of one model in a zoo. `reading.py` reads it from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PlainNet.errors import ZennasError
from PlainNet.sizes import Size

PUBLISHED, SHIPPED, YOURS, STRUCTURE = "published", "shipped", "yours", "structure"
"""The origin of a model: published by Zen-NAS, shipped with its weights in this package, added by the user, or the
structure of others' network, without weights."""


class ZooError(ZennasError, ValueError):
    """Raised if a model cannot be read from a zoo, added to it, or removed from it."""


@dataclass(frozen=True)
class Weights:
    """The location of weights: `file`, or an address `url` and a `path` in the cache folder; all None for no weights.

    sha256: the hash of the file in hexadecimal digits, or None if it is not known.
    """

    file: Path | None
    url: str | None
    path: str | None
    sha256: str | None


@dataclass(frozen=True)
class Entry:
    """The description of a model. Unknown values are None.

    name: the name in the zoo. origin: PUBLISHED, SHIPPED, YOURS or STRUCTURE.
    structure: the text of the structure. num_classes: the outputs of the classifier.
    resolution: the size of the network's input, in pixels.
    crop_image_size: Zen-NAS's size of the crop of photographs, in pixels, which their preparation depends on.
    use_se: whether super-blocks have squeeze-and-excitation.
    normalisation: "mean" and "std" of each channel, for values from 0 to 1.
    preparation: how else images are prepared, as a training records it; None if the data set decides.
    weights: the location of the weights.
    params: number of parameters, counted. flops: multiply–accumulates of convolution and linear layers, counted.
    bn_eps: the epsilon of batch-norms, or None for Zen-NAS's.
    dataset: the data set of the training. classes: the names of the classes.
    val_fraction: the share of its images that was held out.
    top1, top5: accuracies in per cent, measured by this project.
    published: published figures: params, flops, top1 (per cent), and v100_ms, t4_ms, pixel2_ms (ms per image).
    note: an explanation if published figures differ from the counts. card: a file with a text about the model.
    source: who published the network and the figures, if that is not Zen-NAS.
    """

    name: str
    origin: str
    structure: str
    num_classes: int
    resolution: Size
    crop_image_size: Size
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
    val_fraction: float | None = None
    preparation: Mapping[str, Any] | None = None
    note: str | None = None
    card: Path | None = None
    source: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all fields as a dictionary that can be written as JSON."""
        found = dict(vars(self))
        found["normalisation"] = {name: list(values) for name, values in self.normalisation.items()}
        found["preparation"] = None if self.preparation is None else dict(self.preparation)
        found["weights"] = {**vars(self.weights), "file": _text(self.weights.file)}
        found["classes"] = None if self.classes is None else list(self.classes)
        found["published"] = dict(self.published)
        found["card"] = _text(self.card)
        return found


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
