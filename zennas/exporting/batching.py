"""Batches of the only size that a file takes. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zennas.accuracy.comparison import FileAnswers


def of_size(batches: Iterable[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """Yield the images of `batches`, (n, C, H, W) each, in batches of exactly `size`.

    Each of the given batches is filled up with its last image, which changes neither minima nor maxima.
    """
    for images in batches:
        for start in range(0, len(images), size):
            batch = images[start : start + size]
            missing = size - len(batch)
            yield np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)]) if missing else batch


def in_batches(run: Callable[[NDArray[np.float32]], NDArray[np.float32]], size: int) -> FileAnswers:
    """Return a function for any number of images that runs a file which takes batches of `size`."""

    def answers(images: NDArray[np.float32]) -> NDArray[np.float32]:
        found = [run(batch).copy() for batch in of_size([images], size)]  # runtimes may reuse the memory of outputs
        return np.concatenate(found)[: len(images)]

    return answers
