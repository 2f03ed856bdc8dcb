"""ONNX files as modules, which are then read and run like any others. Imports torch.

    network = load(Path("network.onnx"))        # .module, .channels, .size, .classes
    read_graph("network", network.module, network.channels, network.size)

Each node becomes a module that calls functions of torch (`onnx_nodes.py`), in a tree that follows the names of weights
and nodes. The file's weights are its parameters. What only depends on shapes and constants is computed by
`onnx.reference`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from latency.base import LatencyError, UnavailableError, first_line
from latency.reading.onnx_nodes import OPERATORS, Attributes, Held, UnreadError
from PlainNet.sizes import Size, size_of

if TYPE_CHECKING:
    import onnx

WEIGHTED = {
    "Conv": (1, 2), "Gemm": (1, 2), "MatMul": (0, 1), "BatchNormalization": (1, 2), "LayerNormalization": (1, 2),
    "GroupNormalization": (1, 2), "PRelu": (1,), "Add": (0, 1), "Mul": (0, 1),
}  # fmt: skip
"""Which inputs of an operator are learned, if the file stores them; sums and products with one number are not."""
_ARITHMETIC = ("Add", "Sub", "Mul", "Div")


class OnnxNode(nn.Module):
    """One node of a file; its class is named after the operator. Weights are its parameters."""

    def __init__(self, operator: str, attributes: Attributes, held: Sequence[Held]) -> None:
        super().__init__()
        self.operator, self.attributes = operator, attributes
        self.constants: list[Any] = []
        for i, value in enumerate(held):
            name = ("weight", "bias")[i - 1] if operator not in ("Add", "Mul") and 1 <= i <= 2 else f"weight{i}"
            if isinstance(value, nn.Parameter):
                self.register_parameter(name, value)
                value = name
            elif isinstance(value, Tensor):
                self.register_buffer(f"held{i}", value)
                value = f"held{i}"
            self.constants.append(value)

    def forward(self, *inputs: Any) -> Any:
        """Return what the node computes. inputs: those that the file does not store."""
        given = iter(inputs)
        values: list[Any] = []
        for held in self.constants:
            if held is GIVEN:
                values.append(next(given))
            else:
                values.append(getattr(self, held) if isinstance(held, str) else held)
        return OPERATORS[self.operator](self.attributes, *values)


GIVEN = type("Given", (), {"__deepcopy__": lambda self, memo: self})()
"""Stands for an input that an earlier node makes."""


class OnnxModule(nn.Module):
    """The network in an ONNX file. forward: images (N, C, H, W) to the first output."""

    def __init__(self, source: str, steps: Sequence[Step], entry: str, output: str, constants: dict[str, Any]) -> None:
        super().__init__()
        self.source = source
        self.entry, self.output = entry, output
        self.fixed = constants
        self.steps = [(step.path, step.reads, step.makes) for step in steps]
        for path, part in _tree({step.path: step.module for step in steps}, len(steps) / 2).items():
            self.add_module(path, part)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        values: dict[str, Any] = {**self.fixed, self.entry: images}
        for path, reads, makes in self.steps:
            try:
                found = self.get_submodule(path)(*(values[name] for name in reads))
            except UnreadError as error:
                raise LatencyError(f"{self.source}: {error}, at {path}") from None
            if len(makes) == 1:
                values[makes[0]] = found
            else:
                values.update(zip(makes, found, strict=False))
        result: Tensor = values[self.output]
        return result


@dataclass(frozen=True)
class Step:
    """A node: the path of its module, the values that it reads and makes."""

    path: str
    module: OnnxNode
    reads: tuple[str, ...]
    makes: tuple[str, ...]


@dataclass(frozen=True)
class OnnxNetwork:
    """A file's network: its module, and the images that it takes. batch: None if it takes any number."""

    module: OnnxModule
    channels: int
    size: Size | None
    batch: int | None
    classes: int | None


def load(path: Path) -> OnnxNetwork:
    """Return the network in an ONNX file.

    Raises UnavailableError if onnx is not installed, and LatencyError for a file that cannot be read, that has several
    inputs, or an operator that is not read.
    """
    try:
        import onnx
    except ImportError:
        raise UnavailableError("onnx is not installed: pip install 'zennas[onnx]'") from None
    try:
        model = onnx.load(str(path))
        graph = model.graph
        weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    except Exception as error:  # protobuf and onnx raise many kinds for damaged files
        raise LatencyError(f"{path} cannot be read as an ONNX file: {first_line(error)}") from None
    if not graph.node or not graph.output:
        raise LatencyError(f"{path} is not an ONNX file: it has no nodes or no output")
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1:
        raise LatencyError(f"{path} has {len(inputs)} inputs, expected one, of images")
    dims = [dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim]
    if len(dims) != 4 or not dims[1]:
        shown = "×".join(str(dim or "?") for dim in dims)
        raise LatencyError(f"{path} takes a tensor of {shown or 'unknown shape'}, expected images (N, C, H, W)")
    if bool(dims[2]) != bool(dims[3]):
        raise LatencyError(f"{path} takes images of {dims[2] or '?'}×{dims[3] or '?'} pixels, expected both or neither")
    version = max((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), default=1)
    steps, fixed = _steps(path, graph.node, weights, {"opset": version})
    outputs = [dim.dim_value for dim in graph.output[0].type.tensor_type.shape.dim]
    module = OnnxModule(str(path), steps, inputs[0].name, graph.output[0].name, fixed)
    return OnnxNetwork(
        module.eval(),
        dims[1],
        size_of(dims[2], dims[3]) or None,
        dims[0] or None,
        outputs[-1] or None if outputs else None,
    )


def _steps(
    path: Path, nodes: Sequence[onnx.NodeProto], weights: dict[str, Any], common: Attributes
) -> tuple[list[Step], dict[str, Any]]:
    fixed: dict[str, Any] = {}
    learned: dict[str, nn.Parameter] = {}
    made: list[tuple[onnx.NodeProto, str, list[Held], Attributes]] = []
    place = ""
    for node in nodes:
        attributes = {**common, **{a.name: _attribute(a) for a in node.attribute}, "outputs": len(node.output)}
        held: list[Held] = []
        for i, name in enumerate(node.input):
            value = weights.get(name, fixed.get(name, GIVEN if name else None))
            if isinstance(value, np.ndarray) and _is_learned(node.op_type, i, value):
                if name not in learned:
                    learned[name] = nn.Parameter(torch.from_numpy(value.astype(np.float32)))
                value = learned[name]
            held.append(value)
        if node.op_type == "Constant" or (held and all(isinstance(value, np.ndarray) for value in held)):
            fixed.update(_computed(path, node, held))
            continue
        if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx"):
            raise LatencyError(f"{path}: the operator {node.op_type} at {node.name or node.output[0]} is not read")
        stored = [name for name, value in zip(node.input, held, strict=True) if isinstance(value, nn.Parameter)]
        place = _path(node, stored, place)
        made.append((node, place, [_as_tensor(node.op_type, i, value) for i, value in enumerate(held)], attributes))
    return _placed(made), fixed


def _placed(made: Sequence[tuple[onnx.NodeProto, str, list[Held], Attributes]]) -> list[Step]:
    """The nodes as modules with a path each: a node whose path others continue is moved inside it."""
    outer = {path[:i] for _, path, _, _ in made for i, letter in enumerate(path) if letter == "."}
    known: set[str] = set()
    steps: list[Step] = []
    for node, path, held, attributes in made:
        own = path if path not in outer else f"{path}.{node.op_type}"
        own = ".".join(f"{part}_" if hasattr(nn.Module, part) else part for part in own.split("."))
        while own in known or own in outer:
            own += "_"
        known.add(own)
        kind = type(node.op_type, (OnnxNode,), {})
        reads = tuple(name for name, value in zip(node.input, held, strict=True) if value is GIVEN)
        steps.append(Step(own, kind(node.op_type, attributes, held), reads, tuple(node.output)))
    return steps


def _attribute(attribute: onnx.AttributeProto) -> Any:
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _is_learned(operator: str, position: int, value: Any) -> bool:
    floats = value.dtype.kind == "f"
    return floats and position in WEIGHTED.get(operator, ()) and (operator not in ("Add", "Mul") or value.size > 1)


def _as_tensor(operator: str, position: int, value: Any) -> Any:
    """Statistics of batch-norms, and several numbers in arithmetic, as buffers; other constants stay arrays."""
    statistics = operator == "BatchNormalization" and position > 2
    if isinstance(value, np.ndarray) and (statistics or (operator in _ARITHMETIC and value.size > 1)):
        return torch.from_numpy(value.astype(np.float32))
    return value


def _computed(path: Path, node: onnx.NodeProto, values: Sequence[Any]) -> dict[str, Any]:
    """The outputs of a node whose inputs are all constant."""
    from onnx.reference import ReferenceEvaluator

    try:
        found = ReferenceEvaluator(node).run(None, dict(zip(node.input, values, strict=True)))
    except Exception as error:  # the reference raises many kinds
        where = node.name or node.output[0]
        raise LatencyError(f"{path}: {node.op_type} at {where} cannot be computed: {first_line(error)}") from None
    return dict(zip(node.output, map(np.asarray, found), strict=True))


def _path(node: onnx.NodeProto, stored: Sequence[str], before: str) -> str:
    """The path of a node's module: that of its weights, else of its name, else next to the node before."""
    named = [name.rpartition(".")[0] for name in stored if "." in name and "/" not in name and ":" not in name]
    if named and all(named[0].split(".")):
        return named[0]
    parts = node.name.strip("/").split("/")
    scopes: list[str] = []
    for part in parts[:-1]:  # torch writes /layer1/layer1.0/conv1/Conv
        last = scopes[-1] if scopes else None
        if last is not None and part.startswith(f"{last}."):
            scopes[-1] = part
        else:
            scopes.append(part)
    found = ".".join(scopes)
    if found and all(found.split(".")):
        return found
    parent = before.rpartition(".")[0]
    own = (node.name or node.output[0]).replace(".", "_").replace("/", "_") or node.op_type
    return f"{parent}.{own}" if parent else own


def _tree(leaves: dict[str, nn.Module], most: float) -> dict[str, nn.Module]:
    """Modules by the first part of their paths. Containers are lists: those whose children are numbered, and those of
    more than `most` nodes."""
    grouped: dict[str, dict[str, nn.Module]] = {}
    found: dict[str, nn.Module] = {}
    for path, leaf in leaves.items():
        first, _, rest = path.partition(".")
        if rest:
            grouped.setdefault(first, {})[rest] = leaf
        else:
            found[first] = leaf
    for first, inner in grouped.items():
        children = _tree(inner, most)
        listed = len(inner) > most or all(name.isdigit() for name in children)
        parent: nn.Module = nn.ModuleList() if listed else nn.Module()
        for name, child in children.items():
            parent.add_module(name, child)
        found[first] = parent
    return found
