"""Networks as ONNX: PyTorch's exporter, one self-contained model, with nodes named after those of the op graph.

    model = export(subject, batch_size=1)      # an onnx.ModelProto; batch-norm folded, batch size fixed; None for any
    nodes_of("k17_Conv")                       # (17,): it computes node 17 of subject.graph

Runtimes keep node names when they report times of single layers, so that the times can be attributed (`layers.py`).
torch and onnx are imported when a network is exported.
"""

from __future__ import annotations

import re
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from latency.base import LatencyError, Subject, UnavailableError, first_line
from latency.measuring.layers import Step, matched
from latency.measuring.weights import weight_count
from PlainNet.ops import OpGraph

if TYPE_CHECKING:
    import onnx

OPSET = 18
"""The opset that PyTorch's exporter is written for, and that all current runtimes read."""
INPUT = "images"
OUTPUT = "logits"
BATCH = "batch"
"""The name of the first dimension if it is variable."""
MOST_BYTES = 2**31 - 2**20
"""The largest message of protobuf, minus room for everything except weights."""

_TOKEN = re.compile(r"(?<![A-Za-z0-9])k(\d+)(?=_)")
_TENSOR = re.compile(r"(?<![A-Za-z0-9])v(\d+)(?![0-9.])")


def token(index: int, op_type: str) -> str:
    """The name of an ONNX node that computes node `index` of the graph, or a part of that node."""
    return f"k{index}_{op_type}"


def nodes_of(name: str) -> tuple[int, ...]:
    """The indices of the graph's nodes that appear in a runtime's layer name, in ascending order; empty if none do."""
    return tuple(sorted({int(number) for number in _TOKEN.findall(name)}))


def tensor_name(value: int) -> str:
    """The name of the ONNX tensor that holds value `value` of the graph."""
    return f"v{value}"


def value_of(name: str) -> int | None:
    """The graph's value that a tensor holds, from its name in a model or in a runtime; None if the name is unknown."""
    if name.startswith(INPUT):
        return 0
    found = _TENSOR.search(name)
    return int(found.group(1)) if found else None


def why_not() -> str | None:
    """Return None if ONNX files can be written here, else what is missing."""
    missing = [package for package in ("onnx", "onnxscript") if find_spec(package) is None]
    return f"{missing[0]} is not installed: pip install 'zennas[onnx]'" if missing else None


def export(subject: Subject, batch_size: int | None, half: bool = False) -> onnx.ModelProto:
    """Export the network for batches of `batch_size`, None for any size, as one model with its weights inside.

    Batch-norm is folded. The input is `INPUT`, (batch_size, C, H, W), and the output `OUTPUT`, in float32; with `half`,
    inputs, weights and all values are float16. Raises LatencyError if the exporter is not installed, if an operation
    has no ONNX equivalent, or if the weights exceed the size of one file.
    """
    missing = why_not()
    if missing is not None:
        raise UnavailableError(missing)
    weights = 4 * weight_count(subject.graph)
    if weights > MOST_BYTES:
        raise LatencyError(
            f"{subject.name} has {weights / 1e9:.2f} GB of weights, an ONNX file holds {MOST_BYTES / 1e9:.2f} GB: "
            "time it on the torch back end, or export it as pt2"
        )
    model = _exported(subject, batch_size, half)
    _pool_globally(model.graph)
    pool_without_doubt(model.graph)
    _name_nodes(model.graph, subject.graph)
    return model


def _exported(subject: Subject, batch_size: int | None, half: bool) -> onnx.ModelProto:
    import torch

    from latency.measuring.folding import folded

    network = folded(subject.build())
    # Two images if any number is allowed: exporters treat a batch of one as a constant.
    images = torch.zeros(batch_size or 2, *subject.graph.input.dims)
    shapes = None if batch_size else ({0: torch.export.Dim(BATCH)},)
    if half:
        network, images = network.half(), images.half()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's warnings about itself
        try:
            program = torch.onnx.export(
                network,
                (images,),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=shapes,
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                optimize=True,
                verbose=False,
            )
        except Exception as error:
            raise LatencyError(f"{subject.name} cannot be exported to ONNX: {_reason(error)}") from error
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    for node in model.graph.node:  # the place in the source code, which differs from one export to the next
        del node.metadata_props[:]
    return model


def _reason(error: BaseException) -> str:
    """Name the operation that has no ONNX equivalent, or else the first line of the exporter's error."""
    chain: list[BaseException] = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    text = " ".join(str(link) for link in chain)
    unsupported = re.search(r"No ONNX function found for <OpOverload\(op='([^']+)'", text)
    if unsupported:
        return f"the operation {unsupported.group(1)} has no ONNX function in opset {OPSET}"
    return first_line(chain[-1])


def _pool_globally(onnx_graph: Any) -> None:
    """Turn means over height and width into global poolings, which runtimes support in every layout and precision."""
    import onnx

    constants = {tensor.name: tensor for tensor in onnx_graph.initializer}
    for node in onnx_graph.node:
        if node.op_type != "ReduceMean" or len(node.input) != 2 or node.input[1] not in constants:
            continue
        axes = onnx.numpy_helper.to_array(constants[node.input[1]]).tolist()
        keeps = [attribute.i for attribute in node.attribute if attribute.name == "keepdims"]
        if sorted(axis % 4 for axis in axes) == [2, 3] and keeps in ([], [1]):
            node.op_type = "GlobalAveragePool"
            del node.input[1]
            del node.attribute[:]
    read = {name for node in onnx_graph.node for name in node.input}
    for tensor in [tensor for tensor in onnx_graph.initializer if tensor.name not in read]:
        onnx_graph.initializer.remove(tensor)


def pool_without_doubt(onnx_graph: Any) -> None:
    """Write average poolings in the form about which runtimes agree: only excluded padding, and rounding down.

    Padding that counts is put around the input by an operation of its own; OpenVINO in INT8 divides by fewer positions
    otherwise. Poolings that round up become ones that round down, with more padding at the end. As the mean excludes
    that padding, both compute the same; runtimes disagree on the divisor of a last window that is only partly inside.
    Raises LatencyError for a pooling that rounds up whose sizes are not known.
    """
    import onnx

    sizes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim][2:]
        for value in (*onnx_graph.input, *onnx_graph.value_info, *onnx_graph.output)
    }
    for at, node in reversed(list(enumerate(onnx_graph.node))):
        given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        pads = given.get("pads") or [0] * 4
        counted, up = any(pads) and given.get("count_include_pad"), given.get("ceil_mode")
        if node.op_type != "AveragePool" or not (counted or up):
            continue
        if counted:
            pad = _padding(onnx_graph, node, pads)
            sizes[pad.output[0]] = [
                size and size + pads[i] + pads[i + 2] for i, size in enumerate(sizes.get(node.input[0], []))
            ]
            onnx_graph.node.insert(at, pad)
            node = onnx_graph.node[at + 1]
            node.input[0] = pad.output[0]
            pads = [0] * 4
        windows = given["kernel_shape"]
        steps = given.get("strides") or [1] * len(windows)
        before, after = sizes.get(node.input[0], []), sizes.get(node.output[0], [])
        if up and (len(before) != 2 or len(after) != 2 or not all((*before, *after))):
            raise LatencyError(f"{node.name}: an average pooling that rounds up an unknown size cannot be exported")
        ends = (
            pads[2:]
            if not up
            else [
                max(low, (out - 1) * step + window - size - low)
                for size, out, window, step, low in zip(before, after, windows, steps, pads[:2], strict=True)
            ]
        )
        del node.attribute[:]
        made = {"kernel_shape": windows, "strides": steps, "pads": [*pads[:2], *ends], "count_include_pad": 0}
        node.attribute.extend(onnx.helper.make_attribute(name, value) for name, value in made.items())


def _padding(onnx_graph: Any, pool: Any, pads: list[int]) -> Any:
    """A node that puts zeros around the input of a pooling; its amounts become a constant of the graph."""
    import onnx

    amounts = onnx.helper.make_tensor(f"{pool.output[0]}_pads", onnx.TensorProto.INT64, [8], [0, 0, *pads[:2]] * 2)
    amounts.int64_data[6:] = pads[2:]
    onnx_graph.initializer.append(amounts)
    return onnx.helper.make_node("Pad", [pool.input[0], amounts.name], [f"{pool.output[0]}_padded"])


def _name_nodes(onnx_graph: Any, graph: OpGraph) -> None:
    """Name ONNX nodes after the node of `graph` that they compute, and tensors after values.

    Nodes that the exporter added get names that refer to no node of the graph.
    """
    weights = {tensor.name for tensor in onnx_graph.initializer}
    results = {tensor.name for tensor in onnx_graph.output}
    steps = [
        Step(node.op_type, tuple(node.input), node.output[0], tuple(x for x in node.input if x in weights))
        for node in onnx_graph.node
    ]
    names: set[str] = set()
    renamed: dict[str, str] = {}
    for position, (node, match) in enumerate(zip(onnx_graph.node, matched(graph, steps, INPUT), strict=True)):
        if match is None:
            node.name = f"x{position}_{node.op_type}"
            continue
        result = node.output[0]
        if match.whole and result not in results and tensor_name(match.node + 1) not in renamed.values():
            renamed[result] = tensor_name(match.node + 1)
        name = token(match.node, node.op_type)
        while name in names:
            name += "_"
        names.add(name)
        node.name = name
    for node in onnx_graph.node:
        node.input[:] = [renamed.get(x, x) for x in node.input]
        node.output[:] = [renamed.get(x, x) for x in node.output]
    del onnx_graph.value_info[:]  # shapes of tensors under their former names; they can be inferred again
