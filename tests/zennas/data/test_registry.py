"""What is known of data sets by their names, and what follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from zennas.correlation.settings import CorrelateSettings
from zennas.data import DATASETS, DataError, known_dataset, lasting_dataset, names_to_open, open_set
from zennas.data.registry import named_in

from .conftest import folders


def test_names_lead_to_one_record() -> None:
    assert names_to_open() == ["digits", "cifar10", "cifar100", "imagenet"]
    assert DATASETS.get("imagenet1k") is DATASETS.get("ImageNet")
    facts = {one.name: (one.classes, one.resolution, one.folder) for one in DATASETS}
    assert facts == {
        "digits": (10, 8, None),
        "cifar10": (10, 32, "~/data/pytorch_cifar10"),
        "cifar100": (100, 32, "~/data/pytorch_cifar100"),
        "imagenet": (1000, None, "~/data/imagenet"),
        "ImageNet16-120": (120, 16, None),
    }


def test_case_and_synonyms_do_not_matter(tmp_path: Path) -> None:
    assert open_set("DIGITS", "test").fingerprint == open_set("digits", "test").fingerprint
    assert (lasting_dataset("Imagenet1k"), lasting_dataset("Digits")) == ("imagenet", "digits")
    folders(tmp_path / "val", {"a": 2})
    assert len(open_set("imagenet1k", "test", tmp_path)) == 2


def test_a_folder_that_is_spelt_otherwise_than_a_data_set_is_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("digits", "Digits"):
        folders(tmp_path / name / "val", {"a": 2})
    assert len(open_set("Digits", "test")) == 2
    assert lasting_dataset("Digits") == str(tmp_path / "Digits")
    assert len(open_set("digits", "test")) == 360
    assert known_dataset("nothing") is None


def test_facts_without_images() -> None:
    assert CorrelateSettings("t.csv", dataset="imagenet16-120").num_classes == 120
    with pytest.raises(DataError, match=r"the images of ImageNet16-120 cannot be opened by its name: make an \.npz"):
        open_set("imagenet16-120", "test")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("zennet_cifar10_model_size1M_res32", "cifar10"),
        ("zennet_imagenet1k_flops400M_res224", "imagenet"),
        ("runs/ImageNet16-120/best", "ImageNet16-120"),
        ("cifar1000", None),
        ("mydigits", None),
        ("resnet50", None),
    ],
)
def test_a_data_set_in_the_name_of_a_network(text: str, name: str | None) -> None:
    found = named_in(text)
    assert (found and found.name) == name


def test_parts_that_data_sets_do_not_have(tmp_path: Path) -> None:
    for name in ("digits", str(tmp_path)):
        with pytest.raises(DataError, match="split is 'val', expected train or test"):
            open_set(name, "val")  # type: ignore[arg-type]
