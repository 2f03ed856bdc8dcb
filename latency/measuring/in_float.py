"""What a library leaves in floating point when it runs a quantised file, counted in the graph that it really runs.

A quantised file only says what may be computed in INT8. A library without a kernel for an operation, or with a rule
that does not match, runs it in float32 between conversions.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

_CONVOLUTION, _LINEAR = "convolution", "linear layer"
_PLACES = {
    "Conv": _CONVOLUTION,
    "FusedConv": _CONVOLUTION,
    "NhwcFusedConv": _CONVOLUTION,
    "QLinearConv": _CONVOLUTION,
    "ConvInteger": _CONVOLUTION,
    "Gemm": _LINEAR,
    "FusedGemm": _LINEAR,
    "MatMul": _LINEAR,
    "FusedMatMul": _LINEAR,
    "QGemm": _LINEAR,
    "QLinearMatMul": _LINEAR,
    "MatMulInteger": _LINEAR,
    "MatMulIntegerToFloat": _LINEAR,
}
"""Kernels of ONNX Runtime that multiply by weights."""
_CONVERTS = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast"}
_MOVES = {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Split", "Slice", "Concat", "Identity", "Constant"}
_INTO_FLOAT = {"MatMulIntegerToFloat"}
_INTEGER = {"QGemm", "ConvInteger", "MatMulInteger", *_INTO_FLOAT}


@dataclass(frozen=True)
class InFloat:
    """What of a quantised file is computed in float32.

    kernels, in_float: by name, how many convolutions and linear layers there are, and how many of these compute in
    float32. others: other operations that do, by name.
    """

    kernels: dict[str, int]
    in_float: dict[str, int]
    others: dict[str, int]

    def __str__(self) -> str:
        """In one line: `11 of 20 convolutions run in float32; so do BatchNormalization (1)`."""
        found = []
        for name, count in self.kernels.items():
            here = self.in_float.get(name, 0)
            if count == 1:
                found.append(f"the {name} runs in {'float32' if here else 'INT8'}")
            elif here:
                found.append(f"{here} of {count} {name}s run in float32")
            else:
                found.append(f"all {count} {name}s run in INT8")
        if self.others:
            named = ", ".join(f"{name} ({count})" for name, count in self.others.items())
            found.append(f"in float32 also: {named}")
        return "; ".join(found)

    def to_json(self) -> dict[str, Any]:
        """Return the counts for JSON."""
        return {
            **{f"{name.replace(' ', '_')}s": count for name, count in self.kernels.items()},
            **{f"{name.replace(' ', '_')}s_in_float32": self.in_float.get(name, 0) for name in self.kernels},
            "others_in_float32": self.others,
        }


def counted(kernels: Iterable[tuple[str, str, bool]]) -> InFloat:
    """Count kernels, each a place (convolution, linear layer or none), a name, and whether it computes in float32."""
    whole: Counter[str] = Counter()
    in_float: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for place, name, floating in kernels:
        if place:
            whole[place] += 1
            in_float[place] += floating
        elif floating:
            others[name] += 1
    return InFloat(dict(sorted(whole.items())), dict(+in_float), dict(sorted(others.items())))


def in_onnx_runtime(content: bytes) -> InFloat:
    """Count what ONNX Runtime computes in float32 on a CPU, in the graph that it saves after optimising `content`.

    Raises what ONNX Runtime raises if it does not accept the file.
    """
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="zennas-") as folder:
        path = Path(folder) / "optimised.onnx"
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 3  # a warning that such a file is for this machine only
        onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        graph = onnx.load(path).graph
    return counted(_onnx_kernels(graph))


def _onnx_kernels(graph: onnx.GraphProto) -> Iterable[tuple[str, str, bool]]:
    """The kernels of an optimised graph. Those that only convert or move data are left out."""
    integers = {name for node in graph.node if node.op_type == "QuantizeLinear" for name in node.output}
    for node in graph.node:
        if node.op_type in _CONVERTS:
            continue
        quantised = node.op_type.startswith("QLinear") or node.op_type in _INTEGER or set(node.input) & integers
        if quantised and node.op_type not in _INTO_FLOAT:
            integers.update(node.output)  # what only moves data keeps the type of its input
        if node.op_type not in _MOVES:
            yield _PLACES.get(node.op_type, ""), node.op_type, not quantised


def in_openvino(compiled: Any) -> InFloat:
    """Count what a compiled OpenVINO model computes in floating point, by the precisions that it reports itself."""
    kernels = []
    for node in compiled.get_runtime_model().get_ordered_ops():
        about = node.get_rt_info()
        kind, precision = (about[name].astype(str) for name in ("layerType", "runtimePrecision"))
        if kind not in _OPENVINO_MOVES:
            kernels.append((_OPENVINO_PLACES.get(kind, ""), kind, precision not in ("u8", "i8")))
    return counted(kernels)


_OPENVINO_PLACES = {"Convolution": _CONVOLUTION, "FullyConnected": _LINEAR, "MatMul": _LINEAR}
_OPENVINO_MOVES = {"Const", "Input", "Output", "Reorder", "Convert", "Reshape", "Transpose", "Concatenation", "Split"}
