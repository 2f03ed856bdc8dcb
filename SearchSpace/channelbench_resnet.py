"""The ResNet of Channel-Bench-Macro (Su et al., BCNet, CVPR 2021): the widths of seven layers, 16,384 networks.

A network is written as seven digits from 1 to 4, c0 to c6: the widths in units of 64 channels for the first three and
128 for the others. A 3×3 convolution of stride 2 to c0; two residuals of two 3×3 convolutions, with c1 and c2 channels
in between; the same two convolutions without a link, of stride 2, to c3 and c4; and two residuals with c5 and c6.
"""

from __future__ import annotations

from itertools import product

from PlainNet import BlockSpec, Structure
from SearchSpace.base import SPACES, SearchSpaceError
from SearchSpace.decisions import Decision
from SearchSpace.digits import Choices, DigitSpace

NAME = "channelbench-resnet"
UNITS = (64, 64, 64, 128, 128, 128, 128)
"""The channels of digit 1, for each layer."""
OPTIONS = 4

DECISIONS = tuple(
    Decision(f"c{i}", tuple(str(unit * digit) for digit in range(1, OPTIONS + 1))) for i, unit in enumerate(UNITS)
)


def network(choices: Choices) -> Structure:
    """Return the benchmark's network, for images of 32×32 pixels, from one option for each width, counted from 0."""
    c0, c1, c2, c3, c4, c5, c6 = (unit * (choice + 1) for unit, choice in zip(UNITS, choices, strict=True))
    return Structure(
        (
            BlockSpec("SuperConvK3BNRELU", (3, c0, 2, 1)),
            *_residual(c0, c1),
            *_residual(c0, c2),
            BlockSpec("SuperConvK3BNRELU", (c0, c3, 2, 1)),
            BlockSpec("SuperConvK3BNRELU", (c3, c4, 1, 1)),
            *_residual(c4, c5),
            *_residual(c4, c6),
        )
    )


def _residual(width: int, inner: int) -> tuple[BlockSpec, BlockSpec]:
    """Two 3×3 convolutions with `inner` channels in between, an identity link, and a ReLU after the sum."""
    layers = (
        BlockSpec("ConvKX", (width, inner, 3, 1)),
        BlockSpec("BN", (inner,)),
        BlockSpec("RELU", (inner,)),
        BlockSpec("ConvKX", (inner, width, 3, 1)),
        BlockSpec("BN", (width,)),
    )
    return BlockSpec("ResBlock", (width, 1), (layers,)), BlockSpec("RELU", (width,))


def choices_of(structure: Structure) -> Choices:
    """Return the options of a structure that `network` made. Raises SearchSpaceError for any other structure."""
    # The first block of a residual, or the block itself, has the width as its output.
    layers = [spec.branches[0][0] if spec.branches else spec for spec in structure.blocks if spec.kind != "RELU"]
    if len(layers) == len(UNITS) and all(len(spec.args) == 4 for spec in layers):
        choices = tuple(spec.args[1] // unit - 1 for spec, unit in zip(layers, UNITS, strict=True))
        if all(0 <= choice < OPTIONS for choice in choices) and network(choices) == structure:
            return choices
    raise SearchSpaceError(f"{str(structure)[:120]} is not a network of Channel-Bench-Macro's ResNet")


def all_choices() -> list[Choices]:
    """Return the options of all 16,384 rows of the benchmark's table."""
    return list(product(range(OPTIONS), repeat=len(UNITS)))


def channelbench_resnet(initial: Structure | None = None) -> DigitSpace:
    """Return the space. It starts from `initial`, or from 2222222 if that is None.

    Raises SearchSpaceError if `initial` is not in the space.
    """
    start = len(UNITS) * (1,) if initial is None else choices_of(initial)
    return DigitSpace(DECISIONS, 1, network, choices_of, network(start), NAME)


SPACES.add(NAME, channelbench_resnet)
