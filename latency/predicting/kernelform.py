"""The kernels of a whole family of blocks at once, with channels as multiples of the blocks' arguments.

A search meets a new block almost every time, but rarely a new family. `predictor.py` evaluates a form instead of
lowering each block. `PlainNet/template.py` explains templates.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from latency.kernels import DEPTHWISE, Fusion, Kernel, group
from PlainNet.blocktype import Options
from PlainNet.lowering import part_graph
from PlainNet.sizes import Size
from PlainNet.template import Template, Width


class Family(NamedTuple):
    """All fields of a `Kernel` except its channels; depthwise kernels have `groups` 0."""

    kind: str
    batch: int
    size: Size
    out_size: Size
    kernel: int
    stride: int
    groups: int
    added: bool

    def member(self, in_channels: int, out_channels: int) -> Kernel:
        """Return the kernel of the family with these numbers of channels."""
        kind, batch, size, out_size, kernel, stride, groups, added = self
        return Kernel(
            kind, batch, in_channels, out_channels, size, out_size, kernel, stride, groups or in_channels, added
        )


def family_of(kernel: Kernel) -> Family:
    """Return the family of a kernel."""
    groups = 0 if kernel.kind == DEPTHWISE else kernel.groups
    return Family(
        kernel.kind, kernel.batch, kernel.size, kernel.out_size, kernel.kernel, kernel.stride, groups, kernel.added
    )


@dataclass(frozen=True, slots=True)
class KernelForm:
    """The kernels of a family of blocks.

    widths: formulas for numbers of channels. kernels: (count, family, index of the input width, index of the output
    width). out: index of the width of the block's output. size: of the output in pixels.
    """

    widths: tuple[Width, ...]
    kernels: tuple[tuple[int, Family, int, int], ...]
    out: int
    size: Size


@cache
def kernel_form(template: Template, size: Size, options: Options, fusion: Fusion, batch: int) -> KernelForm:
    """Return the kernels of `template` for inputs of this size in pixels and batches of `batch` images."""
    graph = part_graph([template.probe], size, options)
    widths: dict[Width, int] = {}
    found: Counter[tuple[Family, int, int]] = Counter()
    for kernel, _ in group(graph, fusion, batch):
        i, j = (
            widths.setdefault(template.width(number), len(widths))
            for number in (kernel.in_channels, kernel.out_channels)
        )
        found[family_of(kernel), i, j] += 1
    kernels = tuple((count, *key) for key, count in found.items())
    made = graph.shape_of(graph.output)
    out = widths.setdefault(template.width(made.channels), len(widths))
    return KernelForm(tuple(widths), kernels, out, made.size)
