"""How a target decides about an export: named, that of a run, or an option of a format with the same flag."""

from __future__ import annotations

from pathlib import Path

import pytest

from PlainNet.registry import UnknownNameError
from zennas.api import search
from zennas.exporting.targets import for_target, target_of


def test_a_named_target_brings_its_format_and_options() -> None:
    assert for_target("x", None, {"target": "rk3588"}) == ("onnx", {"opset": 12, "batch_size": 1}, "rk3588")
    form, options, _ = for_target("x", None, {"target": "stm32f746", "memory_plan": "runtime", "weights": None})
    assert (form, options["memory_plan"], options["weights"]) == ("litert-int8", "runtime", "per-channel")


def test_another_format_keeps_its_own_options() -> None:
    assert for_target("x", "onnx", {"target": "stm32f746", "opset": 15}) == ("onnx", {"opset": 15}, "stm32f746")
    assert for_target("x", "onnx", {}) == ("onnx", {}, None)
    assert for_target("SuperConvK3BNRELU(3,8,1,1)", None, {}) == ("onnx", {}, None)


def test_the_option_of_a_format_is_left_to_it() -> None:
    assert for_target("x", "onnx-int8", {"target": "tensorrt"}) == ("onnx-int8", {"target": "tensorrt"}, None)
    with pytest.raises(UnknownNameError, match="did you mean"):
        for_target("x", None, {"target": "stm32f7466"})


def test_a_run_knows_its_target(tmp_path: Path) -> None:
    run = tmp_path / "run"
    search(target="stm32f746", proxy="params", confirmation="none", iterations=30, save_dir=run)
    assert target_of(str(run)) == target_of(str(run / "train")) == "stm32f746"
    assert for_target(str(run), None, {})[0] == "litert-int8"
    assert target_of(str(tmp_path)) is None
