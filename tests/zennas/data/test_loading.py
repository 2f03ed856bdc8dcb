"""Batches: the same by any number of processes, views that are keyed, images that cannot be read."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from zennas.accuracy.protocol import Evaluator
from zennas.data import DataError, ImageSet, Normalisation, open_set
from zennas.data.base import Shown
from zennas.data.loading import Batch, Key, Loader
from zennas.data.preparation import Normaliser, photograph_view

from .conftest import folders, picture

CPU = torch.device("cpu")
VIEW = v2.RandomResizedCrop(16, antialias=True)
PLAN = [[Key(epoch, row) for row in rows] for epoch, rows in ((0, [4, 1, 0]), (0, [5]), (3, [1, 4]))]
SHOWN = Shown(Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), 16, 16)


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pets")
    folders(folder / "val", {"cat": 4, "dog": 3})
    return folder


@pytest.fixture(scope="module")
def broken_pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fourth of five cannot be read."""
    folder = tmp_path_factory.mktemp("broken")
    folders(folder / "val", {"cat": 3, "dog": 2})
    (folder / "val" / "dog" / "0.jpg").write_bytes(b"")
    return folder


def batches(images: ImageSet, plan: list[list[Key]] = PLAN, view: Any = VIEW, **settings: Any) -> list[Batch]:
    return list(Loader(images, view, CPU, **settings)(plan))


def equal(ours: list[Batch], theirs: list[Batch]) -> bool:
    pairs = list(zip(ours, theirs, strict=True))
    return all(all(map(torch.equal, a[:3], b[:3])) and a.skipped == b.skipped for a, b in pairs)


def test_batches_are_those_of_the_plan(pets: Path) -> None:
    images = open_set(str(pets), "test")
    found = batches(images)
    assert [batch.rows.tolist() for batch in found] == [[4, 1, 0], [5], [1, 4]]
    assert [batch.labels.tolist() for batch in found] == [[1, 0, 0], [1], [0, 1]]
    assert all(batch.images.dtype == torch.uint8 and batch.images.shape[1:] == (3, 16, 16) for batch in found)
    assert batches(images, []) == []


def test_views_are_keyed(pets: Path) -> None:
    images = open_set(str(pets), "test")

    def view(epoch: int, row: int, seed: int = 0) -> Tensor:
        return batches(images, [[Key(epoch, row)]], seed=seed)[0].images[0]

    found = batches(images)
    assert torch.equal(found[0].images[1], view(0, 1))  # whatever else is in the batch, and before it
    assert torch.equal(found[2].images[0], view(3, 1))
    assert not torch.equal(view(0, 1), view(3, 1))
    assert not torch.equal(view(0, 1), view(0, 1, seed=1))
    twice = batches(images, [[Key(0, 1), Key(0, 1)]])[0].images
    assert torch.equal(twice[0], twice[1])


def test_the_global_generator_is_left_alone(pets: Path) -> None:
    images = open_set(str(pets), "test")
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first = batches(images)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(8)
    assert equal(first, batches(images))


def test_processes_make_the_same_batches(pets: Path, broken_pets: Path) -> None:
    """Of files and of what is in memory; corrupt images are told of, and skipped, as in one process."""
    images = open_set(str(pets), "test")
    several = Loader(images, VIEW, CPU, seed=3, workers=2)
    assert equal(list(several(PLAN)), batches(images, seed=3))
    assert equal(list(several(PLAN[1:])), batches(images, PLAN[1:], seed=3))  # the processes stay
    digits = open_set("digits", "test")
    assert equal(batches(digits, workers=2), batches(digits))
    images = open_set(str(broken_pets), "test")
    plan = [[Key(0, 0), Key(0, 3)], [Key(0, 3)], [Key(0, 4)]]
    skipping = batches(images, plan, workers=2, skip_corrupt=True)
    assert equal(skipping, batches(images, plan, skip_corrupt=True))
    said = []
    for workers in (0, 2):
        with pytest.raises(DataError) as caught:
            batches(images, plan, workers=workers)
        said.append(str(caught.value))
        del caught  # it refers to this frame, and the garbage collector stops processes slowly
    assert said[0] == said[1]
    assert said[0].startswith(f"{broken_pets}/val/dog/0.jpg cannot be read as an image: ")
    assert said[0].endswith("leave such images out with --skip-corrupt")
    assert "\n" not in said[0]


def test_an_error_keeps_no_loader_alive(broken_pets: Path) -> None:
    """A reference cycle would: it takes the garbage collector to free the loader, and then seconds to stop workers."""
    loader = Loader(open_set(str(broken_pets), "test"), VIEW, CPU)
    alive = weakref.ref(loader)
    gc.disable()
    try:
        with suppress(DataError):
            list(loader([[Key(0, 3)]]))
        del loader
        assert alive() is None
    finally:
        gc.enable()


def test_corrupt_images_that_are_skipped_are_told_of(broken_pets: Path) -> None:
    images = open_set(str(broken_pets), "test")
    found = batches(images, [[Key(0, row) for row in range(5)], [Key(0, 3)]], skip_corrupt=True)
    assert found[0].rows.tolist() == [0, 1, 2, 4]
    assert found[0].labels.tolist() == [0, 0, 0, 1]
    assert len(found[1].labels) == 0
    assert [len(batch.skipped) for batch in found] == [1, 1]
    evaluation = Evaluator(images, SHOWN, CPU, batch_size=2, skip_corrupt=True)
    result = evaluation(lambda x: torch.eye(2)[torch.zeros(len(x), dtype=torch.int64)])
    assert (result.top1, result.images, len(result.skipped)) == (75, 4, 1)
    with pytest.raises(DataError, match="cannot be read"):
        Evaluator(images, SHOWN, CPU, batch_size=2)(lambda x: torch.zeros(len(x), 2))


def test_images_in_memory_are_indexed(monkeypatch: pytest.MonkeyPatch) -> None:
    digits = open_set("digits", "test")
    found = list(Loader(digits, None, CPU, workers=5)([[Key(0, 3), Key(9, 0)], [Key(0, 359)]]))  # starts no process
    assert digits.pixels is not None
    assert torch.equal(found[0].images, digits.pixels[[3, 0]])
    assert found[1].labels.tolist() == [int(digits.labels[359])]


# -- evaluation ----------------------------------------------------------------------------------


def right(images: ImageSet, rows: Iterator[int]) -> Any:
    """Answers that are right for even rows; for others the third class after the right one is best."""

    def answers(x: Tensor) -> Tensor:
        chosen = torch.tensor([next(rows) for _ in range(len(x))])
        labels = torch.from_numpy(images.labels)[chosen]
        best = torch.where(chosen % 2 == 0, labels, (labels + 3) % 10)
        return torch.eye(10)[best] + 0.5 * torch.eye(10)[labels]

    return answers


@pytest.mark.parametrize("world", [1, 3])
def test_shares_of_processes_add_up(world: int) -> None:
    images = open_set("digits", "test")
    counts = torch.zeros(3, dtype=torch.float64)
    for rank in range(world):
        evaluation = Evaluator(images, SHOWN, CPU, batch_size=50, rank=rank, world=world)
        counts += evaluation.count(right(images, iter(range(rank, 360, world))))[0]
    assert counts.tolist() == [180, 360, 360]


def test_an_evaluation_can_be_repeated() -> None:
    images = open_set("digits", "test")
    evaluation = Evaluator(images, SHOWN, CPU, batch_size=100)
    found = [evaluation(right(images, iter(range(360)))) for _ in range(2)]
    assert [one.top1 for one in found] == [50, 50]
    assert [one.top5 for one in found] == [100, 100]
    few = evaluation(lambda x: torch.ones(len(x), 10) * torch.arange(10))
    assert few.top5 == pytest.approx(100 * float((images.labels >= 5).mean()))


def test_photographs_are_cut_as_by_pil(tmp_path: Path) -> None:
    """Within one level of 255."""
    for size in ((300, 200), (30, 47), (224, 224), (500, 31), (1, 1)):
        (tmp_path / "one.png").write_bytes(picture(1, *size, kind="PNG"))
        image = Image.open(tmp_path / "one.png")
        side = math.ceil(56 / 0.875)
        scale = side / min(size)
        width, height = (side if one == min(size) else int(one * scale) for one in size)
        resized = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
        top, left = round((height - side) / 2), round((width - side) / 2)
        expected = resized[top : top + side, left : left + side]
        found = photograph_view(56)(torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1))
        assert found.shape == (3, side, side)
        assert int(np.abs(found.permute(1, 2, 0).numpy().astype(int) - expected).max()) <= 1


def test_a_strip_of_pixels_takes_no_gigabytes() -> None:
    for shape in ((3, 1, 60_000), (3, 60_000, 1)):
        strip = torch.zeros(shape, dtype=torch.uint8)
        strip[..., 29_000:31_000] = 200
        strip[:, 29_000:31_000] = 200
        found = photograph_view(224)(strip)
        assert found.shape == (3, 256, 256)
        assert (found == 200).all()


def test_images_are_interpolated_and_normalised() -> None:
    images = torch.randint(0, 256, (4, 3, 12, 12), dtype=torch.uint8)
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    show = Normaliser(Normalisation(mean, std), 7, CPU)
    expected = v2.functional.normalize(images.float() / 255, list(mean), list(std))
    expected = torch.nn.functional.interpolate(expected, 7, mode="bilinear")
    assert torch.allclose(show(images), expected, atol=1e-5)
    same = Normaliser(Normalisation(mean, std), 12, CPU, torch.bfloat16)(images)
    assert same.dtype == torch.bfloat16
    assert same.shape == images.shape
