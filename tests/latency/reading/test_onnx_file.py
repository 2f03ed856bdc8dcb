"""ONNX files are read as what was exported, and run with the same results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from latency.base import LatencyError
from latency.measuring.onnx_files import export
from latency.measuring.subject import of_structure
from latency.reading.module import read_graph
from latency.reading.onnx_file import load
from PlainNet import parse
from PlainNet.cost import op_cost
from PlainNet.ops import OpGraph
from PlainNet.sizes import Sides, Size
from tests.conftest import SMALL

onnx = pytest.importorskip("onnx", reason="needs pip install 'zennas[onnx]'")
pytest.importorskip("onnxscript", reason="needs pip install 'zennas[onnx]'")


def costs(graph: OpGraph) -> tuple[int, int]:
    found = [op_cost(node.op, node.shape) for node in graph.nodes]
    return sum(cost.flops for cost in found), sum(cost.activations for cost in found)


@pytest.mark.parametrize(("use_se", "size"), [(False, 32), (True, 32), (True, Sides(24, 40))])
def test_an_exported_structure_is_read_again(tmp_path: Path, use_se: bool, size: Size) -> None:
    subject = of_structure(parse(SMALL), size, 10, use_se)
    onnx.save(export(subject, 2), tmp_path / "small.onnx")
    found = load(tmp_path / "small.onnx")
    assert (found.channels, found.size, found.batch, found.classes) == (3, size, 2, 10)
    graph = read_graph("small", found.module, 3, size, 2)
    assert costs(graph) == costs(subject.graph)
    assert graph.shape_of(graph.output) == subject.graph.shape_of(subject.graph.output)
    images = torch.randn(2, *graph.input.dims, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(found.module(images), subject.build()(images), rtol=1e-3, atol=1e-4)


def saved(path: Path, *nodes: Any, shape: tuple[int | str, ...] = (1, 3, 8, 8), **weights: Any) -> Path:
    """A file with these nodes, from "x" to "y", and these weights."""
    helper = onnx.helper
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    held = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "net", [x], [y], held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def conv(output: str = "y") -> Any:
    return onnx.helper.make_node("Conv", ["x", "w"], [output], name="conv", pads=[1, 1, 1, 1])


WEIGHT = np.ones((4, 3, 3, 3), np.float32)


def test_lengths_that_the_file_computes_are_followed(tmp_path: Path) -> None:
    node = onnx.helper.make_node
    nodes = [
        conv("a"),
        node("Shape", ["a"], ["s"]),
        node("Gather", ["s", "one"], ["c"]),
        node("Div", ["c", "two"], ["half"]),
        node("Slice", ["a", "zero", "half", "one"], ["y"]),
    ]
    numbers = {"zero": np.array([0]), "one": np.array([1]), "two": np.array([2])}
    found = load(saved(tmp_path / "net.onnx", *nodes, w=WEIGHT, **numbers))
    graph = read_graph("net", found.module, 3, 8, 1)
    assert graph.shape_of(graph.output).dims == (2, 8, 8)


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    node = onnx.helper.make_node
    path = tmp_path / "net.onnx"
    with pytest.raises(LatencyError, match="the operator NonZero at odd is not read"):
        load(saved(path, conv("a"), node("NonZero", ["a"], ["y"], name="odd"), w=WEIGHT))
    with pytest.raises(LatencyError, match=r"images of 8×\? pixels, expected both or neither"):
        load(saved(path, conv(), shape=(1, 3, 8, "width"), w=WEIGHT))
    with pytest.raises(LatencyError, match=r"expected images \(N, C, H, W\)"):
        load(saved(path, conv(), shape=(1, 3), w=WEIGHT))
    found = load(saved(path, conv("a"), node("Gather", ["a", "i"], ["y"], axis=1), w=WEIGHT, i=np.array([1, 0])))
    with pytest.raises(LatencyError, match=r"net\.onnx: a Gather of several positions is not read, at "):
        read_graph("net", found.module, 3, 8, 1)
    path.write_bytes(b"no protobuf")
    with pytest.raises(LatencyError, match=r"net\.onnx"):
        load(path)
