"""Costs that do not add up over the blocks: of a maximum, the expectation and what each candidate reaches.

The RAM of a network is that of the block that needs most, so the RAM of a network with drawn candidates is the maximum
of independent variables. Their distribution functions multiply: E[max] = Σ_j v_j (F(v_j) − F(v_{j−1})), where
v_1 < v_2 < … are the values of all candidates, from the fixed part's on, and F(v) = Π_decisions Σ_{k: cost_k ≤ v} p_k.
This is exact, and differentiable in the probabilities. Imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from PlainNet.blocktype import in_channels
from PlainNet.deployed.buffers import aligned
from PlainNet.ops import Shape
from PlainNet.ram import head_bytes, part_peak
from PlainNet.sizes import Size
from zennas.supernet.cost import check_numbers
from zennas.supernet.decisions import Decisions
from zennas.supernet.errors import SupernetError
from zennas.supernet.spaces import Cells, Piece, SuperSpace

_FOLDED = ("BN", "RELU", "RELU6")
"""Blocks that belong to the convolution before them in a deployed network."""


@dataclass(frozen=True)
class PeakTable:
    """A cost of which a network has the largest among its parts.

    name: what is counted. unit: of the numbers. fixed: the most that any part needs that is not chosen.
    candidates: what each candidate needs by the decision's key, in the order of the candidates, the most at all places
    of the decision. A decision that is not in the table needs nothing.
    """

    name: str
    unit: str
    fixed: float
    candidates: Mapping[str, tuple[float, ...]]

    def check(self, decisions: Decisions) -> None:
        """Raise SupernetError unless there is a finite number for each candidate, of which one is chosen."""
        check_numbers(self, decisions)
        for key in self.candidates:
            if decisions.by_key[key].n_chosen != 1:
                raise SupernetError(f"{self.name} needs decisions that choose one candidate, but {key} chooses several")

    def expected(self, decisions: Decisions) -> Tensor:
        """Return the expected maximum under the probabilities, differentiable, in double precision."""
        numbers = {number for costs in self.candidates.values() for number in costs}
        values = torch.tensor(sorted({self.fixed, *(v for v in numbers if v > self.fixed)}), dtype=torch.float64)
        below = torch.ones_like(values)
        for key, costs in self.candidates.items():
            reached = (torch.tensor(costs, dtype=torch.float64)[:, None] <= values).double()
            below = below * (decisions.by_key[key].shares() @ reached)
        return values[-1] - (below[:-1] * values.diff()).sum()

    def of(self, picks: Mapping[str, Sequence[int]]) -> float:
        """Return the cost of the architecture with these candidates."""
        return max([self.fixed, *(costs[k] for key, costs in self.candidates.items() for k in picks[key])])


def ram_table(space: SuperSpace, *, resolution: Size, num_classes: int) -> PeakTable:
    """Return the bytes of the arena of activations for one image in INT8, as `PlainNet.ram` counts them.

    Raises SupernetError for cells, whose operations do not run one after another, and StructureError if the space does
    not work at this resolution.
    """
    if isinstance(space, Cells):
        raise SupernetError(
            f"the RAM of {space.name} is not the largest of its operations', as these do not run one after another: "
            "leave out --ref-ram"
        )
    pieces = space.pieces(resolution)
    head = head_bytes(pieces.channels, pieces.size, num_classes)
    fixed = max([head, *map(_peak, pieces.fixed)])
    candidates = {
        key: tuple(float(max(map(_peak, places))) for places in options) for key, options in pieces.candidates.items()
    }
    return PeakTable("ram", "bytes", float(fixed), candidates)


def _peak(piece: Piece) -> int:
    """The bytes of the plan of a piece by itself."""
    blocks = piece.blocks
    while blocks and blocks[0].kind in _FOLDED and not piece.first:
        blocks = blocks[1:]
    if not blocks:
        return aligned(Shape(in_channels(piece.blocks[0]), piece.size).elements)
    return part_peak(blocks, piece.size).packed
