"""`digits`: handwritten digits of 8 by 8 pixels from scikit-learn, 1,437 for training and 360 for testing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zennas.data.base import ImageSet, Split, Usual, in_memory
from zennas.data.registry import DataSet, register

TEST_SHARE = 0.2
# Mirrored digits are no longer digits, and a shift by half a pixel of eight is enough.
USUAL = Usual(normalisation=None, crop="shift", flip=False, policy="svhn", shift=1 / 16)


def digits(split: Split, folder: Path | None = None) -> ImageSet:
    """Return one part of a fixed split with equal class proportions. folder: ignored."""
    import torch
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    values, labels = load_digits(return_X_y=True)
    parts = train_test_split(np.arange(len(labels)), test_size=TEST_SHARE, random_state=0, stratify=labels)
    chosen = parts[0] if split == "train" else parts[1]
    grey = torch.from_numpy(values[chosen]).view(-1, 1, 8, 8).mul(255 / 16).round_().to(torch.uint8)
    name = "digits, training images" if split == "train" else "digits, test images"
    return in_memory(name, tuple("0123456789"), labels[chosen], grey.expand(-1, 3, -1, -1).contiguous(), USUAL)


register(DataSet("digits", 10, 8, USUAL, how_to_get="install scikit-learn", open=digits))
