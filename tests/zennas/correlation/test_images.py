"""The images that proxies are measured on: noise, files, folders; and what cannot be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from PlainNet.blocktype import in_channels
from tests.conftest import data_folder
from zennas.accuracy.tables import AccuracyTable, Column
from zennas.accuracy.tables.csvfile import write_csv
from zennas.common.errors import WrongSettingError
from zennas.correlation.data import draw_batches
from zennas.correlation.result import read_result
from zennas.correlation.runner import resume, start
from zennas.correlation.settings import CorrelateSettings
from zennas.data import DataError
from zennas.named.structures import WrongChannelsError
from zennas.runs.store import Store

from .conftest import ONE, PROXIES, jpeg, npz, scorings, tiny


def test_noise(table: Path) -> None:
    found = draw_batches(tiny(table, seeds=2))
    assert [batch.images.shape for batch in found.batches] == [(4, 3, 8, 8)] * 2
    assert found.note == "noise from N(0, 1), labels at random"
    again, other = draw_batches(tiny(table, seeds=2)), draw_batches(tiny(table, seeds=2, seed=1))
    assert found.digest == again.digest != other.digest
    assert np.array_equal(found.batches[1].images, other.batches[0].images)  # seed 1, both


def test_networks_see_images_of_their_channels(table: Path, tmp_path: Path) -> None:
    grey = tiny(table, in_channels=1)
    start(tmp_path / "grey", grey, ONE)
    found = read_result(tmp_path / "grey")
    assert found.settings.in_channels == 1
    with Store.read(tmp_path / "grey") as store:
        assert {in_channels(one.structure.blocks[0]) for one in store.candidates([1, 2, 3])} == {1}
    more = replace(grey, proxies=(*PROXIES, "synflow"))
    resume(tmp_path / "grey", ONE, expected=more)  # which reads the networks again
    start(tmp_path / "whole", more, ONE)
    start(tmp_path / "colour", replace(more, in_channels=None), ONE)
    assert scorings(tmp_path / "grey") == scorings(tmp_path / "whole") != scorings(tmp_path / "colour")


def test_networks_of_several_channels_need_a_number(tmp_path: Path) -> None:
    texts = tuple(f"SuperConvK3BNRELU({channels},8,1,1)" for channels in (1, 3))
    path = tmp_path / "texts.csv"
    write_csv(AccuracyTable("texts.csv", texts, {Column("cifar10"): np.array((50.0, 60.0))}), path)
    asked = tiny(path, space="XXBL", sample=2, proxies=("naswot",))
    with pytest.raises(WrongSettingError, match="images of 1 and 3 channels, expected one number: choose it with --in"):
        start(tmp_path / "run", asked, ONE)
    assert not (tmp_path / "run").exists()
    start(tmp_path / "run", replace(asked, in_channels=1), ONE)
    write_csv(
        AccuracyTable(
            "texts.csv",
            (texts[0], f"{texts[0]}SuperConvK1BNRELU(8,8,1,1)"),
            {Column("cifar10"): np.array((50.0, 60.0))},
        ),
        path,
    )
    with pytest.raises(
        WrongChannelsError, match=r"takes images of 1 channel, but those of images.npz have 3: --in-cha"
    ):
        start(tmp_path / "other", replace(asked, data=str(npz(tmp_path / "images.npz"))), ONE)


def test_jpegs_in_a_file(table: Path, tmp_path: Path) -> None:
    path = npz(tmp_path / "images.npz")
    found = draw_batches(tiny(table, data=str(path), batch_size=10))
    batch = found.batches[0]
    assert batch.images.shape == (10, 3, 8, 8)
    assert found.note == "images.npz, labels its own"
    # Shades grow with the labels, and all images together are normalised.
    shades = batch.images.mean((1, 2, 3))
    assert np.array_equal(np.argsort(shades), np.argsort(batch.labels))
    assert abs(float(shades.mean())) < 1e-5
    assert draw_batches(tiny(table, data=str(path), resolution=12)).batches[0].images.shape[2:] == (12, 12)
    other = draw_batches(tiny(table, data=str(path), num_classes=100))
    assert other.note == "images.npz, labels at random (it has 10 classes, not 100)"


def test_a_folder_of_images(table: Path, tmp_path: Path) -> None:
    for label in ("cats", "dogs"):
        for place in (tmp_path / "flat" / label, tmp_path / "split" / "train" / label):
            place.mkdir(parents=True)
            for i in range(3):
                (place / f"{i}.jpg").write_bytes(jpeg(30 * i, side=20))
    for name in ("flat", "split"):
        found = draw_batches(tiny(table, data=str(tmp_path / name), num_classes=2))
        assert found.batches[0].images.shape == (4, 3, 8, 8)
        assert found.batches[0].images.dtype == np.float32
        assert found.note.endswith("labels its own")
    with pytest.raises(DataError, match="has 6 images, fewer than a batch of 7"):
        draw_batches(tiny(table, data=str(tmp_path / "flat"), batch_size=7))


def test_grey_of_more_than_8_bits_needs_a_white(table: Path, tmp_path: Path) -> None:
    for label in ("cats", "dogs"):
        (tmp_path / label).mkdir()
        for i in range(3):
            values = np.full((20, 20), 1000 * i, np.uint16)
            values[i:10] = 4095
            Image.fromarray(values).save(tmp_path / label / f"{i}.png")
    given = {"data": str(tmp_path), "num_classes": 2}
    with pytest.raises(DataError, match="state the value that is white, such as --white 4095"):
        draw_batches(tiny(table, **given))
    found = draw_batches(tiny(table, white=4095, **given))
    assert found.batches[0].images.std() > 0.5
    assert found.digest != draw_batches(tiny(table, white=65535, **given)).digest


def test_images_that_cannot_be_had(table: Path, tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "empty").mkdir()
    broken = np.zeros(100, dtype=np.uint8)
    for data, message in (
        ("nowhere", "there is no data '.*nowhere', expected noise, digits, cifar10, cifar100, imagenet, a folder"),
        ("text.npz", "text.npz cannot be read as an .npz file"),
        ("empty", "empty is not a folder of classes"),
        (npz(tmp_path / "a.npz", labels=None).name, "a.npz has no labels, expected the arrays jpeg, offsets, labels"),
        (npz(tmp_path / "b.npz", offsets=np.arange(5)).name, "b.npz is damaged"),
        (npz(tmp_path / "c.npz", jpeg=broken, offsets=np.arange(11)).name, "image . of .*c.npz cannot be decoded"),
        (npz(tmp_path / "d.npz", labels=np.array([{}] * 10)).name, "d.npz cannot be read as an .npz file"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            draw_batches(tiny(table, data=str(tmp_path / data)))
        assert "\n" not in str(caught.value)


def test_the_shared_images(table: Path) -> None:
    found = draw_batches(tiny(table, data=str(data_folder() / "cifar10_jpeg_test.npz"), batch_size=64, resolution=32))
    images = found.batches[0].images
    assert images.shape == (64, 3, 32, 32)
    assert abs(float(images.mean())) < 0.3
    assert 0.7 < float(images.std()) < 1.3
    assert set(found.batches[0].labels) <= set(range(10))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cannot be read as an .npz file"),
        (b"PK nonsense", "cannot be read as an .npz file"),
        ({"jpeg": np.zeros(3, np.uint8), "offsets": np.array(1)}, "has no labels"),
        ({"jpeg": np.zeros(3, np.uint8), "offsets": np.array(1), "labels": np.zeros(1, int)}, "offsets in .* of shape"),
        (
            {"jpeg": np.zeros(3, np.uint8), "offsets": np.array([0.0, 3.0]), "labels": np.zeros(1, int)},
            "offsets in .* float64",
        ),
        (
            {"jpeg": np.zeros(3, np.uint8), "offsets": np.array([0, 3]), "labels": np.array(["a"])},
            "labels in .* expected a one-dimensional array of whole",
        ),
        ({"jpeg": np.zeros(3, np.uint8), "offsets": np.array([0, 3]), "labels": np.array([-1])}, "label -1"),
        ({"jpeg": np.zeros(3, np.uint8), "offsets": np.array([0, 9]), "labels": np.array([0])}, "is damaged"),
        (
            {"jpeg": np.zeros(6, np.uint8), "offsets": np.array([0, 3, 6]), "labels": np.array([0, 1])},
            "image . of .* cannot be decoded: not a known image format",
        ),
    ],
)
def test_image_files_that_are_none(tmp_path: Path, content: bytes | dict[str, np.ndarray], says: str) -> None:
    path = tmp_path / "images.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **content)
    settings = CorrelateSettings(table="t.csv", data=str(path), batch_size=2, resolution=8)
    with pytest.raises(DataError, match=says) as caught:
        draw_batches(settings)
    assert "\n" not in str(caught.value)
