"""The mean field block by block: what a search needs, in microseconds per mutated network (docs/mean-field.md, Speed).

The statistics that enter a block from both sides are a few numbers. Gains, variances and the correlations of positions
do not depend on channel numbers, which only enter as fan-ins and inverse widths. So a family of blocks is walked once,
forward and backward, with symbols for its inverse widths (`Inverse`), and its members are sums over their layers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import NamedTuple

import numpy as np

from PlainNet import BlockSpec, Options, ops
from PlainNet.lowering import part_graph
from PlainNet.ops import OpGraph, Shape
from PlainNet.template import Template, Width, template_of
from ZeroShotProxy.engine.mean_field.backward import Gradient, carry_back
from ZeroShotProxy.engine.mean_field.field import weight_gradient
from ZeroShotProxy.engine.mean_field.forward import Forward, State, carry
from ZeroShotProxy.engine.mean_field.torus import Array, Torus, torus

WHITE = (ops.Conv, ops.BatchNorm, ops.Relu, ops.Relu6, ops.Swish, ops.Sigmoid, ops.Add, ops.Mul, ops.AdaptiveAvgPool)
"""The operations of blocks that are computed this way; they leave neighbouring positions uncorrelated."""

_OVERLAPS = 8
_VARIANCES = 20
"""Steps per factor of e in which the overlap and the variance that enter a block are rounded."""
_SHARES = 20
"""Steps in which the shares of the shells in the energy of a gradient are rounded."""
_ENERGIES, _LEAST = 20, 0.005
"""Steps per factor of e in which the energy of a shell is rounded where gates, which sum over positions, read it; and
the energy below which differences do not matter."""


class Entry(NamedTuple):
    """What enters a family of blocks from the image's side: the size of its input, and its statistics, rounded.

    mean: of its input, for a variance of 1, in hundredths. variance: its logarithm, in steps of 1 / `_VARIANCES`.
    """

    size: int
    mean: int
    variance: int

    @classmethod
    def of(cls, size: int, mean: float, variance: float) -> Entry:
        return cls(size, round(100 * mean / math.sqrt(variance)), round(_VARIANCES * math.log(variance)))

    def state(self, overlap: Array, shape: Shape) -> State:
        """Return a value with these statistics."""
        variance = math.exp(self.variance / _VARIANCES)
        mean = self.mean / 100 * math.sqrt(variance)
        return State(mean, {0: (variance, 1.0)}, overlap, torus(self.size, True), shape)


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """What enters a family of blocks from the side of the output: the energy of the gradient in each shell, rounded.

    steps: shares of the energy, or logarithms of energies if `fine`. Equal spectra are the same object and are compared
    by identity, which makes them fast keys.
    """

    steps: tuple[int, ...]
    fine: bool

    @staticmethod
    def of(energy: Array, here: Torus, fine: bool) -> Spectrum:
        """Return the spectrum of a gradient. fine: whether gates will read it."""
        normal = energy / here.mean(energy)
        steps = _ENERGIES * np.log(normal + _LEAST) if fine else _SHARES * here.weights * normal
        return _spectrum(tuple(np.rint(steps).astype(int).tolist()), fine)

    def energy(self, here: Torus) -> Array:
        """Return a gradient's energy with this spectrum and mean 1, (classes,)."""
        steps = np.array(self.steps, dtype=np.float64)
        found = np.exp(steps / _ENERGIES) if self.fine else steps / here.weights
        return np.asarray(found / here.mean(found))


@cache
def _spectrum(steps: tuple[int, ...], fine: bool) -> Spectrum:
    return Spectrum(steps, fine)


def rounded_overlap(overlap: float) -> int:
    """Return the logarithm of an overlap in steps of 1 / `_OVERLAPS`, so that blocks are found again."""
    return round(_OVERLAPS * math.log(overlap))


class LayerForm(NamedTuple):
    """A convolution of a family of blocks.

    fan_in, out: its input channels per group and its output channels, as indices of widths.
    gradient: the squared norm of the gradient by its weights, for one input channel per group and an energy of 1 at the
        output of the block.
    positions: of its output. area: kernel².
    overlap: the parts of the overlap of its output, (index of a width, or -1 for what enters, factor).
    """

    fan_in: int
    out: int
    gradient: float
    positions: int
    area: int
    overlap: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Exit:
    """What leaves a family of blocks towards the output.

    widths: the family's widths. out: the output's, as an index. size, mean, variance: of the output. overlap: the parts
    of its overlap, as in `LayerForm`.
    """

    widths: tuple[Width, ...]
    out: int
    size: int
    mean: float
    variance: float
    overlap: tuple[tuple[int, float], ...]

    def of(self, args: tuple[int, ...], overlap: int) -> tuple[int, int]:
        """Return the channels of the output of the block with these arguments, and its overlap.

        overlap: what enters the block, as `rounded_overlap` returns it.
        """
        widths = numbers(self.widths, args)
        inverses = _inverses(widths, overlap)
        return widths[self.out], rounded_overlap(sum(factor * inverses[i] for i, factor in self.overlap))


class Terms(NamedTuple):
    """What a block adds to the sums over layers, for an energy of 1 at its output (equation 24).

    roots: Σ r, r being the root of the norm of a layer's gradient.
    computation, features: Σ r log FLOPs and Σ r log (effective activations · effective channels).
    entropy: Σ r log r.
    factor, log_factor: by how much r grows before the block, and the logarithm.
    kept, before: see `BlockForm`. added: what the block adds to tr C² at its input, by shell.
    """

    roots: float
    computation: float
    features: float
    entropy: float
    factor: float
    log_factor: float
    kept: tuple[tuple[int, int, float], ...]
    added: tuple[float, ...]
    before: Spectrum


@dataclass(frozen=True, slots=True)
class BlockForm:
    """What a family of blocks adds to the score, for one entry and one spectrum of the gradient at its output.

    gain: the energy of the gradient at the input, for 1 at the output.
    kept, added: how tr C² at the input follows from that at the output, by shell and in units of the squared energy:
        the sum of the factors (to, from, factor) of `kept` times the one at the output, and of those of `added`
        (to, width, factor) divided by the width.
    before: the spectrum at the input.
    """

    widths: tuple[Width, ...]
    layers: tuple[LayerForm, ...]
    gain: float
    kept: tuple[tuple[int, int, float], ...]
    added: tuple[tuple[int, int, float], ...]
    before: Spectrum

    def of(self, args: tuple[int, ...], overlap: int) -> Terms:
        """Return the terms of the block with these arguments. overlap: what enters it, see `rounded_overlap`."""
        log = math.log
        widths = numbers(self.widths, args)
        inverses = _inverses(widths, overlap)
        roots = computation = features = entropy = 0.0
        for fan_in, out, gradient, positions, area, parts in self.layers:
            channels = widths[fan_in]
            inverse = 0.0
            for i, factor in parts:
                inverse += factor * inverses[i]
            root = (gradient * channels) ** 0.25
            roots += root
            computation += root * log(area * positions * channels * widths[out])
            features += root * log(positions / (inverse * inverse))
            entropy += root * log(root)
        squares = [0.0] * len(self.before.steps)
        for to, i, factor in self.added:
            squares[to] += factor * inverses[i]
        factor = self.gain**0.25
        return Terms(roots, computation, features, entropy, factor, log(factor), self.kept, tuple(squares), self.before)


def numbers(widths: tuple[Width, ...], args: tuple[int, ...]) -> list[int]:
    """Return the widths of the block with these arguments."""
    known = (*args, 1)  # the 1 is for constant widths, whose index is -1
    return [known[arg] * numerator // denominator for arg, numerator, denominator in widths]


def _inverses(widths: list[int], overlap: int) -> list[float]:
    return [*(1 / width for width in widths), math.exp(overlap / _OVERLAPS)]


@dataclass(frozen=True, eq=False)
class Family:
    """Blocks that only differ in their channel numbers, or a single block, on inputs of one size.

    graph: the operations of one of them. index: the family's widths, with their places in the basis of `Inverse`. The
    places after them are for what enters.
    """

    graph: OpGraph
    template: Template | None
    index: dict[Width, int]

    @property
    def widths(self) -> tuple[Width, ...]:
        return tuple(self.index)

    def place(self, channels: int) -> int:
        """Return the place of a number of channels of the graph."""
        return self.index[_width(self.template, channels)]

    def inverse(self, channels: int, entering: int) -> Array:
        """Return the inverse of a number of channels, as a unit vector (widths + entering,)."""
        found: Array = np.zeros(len(self.index) + entering)
        found[self.place(channels)] = 1.0
        return found

    def entering(self, count: int) -> Array:
        """Return what enters, as unit vectors (widths + count, count)."""
        return np.eye(len(self.index) + count)[:, len(self.index) :]


def _width(template: Template | None, channels: int) -> Width:
    return Width(-1, channels, 1) if template is None else template.width(channels)


@lru_cache(maxsize=1 << 14)
def _family(member: BlockSpec, template: Template | None, size: int, options: Options) -> Family | None:
    """The family of a block, or None if it has operations that are not in `WHITE`."""
    graph = part_graph([member], size, options)
    if not all(isinstance(node.op, WHITE) for node in graph.nodes):
        return None
    channels = [graph.input.channels, *(node.shape.channels for node in graph.nodes)]
    channels += [n.op.in_channels // n.op.groups for n in graph.nodes if isinstance(n.op, ops.Conv)]
    index: dict[Width, int] = {}
    for number in channels:
        index.setdefault(_width(template, number), len(index))
    return Family(graph, template, index)


def family_of(spec: BlockSpec, size: int, options: Options) -> Family | None:
    """Return the family of a block on inputs of `size` × `size` pixels, or None if it is not computed block by block.

    Raises StructureError if the block does not work on such an input.
    """
    template = template_of(spec)
    return _family(spec if template is None else template.probe, template, size, options)


@lru_cache(maxsize=1 << 12)
def _forward(family: Family, entering: Entry) -> Forward:
    first = entering.state(family.entering(1)[:, 0], family.graph.input)
    return carry(family.graph, first, True, partial(family.inverse, entering=1))


def _parts(overlap: Array) -> tuple[tuple[int, float], ...]:
    last = len(overlap) - 1
    return tuple((-1 if i == last else i, float(factor)) for i, factor in enumerate(overlap) if factor)


@lru_cache(maxsize=1 << 12)
def exit_of(family: Family, entering: Entry) -> Exit | None:
    """Return what leaves a family, or None if it does not depend on the input."""
    out = _forward(family, entering).states[family.graph.output]
    if out.dead:
        return None
    place = family.place(out.shape.channels)
    return Exit(family.widths, place, out.shape.size, out.mean, out.variance, _parts(out.overlap))


@lru_cache(maxsize=1 << 14)
def form_of(family: Family, entering: Entry, behind: Spectrum) -> BlockForm | None:
    """Return what a family adds to the score, or None if no gradient reaches its input."""
    forward, graph = _forward(family, entering), family.graph
    energy = behind.energy(forward.states[graph.output].torus)
    start = Gradient(energy, family.entering(len(energy)))
    gradients = carry_back(graph, forward, start, partial(family.inverse, entering=len(energy)))
    first = gradients[0]
    if first is None:
        return None
    here = forward.states[0].torus
    gain = here.mean(first.energy)
    squares, count = first.square / gain**2, len(family.index)
    return BlockForm(
        family.widths,
        tuple(_layers(family, forward, gradients)),
        gain,
        tuple((int(to), int(i), float(squares[count + i, to])) for i, to in np.argwhere(squares[count:])),
        tuple((int(to), int(i), float(squares[i, to])) for i, to in np.argwhere(squares[:count])),
        Spectrum.of(first.energy, here, behind.fine),
    )


def _layers(family: Family, forward: Forward, gradients: list[Gradient | None]) -> list[LayerForm]:
    found = []
    for number, node in enumerate(family.graph.nodes, start=1):
        gradient = gradients[number]
        if not isinstance(node.op, ops.Conv) or gradient is None or node.shape.size <= 1:
            continue
        x, y = forward.states[node.inputs[0]], forward.states[number]
        if x.dead:
            continue
        channels = node.op.in_channels // node.op.groups
        square = weight_gradient(node.op, x, y, gradient) / channels
        places = family.place(channels), family.place(node.shape.channels)
        found.append(LayerForm(*places, square, node.shape.size**2, node.op.kernel**2, _parts(y.overlap)))
    return found
