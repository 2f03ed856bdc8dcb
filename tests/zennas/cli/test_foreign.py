"""Commands take networks of torchvision and timm, and ONNX files."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from latency.base import LatencyError, UnavailableError
from PlainNet import parse
from tests.conftest import SMALL
from tests.zennas.conftest import Run
from zennas.named.foreign import UnknownModelError, foreign
from zennas.named.networks import network
from zennas.named.structures import TargetError


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An ONNX file of a small structure."""
    onnx = pytest.importorskip("onnx", reason="needs pip install 'zennas[onnx]'")
    pytest.importorskip("onnxscript", reason="needs pip install 'zennas[onnx]'")
    from latency.measuring.onnx_files import export
    from latency.measuring.subject import of_structure

    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    onnx.save(export(of_structure(parse(SMALL), 32, 10), 2), path)
    return str(path)


def test_costs_of_a_library_agree_with_fvcore(run: Run) -> None:
    code, out, err = run("analyze", "torchvision:mobilenet_v3_small", "--resolution", "64", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["network"] == "torchvision:mobilenet_v3_small"
    assert found["structure"] is None
    assert found["params"] == 2_542_856  # as torchvision publishes
    assert found["fvcore"]["agrees"]
    assert sum(block["flops"] for block in found["blocks"]) == found["flops"]
    assert found["blocks"][-1]["block"] == "classifier"


def test_the_same_for_a_file(run: Run, file: str) -> None:
    code, out, err = run("analyze", file, "--json")
    assert code == 0, err
    found = json.loads(out)
    plain = json.loads(run("analyze", SMALL, "--resolution", "32", "--json")[1])
    assert (found["flops"], found["activations"]) == (plain["flops"], plain["activations"])
    assert found["fvcore"]["agrees"]
    code, out, _ = run("analyze", file, "--no-check")
    assert code == 0
    assert "squeeze-and-excitation" not in out


def test_scores(run: Run, file: str) -> None:
    code, out, err = run("score", file, "--repeats", "2", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert list(found) == ["zico", "jacob_cov", "params", "flops"]
    assert json.loads(run("score", file, "--repeats", "2", "--json")[1]) == found
    code, out, err = run("score", file, SMALL, "--proxy", "mean_rank(zico+flops)", "--repeats", "1", "--json")
    assert code == 0, err
    assert len(json.loads(out)) == 2
    code, _, err = run("score", file, "--proxy", "zen")
    assert code == 1
    assert "proxy zen scores structures and MasterNets, not " in err


def test_predictions_say_what_was_not_measured(run: Run, file: str) -> None:
    code, out, err = run("latency", "predict", file, "torchvision:convnext_tiny", "--json")
    assert code == 0, err
    small, other = json.loads(out)
    assert small["resolution"] == 32
    assert other["latency_ms"] > small["latency_ms"] > 0
    assert any("LayerNorm" in note and "were not measured" in note for note in other["notes"])
    assert not any("stand in" in note for note in small["notes"])
    assert other["grade"] != "inside"


def test_files_are_for_their_own_images_and_classes(file: str) -> None:
    assert (network(file).resolution, network(file, 32, 10).num_classes) == (32, 10)
    with pytest.raises(TargetError, match=r"is for images of 32×32 pixels, not of 64"):
        network(file, resolution=64)
    with pytest.raises(TargetError, match="has 10 classes, not 7"):
        network(file, num_classes=7)


def test_what_does_not_exist_is_an_error_in_a_line(run: Run, tmp_path: Path) -> None:
    code, out, err = run("analyze", "torchvision:resnet81")
    assert (code, out) == (2, "")
    assert "did you mean resnet" in err
    code, out, err = run("score", "none.onnx")
    assert (code, out, err.count("\n")) == (1, "", 1)
    with pytest.raises(LatencyError, match="transformers and networks with attention"):
        _ = network("torchvision:swin_t").scored


def test_timm() -> None:
    if find_spec("timm") is None:
        with pytest.raises(UnavailableError, match=r"pip install 'zennas\[timm\]'"):
            foreign("timm:resnet18")
        return
    found = network("timm:mobilenetv3_small_050", 64, 5)
    assert (found.resolution, found.num_classes) == (64, 5)
    assert found.graph.shape_of(found.graph.output).channels == 5
    with pytest.raises(UnknownModelError, match="timm has no model"):
        foreign("timm:nothing-at-all")
