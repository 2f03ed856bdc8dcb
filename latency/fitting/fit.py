"""Fitting a profile to measured kernels: `zennas latency fit`. Imports torch when it trains.

Kernels with weights share one learned model, and kernels that only move memory share another. Kinds with too few
measurements get rates from non-negative least squares. `scaled` then fits the sum of kernels to whole networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latency.base import LatencyError
from latency.fitting.errors import Errors, errors
from latency.kernels import CONV, DEPTHWISE, KINDS, LINEAR, WEIGHTED, Kernel, by_kind
from latency.predicting.features import Hardware, columns, features, work
from latency.predicting.models import Learned, Linear, Model, Widths
from latency.predicting.profile import RANGED, Profile
from latency.predicting.table import KernelTable, held_out, predict_kernels
from PlainNet.progress import WorkProgress, unwatched

LEAST_LEARNED = 300
"""A perceptron needs at least this many kernels."""
MANY = 30_000
"""A table with at least this many kernels was measured systematically, and gets the default recipe."""
PASSES = 100
_REWEIGHTED, _SMALL = 30, 0.01
_UNIT = Hardware(1.0, 1.0, 1.0, 1, 16, 1, ((1, 16), (4, 8), (16, 16), (64, 16), (64, 32), (256, 64)), 1.0)
"""An accelerator of INT8 whose speed is not known: channels in 16s, and blocks of outputs."""
_USUAL = 256


@dataclass(frozen=True)
class Recipe:
    """How a perceptron is trained, see `train.py`.

    steps: number of AdamW steps on `batch` kernels each. The learning rate `rate` rises during the first twentieth of
    the steps and then falls to zero (one cycle). decay: weight decay. width, hidden: the layers. seed: of the training.
    """

    width: int = 128
    hidden: int = 3
    steps: int = 40_000
    batch: int = 256
    rate: float = 2e-3
    decay: float = 1e-2
    seed: int = 0


def recipe_for(rows: int, steps: int | None = None, seed: int = 0) -> Recipe:
    """Choose a recipe for a number of kernels. For few kernels: a hundred passes and strong decay."""
    if rows >= MANY:
        return Recipe(steps=steps or Recipe.steps, seed=seed)
    passes = max(100, PASSES * rows // Recipe.batch)
    return Recipe(steps=steps or passes, rate=4e-3, decay=0.3, seed=seed)


def fit(
    table: KernelTable,
    blank: Profile,
    recipe: Recipe = Recipe(),
    progress: WorkProgress = unwatched,
    share: float = 0.1,
    unsure_ms: float = 0.0,
) -> tuple[Profile, dict[str, Errors]]:
    """Fit models to all shapes of `table` except a `share` of them, and compute the errors on the shapes left out.

    blank: a profile that describes device, back end and precision; its models are replaced. unsure_ms: absolute error
    of the measured times in ms; kernels that are much shorter count less. Returns the profile, and its errors under
    "all" and by kind. Raises LatencyError if the table is too small or has no latencies.
    """
    if table.ms is None:
        raise LatencyError("the table has no measured latencies")
    known = table.where(lambda kernel: not held_out(kernel, share))
    kinds = [kind for kind in KINDS if any(kernel.kind == kind for kernel in known.kernels)]
    if len(known) < 10 or not kinds:
        raise LatencyError(f"{len(known)} kernels are too few for a fit: measure more")
    parts = (tuple(k for k in kinds if k in WEIGHTED), tuple(k for k in kinds if k not in WEIGHTED))
    models = [
        _model(known.where(partial(_is_of, kinds=here)), here, blank.hardware, recipe, progress, unsure_ms)
        for here in parts
        if here
    ]
    profile = replace(blank, models=tuple(models), ranges=ranges(known.kernels))
    return profile, held_out_errors(profile, table, share)


def _is_of(kernel: Kernel, kinds: tuple[str, ...]) -> bool:
    return kernel.kind in kinds


def held_out_errors(profile: Profile, table: KernelTable, share: float = 0.1) -> dict[str, Errors]:
    """Return the errors on the shapes that `fit` left out, under "all" and by kind."""
    held = table.where(lambda kernel: held_out(kernel, share))
    if held.ms is None or not held.kernels:
        return {}
    predicted = predict_kernels(profile, held.kernels)
    found = {"all": errors(predicted, held.ms)}
    for kind in dict.fromkeys(kernel.kind for kernel in held.kernels):
        rows = [i for i, kernel in enumerate(held.kernels) if kernel.kind == kind]
        found[kind] = errors([predicted[i] for i in rows], [held.ms[i] for i in rows])
    return found


def ranges(kernels: Sequence[Kernel]) -> dict[str, dict[str, list[int]]]:
    """Return the smallest and the largest value of each field, by kind of kernel and field."""
    found: dict[str, dict[str, list[int]]] = {}
    for _, kernel in by_kind(kernels):
        found[kernel.kind] = {
            name: [int(np.min(getattr(kernel, name))), int(np.max(getattr(kernel, name)))] for name in RANGED
        }
    return found


def _model(
    table: KernelTable,
    kinds: tuple[str, ...],
    hardware: Hardware,
    recipe: Recipe,
    progress: WorkProgress,
    unsure_ms: float,
) -> Model:
    assert table.ms is not None
    if len(table) < LEAST_LEARNED:
        return rates(table, hardware)
    from latency.fitting.train import train  # imports torch

    inputs, base = _inputs(table.kernels, kinds, hardware)
    ms = np.array(table.ms)
    targets, weights = np.log(ms / base), ms / (ms + unsure_ms)
    what = "kernels with weights" if kinds[0] in WEIGHTED else "other kernels"
    perceptron = train(inputs, targets, weights, recipe, lambda done: progress(done, recipe.steps, what))
    return Learned(kinds, perceptron, few_widths(table.kernels))


def observed(table: KernelTable) -> Hardware:
    """Return the data sheet of an accelerator that nobody has one of, from the fastest kernels of a table."""
    assert table.ms is not None
    done = [work(kernel, _UNIT) for kernel in table.kernels]

    def fastest(amounts: Sequence[float], kinds: tuple[str, ...]) -> float:
        found = [a / ms for a, ms, k in zip(amounts, table.ms or (), table.kernels, strict=True) if k.kind in kinds]
        return max(found, default=1.0)

    macs, moved = [one.macs for one in done], [one.bytes for one in done]
    dense = fastest(macs, (CONV, LINEAR))
    return replace(
        _UNIT,
        macs_per_ms=dense,
        depthwise_macs_per_ms=min(fastest(macs, (DEPTHWISE,)), dense),
        bytes_per_ms=fastest(moved, KINDS),
        launch_ms=min(table.ms),
    )


def few_widths(kernels: Sequence[Kernel]) -> dict[str, Widths]:
    """Return the numbers of channels by kind, for kinds that lack most multiples of 8, which searches use."""
    found = {}
    for kind in dict.fromkeys(kernel.kind for kernel in kernels if kernel.kind in WEIGHTED):
        here = [kernel for kernel in kernels if kernel.kind == kind]
        both = Widths(
            tuple(sorted({kernel.in_channels for kernel in here})),
            tuple(sorted({kernel.out_channels for kernel in here})),
        )
        if min(sum(c % 8 == 0 and c <= _USUAL for c in one) for one in both) < _USUAL // 8 / 2:
            found[kind] = both
    return found


def _inputs(
    kernels: Sequence[Kernel], kinds: tuple[str, ...], hardware: Hardware
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the features (N, features) and the baselines (N,), in the order of the kernels."""
    base = np.empty(len(kernels))
    inputs: Any = None
    for chosen, kernel in by_kind(kernels):
        base[chosen], found = features(kernel, hardware, kinds, columns())
        block = np.stack([np.broadcast_to(one, len(chosen)) for one in found], axis=1)
        inputs = np.empty((len(kernels), block.shape[1])) if inputs is None else inputs
        inputs[chosen] = block
    return inputs, base


def rates(table: KernelTable, hardware: Hardware) -> Linear:
    """Fit non-negative ms per kernel, MAC and byte, by kind and kernel size, minimising the squared relative error."""
    assert table.ms is not None
    rows: dict[tuple[str, int], list[int]] = {}
    for i, kernel in enumerate(table.kernels):
        rows.setdefault((kernel.kind, kernel.kernel if kernel.kind in WEIGHTED else 0), []).append(i)
    found = []
    for (kind, size), chosen in rows.items():
        done = [work(table.kernels[i], hardware) for i in chosen]
        terms = np.array([[1.0, one.macs, one.bytes] for one in done])
        if kind not in WEIGHTED:
            terms[:, 1] = 0
        each, mac, byte = non_negative(terms, np.array([table.ms[i] for i in chosen]))
        found.append((kind, size, each, mac, byte))
    return Linear(tuple(found))


def non_negative(
    terms: NDArray[np.float64], ms: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> tuple[float, ...]:
    """Return non-negative coefficients of the columns of `terms` (N, K) that fit `ms` (N,) by relative least squares.

    weights: (N,), of the deviations; None for equal weights.
    """
    from scipy.optimize import nnls

    weights = np.ones(len(ms)) if weights is None else weights
    relative = terms * (weights / ms)[:, None]
    size = np.linalg.norm(relative, axis=0)
    size[size == 0] = 1
    solution, _ = nnls(relative / size, weights)
    return tuple((solution / size).tolist())


def scaled(
    profile: Profile, kernels: Sequence[Sequence[Kernel]], ms: Sequence[float], unsure_ms: float = 0.0
) -> Profile:
    """Return `profile` with the `scale` and `overhead_ms` that fit whole networks best.

    kernels: those of each network. ms: measured times of the networks for whole batches. unsure_ms: absolute error of a
    kernel's time in ms; networks of many short kernels count less. Minimises absolute relative deviations by
    reweighted least squares, so that a few badly predicted networks do not dominate.
    """
    sums = np.array([sum(profile.kernel_ms(kernel) for kernel in network) for network in kernels])
    terms, measured = np.stack([sums, np.ones(len(sums))], axis=1), np.array(ms)
    certain = measured / (measured + unsure_ms * np.array([len(network) for network in kernels]))
    weights = certain
    for _ in range(_REWEIGHTED):
        scale, overhead = non_negative(terms, measured, weights)
        off = np.abs((scale * sums + overhead) / measured - 1)
        weights = certain / np.sqrt(off + _SMALL)
    return replace(profile, scale=scale, overhead_ms=overhead)
