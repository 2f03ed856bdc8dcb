"""What a score picks within parameters, multiply–accumulates and latency, beside the best made by hand there.

Both are trained with three seeds. A pick is the network with the highest score that searches find in any of the spaces.
Latencies are those that a profile of this machine predicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from benchmarks._intervals import difference
from benchmarks._own_table.results import Result, by_structure
from benchmarks._own_table.structures import SPACES, START, Entry, searched
from latency import predict
from PlainNet import cost, parse

PROFILE = "this-machine-fp32"
SEEDS = (0, 1, 2)
GROUP = "pick"


class Limits(NamedTuple):
    """The largest parameters, multiply–accumulates and milliseconds on one CPU thread."""

    params: int
    flops: int
    ms: float

    def __str__(self) -> str:
        return f"{self.params:,} parameters, {self.flops:,} FLOPs, {self.ms:g} ms"


LIMITS = (Limits(80_000, 12_600_000, 0.175), Limits(150_000, 20_000_000, 0.2), Limits(300_000, 40_000_000, 0.3))
"""The first one is about what ResNet-8 has, with the latency of the MobileNetV2-like network."""


@cache
def latency(structure: str) -> float:
    """Return the predicted milliseconds of a network."""
    return predict(parse(structure), PROFILE, resolution=32, num_classes=10)


def fits(structure: str, limits: Limits) -> bool:
    """Return whether a network is within limits."""
    found = cost(parse(structure))
    return found.params <= limits.params and found.flops <= limits.flops and latency(structure) <= limits.ms


def picks(name: str, proxy: str) -> Iterator[Entry]:
    """The picks of a proxy, one for each of the limits. name: what the table calls it."""
    for limits in LIMITS:
        budget = {"budget_latency_ms": limits.ms, "latency_backend": f"predictor:{PROFILE}"}
        found = [
            searched(proxy, space, limits.params, limits.flops, initial=START[space], **budget).best for space in SPACES
        ]
        best = max(found, key=lambda one: one.measures[proxy].value)
        yield Entry(GROUP, f"{name}, {limits}", str(best.structure))


def best_by_hand(entries: Sequence[Entry], accuracies: Mapping[str, Sequence[float]], limits: Limits) -> str | None:
    """Return the network made by hand that is best within limits, or None if none was trained. accuracies: by seed."""
    known = [one.structure for one in entries if one.group == "hand" and one.structure in accuracies]
    within = [structure for structure in known if fits(structure, limits)]
    return max(within, key=lambda structure: float(np.mean(accuracies[structure])), default=None)


def wanted(entries: Sequence[Entry], found: Sequence[Result]) -> list[tuple[str, int]]:
    """Return the trainings that comparisons need, as structure and seed, whether or not they are done."""
    chosen = [entry.structure for entry in entries if entry.group == GROUP]
    if chosen:
        best = (best_by_hand(entries, by_structure(found), limits) for limits in LIMITS)
        chosen += [structure for structure in best if structure is not None]
    return [(structure, seed) for seed in SEEDS for structure in dict.fromkeys(chosen)]


def compare(entries: Sequence[Entry], found: Sequence[Result]) -> None:
    """Print each pick beside the best made by hand within the same limits, with the interval of the difference."""
    accuracies = by_structure(found)
    chosen = [entry for entry in entries if entry.group == GROUP and entry.structure in accuracies]
    if not chosen:
        return
    print("picks within parameters, FLOPs and latency, and the best made by hand there, in percent; seeds in brackets")
    for limits in LIMITS:
        hand = best_by_hand(entries, accuracies, limits)
        if hand is None:
            continue
        theirs = accuracies[hand]
        print(f"  {limits}: hand {np.mean(theirs):.1f} ({len(theirs)}), {latency(hand):.3f} ms")
        for entry in chosen:
            if entry.origin.endswith(f", {limits}"):
                ours = accuracies[entry.structure]
                name = entry.origin.removesuffix(f", {limits}")
                reached = f"{np.mean(ours):.1f} ({len(ours)}), {latency(entry.structure):.3f} ms"
                print(f"    {name:16} {reached}: {_gap(ours, theirs)} points")


def _gap(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """The difference of two means, with its interval if there are several values of both."""
    if min(len(ours), len(theirs)) < 2:
        return f"{np.mean(ours) - np.mean(theirs):+.1f}"
    value, error = difference(ours, theirs)
    return f"{value:+.1f} ± {error:.1f}"
