"""The search space of NAS-Bench-Macro (Su et al., Prioritized Architecture Sampling, CVPR 2021): 6,561 networks.

A network has eight positions, in stages of 2, 3 and 3, written as eight digits: 0 is nothing, 1 an inverted residual of
kernel 3 and expansion 3, 2 one of kernel 5 and expansion 6. The first position of a stage doubles the channels and
halves the resolution; there, 0 is a 1×1 convolution with BN. Inverted residuals have ReLU, not ReLU6.

As nothing is the same at each position, networks that differ in where a stage has it are equal: 3,969 differ.
`write` puts it last. The table has a row, and an accuracy, for each of the 6,561 texts.
"""

from __future__ import annotations

from functools import cache
from itertools import product

from PlainNet import BlockSpec, Structure
from PlainNet.choices import IDENTITY, chosen
from PlainNet.ir import CHOICE
from SearchSpace.base import SPACES, SearchSpaceError
from SearchSpace.decisions import Decision
from SearchSpace.digits import Choices, DigitSpace

NAME = "nasbench-macro"
STAGES = (2, 3, 3)
"""The positions of each stage."""
WIDTH, LAST = 32, 1280
"""The channels of the stem, and of the last 1×1 convolution."""

_UNITS = {1: (3, 3), 2: (5, 6)}
"""Kernel and expansion of the inverted residual of each digit."""
_KIND = "MBConvRELU"

DECISIONS = tuple(
    Decision(
        f"stage{stage}_position{position}",
        ("conv_1x1" if position == 1 else "nothing", "mbconv_3x3_expansion_3", "mbconv_5x5_expansion_6"),
    )
    for stage, count in enumerate(STAGES, start=1)
    for position in range(1, count + 1)
)


def network(choices: Choices) -> Structure:
    """Return the benchmark's network, for images of 32×32 pixels, from one digit for each position."""
    return chosen(supernet(), choices)


@cache
def supernet() -> Structure:
    """Return the space as one structure with choices, named after the decisions."""
    blocks, width, names = [BlockSpec("SuperConvK3BNRELU", (3, WIDTH, 1, 1))], WIDTH, iter(DECISIONS)
    for stage in STAGES:
        for position in range(stage):
            out, stride = (2 * width, 2) if position == 0 else (width, 1)
            nothing = (BlockSpec("ConvKX", (width, out, 1, stride)), BlockSpec("BN", (out,)))
            options = [nothing if position == 0 else (BlockSpec(IDENTITY, (width,)),)]
            options += [(BlockSpec(_KIND, (width, out, *unit, stride)),) for unit in _UNITS.values()]
            blocks.append(BlockSpec(CHOICE, (), tuple(options), next(names).name))
            width = out
    return Structure((*blocks, BlockSpec("SuperConvK1BNRELU", (width, LAST, 1, 1))))


def choices_of(structure: Structure) -> Choices:
    """Return the digits of a structure that `network` made, with nothing at the end of each stage.

    Raises SearchSpaceError for any other structure.
    """
    digits_of: dict[tuple[int, ...], int] = {unit: digit for digit, unit in _UNITS.items()}
    stages: list[list[int]] = []
    for spec in structure.blocks:
        if spec.kind not in (_KIND, "ConvKX"):
            continue
        if spec.args[-1] == 2:
            stages.append([])
        if stages:
            stages[-1].append(digits_of.get(spec.args[2:4], 0))
    if len(stages) == len(STAGES):
        padded = (tuple(found) + (count - len(found)) * (0,) for found, count in zip(stages, STAGES, strict=True))
        choices = tuple(digit for stage in padded for digit in stage)
        if len(choices) == sum(STAGES) and network(choices) == structure:
            return choices
    raise SearchSpaceError(f"{str(structure)[:120]} is not a network of NAS-Bench-Macro")


def all_choices() -> list[Choices]:
    """Return the digits of all 6,561 rows of the benchmark's table."""
    return list(product(range(3), repeat=sum(STAGES)))


def nasbench_macro(initial: Structure | None = None) -> DigitSpace:
    """Return the space. It starts from `initial`, or from 11111111 if that is None.

    Raises SearchSpaceError if `initial` is not in the space.
    """
    start = sum(STAGES) * (1,) if initial is None else choices_of(initial)
    return DigitSpace(DECISIONS, 0, network, choices_of, network(start), NAME, supernet())


SPACES.add(NAME, nasbench_macro)
