"""The bytes of LiteRT files: LiteRT's own reader of the schema finds in them what was written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from latency.litert.flatbuffer import ALIGNMENT, written
from latency.litert.model import TYPES, Builtin, Fused, Quantisation, Tensor

from .conftest import convolution

schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="needs pip install 'zennas[litert]'")


def test_what_is_written_is_read() -> None:
    model = replace(convolution(Fused.RELU6), metadata={"one": b"abc", "two": b"\x01\x02"})
    found = schema.ModelT.InitFromPackedBuf(written(model), 0)
    assert (found.version, found.description) == (3, b"one convolution")
    (graph,) = found.subgraphs
    assert (list(graph.inputs), list(graph.outputs)) == ([0], [1])
    for tensor, one in zip(model.tensors, graph.tensors, strict=True):
        assert (one.name.decode(), tuple(one.shape), one.type) == (tensor.name, tensor.shape, TYPES[tensor.type])
        content = found.buffers[one.buffer].data
        assert (content is None) == (tensor.data is None)
        assert tensor.data is None or bytes(content) == tensor.data.tobytes()
    (operator,) = graph.operators
    assert (list(operator.inputs), list(operator.outputs)) == ([0, 2, 3], [1])
    options = operator.builtinOptions
    assert (options.padding, options.strideH, options.fusedActivationFunction) == (0, 1, Fused.RELU6)
    assert {one.name.decode(): bytes(found.buffers[one.buffer].data) for one in found.metadata} == model.metadata


def test_codes_of_operators_are_in_both_fields_of_the_schema() -> None:
    model = convolution()
    (operator,) = model.operators
    found = schema.ModelT.InitFromPackedBuf(written(replace(model, operators=(replace(operator, version=3),))), 0)
    (code,) = found.operatorCodes
    assert (code.builtinCode, code.deprecatedBuiltinCode, code.version) == (Builtin.CONV_2D, Builtin.CONV_2D, 3)


def test_scales_are_in_the_file() -> None:
    scales = Quantisation(np.array([0.5, 0.25], np.float32), np.array([3, -4], np.int64), 1)
    tensors = (*convolution().tensors, Tensor("q", (1, 2), "int8", None, scales))
    found = schema.ModelT.InitFromPackedBuf(written(replace(convolution(), tensors=tensors)), 0)
    made = found.subgraphs[0].tensors[-1].quantization
    assert (list(made.scale), list(made.zeroPoint), made.quantizedDimension) == ([0.5, 0.25], [3, -4], 1)


def test_constants_are_aligned() -> None:
    content = written(convolution())
    found = schema.Model.GetRootAs(content, 0)
    start = np.frombuffer(content, np.uint8).ctypes.data
    places = [found.Buffers(i).DataAsNumpy() for i in range(1, found.BuffersLength())]
    assert len(places) == 2
    assert all((one.ctypes.data - start) % ALIGNMENT == 0 for one in places)


def test_equal_models_give_equal_bytes() -> None:
    assert written(convolution()) == written(convolution())
