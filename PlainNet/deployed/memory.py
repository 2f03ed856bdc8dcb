"""The RAM of a deployed network: its arena of activations under both plans, and how full it is over the network."""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack

from PlainNet.deployed.buffers import buffers_of, live_bytes
from PlainNet.deployed.offline import own_plan
from PlainNet.deployed.operators import Deployed
from PlainNet.deployed.planner import planned

METADATA = "OfflineMemoryAllocation"
"""The name of a file's metadata that has a plan, see `plan_metadata`."""


@dataclass(frozen=True, slots=True)
class Memory:
    """ram_bytes: the arena with our plan, which files carry. ram_bytes_planner: with the plan of TensorFlow Lite Micro.

    offsets: where each value lies in our plan. live: the bytes in use while each operator runs.
    """

    ram_bytes: int
    ram_bytes_planner: int
    offsets: tuple[int, ...]
    live: tuple[int, ...]

    @property
    def peak(self) -> int:
        """The number of the operator during which most bytes are in use."""
        return self.live.index(max(self.live))


def memory_of(deployed: Deployed) -> Memory:
    """Return the RAM of a network with at least one operator."""
    buffers = buffers_of(deployed)
    own = own_plan(buffers, deployed.output)
    values = len(deployed.operators) + 1
    return Memory(own.bytes, planned(buffers).bytes, own.offsets[:values], tuple(live_bytes(buffers)[1:]))


def block_profile(deployed: Deployed, memory: Memory) -> dict[int, int]:
    """Return the most bytes in use while the operators of each block run, by `Node.block`, in the order of the file."""
    found: dict[int, int] = {}
    for operator, live in zip(deployed.operators, memory.live, strict=True):
        found[operator.block] = max(found.get(operator.block, 0), live)
    return found


def plan_metadata(memory: Memory, tensors: int) -> bytes:
    """Return the content of a file's metadata `OfflineMemoryAllocation` with our plan.

    tensors: how many the file has, of which the first are the values of the network. It consists of 32-bit numbers: a
    version, a subgraph, the number of tensors, and the offset of each; -1 for constants.
    """
    constants = tensors - len(memory.offsets)
    return pack(f"<{3 + tensors}i", 1, 0, tensors, *memory.offsets, *(-1 for _ in range(constants)))
