"""What a training leaves is read again without torch: its epochs, its confusion, and how far it came."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zennas
from tests.conftest import SMALL
from zennas.common.errors import ZennasError
from zennas.training.confusion import CONFUSION_FILE, MOST_CLASSES, Confusion, confusion_text, read_confusion
from zennas.training.history import HISTORY_FILE, Epoch, history_text, read_history
from zennas.training.recipe import TrainingError
from zennas.training.record import is_training, read_training

SOME = st.floats(allow_nan=False)
EPOCHS = st.lists(st.builds(Epoch, st.integers(1, 10**6), SOME, SOME, SOME, SOME, SOME, SOME, SOME), max_size=5)


@given(EPOCHS)
def test_epochs_survive_their_file(tmp_path_factory: pytest.TempPathFactory, epochs: list[Epoch]) -> None:
    folder = tmp_path_factory.mktemp("history")
    (folder / HISTORY_FILE).write_text(history_text(epochs))
    assert read_history(folder) == tuple(epochs)


@given(st.lists(st.lists(st.integers(0, 10**6), min_size=3, max_size=3), min_size=3, max_size=3))
def test_a_confusion_survives_its_file(tmp_path_factory: pytest.TempPathFactory, counts: list[list[int]]) -> None:
    folder, classes = tmp_path_factory.mktemp("confusion"), ("a,b", '"c"', "d\n")
    (folder / CONFUSION_FILE).write_text(confusion_text(Confusion(classes, np.array(counts))))
    found = read_confusion(folder, classes)
    assert found is not None
    assert found.counts.tolist() == counts
    mistakes = found.mistakes()
    assert sum(images for *_, images in mistakes) == sum(map(sum, counts)) - int(np.trace(np.array(counts)))
    assert [images for *_, images in mistakes] == sorted((images for *_, images in mistakes), reverse=True)


@pytest.mark.parametrize(
    "text", ["", "a,b,c\n", "class,predicted,images\n0,9,1\n", "class,predicted,images\n0,-1,1\n", "\0"]
)
def test_a_damaged_confusion_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / CONFUSION_FILE).write_text(text)
    with pytest.raises(TrainingError, match=f"{CONFUSION_FILE} cannot be read"):
        read_confusion(tmp_path, ("a", "b"))
    assert read_confusion(tmp_path, ["x"] * (MOST_CLASSES + 1)) is None


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training") / "trained"
    zennas.train(SMALL, dataset="digits", epochs=2, resolution=16, save_dir=folder, device="cpu", ema=0.9)
    return folder


def test_a_training_counts_which_classes_are_taken_for_which(trained: Path) -> None:
    found = read_training(trained)
    assert is_training(trained)
    assert (found.status, found.dataset, found.epochs, found.resolution) == ("finished", "digits", 2, 16)
    assert len(found.history) == 2
    assert found.confusion is not None
    assert found.images is not None
    counts = found.confusion.counts
    assert counts.sum() == found.images[1]
    assert 100 * np.trace(counts) / counts.sum() == pytest.approx(found.top1)


@pytest.mark.parametrize("value", [None, [], {}, "x", -1, True, 1e300, 10**30, [[1]]])
def test_whatever_a_card_says_is_read_or_refused(tmp_path: Path, trained: Path, value: object) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    card = json.loads((trained / "train.json").read_text())
    for name in card:
        (tmp_path / "copy" / "train.json").write_text(json.dumps({**card, name: value}))
        try:
            found = read_training(tmp_path / "copy")
        except ZennasError as error:
            assert "\n" not in str(error)
        else:
            assert found.epochs >= 1
            assert found.images is None or found.images[0] > 0
            json.dumps(found.to_json())


def test_a_damaged_training_is_an_error_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    assert not is_training(tmp_path)  # without its settings
    for text in ("network = 1", 'dataset = "digits"', 'network = "Nothing(1)"\ndataset = "digits"'):
        (tmp_path / "settings.toml").write_text(text)
        assert is_training(tmp_path)
        with pytest.raises(ZennasError):
            read_training(tmp_path)
