"""A kernel in numbers: its work, its memory traffic, and how well both fit the device. No torch.

`baseline` is a roofline (Williams et al., CACM 2009): the longer of computing at peak speed and moving every byte once,
plus a launch. A learned predictor only has to predict the factor between this time and the real one. `features` are the
inputs of that prediction: logarithms of shapes, how full the tiles of a matrix multiplication are, and in how many
waves they run on the device's units. Maps that are not square count with their own positions and bytes; what only
height or width has, such as being odd, counts as the mean of both, so profiles of square kernels serve for all.

Both are written once, for a `Kernel` with plain numbers and `SCALAR`, or with columns of arrays and `columns()`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from latency.kernels import ADD, CONV, LINEAR, MUL, WEIGHTED, Kernel
from PlainNet.sizes import area, sides

Number: TypeAlias = Any
"""A float, or an array of floats."""


class Maths(NamedTuple):
    """The functions that a formula uses, for one kernel or for columns of kernels."""

    log: Callable[[Number], Number]
    ceil: Callable[[Number], Number]
    sin: Callable[[Number], Number]
    cos: Callable[[Number], Number]
    smaller: Callable[[Number, Number], Number]
    larger: Callable[[Number, Number], Number]


def _smaller(a: float, b: float) -> float:
    return a if a < b else b


def _larger(a: float, b: float) -> float:
    return a if a > b else b


SCALAR = Maths(math.log, math.ceil, math.sin, math.cos, _smaller, _larger)


def columns() -> Maths:
    """Return the functions for columns of kernels, from numpy."""
    import numpy as np

    return Maths(np.log, np.ceil, np.sin, np.cos, np.minimum, np.maximum)


@dataclass(frozen=True)
class Hardware:
    """What is known of a device before anything is measured. It need not be exact, because models learn a factor to it.

    macs_per_ms: peak multiply–accumulates per ms. depthwise_macs_per_ms: the peak if matrix units cannot be used.
    bytes_per_ms: memory bandwidth. element_bytes: bytes of a number. channel_multiple: channels are padded to a
    multiple of this. units: multiprocessors, or threads. tiles: (positions, channels) that a unit computes at a time.
    launch_ms: time of an empty kernel.
    """

    macs_per_ms: float
    depthwise_macs_per_ms: float
    bytes_per_ms: float
    element_bytes: int
    channel_multiple: int
    units: int
    tiles: tuple[tuple[int, int], ...]
    launch_ms: float


class Work(NamedTuple):
    """The work of a kernel: positions × channels sums of `length` products each, and the bytes that it moves."""

    positions: Number
    channels: Number
    length: Number
    macs: Number
    in_bytes: Number
    out_bytes: Number
    weight_bytes: Number
    bytes: Number


def work(kernel: Kernel, hardware: Hardware) -> Work:
    """Return the work of a kernel, or of columns of kernels of the same kind."""
    width, kind = hardware.element_bytes, kernel.kind
    positions = kernel.batch * area(kernel.out_size)
    taps = kernel.kernel * kernel.kernel
    if kind in WEIGHTED:
        length = taps * (kernel.in_channels // kernel.groups)
        weights = length * kernel.out_channels * width
    else:
        length, weights = taps, 0
    outputs = positions * kernel.out_channels
    in_bytes = kernel.batch * kernel.in_channels * area(kernel.size) * width
    out_bytes = outputs * width
    moved = in_bytes + out_bytes * (1 + kernel.added) + weights + (in_bytes if kind in (ADD, MUL) else 0)
    return Work(positions, kernel.out_channels, length, outputs * length, in_bytes, out_bytes, weights, moved)


def _up(value: Number, multiple: int) -> Number:
    return -(-value // multiple) * multiple


def baseline(kernel: Kernel, hardware: Hardware, m: Maths = SCALAR) -> Number:
    """The roofline time of the kernel in ms, for the whole batch."""
    return _baseline(kernel, work(kernel, hardware), hardware, m)


def _baseline(kernel: Kernel, done: Work, hardware: Hardware, m: Maths) -> Number:
    return m.larger(done.macs / peak(kernel.kind, hardware), done.bytes / hardware.bytes_per_ms) + hardware.launch_ms


def peak(kind: str, hardware: Hardware) -> float:
    """Return the peak multiply–accumulates per ms for kernels of a kind."""
    return hardware.macs_per_ms if kind in (CONV, LINEAR) else hardware.depthwise_macs_per_ms


PERIODS = (16, 32, 64, 128)
"""Multiples of channels for which kernels are optimised."""
WAVES = 40.0
"""With more waves than this, the last, partly filled one no longer matters."""


def features(
    kernel: Kernel, hardware: Hardware, kinds: Sequence[str], m: Maths = SCALAR
) -> tuple[Number, list[Number]]:
    """Return the baseline in ms, and the inputs from which the factor to it is predicted, in the order of `names`.

    kinds: the kinds of kernel that the model distinguishes.
    """
    kind, n = kernel.kind, kernel.batch
    ci, co, k = kernel.in_channels, kernel.out_channels, kernel.kernel
    (height, width), (down, across) = sides(kernel.size), sides(kernel.out_size)
    done = work(kernel, hardware)
    base = _baseline(kernel, done, hardware, m)
    fastest, multiple = peak(kind, hardware), hardware.channel_multiple
    moving, computing = done.bytes / hardware.bytes_per_ms, done.macs / fastest
    dense = kind in (CONV, LINEAR)
    padded = _up(ci, multiple) * _up(co, multiple) / (ci * co) if dense else _up(co, multiple) / co
    plane = down * across
    log_positions, log_channels, log_length = m.log(done.positions), m.log(co), m.log(done.length)
    log_moving, log_computing = m.log(moving), m.log(computing)
    zero = 0 * n
    found: list[Number] = [
        n,
        m.log(n),
        (n == 1) * 1.0,
        _mean(m.log(height), m.log(width)),
        m.log(ci),
        log_channels,
        log_channels - m.log(ci),
        log_positions,
        log_length,
        log_positions + log_channels,
        log_positions + log_channels + log_length,
        m.log(plane),
        m.log(done.in_bytes),
        m.log(done.out_bytes),
        m.log(done.weight_bytes + 1),
        log_moving,
        log_computing,
        log_computing - log_moving,
        m.log(base),
        padded,
        kernel.added * 1.0 + zero,
        m.log(kernel.stride) + zero,
        (k == 1) * 1.0 + zero,
        (k == 3) * 1.0 + zero,
        (k == 5) * 1.0 + zero,
        _mean(height % 2, width % 2),
        _mean(down % 2, across % 2),
        _mean(down % 4, across % 4),
        m.ceil(down / 4) * m.ceil(across / 4) * 16 / plane,
        m.ceil(down / 2) * m.ceil(across / 2) * 4 / plane,
        (ci % 32) / 32,
        (co % 32) / 32,
        (co % 64) / 64,
        (done.positions % 128) / 128,
    ]
    tiles, residues = (_tiles_once, _residues_once) if m is SCALAR else (_tiles, _residues)
    found += tiles(done.positions, co, dense, hardware.units, hardware.tiles, m)
    found += residues(ci, m)
    found += residues(co, m)
    found += [(kind == known) * 1.0 + zero for known in kinds[1:]]
    return base, found


def _mean(one: Number, other: Number) -> Number:
    """Of a number for the height and one for the width: exactly that number for a square."""
    return (one + other) / 2


def _tiles(
    positions: Number, channels: Number, dense: bool, units: int, tiles: tuple[tuple[int, int], ...], m: Maths
) -> list[Number]:
    """For each tile size: how full the tiles of outputs are, in how many waves they run, and how full the waves are."""
    outputs = positions * channels
    found: list[Number] = []
    for tile_positions, tile_channels in tiles:
        blocks = m.ceil(positions / tile_positions) * m.ceil(channels / tile_channels)
        tile = tile_positions * tile_channels
        waves = blocks / units
        found += [
            m.log(blocks * tile / outputs),
            m.smaller(waves, WAVES),
            m.log(m.ceil(waves) * units * tile / outputs) if dense else 0 * outputs,
        ]
    return found


def _residues(count: Number, m: Maths) -> list[Number]:
    """The position of a number of channels between the multiples for which kernels are optimised."""
    found: list[Number] = []
    for period in PERIODS:
        angle = count * (2 * math.pi / period)
        found += [m.sin(angle), m.cos(angle)]
    return found


# A search asks for many kernels with the same few channel numbers.
_tiles_once = lru_cache(maxsize=1 << 16)(_tiles)
_residues_once = lru_cache(maxsize=1 << 12)(_residues)


def names(hardware: Hardware, kinds: Sequence[str]) -> list[str]:
    """The names of the features, in order, for the profile's file."""
    shapes = [
        "batch",
        "log batch",
        "batch is 1",
        "log size",
        "log in",
        "log out",
        "log out/in",
        "log positions",
        "log length",
        "log outputs",
        "log macs",
        "log plane",
        "log in bytes",
        "log out bytes",
        "log weight bytes",
        "log moving",
        "log computing",
        "log computing/moving",
        "log baseline",
        "padding of channels",
        "added",
        "log stride",
        "kernel is 1",
        "kernel is 3",
        "kernel is 5",
        "odd size",
        "odd out size",
        "out size mod 4",
        "padding of 4×4 tiles",
        "padding of 2×2 tiles",
        "in mod 32",
        "out mod 32",
        "out mod 64",
        "positions mod 128",
    ]
    tiles = [f"{what} {p}×{c}" for p, c in hardware.tiles for what in ("padding of", "waves of", "wave padding of")]
    residues = [f"{f} 2π {c}/{p}" for c in ("in", "out") for p in PERIODS for f in ("sin", "cos")]
    return [*shapes, *tiles, *residues, *(f"is {kind}" for kind in kinds[1:])]
