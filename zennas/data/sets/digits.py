"""`digits`: handwritten digits of 8 by 8 pixels from scikit-learn, 1,437 for training and 360 for testing.

Only scikit-learn's file is read: importing scikit-learn takes longer than anything that is done with so few images.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zennas.data.base import ImageSet, Split, Usual, in_memory
from zennas.data.registry import DataSet, register

TEST_SHARE = 0.2
# Mirrored digits are no longer digits, and a shift by half a pixel of eight is enough.
USUAL = Usual(normalisation=None, crop="shift", flip=False, policy="svhn", shift=1 / 16)


def digits(split: Split, folder: Path | None = None) -> ImageSet:
    """Return one part of a fixed split with equal class proportions. folder: ignored."""
    import torch

    values, labels = _images_and_labels()
    chosen = _stratified(labels, split)
    grey = torch.from_numpy(values[chosen]).view(-1, 1, 8, 8).mul(255 / 16).round_().to(torch.uint8)
    name = "digits, training images" if split == "train" else "digits, test images"
    return in_memory(name, tuple("0123456789"), labels[chosen], grey.expand(-1, 3, -1, -1).contiguous(), USUAL)


def _images_and_labels() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return what `sklearn.datasets.load_digits` does: images (1797, 64) from 0 to 16, labels (1797,).

    Raises ModuleNotFoundError if scikit-learn is not installed.
    """
    found = find_spec("sklearn")
    for place in () if found is None else found.submodule_search_locations or ():
        file = Path(place) / "datasets/data/digits.csv.gz"
        if file.is_file():
            table = np.loadtxt(file, delimiter=",")
            return table[:, :-1], table[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits  # a version that keeps them elsewhere

    values, labels = load_digits(return_X_y=True)
    return values, labels


def _stratified(labels: NDArray[np.int64], split: Split) -> NDArray[np.int64]:
    """Return the indices of one part, as scikit-learn's `train_test_split` draws and orders them with seed 0."""
    rng = np.random.RandomState(0)
    _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    count = int(np.ceil(TEST_SHARE * len(labels)))
    for_training = _shares(counts, len(labels) - count, rng)
    for_testing = _shares(counts - for_training, count, rng)
    train: list[int] = []
    test: list[int] = []
    for i, (first, second) in enumerate(zip(for_training, for_testing, strict=True)):
        mixed = np.flatnonzero(numbers == i)[rng.permutation(counts[i])].tolist()
        train += mixed[:first]
        test += mixed[first : first + second]
    parts = {"train": rng.permutation(train), "test": rng.permutation(test)}
    return parts[split]


def _shares(counts: NDArray[np.int64], total: int, rng: np.random.RandomState) -> NDArray[np.int64]:
    """Divide `total` in proportion to `counts`; the largest remainders are rounded up, and equal ones drawn."""
    exact = counts / counts.sum() * total
    found = np.floor(exact)
    remainders = exact - found
    for value in np.unique(remainders)[::-1]:
        missing = total - int(found.sum())
        if missing == 0:
            break
        (equal,) = np.nonzero(remainders == value)
        found[rng.choice(equal, min(len(equal), missing), replace=False)] += 1
    shares: NDArray[np.int64] = found.astype(np.int64)
    return shares


register(DataSet("digits", 10, 8, USUAL, how_to_get="install scikit-learn", open=digits))
