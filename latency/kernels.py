"""What a device runs: the operations of a network, grouped into kernels as its back end fuses them. No torch.

A `Kernel` contains everything that a predictor looks at. Equal kernels take the same time, which makes predictions
fast. `group` finds the kernels of an op graph under a back end's `Fusion`; `predicting/features.py` describes them in
numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from PlainNet import ops, read_ops
from PlainNet.ops import FLAT, Node, OpGraph, Shape, UnknownOperationError
from PlainNet.sizes import Sides, Size, area, sides

CONV, DEPTHWISE, GROUPED, LINEAR = "conv", "depthwise", "grouped", "linear"
MAX_POOL, AVG_POOL, GLOBAL_POOL = "max_pool", "avg_pool", "global_pool"
ADD, MUL, NORM, ACTIVATION, COPY = "add", "mul", "norm", "activation", "copy"

WEIGHTED = (CONV, DEPTHWISE, GROUPED, LINEAR)
"""Kinds that multiply by weights; the others only move memory."""
KINDS = (*WEIGHTED, MAX_POOL, AVG_POOL, GLOBAL_POOL, ADD, MUL, NORM, ACTIVATION, COPY)


class Kernel(NamedTuple):
    """One kernel on a batch of feature maps, from `in_channels` maps of `size` to `out_channels` maps of `out_size`.

    kind: one of `KINDS`. size, out_size: in pixels; a vector has size 1. kernel: side of the window; of one that is not
    square, that of a square of nearly the same area. added: whether an elementwise addition is fused in, whose second
    operand is read as well.
    """

    kind: str
    batch: int
    in_channels: int
    out_channels: int
    size: Size
    out_size: Size
    kernel: int = 1
    stride: int = 1
    groups: int = 1
    added: bool = False


class Observed(NamedTuple):
    """What a library was seen to do: whether it runs an operation as a part of the kernel that it follows.

    host: the kernel so far, as `host_name` has it. guest: the operation, as `guest_name` has it.
    """

    host: str
    guest: str
    fused: bool


@dataclass(frozen=True)
class Fusion:
    """What a back end fuses into the preceding operation.

    norm: batch-norms are folded into the weights. activation: ReLU, ReLU6, swish and sigmoid cost no extra time behind
    what has weights, sums and norms. addition: neither does adding a value that already exists, behind what has
    weights. zeros: what becomes of the operation `none`. "constant": it is a constant, and its input is not computed
    for it; "removed": sums with it are removed as well; "run": it is computed, as a product with 0. repeats: whether
    equal operations without weights on the same value within one block are run "again" for each reader, such as the
    ReLUs in front of two convolutions, or only "once", as with elimination of common subexpressions. swish: whether
    `activation` includes swish.

    observed: what was looked up in the library, which outdoes norm, activation and addition. library: in which one, and
    its version.
    """

    norm: bool = True
    activation: bool = True
    addition: bool = True
    zeros: Literal["constant", "removed", "run"] = "constant"
    repeats: Literal["again", "once"] = "again"
    swish: bool = True
    observed: tuple[Observed, ...] = ()
    library: str = ""

    @cached_property
    def _seen(self) -> dict[tuple[str, str], bool]:
        return {(host, guest): fused for host, guest, fused in self.observed}

    def fuses(self, host: str, guest: str) -> bool:
        """Whether an operation is run as a part of the kernel that it follows."""
        seen = self._seen.get((host, guest))
        if seen is not None:
            return seen
        kind, _, since = host.partition(" ")
        match guest:
            case "norm":
                return self.norm and kind in WEIGHTED and not since
            case "add":
                return self.addition and kind in WEIGHTED and not since
            case _:
                fused = self.activation and (self.swish or guest != "swish")
                return fused and kind in (*WEIGHTED, ADD, NORM) and "activated" not in since

    def rules(self) -> list[str]:
        """What is fused where nothing was looked up, as words."""
        return [name for name in ("norm", "activation", "addition") if getattr(self, name)]

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Fusion:
        """Read what `asdict` has written. Raises TypeError or ValueError for other fields."""
        return cls(**{**stored, "observed": tuple(Observed(*one) for one in stored.get("observed", ()))})


UNFUSED = Fusion(norm=False, activation=False, addition=False)


class Group(NamedTuple):
    """A kernel, and the indices of the graph's nodes that it computes."""

    kernel: Kernel
    nodes: tuple[int, ...]


@dataclass
class _Open:
    """A kernel under construction; `last` is the value that it produces so far."""

    kind: str
    op: ops.Op
    takes: Shape
    makes: Shape
    block: int
    last: int
    nodes: list[int]
    added: bool = False
    activated: bool = False

    @property
    def name(self) -> str:
        """What a `Fusion` knows it by: its kind, and what was fused into it that stands in the way of more."""
        return " ".join([self.kind, *["added"] * self.added, *["activated"] * self.activated])

    def take(self, node: int, op: ops.Op) -> None:
        """Run another node, by its index, as a part of this kernel."""
        self.nodes.append(node)
        self.last = node + 1
        self.added |= isinstance(op, ops.Add)
        self.activated |= _is_activation(op)


def group(graph: OpGraph, fusion: Fusion, batch: int = 1) -> list[Group]:
    """Return the kernels that run `graph`, in order.

    Operations whose results are not used are left out, because every exporter prunes them. Nothing is fused across the
    border between two top-level blocks unless the second block is a single operation, as in `ConvKX(…)BN(…)RELU(…)`.
    Therefore a block has the same kernels at any position. Raises UnknownOperationError for an operation that has no
    kind of kernel.
    """
    nodes: Sequence[Node] = graph.nodes
    output = graph.output
    if fusion.zeros == "removed":
        nodes, output = _without_zeros(nodes, output)
    if fusion.repeats == "once":
        nodes, output = _without_repeats(nodes, output)

    def fitting(hosts: list[_Open], i: int, guest: str) -> list[_Open]:
        return [host for host in hosts if fusion.fuses(host.name, guest)]

    found = _opened(graph, nodes, _used(nodes, output, fusion), fusion, fitting)
    return [Group(kernel, tuple(one.nodes)) for one in found for kernel in _kernels(one, batch)]


def observed(graph: OpGraph, kernels: Iterable[Collection[int]], zeros: Fusion = UNFUSED) -> list[Observed]:
    """Return what a library was seen to fuse of a graph, given the indices of the nodes that each of its kernels runs.

    Where it did one thing here and another thing there, what it did more often counts. A sum of two kernels is fused
    into one of them at most. zeros: what becomes of `none`.
    """
    together = [set(one) for one in kernels]
    votes: dict[tuple[str, str], int] = {}

    def fitting(hosts: list[_Open], i: int, guest: str) -> list[_Open]:
        found = [host for host in hosts if any({host.last - 1, i} <= one for one in together)]
        for host in found or hosts:
            votes[host.name, guest] = votes.get((host.name, guest), 0) + (1 if found else -1)
        return found

    _opened(graph, graph.nodes, _used(graph.nodes, graph.output, zeros), zeros, fitting)
    return [Observed(host, guest, count > 0) for (host, guest), count in sorted(votes.items())]


def _opened(
    graph: OpGraph,
    nodes: Sequence[Node],
    used: set[int],
    fusion: Fusion,
    fitting: Callable[[list[_Open], int, str], list[_Open]],
) -> list[_Open]:
    """The kernels. fitting: which of the kernels before a node, given by index and name, may run it as well."""
    lone = {block for block, count in Counter(node.block for node in nodes).items() if count == 1}
    readers = Counter(number for i in used for number in nodes[i].inputs)
    making: dict[int, _Open] = {}  # by the value that it makes
    found: list[_Open] = []
    for i in sorted(used):
        node, number = nodes[i], i + 1
        near = {number: making[number] for number in node.inputs if number in making and readers[number] == 1}
        hosts = [h for h in near.values() if h.block == node.block or node.block in lone]
        guest = guest_name(node.op)
        fits = fitting(hosts, i, guest) if guest else []
        if fits:
            host = min(fits, key=lambda host: host.last)  # the main branch: shortcuts are lowered after it
            del making[host.last]
            host.take(i, node.op)
            making[number] = host
            continue
        kind = _kind(node.op)
        if kind is None or (isinstance(node.op, ops.Zero) and fusion.zeros != "run"):
            continue
        opened = _Open(kind, node.op, graph.shape_of(node.inputs[0]), node.shape, node.block, number, [i])
        making[number] = opened
        found.append(opened)
    return found


def _used(nodes: Sequence[Node], output: int, fusion: Fusion) -> set[int]:
    """Indices of the nodes that are needed for value `output`."""
    used: set[int] = set()
    todo = [output - 1] if output else []
    while todo:
        i = todo.pop()
        if i in used:
            continue
        used.add(i)
        if fusion.zeros == "run" or not isinstance(nodes[i].op, ops.Zero):
            todo += [number - 1 for number in nodes[i].inputs if number]
    return used


def _without_zeros(nodes: Sequence[Node], output: int) -> tuple[list[Node], int]:
    """Replace sums that have a zero term by their other term. Returns the remaining nodes and the new output."""
    same = list(range(len(nodes) + 1))  # for each value, the value that replaces it
    zero: set[int] = set()
    kept = []
    for number, node in enumerate(nodes, start=1):
        inputs = tuple(same[i] for i in node.inputs)
        kept.append(node._replace(inputs=inputs))
        if isinstance(node.op, ops.Zero):
            zero.add(number)
        elif isinstance(node.op, ops.Add):
            terms = [i for i in inputs if i not in zero]
            if not terms:
                zero.add(number)
            elif len(terms) == 1:
                same[number] = terms[0]
    return kept, same[output]


def _without_repeats(nodes: Sequence[Node], output: int) -> tuple[list[Node], int]:
    """Drop nodes that repeat an earlier node of their block. Returns the remaining nodes and the new output."""
    same = list(range(len(nodes) + 1))  # for each value, the value that replaces it
    first: dict[tuple[int, ops.Op, tuple[int, ...]], int] = {}
    kept = []
    for number, node in enumerate(nodes, start=1):
        inputs = tuple(same[i] for i in node.inputs)
        kept.append(node._replace(inputs=inputs))
        if isinstance(node.op, ops.WITHOUT_WEIGHTS):
            terms = tuple(sorted(inputs)) if isinstance(node.op, ops.Add) else inputs
            same[number] = first.setdefault((node.block, node.op, terms), number)
    return kept, same[output]


def guest_name(op: ops.Op) -> str | None:
    """The name of an operation that may be fused into the kernel before it: `norm`, `add`, or that of an activation."""
    match op:
        case ops.BatchNorm():
            return "norm"
        case ops.Add():
            return "add"
        case read_ops.Activation():
            return op.function if _is_activation(op) else None
    return type(op).__name__.lower() if _is_activation(op) else None


def _kind(op: ops.Op) -> str | None:
    """The kind of kernel that the operation is by itself; None if nothing is run for it."""
    match op:
        case ops.Conv() | read_ops.FreeConv():
            if op.groups == 1:
                return CONV
            return DEPTHWISE if op.groups == op.in_channels == op.out_channels else GROUPED
        case ops.RowColumnConv():
            return CONV
        case ops.Linear():
            return LINEAR
        case ops.MaxPool():
            return MAX_POOL
        case ops.AvgPool():
            return AVG_POOL
        case ops.AdaptiveAvgPool():
            return GLOBAL_POOL
        case ops.Add():
            return ADD
        case ops.Mul():
            return MUL
        case ops.BatchNorm():
            return NORM
        case ops.Relu() | ops.Relu6() | ops.Swish() | ops.Sigmoid():
            return ACTIVATION
        case ops.Concat() | ops.Shift() | ops.Truncate():
            return COPY
        case ops.Zero():
            return MUL
        case ops.Flatten() | read_ops.Unflatten():
            return None
        case read_ops.FreePool():
            return MAX_POOL if op.kind == "max" else AVG_POOL
    for kinds, kind in _STAND_INS.items():
        if isinstance(op, kinds):
            return kind
    raise UnknownOperationError(op, "kernels.group")


_STAND_INS = {
    (read_ops.LayerNorm, read_ops.GroupNorm, read_ops.ResponseNorm): NORM,
    (read_ops.Activation, read_ops.PRelu, read_ops.Scale, read_ops.Offset, read_ops.Rescale): ACTIVATION,
    (read_ops.Sub,): ADD,
    (read_ops.ChannelConv, read_ops.Slice, read_ops.ChannelShuffle, read_ops.Pad, read_ops.Upsample): COPY,
    (read_ops.SpaceToDepth,): COPY,
}
"""Kinds of kernels that move as much memory as operations that no profile has measured."""


def stand_ins(graph: OpGraph) -> list[str]:
    """Return the names of the graph's operations that `group` describes by the kernel of another one, sorted.

    Those are operations of networks that were designed elsewhere, such as `LayerNorm`, and windows that are not square.
    """
    measured = (read_ops.Unflatten, read_ops.FreePool)
    found = {
        type(node.op).__name__
        for node in graph.nodes
        if isinstance(node.op, read_ops.READ_OPS)
        and not isinstance(node.op, measured)
        and not (isinstance(node.op, read_ops.FreeConv) and node.op.kernel[0] == node.op.kernel[1])
    }
    return sorted(found)


def _is_activation(op: ops.Op) -> bool:
    """Whether an operation is fused like a ReLU; a softmax needs all channels."""
    if isinstance(op, read_ops.Activation):
        return op.function != "softmax"
    return isinstance(op, (ops.Relu, ops.Relu6, ops.Swish, ops.Sigmoid))


def _window(op: read_ops.FreeConv) -> tuple[int, int]:
    """The side of a square window, and groups, that multiply as often; for grouped convolutions nearly."""
    short, long = sorted(op.kernel)
    if op.groups > 1:
        return _side(Sides(short, long)), op.groups
    return long, long // short


def _side(size: Size) -> int:
    """The side of the square whose area is nearest."""
    return max(round(math.sqrt(area(size))), 1) if isinstance(size, Sides) else size


def _kernels(one: _Open, batch: int) -> list[Kernel]:
    op, takes, makes = one.op, one.takes, one.makes
    sizes: tuple[Size, Size] = (takes.size or 1, makes.size or 1) if takes.size != FLAT else (1, 1)
    match op:
        case ops.RowColumnConv():  # a window of k × 1 multiplies as often as one of k × k in k groups
            return [
                Kernel(CONV, batch, f.in_channels, f.out_channels, *sizes, max(f.kernel), 1, max(f.kernel))
                for f in op.factors
            ]
        case ops.Conv():
            return [
                Kernel(
                    one.kind, batch, op.in_channels, op.out_channels, *sizes, op.kernel, op.stride, op.groups, one.added
                )
            ]
        case read_ops.FreeConv():
            kernel, groups = _window(op)
            return [
                Kernel(one.kind, batch, op.in_channels, op.out_channels, *sizes, kernel, op.stride, groups, one.added)
            ]
        case ops.MaxPool() | ops.AvgPool() | read_ops.FreePool():
            window, steps = _side(op.kernel), _side(op.stride)
            return [Kernel(one.kind, batch, takes.channels, makes.channels, *sizes, window, steps)]
        case ops.AdaptiveAvgPool():
            return [Kernel(one.kind, batch, takes.channels, makes.channels, *sizes, _side(sizes[0]))]
        case ops.Concat() | ops.Truncate() | read_ops.Slice() | read_ops.Upsample() | read_ops.Pad():
            return [Kernel(one.kind, batch, makes.channels, makes.channels, *sizes)]
        case _:
            return [Kernel(one.kind, batch, takes.channels, makes.channels, *sizes, added=one.added)]


def by_kind(kernels: Sequence[Kernel]) -> Iterator[tuple[list[int], Kernel]]:
    """For each kind, yield the indices of its rows, and its kernels as one `Kernel` whose fields are columns (N,).

    Sizes are `Sides` of two columns, also where all are squares.
    """
    import numpy as np

    rows: dict[str, list[int]] = {}
    for i, kernel in enumerate(kernels):
        rows.setdefault(kernel.kind, []).append(i)
    for kind, chosen in rows.items():
        columns = np.array([whole_numbers(*kernels[i][1:]) for i in chosen], dtype=np.int64).T
        yield chosen, kernel_of_columns(kind, *columns)


def whole_numbers(batch: int, ins: int, outs: int, size: Size, out_size: Size, *rest: int) -> tuple[int, ...]:
    """Return the fields of a kernel behind its kind, with height and width of each size."""
    return (batch, ins, outs, *sides(size), *sides(out_size), *rest)


def kernel_of_columns(
    kind: str, batch: Any, ins: Any, outs: Any, height: Any, width: Any, out_height: Any, out_width: Any, *rest: Any
) -> Kernel:
    """Return kernels of one kind as one `Kernel`, given the columns of `whole_numbers`."""
    return Kernel(kind, batch, ins, outs, Sides(height, width), Sides(out_height, out_width), *rest)
