"""Comparison of an exported file with its network: logits of the same images, and accuracies on the same set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latency.measuring.measure import difference
from zennas.common.errors import ZennasError
from zennas.common.progress import WorkProgress

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from zennas.accuracy.protocol import Accuracy
    from zennas.data import ImageSet
    from zennas.named.models import TrainedModel

    Network = Callable[[Tensor], Tensor]

BATCHES = (1, 2, 5)
"""Sizes of the batches that a file is checked with; each image is in one of them."""
IMAGES = sum(BATCHES)

FileAnswers = Callable[["NDArray[np.float32]"], "NDArray[np.float32]"]
"""A function from normalised images (n, C, H, W) to logits (n, classes) that runs an exported file."""


class ComparisonError(ZennasError, RuntimeError):
    """A file does not compute what its network computes."""


@dataclass(frozen=True)
class Limit:
    """How far a file's logits may differ from PyTorch's, as a share of the root mean square of PyTorch's.

    of: what is limited, the "largest" difference of any logit or the root mean square ("rms") of all differences.
    """

    of: Literal["largest", "rms"]
    share: float


@dataclass(frozen=True)
class Check:
    """How far a file's logits differ from PyTorch's, as shares of the root mean square of PyTorch's.

    largest: largest difference of any logit. rms: root mean square of all differences. images: their number. batches:
    sizes of the batches. source: where the images come from. limit: None if any difference was accepted.
    """

    largest: float
    rms: float
    limit: Limit | None
    images: int
    batches: tuple[int, ...]
    source: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Accuracies:
    """Accuracies of the network in PyTorch (float32) and of the file on the same images.

    agreement: percentage of images for which both predict the same class.
    """

    dataset: str
    images: int
    pytorch: Accuracy
    file: Accuracy
    agreement: float

    def to_json(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "images": self.images,
            "pytorch": {"top1": self.pytorch.top1, "top5": self.pytorch.top5},
            "file": {"top1": self.file.top1, "top5": self.file.top5},
            "same_class": self.agreement,
            "skipped": len(self.file.skipped),
        }


def checked(
    model: TrainedModel,
    answers: FileAnswers,
    images: NDArray[np.float32],
    source: str,
    limit: Limit | None,
    most: int | None,
) -> Check:
    """Compare the file's logits with those of the network as it was trained, without folding batch-norm.

    images: (`IMAGES`, C, H, W). limit: None accepts any difference. most: largest batch that the file accepts, None for
    any. Raises ComparisonError if the logits differ by more than the limit, have another shape, or the network's own
    logits are not finite.
    """
    import torch

    with torch.no_grad():
        expected: NDArray[np.float32] = model.network(torch.from_numpy(images)).numpy()
    if not np.isfinite(expected).all():
        raise ComparisonError(
            f"the logits of {model.name} for images of {source} are not finite: nothing was written; "
            "train it again or use other weights"
        )
    sizes = tuple(_sizes(len(images), most))
    ends = np.cumsum(sizes).tolist()
    found = [answers(images[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
    for size, logits in zip(sizes, found, strict=True):
        if logits.shape != (size, model.num_classes):
            raise ComparisonError(
                f"the file's logits for {size} images have shape {logits.shape}, expected "
                f"{(size, model.num_classes)}; nothing was written"
            )
    logits = np.concatenate(found)
    check = Check(_largest(logits, expected), difference(logits, expected), limit, len(images), sizes, source)
    if limit is None:
        return check
    off = check.largest if limit.of == "largest" else check.rms
    if not off <= limit.share:
        what = "largest" if limit.of == "largest" else "root mean square"
        raise ComparisonError(
            f"the file does not compute the same as {model.name}: the {what} error of its logits is {off:.3g} of their "
            f"root mean square, the limit is {limit.share:g}; nothing was written, try another format"
        )
    return check


def _sizes(count: int, most: int | None) -> Iterator[int]:
    """The sizes in `BATCHES`, reduced to the number of images and to the largest batch of the file."""
    for size in BATCHES:
        while size > 0 and count > 0:
            now = min(size, count, most or size)
            yield now
            size, count = size - now, count - now


def _largest(logits: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """The largest difference divided by the root mean square of the expected logits; infinite if one is not finite."""
    if not np.isfinite(logits).all():
        return math.inf
    most = float(np.abs(logits.astype(np.float64) - expected).max())
    scale = float(np.sqrt(np.mean(np.square(expected, dtype=np.float64))))
    return most / scale if scale > 0 else (0.0 if most == 0 else math.inf)


def accuracies(
    model: TrainedModel,
    answers: FileAnswers,
    images: ImageSet,
    batch_size: int,
    skip_corrupt: bool,
    progress: WorkProgress,
) -> Accuracies:
    """Measure the accuracies of the network and of the file. Raises DataError if an image is corrupt."""
    import torch

    from zennas.accuracy.protocol import Evaluator

    measure = Evaluator(
        images, model.shown, torch.device("cpu"), batch_size=batch_size, workers=0, skip_corrupt=skip_corrupt
    )
    network = _Remembering(model.network)
    file = _Remembering(lambda batch: torch.from_numpy(answers(batch.numpy())))
    before = measure(network, lambda done, total, top1: progress(done, total, f"PyTorch: top-1 {top1:.2f} %"))
    after = measure(file, lambda done, total, top1: progress(done, total, f"the file: top-1 {top1:.2f} %"))
    same = float((torch.cat(network.classes) == torch.cat(file.classes)).double().mean())
    return Accuracies(images.name, after.images, before, after, 100 * same)


class _Remembering:
    """A network that remembers the class that it predicted for each image."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.classes: list[Tensor] = []

    def __call__(self, images: Tensor) -> Tensor:
        logits = self._network(images)
        self.classes.append(logits.argmax(dim=1))
        return logits
