"""Trainings on folders of images: which classes they have, and how images of different kinds are prepared."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zennas
from tests.conftest import SMALL
from tests.zennas.data.conftest import archive
from tests.zennas.training.distilling import TEACHER
from zennas.cli.render import print_training
from zennas.data import DataError, open_set
from zennas.named.models import trained_model
from zennas.named.structures import WrongChannelsError
from zennas.training.outcome import TrainResult
from zennas.training.recipe import Distillation, TrainingError


def small_pictures(place: Path, classes: tuple[str, ...] = ("a", "b", "c"), count: int = 8, side: int = 8) -> Path:
    """A data set of squares of one size: the class decides the brightness."""
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for number, name in enumerate(classes):
            folder = place / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 40, (side, side, 3)) + 60 * number
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return place


def trained(dataset: Path, save_dir: Path, network: str = SMALL, **settings: object) -> TrainResult:
    settings = {"epochs": 1, "batch_size": 8, "resolution": 16, "device": "cpu", **settings}
    return zennas.train(network, dataset=str(dataset), save_dir=save_dir, **settings)


def test_test_images_may_lack_classes(tmp_path: Path) -> None:
    """Then labels are those of the training images, by name."""
    images = small_pictures(tmp_path / "images")
    shutil.rmtree(images / "val" / "a")
    result = trained(images, tmp_path / "run")
    assert zennas.evaluate(tmp_path / "run", device="cpu").top1 == result.top1
    (images / "val" / "b").rename(images / "val" / "d")
    with pytest.raises(DataError, match="have different classes: d only in tests"):
        trained(images, tmp_path / "other")


def test_a_teacher_s_classes_are_in_the_same_order(tmp_path: Path) -> None:
    images = small_pictures(tmp_path / "images")
    trained(images, tmp_path / "teacher", TEACHER)
    (images / "train" / "a").rename(images / "train" / "z")
    (images / "val" / "a").rename(images / "val" / "z")
    teaching = {"distillation": Distillation(str(tmp_path / "teacher"))}
    with pytest.raises(
        TrainingError, match=r"classes are not those of .*: class 0 is a instead of b; .*--logit-weight"
    ):
        trained(images, tmp_path / "student", **teaching)
    assert not (tmp_path / "student").exists()


def digits_as(kind: str, place: Path) -> Path:
    """The digits as PNG files in folders or in two archives."""
    for split, part in (("train", "train"), ("test", "val")):
        digits = open_set("digits", split)  # type: ignore[arg-type]
        files = []
        for i in range(len(digits)):
            content = io.BytesIO()
            Image.fromarray(digits.read(i).permute(1, 2, 0).numpy()).save(content, format="PNG")
            files.append(content.getvalue())
        place.mkdir(exist_ok=True)
        if kind == "archives":
            archive(place / f"{part}.npz", files, labels=digits.labels, classes=np.array(digits.classes))
            continue
        for i, one in enumerate(files):
            folder = place / part / digits.classes[digits.labels[i]]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{i:04}.png").write_bytes(one)
    return place


def test_the_container_of_images_does_not_matter(tmp_path: Path) -> None:
    """The same small images are learnt equally well, and a network gives the same answers in any container."""
    places = {kind: str(digits_as(kind, tmp_path / kind)) for kind in ("folders", "archives")}
    places["built in"] = "digits"
    settings = {"epochs": 4, "batch_size": 64, "resolution": 8}
    for kind, place in places.items():
        result = trained(Path(place), tmp_path / "runs" / kind, **settings)
        assert result.top1 > 60, kind
        card = json.loads((result.folder / "train.json").read_text())
        assert card["preparation"] == {"view": "whole", "white": None, "upright": True}
        accuracies = {zennas.evaluate(result.folder, dataset=other, device="cpu").top1 for other in places.values()}
        assert accuracies == {result.top1}
    # In the same order, they even lead to the same weights.
    weights = [torch.load(tmp_path / "runs" / kind / "weights.pt")["state_dict"] for kind in ("archives", "built in")]
    assert all(torch.equal(one, other) for one, other in zip(*(each.values() for each in weights), strict=True))


def test_an_old_card_is_evaluated_as_it_was_trained(tmp_path: Path) -> None:
    """Folders contained photographs then, whatever their size."""
    images = small_pictures(tmp_path / "images", side=12)
    folder = trained(images, tmp_path / "run").folder
    card = json.loads((folder / "train.json").read_text())
    for key in ("preparation", "white", "notes"):
        del card[key]
    (folder / "train.json").write_text(json.dumps(card))
    model = trained_model(str(folder))
    assert (model.shown.view, model.shown.decoding.upright) == ("centre", False)
    found = zennas.evaluate(folder, device="cpu")
    assert (found.crop, found.resolution) == (16, 16)
    exported = zennas.export(folder, out=tmp_path / "old.onnx")
    assert [step["step"] for step in exported.sidecar["input"]["preparation"]][:3] == [
        "decode",
        "resize",
        "center_crop",
    ]


def test_grey_of_12_bits_is_learnt_or_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for number, name in enumerate("ab"):
            folder = tmp_path / "scans" / part / name
            folder.mkdir(parents=True)
            for i in range(16):
                values = rng.integers(0, 400, (8, 8)) + 3000 * number
                Image.fromarray(values.astype(np.uint16)).save(folder / f"{i}.png")
    with pytest.raises(DataError, match=r"a/0\.png cannot be .*grey values from \d+ to \d+: .*--white 1023"):
        trained(tmp_path / "scans", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    result = trained(tmp_path / "scans", tmp_path / "run", white=4095, epochs=15)
    assert result.top1 == 100
    assert zennas.evaluate(result.folder, device="cpu").top1 == 100  # the card says what is white
    assert json.loads((result.folder / "train.json").read_text())["preparation"]["white"] == 4095
    with pytest.raises(DataError, match="expected 0 to 255"):
        zennas.evaluate(result.folder, device="cpu", white=255)


def test_files_that_are_not_read_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = small_pictures(tmp_path / "images")
    (images / "train" / "a" / "extra.heic").write_bytes(b"?")
    result = trained(images, tmp_path / "run")
    note = f"{images}/train: 24 of 25 files used; not read: 1 .heic"
    assert result.notes == (note,)
    assert result.to_json()["notes"] == [note]
    print_training(result)
    printed = capsys.readouterr().out
    assert note in printed.replace("\n", "")
    assert "top-5" not in printed  # of three classes


def test_a_flat_folder_holds_out_a_part(tmp_path: Path) -> None:
    images = small_pictures(tmp_path / "images", count=10) / "train"
    said = (
        rf"has no train images: {images}/train does not exist \(it has a, b, c\), expected train/CLASS/\*\.jpg and val/"
    )
    with pytest.raises(DataError, match=said + r".*--val-fraction 0\.2"):
        trained(images, tmp_path / "run")
    result = trained(images, tmp_path / "run", val_fraction=0.2)
    card = json.loads((result.folder / "train.json").read_text())
    assert (card["train_images"], card["test_images"], card["val_fraction"]) == (24, 6, 0.2)
    found = zennas.evaluate(result.folder, device="cpu")
    assert (found.images, found.top1, found.note) == (6, result.top1, None)
    assert found.dataset == f"{images}, held out"
    exported = zennas.export(result.folder, dataset=str(images), out=tmp_path / "a.onnx")
    assert exported.accuracy is not None
    assert exported.accuracy.images == 6
    again = trained(images, tmp_path / "again", val_fraction=0.2)
    assert again.top1 == result.top1
    with pytest.raises(TrainingError, match="val_fraction"):
        trained(images, result.folder, val_fraction=0.3, resume="auto")
    shutil.copy(images / "a" / "0.png", images / "a" / "new.png")
    assert "the model may have been trained on some of these images" in str(
        zennas.evaluate(result.folder, device="cpu").note
    )


def test_one_archive_is_not_both_parts(tmp_path: Path) -> None:
    digits_as("archives", tmp_path / "digits")
    only = (tmp_path / "digits" / "train.npz").rename(tmp_path / "mine.npz")
    with pytest.raises(DataError, match=r"mine.npz has the same images for training and for testing: .*--val-fraction"):
        trained(only, tmp_path / "run")
    result = trained(only, tmp_path / "run", val_fraction=0.1, batch_size=256)
    card = json.loads((result.folder / "train.json").read_text())
    assert card["train_images"] + card["test_images"] == 1437
    assert 130 < card["test_images"] < 160


@pytest.mark.parametrize(
    ("taken", "asked", "words"),
    [
        (1, None, r"takes images of 1 channel, but those of digits.* have 3: --in-channels 1 shows them as grey"),
        (3, 1, r"takes images of 3 channels, but those that --in-channels asks for have 1: --in-channels 3 shows them"),
        (4, None, r"takes images of 4 channels, but those of digits.* have 3: begin the structure with"),
        (4, 4, r"the images of digits.* have 3 channels and cannot be shown with 4: expected 3, or 1 for grey"),
    ],
)
def test_networks_for_other_channels_are_refused(tmp_path: Path, taken: int, asked: int | None, words: str) -> None:
    network = SMALL.replace("(3,", f"({taken},", 1)
    with pytest.raises((WrongChannelsError, DataError), match=words):
        zennas.train(network, dataset="digits", in_channels=asked, save_dir=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("photographs", [False, True])
def test_grey_images_that_are_not_square(tmp_path: Path, photographs: bool) -> None:
    """Channels and size go from the training to its card, to evaluations and to exported files."""
    data: str | Path = small_pictures(tmp_path / "images", side=72) if photographs else "digits"
    result = zennas.train(
        SMALL.replace("(3,", "(1,", 1),
        dataset=str(data),
        in_channels=1,
        resolution="12x20",
        batch_size=14,
        epochs=1,
        save_dir=tmp_path / "run",
        device="cpu",
    )
    card = json.loads((result.folder / "train.json").read_text())
    assert (card["resolution"], card["crop_image_size"]) == ([12, 20], [12, 20])
    assert len(card["normalisation"]["mean"]) == 1
    assert 'resolution = "12x20"' in (result.folder / "settings.toml").read_text()
    found = zennas.evaluate(result.folder, device="cpu")
    assert found.top1 == pytest.approx(result.top1)
    assert found.resolution == (12, 20)
    assert found.crop == ((12, 20) if photographs else None)
    assert zennas.evaluate(result.folder, device="cpu", resolution=(18, 30)).resolution == (18, 30)
    sidecar = zennas.export(result.folder, format="torchscript").sidecar
    assert sidecar["input"]["shape"][1:] == [1, 12, 20]
    assert sidecar["input"]["channels"] == "grey"
    again = zennas.train(
        result.folder, dataset=str(data), batch_size=14, epochs=1, save_dir=tmp_path / "again", device="cpu"
    )
    assert again.top1 == result.top1  # the size and the channels are the network's own


def test_what_is_no_image_is_skipped_if_allowed(tmp_path: Path) -> None:
    """Pipes, devices, folders and links with names of images, in trainings and tests."""
    images = small_pictures(tmp_path / "images")
    for part in ("train", "val"):
        os.mkfifo(images / part / "a" / "pipe.png")
        (images / part / "a" / "folder.png").mkdir()
        (images / part / "b" / "zero.png").symlink_to("/dev/zero")
        (images / part / "b" / "gone.png").symlink_to("/nowhere/at all")
        (images / part / "c" / "empty.png").write_bytes(b"")
        (images / part / "__MACOSX").mkdir()
    with pytest.raises(DataError, match=r"cannot be read as an image: .*--skip-corrupt"):
        trained(images, tmp_path / "run")
    result = trained(images, tmp_path / "run", skip_corrupt=True, batch_size=14)
    found = zennas.evaluate(result.folder, device="cpu", skip_corrupt=True)
    assert (found.images, len(found.skipped), found.classes) == (24, 4, 3)
    assert sum("not a regular file" in said for said in found.skipped) == 2
