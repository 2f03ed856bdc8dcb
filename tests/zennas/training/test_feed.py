"""Batches for training: order, augmentation, and who sees what."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from zennas.data import measured_normalisation, open_set
from zennas.data.base import Shown
from zennas.training.augment import DRAWS, Moves, erased, mixer, moved
from zennas.training.distributed import Group
from zennas.training.feed import Feed
from zennas.training.recipe import Recipe, TrainingError

CPU = torch.device("cpu")
DIGITS = open_set("digits", "train")
SHOWN = Shown(measured_normalisation(DIGITS), 16, 16)
SHORT = Recipe(batch_size=64)


def feed(recipe: Recipe = SHORT, group: Group = Group(CPU), workers: int = 0) -> Feed:
    return Feed(DIGITS, recipe, SHOWN, group, workers=workers)


def test_batches_are_normalised_shuffled_and_moved() -> None:
    batches = list(feed().epoch(0))
    assert len(batches) == feed().steps == 1437 // 64
    x = torch.cat([given.images for given in batches])
    assert x.shape[1:] == (3, 16, 16)
    assert abs(float(x.mean())) < 0.15
    assert float(x.std()) == pytest.approx(1, abs=0.2)
    order = [given.labels.tolist() for given in batches]
    assert order == [given.labels.tolist() for given in feed().epoch(0)]
    assert order != [given.labels.tolist() for given in feed().epoch(1)]
    assert order != [given.labels.tolist() for given in feed(replace(SHORT, seed=1)).epoch(0)]
    still = next(iter(feed(replace(SHORT, augment=False)).epoch(0)))
    assert torch.equal(still.labels, batches[0].labels)
    assert not torch.equal(still.images, batches[0].images)


@pytest.mark.parametrize("recipe", [SHORT, replace(SHORT, auto_augment=True, erase=0.5, mixup=0.2, cutmix=1.0)])
def test_an_epoch_can_be_gone_on_with(recipe: Recipe) -> None:
    whole = list(feed(recipe).epoch(3))
    torch.rand(7)  # whatever else is drawn meanwhile
    rest = list(feed(recipe).epoch(3, first=20))
    assert len(rest) == len(whole) - 20
    for a, b in zip(whole[20:], rest, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.targets, b.targets)


def test_processes_share_a_batch() -> None:
    recipe = replace(SHORT, auto_augment=True, erase=0.5)
    whole = next(iter(feed(recipe).epoch(0)))
    for rank in range(2):
        part = next(iter(feed(recipe, Group(CPU, rank, 2)).epoch(0)))
        assert torch.equal(part.images, whole.images[rank::2])
        assert torch.equal(part.labels, whole.labels[rank::2])
    with pytest.raises(TrainingError, match="batch-size is 64, expected a multiple of the number of processes, 3"):
        feed(SHORT, Group(CPU, 0, 3))


def test_drawing_leaves_the_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    list(feed(replace(SHORT, auto_augment=True, mixup=0.2)).epoch(0))
    assert torch.equal(torch.rand(3), expected)


def test_mixed_targets_are_probabilities() -> None:
    for change in ({"mixup": 0.2}, {"cutmix": 1.0}, {"mixup": 0.2, "cutmix": 1.0}):
        given = next(iter(feed(replace(SHORT, **change)).epoch(0)))
        assert given.targets.shape == (64, 10)
        assert torch.allclose(given.targets.sum(1), torch.ones(64))
        assert given.labels.shape == (64,)
    assert mixer(0, 0, 10) is None


def test_images_are_shifted_whole() -> None:
    x = torch.rand(50, 3, 8, 8)
    draws = torch.rand(50, DRAWS)
    y = moved(x, draws, Moves(shift=2))
    for i in range(50):
        down, right = (int(v * 5) - 2 for v in draws[i, :2])
        padded = torch.nn.functional.pad(x[i], (2, 2, 2, 2))
        assert torch.equal(y[i], padded[:, 2 + down : 10 + down, 2 + right : 10 + right])
    flipped = moved(x, draws, Moves(flip=True))
    for i in range(50):
        assert torch.equal(flipped[i], x[i].flip(2) if draws[i, 2] < 0.5 else x[i])
    both = moved(x, draws, Moves(shift=2, flip=True))
    assert torch.equal(both, torch.where((draws[:, 2] < 0.5).view(-1, 1, 1, 1), y.flip(3), y))
    wide = torch.randint(0, 256, (50, 1, 6, 10), dtype=torch.uint8)
    assert torch.equal(moved(wide, draws, Moves(shift=2)).float(), moved(wide.float(), draws, Moves(shift=2)))
    assert moved(x, draws, Moves()) is x


def test_rectangles_are_erased() -> None:
    torch.manual_seed(0)
    x = torch.ones(2000, 3, 16, 16)
    gone = 1 - erased(x, torch.rand(2000, DRAWS), Moves(erase=0.5))[:, 0]
    share = gone.mean((1, 2))
    assert float((share > 0).float().mean()) == pytest.approx(0.5, abs=0.05)
    some = share[share > 0]
    assert float(some.min()) > 0.01
    assert float(some.max()) < 0.4
    for mask in gone[share > 0][:50]:  # a rectangle is the outer product of its rows and columns
        rows, columns = mask.any(1).float(), mask.any(0).float()
        assert torch.equal(mask, rows[:, None] * columns[None])
    assert erased(x, torch.rand(2000, DRAWS), Moves()) is x
