"""The gradients of each image's summed logits by the weights of a reduced network. Imports torch.

Batch-norms make the logits of an image depend on the whole batch, so each image needs a backward pass through all
images. Passes run together, some images at a time: gradients are (N, B, C, H, W) for B images of a batch of N, so that
a convolution is one call for all of them, and the gradients of its weights one batched matrix product.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

from PlainNet import ops
from PlainNet.ops import UnknownOperationError
from ZeroShotProxy.teg.forward import Normalised, Run
from ZeroShotProxy.teg.supernets import CELLS

TOGETHER = 4
"""Images whose passes run together; gradients of more leave the caches of a processor."""


FEW = 6
"""Channels below which libraries are faster with channels last."""


class Rows(NamedTuple):
    """Gradients, (N, weights) each: by the parameters of cells, and by all others, without biases and shifts."""

    cells: Tensor
    others: Tensor


def gradient_rows(run: Run, readout: Tensor, cells_only: bool = False) -> Rows:
    """Return the gradients of the summed logits of each image.

    run: a pass over a batch. readout: the classifier's weights, (classes, features). cells_only: whether the others are
    left out. The gradients by the classifier's weights are equal for all classes; they are given once, times the root
    of the number of classes, which has the same products.
    """
    graph = run.graph
    features = run.values[graph.nodes[graph.output - 1].inputs[0]]
    images = run.values[0]
    assert images is not None
    count = len(images)
    if features is None:
        return Rows(images.new_zeros(count, 0), images.new_zeros(count, 0))
    shared = _Shared(run)
    found = [
        _Backward(run, shared, chosen, cells_only).rows(readout.sum(0))
        for chosen in torch.arange(count, device=images.device).split(TOGETHER)
    ]
    own = [] if cells_only else [len(readout) ** 0.5 * features]
    nothing = images.new_zeros(count, 0)
    cells, others = (
        torch.cat([nothing, *(torch.cat([part[kind][key] for part in found]) for key in found[0][kind])], 1)
        for kind in (0, 1)
    )
    return Rows(cells, torch.cat([others, *own], 1))


class _Shared:
    """What all passes of a run need, made once.

    patches: the input of a convolution as patches, (groups, N, positions, in / groups × kernel²). mask: 1 where the
    output of a ReLU is positive, otherwise 0, (N, 1, C, H, W).
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._made: dict[int, Tensor] = {}

    def mask(self, number: int) -> Tensor:
        found = self._made.get(number)
        if found is None:
            y = self._run.values[number]
            assert y is not None
            found = self._made[number] = (y > 0).to(y.dtype).unsqueeze(1)
        return found

    def patches(self, number: int, op: ops.Conv) -> Tensor:
        found = self._made.get(number)
        if found is None:
            x = self._run.values[self._run.graph.nodes[number - 1].inputs[0]]
            assert x is not None
            unfolded = F.unfold(x, op.kernel, op.dilation, op.padding, op.stride)  # (N, in × kernel², positions)
            by_group = unfolded.unflatten(1, (op.groups, -1)).permute(1, 0, 3, 2)
            found = self._made[number] = by_group.contiguous()
        return found


class _Backward:
    """A backward pass for the summed logits of the images `chosen`, (B,)."""

    def __init__(self, run: Run, shared: _Shared, chosen: Tensor, cells_only: bool) -> None:
        self._run, self._shared, self._chosen, self._cells_only = run, shared, chosen, cells_only
        self._by_value: dict[int, Tensor] = {}
        self._needed = self._with_weights_below()

    def rows(self, readout: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the gradients by path, (B, weights) each: of cells, and of others. readout: (features,)."""
        graph = self._run.graph
        last = graph.block_outputs[0]
        self._by_value[last] = self._of_features(last, readout)
        cells, others = dict[str, Tensor](), dict[str, Tensor]()
        for number in range(last, 0, -1):
            gradient = self._by_value.pop(number, None)
            if gradient is None:
                continue
            path = graph.nodes[number - 1].path
            found = self._step(number, gradient)
            if found is not None:
                (cells if path.startswith(CELLS) else others)[path] = found
        return cells, {} if self._cells_only else others

    def _of_features(self, last: int, readout: Tensor) -> Tensor:
        """The gradient of each chosen image's summed logits by the features before global average pooling."""
        features = self._run.values[last]
        assert features is not None
        count, channels, height, width = features.shape
        made = features.new_zeros(count, len(self._chosen), channels, height, width)
        each = (readout / (height * width)).view(1, channels, 1, 1).expand(len(self._chosen), channels, height, width)
        made[self._chosen, torch.arange(len(self._chosen), device=made.device)] = each
        return made

    def _with_weights_below(self) -> set[int]:
        """The values whose gradients are needed: there is a weight of interest at or below them."""
        found: set[int] = set()
        for number, node in enumerate(self._run.graph.nodes, start=1):
            own = isinstance(node.op, (ops.Conv, ops.BatchNorm)) and (
                not self._cells_only or node.path.startswith(CELLS)
            )
            there = self._run.values.get(number) is not None
            if there and (own or any(i in found for i in node.inputs)):
                found.add(number)
        return found

    def _give(self, value: int, gradient: Tensor) -> None:
        """Add a gradient to that of a value."""
        if value in self._needed:
            known = self._by_value.get(value)
            self._by_value[value] = gradient if known is None else known + gradient

    def _step(self, number: int, gradient: Tensor) -> Tensor | None:
        """Pass a gradient on to the inputs of a node, and return that by its weights, (B, weights); None without."""
        node = self._run.graph.nodes[number - 1]
        op, (first, *_) = node.op, node.inputs
        match op:
            case ops.Conv():
                if first in self._needed:
                    self._give(first, _conv_input(op, self._input(first), self._run.weights[number], gradient))
                return _conv_weights(op, self._shared.patches(number, op), gradient)
            case ops.BatchNorm():
                passed, by_scale = _batch_norm(self._run.norms[number], gradient)
                self._give(first, passed)
                return by_scale
            case ops.Relu():
                self._give(first, gradient * self._shared.mask(number))
            case ops.Add():
                for value in node.inputs:
                    self._give(value, gradient)
            case ops.Concat():
                sizes = [self._run.graph.shape_of(value).channels for value in node.inputs]
                for value, part in zip(node.inputs, gradient.split(sizes, 2), strict=True):
                    self._give(value, part.contiguous())
            case ops.AvgPool():
                self._give(first, _avg_pool(op, self._input(first), gradient))
            case ops.MaxPool():
                self._give(first, _max_pool(self._input(first), self._run.taken[number], gradient))
            case ops.Shift():
                self._give(first, F.pad(gradient, (1, -1, 1, -1)))
            case _:
                raise UnknownOperationError(op, "ZeroShotProxy.teg.rows")
        return None

    def _input(self, value: int) -> Tensor:
        found = self._run.values[value]
        assert found is not None
        return found


def _conv_weights(op: ops.Conv, patches: Tensor, gradient: Tensor) -> Tensor:
    """The gradient by a convolution's weights, (B, weights). patches: (groups, N, P, K)."""
    n, b, channels, height, width = gradient.shape
    out = channels // op.groups
    by_group = gradient.view(n, b, op.groups, out, height * width)
    parts = [
        torch.bmm(by_group[:, :, group].reshape(n, b * out, height * width), patches[group]).sum(0).view(b, -1)
        for group in range(op.groups)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def _conv_input(op: ops.Conv, x: Tensor, weight: Tensor, gradient: Tensor) -> Tensor:
    """The gradient by a convolution's input x, (N, C, H, W)."""
    n, b = gradient.shape[:2]
    if op.groups == op.in_channels == op.out_channels:
        return _depthwise_input(op, x, weight, gradient)
    merged = gradient.flatten(0, 1)
    if op.stride == 1 and op.groups == 1:
        # As a convolution, which is faster than its transpose; so is a layout with channels last if they are few.
        flipped = weight.flip(2, 3).transpose(0, 1)
        if op.out_channels < FEW:
            merged = merged.contiguous(memory_format=torch.channels_last)
        back = F.conv2d(merged, flipped, None, 1, op.extent - 1 - op.padding, op.dilation).contiguous()
    elif op.kernel == 1 and op.groups == 1:
        back = gradient.new_zeros(n * b, *x.shape[1:])
        part = torch.matmul(weight.flatten(1).T, merged.flatten(2)).unflatten(2, merged.shape[2:])
        back[..., :: op.stride, :: op.stride] = part
    else:
        shape = [n * b, *x.shape[1:]]
        back = conv2d_input(shape, weight, merged, op.stride, op.padding, op.dilation, op.groups)
    return back.view(n, b, *x.shape[1:])


def _depthwise_input(op: ops.Conv, x: Tensor, weight: Tensor, gradient: Tensor) -> Tensor:
    """The same for a convolution of each channel by itself, tap by tap: libraries are slow at single channels."""
    n, b, channels, height, width = gradient.shape
    high, wide = (size + 2 * op.padding for size in x.shape[2:])
    back = gradient.new_zeros(n, b, channels, high, wide)
    span = [(size - 1) * op.stride + 1 for size in (height, width)]
    for row, column in product(range(op.kernel), repeat=2):
        top, left = row * op.dilation, column * op.dilation
        seen = back[..., top : top + span[0] : op.stride, left : left + span[1] : op.stride]
        seen.addcmul_(gradient, weight[:, 0, row, column, None, None])
    edge = op.padding
    return back[..., edge : high - edge, edge : wide - edge].contiguous() if edge else back


def _batch_norm(norm: Normalised, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients by a batch-norm's input, (N, B, C, H, W), and by its scale, (B, C)."""
    n, _, _, height, width = gradient.shape
    values = norm.values.unsqueeze(1)
    by_scale = (gradient * values).sum((0, 3, 4))
    mean = gradient.sum((0, 3, 4)) / (n * height * width)
    shared = (by_scale / (n * height * width))[..., None, None]
    passed = (gradient - mean[..., None, None]).addcmul_(values, shared, value=-1)
    return passed.mul_(norm.scale[:, None, None]), by_scale


def _avg_pool(op: ops.AvgPool, x: Tensor, gradient: Tensor) -> Tensor:
    """Each output is a mean of those positions of its window that are inside the input."""
    n, b, channels, height, width = gradient.shape
    high, wide = ((size - 1) * op.stride + op.kernel for size in (height, width))
    back = gradient.new_zeros(n, b, channels, high, wide)
    inside = F.avg_pool2d(x.new_ones(1, 1, *x.shape[2:]), op.kernel, op.stride, op.padding, op.ceil, True)
    shared = gradient / (inside * op.kernel**2)
    span = [(size - 1) * op.stride + 1 for size in (height, width)]
    for row, column in product(range(op.kernel), repeat=2):
        back[..., row : row + span[0] : op.stride, column : column + span[1] : op.stride] += shared
    edge = op.padding
    return back[..., edge : edge + x.shape[2], edge : edge + x.shape[3]].contiguous()


def _max_pool(x: Tensor, taken: Tensor, gradient: Tensor) -> Tensor:
    n, b, channels = gradient.shape[:3]
    back = gradient.new_zeros(n, b, channels, x.shape[2] * x.shape[3])
    where = taken.flatten(2).unsqueeze(1).expand(n, b, channels, -1)
    return back.scatter_add_(3, where, gradient.flatten(3)).view(n, b, *x.shape[1:])
