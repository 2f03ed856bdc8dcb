"""NAS-Bench-201: three channels, a cell in each of the three stages; for regions a single cell of one channel.

Sizes as in TEG-NAS. The stem is a convolution and a batch-norm without a ReLU, as in the benchmark.
"""

from __future__ import annotations

from PlainNet import BlockSpec, Structure
from PlainNet.lowering import Builder, Value
from ZeroShotProxy.teg.supernets import CELLS, SUPERNETS, Supernet

CHANNELS = 3
STAGES = 3

Edges = tuple[int, ...]
"""The operation of each edge, in the order of `PlainNet.blocks.nasbench201.EDGES`."""


def read(structure: Structure) -> Edges | None:
    """Return the operations of a network whose cells are all equal; None for others."""
    found = {spec.args[1:] for spec in structure.blocks if spec.kind == "NB201Cell"}
    return found.pop() if len(found) == 1 else None


def full(b: Builder, x: Value, edges: Edges) -> Value:
    """Add stem, cell, reduction, cell, reduction, cell, batch-norm and ReLU."""
    with b.at("stem"):
        with b.at("conv"):
            x = b.conv(x, CHANNELS, kernel=3)
        with b.at("bn"):
            x = b.batch_norm(x)
    width = CHANNELS
    for stage in range(STAGES):
        if stage:
            x = _block(b, x, f"reduction{stage}", BlockSpec("NB201Reduction", (width, 2 * width)))
            width *= 2
        x = _block(b, x, f"cell{stage}", BlockSpec("NB201Cell", (width, *edges)))
    return last_activation(b, x)


def thin(b: Builder, x: Value, edges: Edges) -> Value:
    """Add one cell of one channel, batch-norm and ReLU."""
    return last_activation(b, _block(b, x, "cell0", BlockSpec("NB201Cell", (1, *edges))))


def _block(b: Builder, x: Value, name: str, spec: BlockSpec) -> Value:
    # The paths in a cell name the edge, and the shape of a weight tells the two convolutions of an edge apart.
    with b.at(f"{CELLS}{name}"):
        return b.block(x, spec)


def last_activation(b: Builder, x: Value) -> Value:
    """Add the batch-norm and the ReLU before the classifier."""
    with b.at("last"):
        return b.relu(b.batch_norm(x))


SUPERNETS.add("nasbench201", Supernet("nasbench201", read, full, thin))
