"""The operations of any convolutional network: reads an `OpGraph` from an `nn.Module`. Imports torch.

The module runs once on the meta device, so that nothing is computed and its own control flow decides. Functions without
an operation in `PlainNet.ops` are refused by name. Node paths are the names of modules, as for structures.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import torch
from torch import Tensor, nn

from latency.base import LatencyError, first_line
from latency.reading import functions as _functions  # noqa: F401  # registers what reads torch's functions
from latency.reading.composites import composite
from latency.reading.recorder import Recorder, Tracked
from PlainNet.ops import HEAD, AdaptiveAvgPool, Conv, Flatten, Linear, Node, OpGraph, Shape
from PlainNet.read_ops import FreeConv
from PlainNet.sizes import Size

BATCH = 2
"""Images in the run: more than one, so that the batch is told from axes of length 1."""
_LAYERS = (
    nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.modules.conv._ConvNd, nn.Linear,
)  # fmt: skip
_ATTENTION = re.compile(r"Attention|Attn|MHA|Transformer|MLA$|SHMA$|SHSA$")


def read_graph(name: str, module: nn.Module, channels: int, size: Size, batch: int = BATCH) -> OpGraph:
    """Return the operations of `module` on images (channels, height, width), in order. The module is not changed.

    `Node.block` numbers runs of nodes from the same sub-network, where containers do not count as sub-networks; the
    classifier is `HEAD`. size: of the images in pixels; one number for squares. batch: the images of a run, for modules
    that take a fixed number. Raises LatencyError if a function has no operation in the op graph, and names it and its
    place; if the module does not run on such images; and if there are no convolutions.
    """
    mine, originals = _on_meta(module)
    image = Shape(channels, size)
    recorder = Recorder(name, mine, image, batch, originals)
    _follow(recorder, mine)
    try:
        output = _run(recorder, mine, torch.empty(batch, *image.dims, device="meta"))
    except LatencyError as error:
        raise _explained(name, module, error) from None
    if not any(isinstance(node.op, (Conv, FreeConv)) for node in recorder.nodes):
        raise LatencyError(f"{name} has no convolution: only convolutional networks are read")
    return _graph(recorder, image, output, module)


def _on_meta(module: nn.Module) -> tuple[nn.Module, dict[int, Tensor]]:
    """A copy without numbers in evaluation mode, and the tensors that its buffers and constants stand for."""
    memo: dict[int, Any] = {}
    originals: dict[int, Tensor] = {}
    for part in module.modules():
        held = [*part._parameters.values(), *part._buffers.values(), *vars(part).values()]
        for tensor in held:
            if isinstance(tensor, Tensor) and id(tensor) not in memo:
                empty = torch.empty_like(tensor, device="meta")
                made = nn.Parameter(empty, False) if isinstance(tensor, nn.Parameter) else empty
                memo[id(tensor)] = made
                if not isinstance(tensor, nn.Parameter) and tensor.device.type != "meta":
                    originals[id(made)] = tensor
    keep = list(memo.values())
    mine = copy.deepcopy(module, memo).eval()
    del keep
    return mine, originals


def _follow(recorder: Recorder, module: nn.Module) -> None:
    """Tell the recorder which module runs."""
    for path, part in module.named_modules():

        def enter(part: nn.Module, inputs: Any, path: str = path) -> None:
            recorder.enter(path)
            recorder.begin(path, part, inputs)

        def leave(part: nn.Module, inputs: Any, output: Any, path: str = path) -> None:
            recorder.end(path, output)
            recorder.leave()

        part.register_forward_pre_hook(enter)
        part.register_forward_hook(leave)


def _run(recorder: Recorder, module: nn.Module, images: Tensor) -> int:
    """Run the module and return the number of the value that is its output."""
    recorder.put(images, Tracked(0, recorder.plain(0)))
    recorder.composite = composite
    try:
        with torch.inference_mode(False), torch.no_grad(), recorder:
            result = module(images)
    except LatencyError:
        raise
    except Exception as error:  # the module is foreign code
        shape = "×".join(map(str, images.shape[1:]))
        raise LatencyError(f"{recorder.name} does not run on images of {shape}: {first_line(error)}") from error
    if not isinstance(result, Tensor):
        raise LatencyError(f"{recorder.name} returns a {type(result).__name__}, expected a tensor of logits")
    value = recorder.find(result)
    if value is None:
        raise LatencyError(f"{recorder.name}: the output does not depend on the image")
    number = recorder.flat(value) if len(value.axes) == 2 else recorder.image(value)
    if number is None:
        raise recorder.refusal("an output that is neither flat nor (N, C, H, W)", "")
    return number


def _explained(name: str, module: nn.Module, error: LatencyError) -> LatencyError:
    """The error, which for a network with attention says first that such networks are not read."""
    for path, part in module.named_modules():
        kind = type(part).__name__
        if _ATTENTION.search(kind):
            reason = str(error).removeprefix(f"{name}: ")
            where = f" at {path}" if path else ""
            return LatencyError(
                f"{name} has {kind}{where}: transformers and networks with attention are not read, only convolutional "
                f"ones ({reason})"
            )
    return error


def _graph(recorder: Recorder, image: Shape, output: int, module: nn.Module) -> OpGraph:
    nodes, places, output = _without_hidden(recorder, output)
    containers = {path for path, part in module.named_modules() if type(part) in (nn.Sequential, nn.ModuleList)}
    keys = [_block_key(_outer(recorder, place), containers) for place in places]
    blocks = _numbered(nodes, keys)
    nodes = [node._replace(block=block) for node, block in zip(nodes, blocks, strict=True)]
    last = {block: number for number, block in enumerate(blocks, start=1) if block != HEAD}
    return OpGraph(image, tuple(nodes), output, tuple(last[block] for block in sorted(last)))


def _without_hidden(recorder: Recorder, output: int) -> tuple[list[Node], list[str], int]:
    """The nodes without those that were replaced and that nothing else reads; their places; the output's number."""
    gone: set[int] = set()
    for index in sorted(recorder.hidden, reverse=True):
        number = index + 1
        read = any(number in node.inputs for i, node in enumerate(recorder.nodes) if i not in gone)
        if not read and number != output:
            gone.add(index)
    numbers = {0: 0}
    nodes: list[Node] = []
    places: list[str] = []
    for index, (node, place) in enumerate(zip(recorder.nodes, recorder.places, strict=True)):
        if index not in gone:
            nodes.append(node._replace(inputs=tuple(numbers[number] for number in node.inputs)))
            places.append(place)
            numbers[index + 1] = len(nodes)
    return nodes, places, numbers[output]


def _outer(recorder: Recorder, place: str) -> str:
    """The module whose code runs the layer: the parent of a layer, also of one that has an activation inside."""
    parts = place.split(".") if place else []
    for depth in range(1, len(parts) + 1):
        path = ".".join(parts[:depth])
        if path in recorder.leaves or isinstance(recorder.parts[path], _LAYERS):
            return ".".join(parts[: depth - 1])
    return place


def _block_key(path: str, containers: set[str]) -> str:
    """The outermost sub-network around `path` that is not just a container."""
    parts = path.split(".") if path else []
    for depth in range(1, len(parts) + 1):
        outer = ".".join(parts[:depth])
        if outer not in containers:
            return outer
    return path


def _numbered(nodes: list[Node], keys: list[str]) -> list[int]:
    """A number for each run of equal keys; `HEAD` after the last convolution, from where features are pooled."""
    last = max((i for i, node in enumerate(nodes) if isinstance(node.op, (Conv, FreeConv))), default=-1)
    pooled = (AdaptiveAvgPool, Flatten, Linear)
    head = next((i for i in range(last + 1, len(nodes)) if isinstance(nodes[i].op, pooled)), len(nodes))
    numbers: list[int] = []
    for i, key in enumerate(keys):
        if i >= head:
            numbers.append(HEAD)
        elif i and key == keys[i - 1]:
            numbers.append(numbers[-1])
        else:
            numbers.append(numbers[-1] + 1 if numbers else 0)
    return numbers
