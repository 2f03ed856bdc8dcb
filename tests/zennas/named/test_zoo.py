"""The user's own zoo, and `zennas zoo`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ZenNet
from PlainNet import build, cost
from PlainNet.checkpoint import CheckpointError
from pretrained.entry import YOURS, ZooError
from pretrained.reading import read_entry
from tests.conftest import SMALL
from tests.zennas.conftest import Run
from zennas.named.card import CardError
from zennas.named.structures import resolve
from zennas.named.zoo import add_training

CARD: dict[str, Any] = {
    "structure": SMALL,
    "num_classes": 3,
    "resolution": 16,
    "use_se": True,
    "classes": ["cat", "dog", "[fish]"],
    "normalisation": {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.25, 0.25]},
    "dataset": "pets",
    "top1": 81.25,
    "recipe": {"epochs": 3},
}
PUBLISHED = "zennet_cifar10_model_size1M_res32"


@pytest.fixture(autouse=True)
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZENNAS_ZOO", str(tmp_path / "zoo"))
    monkeypatch.setattr(ZenNet, "CACHE", tmp_path / "cache")
    return tmp_path / "zoo"


def train(folder: Path, **changed: Any) -> Path:
    """What a training leaves in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    network = build(SMALL, num_classes=3, use_se=True)
    torch.save({"state_dict": network.state_dict()}, folder / "weights.pt")
    (folder / "train.json").write_text(json.dumps({**CARD, **changed}))
    return folder


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["state_dict"]  # type: ignore[no-any-return]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return list(one) == list(other) and all(map(torch.equal, one.values(), other.values()))


def test_add_list_show_use_remove(run: Run, tmp_path: Path, zoo: Path) -> None:
    folder = train(tmp_path / "runs" / "mine")
    code, out, err = run("zoo", "add", str(folder))
    assert (code, out, err) == (0, f"mine: {zoo / 'mine'}\n", "")
    assert sorted(p.name for p in zoo.rglob("*")) == ["mine", "model.json", "weights.pt"]
    assert ZenNet.list_models()[-1] == "mine"
    assert ZenNet.list_models("m*", pretrained=True) == ["mine"]
    info = ZenNet.model_info("mine")
    counted = cost(SMALL, resolution=16, num_classes=3, use_se=True)
    assert (info["params"], info["flops"]) == (counted.params, counted.flops)
    assert {key: info[key] for key in CARD if key != "recipe"} == {k: v for k, v in CARD.items() if k != "recipe"}
    assert (info["crop_image_size"], info["weights"]["state"], info["origin"]) == (16, "yours", "yours")
    network = ZenNet.get_ZenNet("mine", pretrained=True)
    assert same(dict(network.state_dict()), weights(folder / "weights.pt"))
    target = resolve("mine")
    assert (str(target.structure), target.source, target.resolution, target.num_classes, target.use_se) == (
        SMALL,
        "mine",
        16,
        3,
        True,
    )
    code, out, _ = run("zoo", "list", "m*")
    assert code == 0
    assert out.splitlines()[1].split() == [
        "mine",
        f"{counted.params / 1000:.3g}k",
        f"{counted.flops / 1000:.3g}k",
        "16",
        "3",
        "81.2",
        "yours",
    ]
    code, out, _ = run("zoo", "list", "--json")
    assert [one["name"] for one in json.loads(out)] == ZenNet.list_models()
    code, out, _ = run("zoo", "show", "mine", "--json")
    assert json.loads(out) == info
    code, out, _ = run("zoo", "show", "mine")
    assert "classes: 3 (cat, dog, [fish])" in out
    assert "measured: 81.25 % top-1" in out
    assert run("analyze", "mine", "--json")[0] == 0
    assert run("zoo", "remove", "mine")[:2] == (0, "removed mine\n")
    assert list(zoo.iterdir()) == []
    assert ZenNet.list_models("m*") == []
    code, _, err = run("zoo", "remove", "mine")
    assert (code, err) == (2, "error: unknown model 'mine': you have not added any models\n")


def test_published_models_are_shown(run: Run) -> None:
    code, out, _ = run("zoo", "show", "zennet_imagenet1k_latency12ms_res224")
    assert code == 0
    for part in ("180,593,736 parameters", "83.6 % top-1", "1.2 ms per image on a V100", "note: ", "address: https://"):
        assert part in out
    code, out, _ = run("zoo", "list", "*_latency0?ms_*")
    assert len(out.splitlines()) == 7
    row = " ".join(out.splitlines()[-2].split())
    assert row == "zennet_imagenet1k_latency08ms_res224 183M 13.9G 224 1000 83.0 address"
    assert run("zoo", "list", "resnet*")[1] == "no model's name matches resnet*; see: zennas zoo list\n"
    assert run("zoo", "list", "resnet*", "--json")[1] == "[]\n"


def test_unknown_names_are_usage(run: Run, tmp_path: Path) -> None:
    run("zoo", "add", str(train(tmp_path / "mine")), "--name", "my-first")
    for arguments in (["show", "my-firts"], ["remove", "my-firts"]):
        code, out, err = run("zoo", *arguments)
        assert (code, out) == (2, "")
        assert err == "error: unknown model 'my-firts': did you mean my-first?\n"
    code, _, err = run("zoo", "remove", PUBLISHED)
    assert (code, err) == (1, f"error: {PUBLISHED} is a built-in model: only models that you added can be removed\n")


def test_a_search_with_one_training_or_more(run: Run, tmp_path: Path) -> None:
    train(tmp_path / "runs" / "s" / "train-pets")
    assert add_training(tmp_path / "runs" / "s")["name"] == "s"
    train(tmp_path / "runs" / "s" / "train-more")
    code, _, err = run("zoo", "add", str(tmp_path / "runs" / "s"), "--name", "two")
    assert code == 1
    assert "train-more" in err
    assert "train-pets" in err
    for folder in (tmp_path / "runs", tmp_path / "nowhere"):
        code, _, err = run("zoo", "add", str(folder))
        assert code == 1
        assert "contains no trained weights" in err


@pytest.mark.parametrize(
    "name", ["a b", "", ".hidden", "..", "-x", "a/b", "ä", "x" * 101, PUBLISHED, PUBLISHED.upper()]
)
def test_names_that_cannot_be(tmp_path: Path, zoo: Path, name: str) -> None:
    with pytest.raises(ZooError, match="--name"):
        add_training(train(tmp_path / "mine"), name)
    assert not zoo.exists()


def test_a_name_that_is_taken(run: Run, tmp_path: Path, zoo: Path) -> None:
    first, second = train(tmp_path / "a"), train(tmp_path / "b", top1=90.0)
    assert run("zoo", "add", str(first), "--name", "mine")[0] == 0
    code, _, err = run("zoo", "add", str(second), "--name", "mine")
    assert code == 1
    assert "already exists: use --replace" in err
    assert same(weights(zoo / "mine" / "weights.pt"), weights(first / "weights.pt"))
    code, out, _ = run("zoo", "add", str(second), "--name", "mine", "--replace", "--json")
    assert (code, json.loads(out)["top1"]) == (0, 90.0)
    assert same(dict(ZenNet.get_ZenNet("mine", pretrained=True).state_dict()), weights(second / "weights.pt"))
    assert [p.name for p in zoo.iterdir()] == ["mine"]


def test_what_does_not_fit_is_not_put_in(tmp_path: Path, zoo: Path) -> None:
    cases: dict[str, tuple[dict[str, Any], type[ValueError], str]] = {
        "classes": ({"classes": ["cat"]}, ZooError, "classes has 1 names, but num_classes is 3"),
        "more": ({"num_classes": 4, "classes": None}, CheckpointError, r"more/weights\.pt does not fit the network"),
        "plain": ({"use_se": False}, CheckpointError, r"plain/weights\.pt does not fit"),
        "top1": ({"top1": 812.5}, ZooError, r"its top1 is '812\.5', expected a number from 0 to 100"),
        "large": ({"resolution": 0}, CardError, "resolution is 0, expected from 1 to 2048 pixels"),
    }
    for name, (changed, kind, message) in cases.items():
        with pytest.raises(kind, match=message):
            add_training(train(tmp_path / name, **changed))
    folder = train(tmp_path / "text")
    (folder / "weights.pt").write_text("no weights")
    with pytest.raises(CheckpointError, match=r"text/weights\.pt cannot be read as a checkpoint"):
        add_training(folder)
    assert list(zoo.iterdir()) == []
    assert ZenNet.damaged_models() == {}


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_failure_in_the_end_leaves_what_was(
    tmp_path: Path, zoo: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    add_training(train(tmp_path / "a"), "mine")

    def exchange(one: Path, other: Path) -> bool:
        if can_exchange:
            raise OSError(28, "No space left on device")
        return False

    monkeypatch.setattr("pretrained.adding.exchange", exchange)
    renamed = os.rename

    def rename(source: Path, target: Path) -> None:
        if Path(target).name == "mine" and not str(source).endswith(".old"):
            raise OSError(28, "No space left on device")
        renamed(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(ZooError, match=r"model mine cannot be added to .*: No space left on device"):
        add_training(train(tmp_path / "b"), "mine", replace=True)
    assert [p.name for p in zoo.iterdir()] == ["mine"]
    assert same(dict(ZenNet.get_ZenNet("mine", pretrained=True).state_dict()), weights(tmp_path / "a" / "weights.pt"))


def test_a_zoo_that_is_no_folder(run: Run, tmp_path: Path, zoo: Path) -> None:
    zoo.write_text("a file")
    for arguments in (["list"], ["add", str(train(tmp_path / "mine"))]):
        code, _, err = run("zoo", *arguments)
        assert code == 1
        assert str(zoo) in err
        assert len(err.splitlines()) == 1
    assert ZenNet.model_info(PUBLISHED)["num_classes"] == 10  # which it has nothing to do with


def edited(**changed: Any) -> Callable[[Path], object]:
    def edit(place: Path) -> None:
        path = place / "model.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))

    return edit


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no card": (lambda place: (place / "model.json").unlink(), r"model\.json cannot be read: No such file"),
    "no JSON": (lambda place: (place / "model.json").write_text("{"), r"model\.json is not valid JSON"),
    "nested": (lambda place: (place / "model.json").write_text("[" * 200_000), r"model\.json is not valid JSON"),
    "no text": (lambda place: (place / "model.json").write_bytes(b"\xff\xfe"), r"model\.json is not valid JSON"),
    "list": (lambda place: (place / "model.json").write_text("[1]"), "it is not a JSON object"),
    "no weights": (lambda place: (place / "weights.pt").unlink(), r"weights\.pt does not exist"),
    "structure": (edited(structure="SuperConvK3BNRELU(3,8,1,1)Nothing(8)"), "its structure is not valid"),
    "no structure": (edited(structure=None), "it lacks structure"),
    "resolution": (edited(resolution="16"), "its resolution is '16', expected a whole number"),
    "huge": (edited(resolution=1 << 40), "its resolution is '1099511627776', expected a whole number from 1 to 2048"),
    "many classes": (edited(num_classes=1 << 40, classes=None), "its num_classes is '1099511627776', expected"),
    "no number": (edited(top1=float("nan")), "its top1 is 'nan', expected a number from 0 to 100"),
    "infinite": (edited(published={"top1": float("inf")}), "its published is"),
    "truth": (edited(bn_eps=True), "its bn_eps is 'True', expected a number"),
    "classes": (edited(classes=["cat"]), "classes has 1 names, but num_classes is 3"),
    "normalisation": (edited(normalisation={"mean": [0, 0, 0], "std": [0, 1, 1]}), "its normalisation is"),
    "elsewhere": (edited(weights={"file": "../mine/weights.pt"}), "its weights need either file"),
    "address": (edited(weights={"url": "http://localhost/w", "path": "w"}), r"weights\.pt does not exist"),
}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a training, `mine`, and a zoo to which it was added twice; tests leave it as it is."""
    place = tmp_path_factory.mktemp("two")
    folder = train(place / "mine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZENNAS_ZOO", str(place / "zoo"))
        for name in ("other", "broken"):
            add_training(folder, name)
    return place


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_breaks_nothing_else(run: Run, two: Path, zoo: Path, damage: str) -> None:
    harm, message = DAMAGES[damage]
    folder = two / "mine"
    shutil.copytree(two / "zoo", zoo)
    harm(zoo / "broken")
    assert ZenNet.list_models()[-1] == "other"
    assert "broken" not in ZenNet.list_models()
    code, out, err = run("zoo", "list")
    assert (code, err) == (0, "")
    assert next(line for line in out.splitlines() if line.startswith("broken")).split()[-1] == "damaged"
    code, out, _ = run("zoo", "list", "bro*", "--json")
    assert json.loads(out) == [{"name": "broken", "status": "damaged", "error": ZenNet.damaged_models()["broken"]}]
    for use in (ZenNet.get_ZenNet, ZenNet.model_info, resolve):
        with pytest.raises(ZooError, match=f"model broken in .* is damaged: .*{message}.*zennas zoo remove broken"):
            use("broken")
    code, _, err = run("zoo", "show", "broken")
    assert code == 1
    assert len(err.splitlines()) == 1
    assert run("zoo", "add", str(folder), "--name", "broken", "--replace")[0] == 0
    harm(zoo / "broken")
    assert run("zoo", "remove", "broken")[0] == 0
    assert [p.name for p in zoo.iterdir()] == ["other"]


def test_weights_that_were_changed_are_refused(tmp_path: Path, zoo: Path) -> None:
    add_training(train(tmp_path / "a"), "mine")
    train(zoo / "mine")
    with pytest.raises(CheckpointError, match=r"mine/weights\.pt has changed or is damaged.*zennas zoo remove mine"):
        ZenNet.get_ZenNet("mine", pretrained=True)


def test_a_name_that_comes_with_zennas_later(run: Run, tmp_path: Path, zoo: Path) -> None:
    add_training(train(tmp_path / "a"), "mine")
    (zoo / "mine").rename(zoo / PUBLISHED)
    assert ZenNet.list_models().count(PUBLISHED) == 1
    assert ZenNet.model_info(PUBLISHED)["origin"] == "published"
    assert "a built-in model has the same name" in ZenNet.damaged_models()[PUBLISHED]
    assert run("zoo", "remove", PUBLISHED)[0] == 0
    assert list(zoo.iterdir()) == []


def test_links_and_strays(tmp_path: Path, zoo: Path) -> None:
    add_training(train(tmp_path / "a"), "mine")
    (zoo / "mine").rename(tmp_path / "elsewhere")
    (zoo / "mine").symlink_to(tmp_path / "elsewhere")
    (zoo / "notes.txt").write_text("no model")
    (zoo / ".mine.x1y2").mkdir()
    assert ZenNet.list_models(pretrained=True)[-1:] == ["mine"]
    ZenNet.remove_model("mine")
    assert (tmp_path / "elsewhere" / "weights.pt").is_file()
    assert ZenNet.list_models("mine") == []


STRANGE = [
    None,
    True,
    0,
    -1,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    [],
    [1],
    {},
    {"file": 3},
    10**30,
    "../x",
    [None],
]


@pytest.mark.parametrize("key", ["weights", *CARD, "crop_image_size", "params", "flops", "published", "note", "card"])
def test_whatever_stands_in_a_card_it_is_read_or_refused(tmp_path: Path, key: str) -> None:
    for strange in STRANGE:
        data = {**CARD, "weights": {"file": "weights.pt"}, key: strange}
        try:
            entry = read_entry("mine", data, tmp_path, YOURS)
        except ZooError as error:
            assert "\n" not in str(error)
        else:
            json.dumps(entry.to_json(), allow_nan=False)
