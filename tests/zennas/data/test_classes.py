"""Classes of images and of networks are matched by their names."""

from __future__ import annotations

import pickle
from unicodedata import normalize

import numpy as np
import pytest
import torch

from zennas.data import DataError, ImageSet
from zennas.data.base import in_memory
from zennas.data.classes import are_numbers, by_name, described
from zennas.data.packed import USUAL


def images(classes: tuple[str, ...], labels: list[int]) -> ImageSet:
    """Images that are filled with their number."""
    pixels = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).contiguous()
    return in_memory("mine", classes, labels, pixels, USUAL)


@pytest.mark.parametrize("seed", range(20))
def test_each_image_keeps_the_name_of_its_class(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"class {i}" for i in range(8)]
    mine = tuple(rng.permutation(names)[: rng.integers(2, 9)].tolist())
    theirs = tuple(rng.permutation(names)[: rng.integers(2, 9)].tolist())
    whole = images(mine, rng.integers(len(mine), size=30).tolist())
    known = [i for i, label in enumerate(whole.labels.tolist()) if mine[label] in theirs]
    if not known:
        with pytest.raises(DataError, match="has no images of the classes of them"):
            by_name(whole, theirs, "them")
        return
    found = by_name(whole, theirs, "them")
    assert found.images.classes == theirs
    assert [theirs[i] for i in found.images.labels] == [mine[whole.labels[i]] for i in known]
    assert [int(found.images.read(i)[0, 0, 0]) for i in range(len(known))] == known
    assert found.images.pixels is not None
    assert found.images.pixels[:, 0, 0, 0].tolist() == known
    assert set(found.unknown) == set(mine) - set(theirs)
    assert (found.left_out, found.absent) == (30 - len(known), len(set(theirs) - set(mine)))
    assert pickle.loads(pickle.dumps(found.images.read))(0).shape == (3, 2, 2)
    assert (described(found, whole, "them") is None) == (set(mine) == set(theirs))


def test_equal_classes_are_the_same_set() -> None:
    whole = images(("a", "b"), [0, 1])
    assert by_name(whole, ("a", "b"), "them").images is whole
    turned = by_name(whole, ("b", "a"), "them").images
    assert (turned.labels.tolist(), turned.fingerprint != whole.fingerprint) == ([1, 0], True)


def test_names_that_occur_twice_and_decomposed_accents() -> None:
    """ImageNet has a bird and a machine called crane."""
    whole = images(("crane", "crane", normalize("NFD", "élan")), [0, 1, 2])
    found = by_name(whole, ("élan", "crane", "crane"), "them")
    assert (found.images.labels.tolist(), found.unknown, found.absent) == ([1, 2, 0], (), 0)


def test_numbers_are_no_names() -> None:
    assert are_numbers(("0", "1", "2"))
    assert not are_numbers(("1", "2"))
    assert not are_numbers(("a", "b"))
