"""What an expert in architectures would object to, as simple checks that are counted over many networks.

No check says that a network is bad: trained networks have to. They say what it has that designers avoid, and the
networks beside it are checked in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from benchmarks._designs.anatomy import Anatomy
from benchmarks._designs.budgets import CPU, V100
from benchmarks._designs.look import Look

NARROW = 8
"""Channels of the narrowest trunk that the search spaces have."""


@dataclass(frozen=True)
class Objection:
    """A check. definition: when it is raised. raised: whether it is, against a network beside its peers.

    compares: whether it depends on the networks beside it, otherwise only on the network's form.
    """

    name: str
    definition: str
    raised: Callable[[Look, Sequence[Look]], bool]
    compares: bool = False


def _of_form(check: Callable[[Anatomy], bool]) -> Callable[[Look, Sequence[Look]], bool]:
    return lambda one, peers: check(one.anatomy)


def _trunk(form: Anatomy) -> list[int]:
    """The trunk from the stem on, without a last convolution."""
    return [form.units[0].leaves, *(unit.leaves for unit in form.body)]


def _neck(form: Anatomy) -> bool:
    trunk = [unit.leaves for unit in form.body]  # without the stem, which is often wider than the first stage
    return any(
        2 * width < max(trunk[:i]) and 2 * width < max(trunk[i + 1 :])
        for i, width in enumerate(trunk[1:-1], 1)  # a neck has a before and a behind
    )


def _stage_widths(form: Anatomy) -> list[int]:
    """The widest trunk of each stage, behind the units only: stems are often wider than the first stage."""
    sides = sorted({unit.side for unit in form.body}, reverse=True)
    return [max(unit.leaves for unit in form.body if unit.side == side) for side in sides]


def _falls(form: Anatomy) -> bool:
    return any(late < early for early, late in pairwise(_stage_widths(form)))


def _flat(form: Anatomy) -> bool:
    found = _stage_widths(form)
    return len(found) > 1 and found[-1] < 2 * found[0]


def _zigzag(form: Anatomy) -> bool:
    return any(
        a.side == b.side and max(a.leaves, b.leaves) > 2 * min(a.leaves, b.leaves) for a, b in pairwise(form.body)
    )


def _top_heavy(form: Anatomy) -> bool:
    first = form.body[0].side
    return 2 * sum(unit.flops for unit in form.units if unit.side >= first) > sum(unit.flops for unit in form.units)


def _early(form: Anatomy) -> bool:
    sides = [unit.side for unit in form.body]
    return 2 * sides.count(sides[0]) > len(sides)


def _rushed(form: Anatomy) -> bool:
    sides = [unit.side for unit in form.body]
    counts = [sides.count(side) for side in sorted(set(sides), reverse=True)]
    return counts[-1] == 1 and max(counts) >= 4


def _one_unit(form: Anatomy) -> bool:
    return 2 * max(unit.flops for unit in form.units) > sum(unit.flops for unit in form.units)


def _large_kernels(form: Anatomy) -> bool:
    kernels = [unit.kernel for unit in form.body]
    return 2 * sum(kernel >= 5 for kernel in kernels) > len(kernels)


def _wide_inside(form: Anatomy) -> bool:
    return any(unit.widest > 8 * min(unit.enters, unit.leaves) for unit in form.body)


def _broken(form: Anatomy) -> bool:
    return 2 * sum(unit.identity for unit in form.body) < len(form.body)


def _thin(form: Anatomy) -> bool:
    return form.convolutions > median(_trunk(form))


def _wide_last(form: Anatomy) -> bool:
    return form.last is not None and form.last.leaves > 8 * form.last.enters


def _blind(form: Anatomy) -> bool:
    return form.field < form.image


def _far(form: Anatomy) -> bool:
    return form.field > 4 * form.image


def _activations(one: Look, peers: Sequence[Look]) -> bool:
    return one.anatomy.cost.activations > 1.5 * max(peer.anatomy.cost.activations for peer in peers)


def _memory(one: Look, peers: Sequence[Look]) -> bool:
    return one.anatomy.memory > 1.5 * max(peer.anatomy.memory for peer in peers)


def _few_parameters(one: Look, peers: Sequence[Look]) -> bool:
    return 2 * one.anatomy.cost.params < min(peer.anatomy.cost.params for peer in peers)


def _slow(profile: str) -> Callable[[Look, Sequence[Look]], bool]:
    return lambda one, peers: one.ms[profile] > 1.5 * max(peer.ms[profile] for peer in peers)


OBJECTIONS = (
    Objection(
        "neck",
        "a place of the trunk has less than half the channels of one before (behind the stem) and of one behind",
        _of_form(_neck),
    ),
    Objection(
        "8 channels",
        f"a place of the trunk has {NARROW} channels or fewer",
        _of_form(lambda form: min(_trunk(form)) <= NARROW),
    ),
    Objection(
        "falling width",
        "the widest place of a stage is narrower than that of the stage before",
        _of_form(_falls),
    ),
    Objection(
        "no growth",
        "the widest place of the last stage has less than twice the channels of the first",
        _of_form(_flat),
    ),
    Objection(
        "zigzag",
        "within a stage, a unit changes the trunk's width by more than a factor of 2",
        _of_form(_zigzag),
    ),
    Objection(
        "top-heavy",
        "more than half of the FLOPs are at the resolution of the first unit, or higher",
        _of_form(_top_heavy),
    ),
    Objection(
        "late strides",
        "more than half of the units have the resolution of the first",
        _of_form(_early),
    ),
    Objection(
        "rushed end",
        "the last stage has one unit and another one has four or more",
        _of_form(_rushed),
    ),
    Objection(
        "one unit",
        "one unit or convolution has more than half of the FLOPs",
        _of_form(_one_unit),
    ),
    Objection(
        "large kernels",
        "more than half of the units have kernels of 5×5 or 7×7",
        _of_form(_large_kernels),
    ),
    Objection(
        "wide inside",
        "a unit is more than 8 times as wide inside as where it is entered or left",
        _of_form(_wide_inside),
    ),
    Objection(
        "few identities",
        "fewer than half of the units add their input as it is",
        _of_form(_broken),
    ),
    Objection(
        "thin and deep",
        "the longest path has more convolutions than the median place of the trunk has channels",
        _of_form(_thin),
    ),
    Objection(
        "wide last layer",
        "the last 1×1 convolution has more than 8 times the channels that it takes",
        _of_form(_wide_last),
    ),
    Objection(
        "blind",
        "the receptive field is smaller than the image",
        _of_form(_blind),
    ),
    Objection(
        "sees padding",
        "the receptive field is more than 4 times as wide as the image",
        _of_form(_far),
    ),
    Objection(
        "activations",
        "more than 1.5 times those of both networks beside it",
        _activations,
        compares=True,
    ),
    Objection(
        "memory",
        "the peak is more than 1.5 times that of both networks beside it",
        _memory,
        compares=True,
    ),
    Objection(
        "few parameters",
        "fewer than half of those of both networks beside it",
        _few_parameters,
        compares=True,
    ),
    Objection(
        "slow on V100",
        "predicted to take more than 1.5 times as long as both networks beside it",
        _slow(V100),
        compares=True,
    ),
    Objection(
        "slow on CPU",
        "predicted to take more than 1.5 times as long as both networks beside it",
        _slow(CPU),
        compares=True,
    ),
)
