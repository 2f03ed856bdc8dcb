"""What a network needs of a chip's memories, and how full the RAM is over the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from PlainNet.deployed.deploy import DeployError, deploy
from PlainNet.deployed.flash import flash_bytes
from PlainNet.deployed.memory import block_profile, memory_of
from PlainNet.deployed.operators import builtin
from PlainNet.ops import OpGraph


class Running(NamedTuple):
    """An operator, as LiteRT names it, and the bytes in use while it runs. block: its `Node.block`."""

    block: int
    operator: str
    live_bytes: int


@dataclass(frozen=True)
class MemoryUse:
    """RAM and flash of a network for one image in INT8, in bytes.

    ram_bytes: the arena of activations with the plan that exported files carry. ram_bytes_planner: with that of
    TensorFlow Lite Micro. live_bytes: by `Node.block`, the most in use at once while a block runs. operators: in the
    order of the file. peak_block: that where most is in use. peak_operator: the operator, as LiteRT names it.
    """

    ram_bytes: int
    ram_bytes_planner: int
    flash_bytes: int
    live_bytes: Mapping[int, int]
    operators: tuple[Running, ...]
    peak_block: int
    peak_operator: str

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of the whole network by their names."""
        return {
            "ram_bytes": self.ram_bytes,
            "ram_bytes_planner": self.ram_bytes_planner,
            "flash_bytes": self.flash_bytes,
        }


def memory_use(graph: OpGraph) -> MemoryUse | str:
    """Return what a network needs, or the reason why that is not known."""
    try:
        deployed = deploy(graph)
    except DeployError as error:
        return error.message
    if not deployed.operators:
        return "it has no operators"
    memory = memory_of(deployed)
    operators = tuple(
        Running(operator.block, builtin(operator.kind), live)
        for operator, live in zip(deployed.operators, memory.live, strict=True)
    )
    peak = operators[memory.peak]
    return MemoryUse(
        memory.ram_bytes,
        memory.ram_bytes_planner,
        flash_bytes(deployed),
        block_profile(deployed, memory),
        operators,
        peak.block,
        peak.operator,
    )
