"""The expected Zen-score: the expectation of the Monte-Carlo score of `zen.py`, in closed form and without torch.

For Gaussian weights, the statistics of a layer's output follow from those of its input. So the score is computed along
the op graph of the plain network. `engine/moments.py` has the steps, and docs/expected-zen.md the derivation and the
accuracy. The contribution of a block depends on the rest of the network only through the statistics that enter it.
Therefore blocks are computed once and cached as `BlockTerms`, and a search scores a mutated network by adding terms.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from PlainNet import BlockSpec, Options, Structure, StructureError, ops
from PlainNet.blocktype import block_type, in_channels
from PlainNet.ir import does_not_join
from PlainNet.lowering import Unit, family_units, lower_block, lower_family
from PlainNet.ops import BN_EPS, BN_MOMENTUM, Node, Shape
from PlainNet.sizes import Size, SizeLike, area, checked_size
from PlainNet.template import Template, Width, template_of
from ZeroShotProxy.base import ArrayScore, ProxyError, ProxyInfo, Score, ScoreSettings, Target, register, structure_of
from ZeroShotProxy.engine import moments
from ZeroShotProxy.engine.dependence import Numbers
from ZeroShotProxy.engine.moments import Signal

if TYPE_CHECKING:
    from PlainNet.arrays.blocks import Blocks

GAMMA = 0.01

# The two passes of Zen-NAS change a running variance from 1 to 0.81 + 0.19 v.
_KEPT = (1 - BN_MOMENTUM) ** 2
_NEW = 1 - _KEPT

# Tables are indexed by the logarithm of the decorrelation, down to the value for gamma = 1e-6.
_LOWEST, _STEP = -30.0, 1 / 16
_GRID = np.arange(_LOWEST, _STEP / 2, _STEP)


_MORE_THAN_ZERO = (ops.Sigmoid, ops.Add, ops.Concat)
"""Operations whose output may differ from zero although their first input is zero."""


class Entry(NamedTuple):
    """The statistics that enter a block: the numbers of a `Signal`."""

    second: float
    mean2: float
    kurtosis: float
    rectified: bool
    shared: float = 0.0


IMAGE = Entry(second=1.0, mean2=0.0, kurtosis=0.0, rectified=False)
FEATURES = Entry(0.5, moments.RELU_MEAN_SQUARED, moments.RELU_KURTOSIS, True)
"""The statistics of a normalised and rectified value, the output of a super-block."""


_SHARED_STEP = 0.01


class BlockTerms(NamedTuple):
    """The contribution of a block to the expected score.

    logs: the sum of half the logarithms of its running variances.
    tail: the contribution of its last layer to the logs of the next block (see `Signal.excess`).
    decorrelation: a table, on the grid of log decorrelations at the input, of how much the block adds to them.
    distance: a table on the same grid of log E|x - x'| at the output, minus half the log decorrelation at the input.
    exit: the statistics of the output. shape: the shape of the output.
    """

    logs: float
    tail: float
    decorrelation: array[float]
    distance: array[float]
    exit: Entry
    shape: Shape


def block_terms(spec: BlockSpec, size: Size, entry: Entry, options: Options) -> BlockTerms:
    """Return the terms of one block on an input of this size in pixels. `ExpectedZen` caches them.

    Raises StructureError if the block does not work on such an input.
    """
    template = template_of(spec)
    chain = _chain(template, size, entry, options) if template is not None else None
    if chain is not None:
        return chain.of(spec.args)
    nodes, shape = lower_block(spec, size, options)
    logs, values = _walk(nodes, size, entry)
    return _terms(logs, values[-1], shape)


def _walk(nodes: Sequence[Node], size: Size, entry: Entry) -> tuple[float, list[Signal]]:
    """The logs of the batch-norms and the statistics of all values, if `entry` enters the operations."""
    return _carry(nodes, size, _entering(entry, np.exp(_GRID)), entry == IMAGE, _largest_kernel(nodes, 1))


def _entering(entry: Entry, decorrelation: Numbers) -> Signal:
    # The distance is correct for an image. In other cases the first layer of a super-block replaces it.
    ingoing = moments.gaussian(1.0, decorrelation)._replace(second=entry.second, mean2=entry.mean2)
    return ingoing._replace(kurtosis=entry.kurtosis, rectified=entry.rectified, shared=entry.shared)


def _carry(
    nodes: Sequence[Node], size: Size, known: Signal, is_image: bool, context: int
) -> tuple[float, list[Signal]]:
    """The logs of the batch-norms and the statistics of all values, if `known` enters the operations.

    context: the kernel whose zero padding shapes the values of the block (see `_profile` in `engine/moments.py`).
    """
    values, sizes = [known], [size]
    logs = 0.0
    for node in nodes:
        x, x_size = values[node.inputs[0]], sizes[node.inputs[0]]
        match node.op:
            case _ if not x.second and not isinstance(node.op, _MORE_THAN_ZERO):
                # Zeros stay zeros, and a batch-norm has variance 0.
                logs += _log_running_deviation(0.0) if isinstance(node.op, ops.BatchNorm) else 0.0
                y = x
            case ops.Conv() as conv:
                # The border of an image is not affected by padding yet.
                own = 1 if node.inputs[0] == 0 and is_image else context
                window = moments.window(conv.kernel, conv.stride, x_size, own, conv.dilation)
                y = moments.weighted_sum(x, conv.in_channels // conv.groups, conv.kernel**2, window, conv.stride)
            case ops.RowColumnConv() as pair:
                # The pair is linear, so it acts like one convolution of kernel × kernel (eq. 11), also at borders.
                own = 1 if node.inputs[0] == 0 and is_image else context
                window = moments.window(pair.kernel, pair.stride, x_size, own)
                between = pair.out_channels
                y = moments.weighted_sum(x, pair.in_channels, pair.kernel**2, window, pair.stride, between)
            case ops.Linear() as linear:
                y = moments.weighted_sum(x, linear.in_features, 1, moments.Window(1.0, 1.0))
            case ops.BatchNorm():
                logs += _log_running_deviation(x.variance) + x.excess
                # After global pooling, variances are small and eps matters. Elsewhere its effect is below 0.001.
                y = moments.normalise(x, BN_EPS if x_size == 1 else 0.0)
            case ops.Relu():
                y = moments.relu(x)
            case ops.Relu6():
                y = moments.relu6(x)
            case ops.Swish():
                y = moments.pointwise(x, moments.swish)
            case ops.Sigmoid():
                y = moments.pointwise(x, moments.sigmoid)
            case ops.AdaptiveAvgPool() as pool:
                y = moments.average(x, max(1.0, area(x_size) / pool.size**2))
            case ops.AvgPool() as pool:
                y = moments.pool(x, pool, x_size)
            case ops.MaxPool() as pool:
                y = moments.maximum(x, pool.kernel**2)
            case ops.Add():
                y = moments.add(x, values[node.inputs[1]], x_size)
            case ops.Mul():
                y = moments.multiply(x, values[node.inputs[1]])
            case ops.Concat():
                channels = [nodes[i - 1].shape.channels for i in node.inputs]
                y = moments.mixture([values[i] for i in node.inputs], channels)
            case ops.Zero():
                y = moments.zero(x)
            case ops.Flatten() | ops.Shift() | ops.Truncate():
                y = x
            case other:
                raise ops.UnknownOperationError(other, "the expected Zen-score")
        values.append(y)
        sizes.append(node.shape.size)
    return logs, values


def _largest_kernel(nodes: Sequence[Node], before: int) -> int:
    """The largest kernel of a block's convolutions, or `before`, that of the previous block, if none is above 1."""
    convolutions = (node.op for node in nodes if isinstance(node.op, (ops.Conv, ops.RowColumnConv)))
    largest = max((conv.kernel for conv in convolutions), default=1)
    return largest if largest > 1 else before


def _log_running_deviation(variance: float) -> float:
    """log sqrt(running variance) after both passes (eq. 1)."""
    return 0.5 * math.log(_KEPT + _NEW * variance)


def _terms(logs: float, out: Signal, shape: Shape) -> BlockTerms:
    outgoing = np.log(np.clip(out.decorrelation, 1e-15, 1.0))
    distance = np.log(np.maximum(out.distance, 1e-15))
    return BlockTerms(
        logs,
        out.excess,
        array("d", outgoing - _GRID),
        array("d", distance - _GRID / 2),
        _leaving(out),
        shape,
    )


def _leaving(out: Signal) -> Entry:
    """The statistics that enter the next block, without what depends on widths, so that cached blocks are found again.

    The kurtosis of a sum over channels does: it is left out, as the next convolution divides it by its own taps.
    """
    shared = round(out.shared / _SHARED_STEP) * _SHARED_STEP
    return Entry(out.second, out.mean2, out.kurtosis if out.rectified else 0.0, out.rectified, shared)


@dataclass(frozen=True, slots=True)
class _Chain:
    """The terms of a template that is a chain of convolution, batch-norm and ReLU. Widths only affect the logs.

    convolutions: (times, channels, variance), each for half of log(kept + new * variance * channels).
    excesses: (times, channels, factor), each for half of log(1 + factor / channels). tail: that of the last layer.
    Channels are those of the fan-in, as indices into `widths`. out: the index of the output width. probe: the terms of
    the template's probe.
    """

    widths: tuple[Width, ...]
    convolutions: tuple[tuple[int, int, float], ...]
    excesses: tuple[tuple[int, int, float], ...]
    tail: tuple[int, float]
    out: int
    probe: BlockTerms

    def of(self, args: tuple[int, ...]) -> BlockTerms:
        log = math.log
        known = (*args, 1)  # the 1 is for constant widths, whose index is -1
        widths = [known[arg] * numerator // denominator for arg, numerator, denominator in self.widths]
        logs = 0.0
        for times, i, variance in self.convolutions:
            logs += times * log(_KEPT + _NEW * variance * widths[i])
        for times, i, factor in self.excesses:
            logs += times * log(1 + factor / widths[i])
        i, factor = self.tail
        tail = 0.5 * log(1 + factor / widths[i])
        _, _, decorrelation, distance, leaving, shape = self.probe
        return BlockTerms(logs / 2, tail, decorrelation, distance, leaving, Shape(widths[self.out], shape.size))


_RECTIFIERS = (ops.Relu, ops.Relu6)
_CHAIN = (ops.Conv, ops.BatchNorm, *_RECTIFIERS)
_ENDS = (*_RECTIFIERS, ops.BatchNorm)
_GATE = (ops.AdaptiveAvgPool, ops.Sigmoid, ops.Mul)


@cache
def _chain(template: Template, size: Size, entry: Entry, options: Options) -> _Chain | None:
    """The formula of a template's terms, or None if its plain network is not a chain with optional gates.

    After the pooling of a gate, widths also affect the variance slightly through eps. There, the probe's are used.
    """
    nodes, shape = lower_family(template.probe, size, options)
    kinds = [type(node.op) for node in nodes]
    if not set(kinds) <= {*_CHAIN, *_GATE} or kinds[-1] not in _ENDS or area(shape.size) < 2:
        return None
    spread, last = _family_walk(template, nodes, size, entry, options)
    widths: dict[Width, int] = {}
    convolutions: Counter[tuple[int, float]] = Counter()
    excesses: Counter[tuple[int, float]] = Counter()
    behind: dict[int, tuple[int, float]] = {}  # for each value, its excess as (width, factor)
    for number, node in enumerate(nodes, start=1):
        source = node.inputs[0]
        if isinstance(node.op, ops.BatchNorm):
            conv = nodes[source - 1].op
            if not isinstance(conv, ops.Conv):
                return None
            fan_in = conv.in_channels // conv.groups
            i = widths.setdefault(template.width(fan_in), len(widths))
            convolutions[i, spread[source][0] / fan_in] += 1
            if source in behind and spread[source][1]:
                excesses[behind[source]] += 1
            behind[number] = (i, float(fan_in))
        elif isinstance(node.op, _RECTIFIERS) and source in behind:
            i, channels = behind[source]
            behind[number] = (i, math.expm1(2 * spread[number][1]) * channels)
        elif source in behind:
            behind[number] = behind[source]
    out = widths.setdefault(template.width(shape.channels), len(widths))
    return _Chain(
        tuple(widths),
        tuple((times, *key) for key, times in convolutions.items()),
        tuple((times, *key) for key, times in excesses.items()),
        behind[len(nodes)] if last.rectified else (out, 0.0),
        out,
        _terms(0.0, last, shape),  # their logs depend on widths
    )


_Spread: TypeAlias = tuple[tuple[float, float], ...]
"""The variance and the excess of values."""


@dataclass(frozen=True, eq=False)
class _Reached:
    """How far a walk through the units of a block has come. spread: of all values, the block's input first."""

    signal: Signal
    spread: _Spread


def _family_walk(
    template: Template, nodes: Sequence[Node], size: Size, entry: Entry, options: Options
) -> tuple[_Spread, Signal]:
    """The spread of the values of a template's probe, and the statistics of the last one.

    A block that is deeper than another one of its kind begins with the same units, which are walked through once.
    """
    context, reached = _largest_kernel(nodes, 1), _entered(entry)
    units = family_units(template.probe, size, options)
    for i, unit in enumerate(units or (Unit(nodes, len(nodes), nodes[-1].shape),)):
        reached = _further(reached, unit, size, not i and entry == IMAGE, context)
        size = unit.shape.size
    return reached.spread, reached.signal


@lru_cache(maxsize=1 << 8)
def _entered(entry: Entry) -> _Reached:
    signal = _entering(entry, np.exp(_GRID))
    return _Reached(signal, ((signal.variance, signal.excess),))


_FURTHER = 1 << 10
"""Walks that are remembered, each with two tables of some 4 KB."""


@lru_cache(maxsize=_FURTHER)
def _further(reached: _Reached, unit: Unit, size: Size, is_image: bool, context: int) -> _Reached:
    """Walk on through a unit whose input is what was reached."""
    _, (_, *values) = _carry(unit.nodes, size, reached.signal, is_image, context)
    spread = (*reached.spread, *[(value.variance, value.excess) for value in values])
    return _Reached(values[-1] if values else reached.signal, spread)


def _interpolate(table: array[float], log_decorrelation: float) -> float:
    position = (log_decorrelation - _LOWEST) / _STEP
    if position <= 0:
        return table[0]
    i = min(int(position), len(table) - 2)
    return table[i] + (table[i + 1] - table[i]) * (position - i)


@cache
def _cached(kind: str) -> bool:
    """Whether the terms of blocks of a kind are kept: of super-blocks and of units, which end with a batch-norm."""
    found = block_type(kind)
    return found.linear or found.expand is not None


@lru_cache(maxsize=256)
def _lowered(spec: BlockSpec, size: Size, options: Options) -> tuple[Sequence[Node], Shape]:
    return lower_block(spec, size, options)


class ExpectedZen:
    """Scores structures at one resolution. It caches blocks, so a mutated network takes only microseconds.

    resolution: height and width of the image in pixels; one number for a square. gamma: the size of the perturbation.
    use_se: whether super-blocks have squeeze-and-excitation.
    """

    _CAPACITY = 250_000  # blocks with the tables of their family, about 100 MB
    _OWN_TABLES = 20  # a block with its own tables takes as much memory as this many blocks

    def __init__(self, resolution: Size, gamma: float = GAMMA, use_se: bool = False) -> None:
        self.resolution = resolution
        self.gamma = gamma
        self.options = Options(use_se=use_se, no_reslink=True)
        # log(1 - correlation) of x and x + gamma * noise
        self._start = math.log(-math.expm1(-0.5 * math.log1p(gamma * gamma)))
        self._known: defaultdict[tuple[Size, Entry], dict[BlockSpec, BlockTerms]] = defaultdict(dict)
        self._count = 0

    def __call__(self, structure: Structure) -> float:
        """Return the expected Zen-score.

        Raises StructureError if the structure is not a network at this resolution, and ProxyError if the output does
        not depend on the input.
        """
        if not structure.blocks:
            raise StructureError("the structure has no blocks, expected at least one")
        score, entered, moved = 0.0, self._start, self._start
        size: Size = self.resolution
        entry, channels = IMAGE, in_channels(structure.blocks[0])
        for spec in structure.blocks:
            block = self._known[size, entry].get(spec)
            if block is None:
                if not _cached(spec.kind):
                    return self._walk(structure)
                block = self._add(spec, size, entry)
            if spec.args[0] != channels:
                raise StructureError(does_not_join(spec.kind, spec.args[0], channels))
            logs, tail, decorrelation, distance, entry, shape = block
            channels = shape.channels
            score += logs + tail
            entered, moved = moved, moved + _interpolate(decorrelation, moved)
            size = shape.size
        # No layer follows the last one, so its tail does not count.
        return score - tail + math.log(shape.elements) + entered / 2 + _interpolate(distance, entered)

    def _walk(self, structure: Structure) -> float:
        """The score of a network with small blocks, such as single operations, or cells, without a cache."""
        signal = _entering(IMAGE, math.exp(self._start))
        score, context = 0.0, 1
        size: Size = self.resolution
        channels, is_image = in_channels(structure.blocks[0]), True
        for i, spec in enumerate(structure.blocks):
            if in_channels(spec) != channels:
                raise StructureError(does_not_join(spec.kind, in_channels(spec), channels), str(i))
            nodes, shape = _lowered(spec, size, self.options)
            context = _largest_kernel(nodes, context)
            logs, values = _carry(nodes, size, signal, is_image, context)
            score += logs
            # What enters a block counts as one independent source.
            signal, size, channels, is_image = values[-1]._replace(parts=()), shape.size, shape.channels, False
        if not signal.second:
            raise ProxyError("proxy zen_expected fails: the output does not depend on the input")
        return score + math.log(float(signal.distance)) + math.log(shape.elements)

    def _add(self, spec: BlockSpec, size: Size, entry: Entry) -> BlockTerms:
        block = block_terms(spec, size, entry, self.options)
        if self._count >= self._CAPACITY:
            self._known.clear()
            self._count = 0
        self._count += 1 if template_of(spec) is not None else self._OWN_TABLES
        self._known[size, entry][spec] = block
        return block


def expected_zen(
    structure: Structure, *, resolution: SizeLike = 32, gamma: float = GAMMA, use_se: bool = False
) -> float:
    """Return the expected Zen-score of a structure, in closed form.

    resolution: height and width of the image in pixels; one number for a square. gamma: the size of the perturbation.
    use_se: whether super-blocks have squeeze-and-excitation.

    Raises StructureError if the structure is not a network at this resolution, and ProxyError if the output does not
    depend on the input.
    """
    return _scorer(checked_size(resolution, StructureError, "the resolution"), gamma, use_se)(structure)


@lru_cache(maxsize=16)
def _scorer(resolution: Size, gamma: float, use_se: bool) -> ExpectedZen:
    return ExpectedZen(resolution, gamma, use_se)


def _score(target: Target, settings: ScoreSettings) -> Score:
    structure = structure_of(target, "zen_expected")
    return Score(expected_zen(structure, resolution=settings.resolution, gamma=settings.gamma, use_se=settings.use_se))


def _arrays(blocks: Blocks, settings: ScoreSettings) -> ArrayScore:
    from ZeroShotProxy.engine.zen_arrays import ExpectedZenArrays  # imports this file

    scorer = ExpectedZenArrays(blocks, settings.gamma, settings.use_se)
    return lambda placed, costs: scorer(placed)


register(
    ProxyInfo(
        name="zen_expected",
        summary="the Zen-score in closed form, in microseconds per network",
        source="this project, docs/expected-zen.md",
        aliases=("ZenExpected",),
        plain="how strongly a random plain network reacts to changes of its input, on average",
        expectation_of="zen",
    ),
    _score,
    arrays=_arrays,
)
