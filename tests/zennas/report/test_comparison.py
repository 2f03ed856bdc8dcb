"""Networks side by side: the numbers are those of the other commands, and say where they come from."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import zennas
import ZenNet
from latency.base import MeasureSettings
from latency.predicting.profile import UnknownKernelError, UnknownProfileError, load_profile
from PlainNet import parse
from PlainNet.registry import UnknownNameError
from zennas.accuracy.tables import AccuracyTable, TableError, read
from zennas.common.errors import WrongSettingError
from zennas.common.layout import lines_of
from zennas.named.networks import network
from zennas.named.settings import NetworkSettings
from zennas.named.structures import TargetError
from zennas.pages.draughtsman import Draughtsman
from zennas.report.analysis import analyze
from zennas.report.comparison import runner, text
from zennas.report.comparison.accuracies import known_accuracies
from zennas.report.comparison.quantities import column, order
from zennas.report.comparison.reading import UnreadNetworkError, labels
from zennas.report.comparison.result import Comparison
from zennas.report.predictions import as_csv, predict
from ZeroShotProxy import score_population
from ZeroShotProxy.base import ScoreSettings

SMALL = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)"
OTHER = "SuperConvK3BNRELU(3,16,2,1)SuperResK3K3(16,24,2,8,1)"
DEPTHWISE = "SuperConvK3BNRELU(3,8,1,1)SuperResIDWE4K3(8,16,2,8,1)"
ZOO = "zennet_digits_params100k_res16"
CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"
QUICK = ScoreSettings(repeats=1, batch_size=4, device="cpu")


@pytest.fixture(scope="module")
def compared() -> Comparison:
    """Three networks, of which one is named twice, with a score that not all have."""
    return zennas.compare([SMALL, ZOO, OTHER, ZOO], proxies=("zen_expected", "vote"), scoring=QUICK)


def test_numbers_are_those_of_analyze_of_pages_and_of_predictions(compared: Comparison) -> None:
    for row in compared.rows:
        net = network(row.text)
        assert (row.cost, row.network) == (analyze(net, check=False).total, net)
        assert net.structure is not None
        settings = NetworkSettings(net.resolution, net.num_classes, net.use_se)
        drawn = Draughtsman(settings, None).drawn(0, "", net.structure, ())
        assert row.memory == max(block.memory or 0 for block in drawn.blocks)
        for name, found in row.latencies.items():
            assert found == predict(net, load_profile(name))


def test_networks_are_in_the_order_in_which_they_are_given_and_names_are_unlike(compared: Comparison) -> None:
    assert [row.number for row in compared.rows] == [1, 2, 3, 4]
    assert [row.text for row in compared.rows] == [SMALL, ZOO, OTHER, ZOO]
    assert [row.label for row in compared.rows][1::2] == [f"(2) {ZOO}", f"(4) {ZOO}"]
    assert compared.baseline is compared.rows[0]


@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=6))
def test_labels_tell_networks_apart(texts: list[str]) -> None:
    found = labels(texts)
    assert len(set(found)) == len(texts) or any(one.startswith("(") for one in texts)
    assert all(len(one) <= 48 for one in found)


def test_relative_numbers(compared: Comparison) -> None:
    other = zennas.compare([row.text for row in compared.rows], baseline=OTHER, latency=())
    assert other.baseline.text == OTHER
    for one in other.quantities:
        for mine, row in zip(compared.rows, other.rows, strict=True):
            there = other.relative(row, one)
            assert there is not None or not one.related or one.kind == "top1"
            if one.related and not one.differs:
                assert there is not None
                back = compared.relative(mine, one)
                first = compared.relative(compared.rows[2], one)
                assert back is not None
                assert first is not None
                assert there == pytest.approx(back / first)
    same = zennas.compare([SMALL, OTHER], baseline=2, latency=())
    assert all(same.relative(same.baseline, one) in (None, 0.0, 1.0) for one in same.quantities)


def test_sorting_puts_the_best_first_and_the_unknown_last(compared: Comparison) -> None:
    for one in compared.quantities:
        rows = order(one, compared.rows)
        assert sorted(row.number for row in rows) == [1, 2, 3, 4]
        values = [one.value(row) for row in rows]
        known = [value for value in values if value is not None]
        assert known == sorted(known, reverse=one.higher_is_better)
        assert all(value is None for value in values[len(known) :])
        assert column(compared.quantities, one.key.upper()).key == one.key
    sorted_ones = zennas.compare([SMALL, ZOO, OTHER], sort="flops", latency=())
    assert [row.cost.flops for row in sorted_ones.rows] == sorted(row.cost.flops for row in sorted_ones.rows)
    assert sorted_ones.baseline.text == SMALL
    assert column(compared.quantities, "latency").key == f"latency:{runner.DEFAULT_PROFILES[0]}"
    assert column(compared.quantities, "top1").key == "top1:digits"


def test_a_profile_that_cannot_predict_says_why_in_the_row() -> None:
    found = zennas.compare([SMALL, DEPTHWISE], latency=["pixel3", "predictor:v100-pytorch-fp16"])
    assert not isinstance(found.rows[0].latencies["pixel3"], str)
    assert found.rows[1].latencies["pixel3"] == "has not measured depthwise kernels"
    assert not isinstance(found.rows[1].latencies["v100-pytorch-fp16"], str)
    assert "pixel3 has not measured depthwise kernels" in text.remarks_of(found.rows[1])
    with pytest.raises(UnknownKernelError) as error:
        predict(network(DEPTHWISE), load_profile("pixel3"))
    assert error.value.kind == "depthwise"


def test_a_proxy_that_cannot_score_says_why_and_rankings_rank_these_networks(compared: Comparison) -> None:
    names = [SMALL, "torchvision:squeezenet1_1"]
    found = zennas.compare(names, proxies="zen_expected", resolution=32, latency=(), scoring=QUICK)
    assert "scores structures" in str(found.rows[1].scores["zen_expected"])
    assert found.rows[0].scores["zen_expected"] == compared.rows[0].scores["zen_expected"]
    expression = "mean_rank(flops+params)"
    ranked = zennas.compare([SMALL, OTHER], proxies=expression, latency=(), scoring=QUICK)
    structures = [parse(SMALL), parse(OTHER)]
    wanted = [row[expression] for row in score_population(structures, expression, QUICK)]
    assert [row.scores[expression] for row in ranked.rows] == wanted


def test_a_measurement_is_of_all_networks_in_turns() -> None:
    quick = MeasureSettings("torch", seconds=0.2, relative_error=0.4)
    found = zennas.compare([SMALL, OTHER], measure=quick, latency=(), resolution=8)
    for row in found.rows:
        assert row.measured is not None
        assert row.measured.resolution == 8
        assert text.interval(row) == "–" or "–" in text.interval(row)
    (measured,) = (one for one in found.quantities if one.key == "measured")
    ratio, values = found.relative(found.rows[1], measured), [measured.value(row) for row in found.rows]
    assert None not in values
    assert ratio == pytest.approx(values[1] / values[0])  # type: ignore[operator]
    assert any("taken in turns" in line for line in text.notes(found))


# -- accuracies ----------------------------------------------------------------------------------


def write_training(folder: Path, structure: str = SMALL, top1: float = 97.5, **more: Any) -> None:
    """What a finished training leaves, as far as it is read here."""
    folder.mkdir(parents=True)
    (folder / "weights.pt").write_bytes(b"")
    card = {
        "structure": structure,
        "num_classes": 10,
        "resolution": 16,
        "use_se": False,
        "normalisation": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        "dataset": "digits",
        "recipe": {"epochs": 2},
        **more,
    }
    (folder / "train.json").write_text(json.dumps(card))
    titles = "epoch,lr,train_loss,train_top1,test_top1,test_top5,seconds,images_per_second\n"
    rows = f"1,0.1,2.3,20,25,60,1,100\n2,0.1,1,40,{top1},80,1,100\n"
    (folder / "history.csv").write_text(titles + rows)


def test_the_accuracy_of_a_training_has_its_protocol(tmp_path: Path) -> None:
    write_training(tmp_path / "a", val_fraction=0.2)
    found = zennas.compare([str(tmp_path / "a"), ZOO], latency=())
    (one,) = found.rows[0].accuracies
    assert (one.top1, one.dataset, one.split, one.epochs, one.resolution) == (97.5, "digits", "test", 2, 16)
    assert (one.source, one.protocol) == (str(tmp_path / "a"), "20 % of the images held out")
    assert found.rows[0].network.resolution == 16
    (quantity,) = (one for one in found.quantities if one.kind == "top1")
    theirs = ZenNet.model_info(ZOO)["top1"]
    assert found.relative(found.rows[1], quantity) == pytest.approx(theirs - 97.5)
    assert any("in different ways" in line for line in text.notes(found))


def test_trainings_of_other_networks_and_damaged_ones_are_not_taken(tmp_path: Path) -> None:
    write_training(tmp_path / "run" / "train-a", top1=90)
    write_training(tmp_path / "run" / "train-b", OTHER, top1=99)
    write_training(tmp_path / "run" / "train-c")
    (tmp_path / "run" / "train-c" / "history.csv").write_text("epoch\nmany\n")
    known = known_accuracies(str(tmp_path / "run"), network(SMALL, resolution=16))
    assert [one.top1 for one in known.accuracies] == [90]
    (other,) = known_accuracies(str(tmp_path / "run"), network(SMALL, num_classes=7)).accuracies
    assert other.protocol == "10 classes"
    (why,) = known.unread
    assert "train-c" in why
    assert "\n" not in why


def test_published_accuracies_are_of_the_published_network(tmp_path: Path) -> None:
    found = zennas.compare(["torchvision:squeezenet1_1"], latency=(), resolution=64)
    (one,) = found.rows[0].accuracies
    assert (one.dataset, one.resolution, one.top1) == ("imagenet", 224, pytest.approx(58.178))
    assert "SqueezeNet1_1_Weights" in one.source
    assert "top-1 was measured at 224 pixels, not at 64" in text.remarks_of(found.rows[0])
    assert not zennas.compare(["torchvision:squeezenet1_1"], latency=(), num_classes=10).rows[0].accuracies
    info = ZenNet.model_info("zennet_cifar10_model_size05M_res32")
    zoo = zennas.compare(["zennet_cifar10_model_size05M_res32"], latency=()).rows[0]
    assert [one.top1 for one in zoo.accuracies] == [info["published"]["top1"]]
    grey = zennas.compare(["zennet_cifar10_model_size05M_res32"], latency=(), in_channels=1).rows[0]
    assert grey.accuracies == ()


def test_the_accuracy_of_an_exported_file_is_in_its_sidecar(tmp_path: Path) -> None:
    onnx = tmp_path / "a.onnx"
    known = known_accuracies(str(onnx), network(SMALL))
    assert known.accuracies == ()
    accuracy = {"dataset": "digits, test images", "images": 360, "pytorch": {"top1": 98.0}, "file": {"top1": 97.5}}
    sidecar = {"format": "onnx", "precision": "int8", "bytes": 1, "accuracy": accuracy, "versions": {}}
    onnx.with_name("a.onnx.json").write_text(json.dumps(sidecar))
    (one,) = known_accuracies(str(onnx), network(SMALL)).accuracies
    assert (one.top1, one.kind, one.protocol) == (97.5, "digits", "of 360 images")
    onnx.with_name("a.onnx.json").write_text("[]")
    assert "cannot be read" in known_accuracies(str(onnx), network(SMALL)).unread[0]


def test_a_table_is_searched_in_every_notation(tmp_path: Path) -> None:
    place = tmp_path / "table.csv"
    place.write_text(f"arch,c10_val,c10_test,c10_test_12\n{CELL},90,94,80\n{SMALL.replace(',', ';')},1,2,3\n")
    (tmp_path / "cell.txt").write_text(CELL)
    structure = str(network(CELL).structure)
    found = zennas.compare([CELL, str(tmp_path / "cell.txt"), structure, OTHER], table=place, latency=())
    for row in found.rows[:3]:
        values = {(one.split, one.epochs): one.top1 for one in row.accuracies}
        assert values == {("val", 200): 90, ("test", 200): 94, ("test", 12): 80}
        shown = row.accuracy("cifar10")
        assert shown is not None
        assert shown.top1 == 94  # that of the longer training
    assert found.rows[3].accuracies == ()
    assert zennas.compare([CELL], table=place, latency=(), in_channels=1).rows[0].accuracies == ()
    table = read(place)
    assert isinstance(table, AccuracyTable)
    assert CELL in table
    assert OTHER not in table


# -- texts and files -----------------------------------------------------------------------------


def test_json_and_csv_have_the_same_numbers(compared: Comparison) -> None:
    found = json.loads(json.dumps(compared.to_json(), allow_nan=False))
    rows = list(csv.DictReader(io.StringIO(as_csv(text.csv_rows(compared)))))
    assert found["baseline"] == compared.rows[0].label
    for one, row, mine in zip(found["networks"], rows, compared.rows, strict=True):
        assert one["label"] == row["label"] == mine.label
        for name in ("params", "flops", "activations", "layers", "memory_bytes", "resolution", "num_classes"):
            assert str(one[name]) == row[name]
        for each in one["latency"]:
            assert float(row[f"latency:{each['profile']}"]) == each["latency_ms"]
        assert float(row["score:zen_expected"]) == one["scores"]["zen_expected"]["value"]
        assert row["top1:digits"] == (str(mine.accuracies[0].top1) if mine.accuracies else "")
        assert math.isclose(float(row["flops relative"]), one["relative"]["flops"])


def test_the_table_says_what_differs(compared: Comparison) -> None:
    lines = "\n".join(text.notes(compared))
    assert "these differ: 32×32 pixels, 10 classes; 16×16 pixels, 10 classes" in lines
    same = "\n".join(text.notes(zennas.compare([SMALL, ZOO], resolution=24, latency=())))
    assert "24×24 pixels, 10 classes" in same
    assert "these differ" not in same


@pytest.mark.parametrize("room", [None, 300, 100, 60, 20])
def test_a_narrow_terminal_shows_all_numbers(compared: Comparison, room: int | None) -> None:
    shown = "\n".join(line for line, _ in lines_of(text.table(compared), room))
    for row in compared.rows:
        for one in compared.quantities:
            assert all(word in shown for word in text.cell(row, one).split())
    upright = shown.startswith("quantity ")
    assert upright == (room in (100, 60))
    assert shown.startswith("quantity: params") == (room == 20)


# -- wrong requests ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("networks", "arguments", "error", "says"),
    [
        ([], {}, WrongSettingError, "no network to compare"),
        (SMALL, {}, WrongSettingError, "expected a list"),
        ([SMALL, "Foo(3)"], {}, UnreadNetworkError, r"network 2, Foo\(3\): column 1: unknown block"),
        ([SMALL, "torchvision:nothing"], {}, UnknownNameError, "torchvision has no model 'nothing'"),
        ([SMALL, "nowhere"], {}, UnknownNameError, "'nowhere' is not a network"),
        ([SMALL, "torchvision:vit_b_16"], {}, RuntimeError, "torchvision:vit_b_16 .*attention"),
        ([SMALL, 3], {}, WrongSettingError, "object of type int"),
        ([SMALL], {"baseline": 2}, WrongSettingError, "baseline '2' is none of the networks"),
        ([SMALL], {"baseline": OTHER}, WrongSettingError, "none of the networks"),
        ([SMALL], {"sort": "flop"}, UnknownNameError, "did you mean flops"),
        ([SMALL], {"sort": "top1"}, UnknownNameError, "no column 'top1'"),
        ([SMALL], {"latency": "nothing"}, UnknownProfileError, "no latency profile 'nothing'"),
        ([SMALL], {"proxies": ["nothing"]}, UnknownNameError, "unknown proxy 'nothing'"),
        ([SMALL], {"table": "nothing.csv"}, TableError, "nothing.csv cannot be read"),
        (["torchvision:resnet18"], {"use_se": False}, WrongSettingError, "torchvision:resnet18 .* leave out --use-se"),
        ([SMALL, "nothing.onnx"], {}, TargetError, "there is no file nothing.onnx"),
    ],
)
def test_wrong_requests_are_refused_in_a_line_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, networks: Any, arguments: dict[str, Any], error: type[Exception], says: str
) -> None:
    def measured(*_: object) -> None:
        pytest.fail("it was measured")

    monkeypatch.setattr(runner, "_measured", measured)
    monkeypatch.setattr(runner, "scores_of", measured)
    with pytest.raises(error, match=says) as found:
        zennas.compare(networks, measure=MeasureSettings(), **{"proxies": ["zen_expected"], **arguments})
    assert "\n" not in str(found.value)
