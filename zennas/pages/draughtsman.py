"""From structures to networks as a page draws them, with what each block costs. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from latency.base import LatencyError
from latency.predicting.predictor import Predictor
from latency.predicting.profile import load_profile
from PlainNet import Options, Structure
from PlainNet.cost import CostModel, head_cost
from PlainNet.liveness import BYTES, peak_elements
from PlainNet.lowering import lower
from PlainNet.ops import HEAD, OpGraph
from zennas.named.settings import NetworkSettings
from zennas.pages.drawing import Arena, Block, Drawn, cut, described
from zennas.report.memories import MemoryUse, Running, memory_use

MOST_BLOCKS = 150
"""Further blocks of a network are drawn as one, so that the page stays small."""
MOST_OPERATORS = 300
"""Of a network with more operators, only the one of each block during which most RAM is in use is shown."""


class Draughtsman:
    """Turns structures into blocks with costs, for one run.

    profile: the latency profile that predicts, for batches of `batch_size` images, None for its own size. There are no
        latencies without it, if it is not here, or if it does not know a kernel.
    int8: whether memory is RAM in INT8, instead of values in float32.
    """

    def __init__(
        self, settings: NetworkSettings, profile: str | None, batch_size: int | None = None, *, int8: bool = False
    ) -> None:
        self._settings = settings
        self.int8 = int8
        self._options = Options(use_se=settings.use_se)
        self._costs = CostModel(settings.resolution, settings.num_classes, self._options)
        self._predictor = self._opened(profile, batch_size)

    @property
    def device(self) -> str | None:
        """The profile that predicts, with its batch size; None if there is none."""
        found = self._predictor
        return None if found is None else f"{found.profile.name} at batch size {found.batch_size}"

    def _opened(self, profile: str | None, batch_size: int | None) -> Predictor | None:
        if profile is None:
            return None
        try:
            return Predictor(
                load_profile(profile),
                resolution=self._settings.resolution,
                num_classes=self._settings.num_classes,
                options=self._options,
                batch_size=batch_size,
            )
        except (LatencyError, OSError):  # a file of the machine that searched, which is not here
            return None

    def drawn(self, number: int, title: str, structure: Structure, facts: Sequence[tuple[str, str]]) -> Drawn:
        """Return the drawing of a structure, with its RAM among the facts if it is shown.

        Raises StructureError if it is not a network.
        """
        graph = lower(
            structure,
            resolution=self._settings.resolution,
            num_classes=self._settings.num_classes,
            options=self._options,
        )
        use = memory_use(graph) if self.int8 else None
        known = {name for name, _ in facts}
        more = () if use is None else tuple(fact for fact in _memory_facts(use) if fact[0] not in known)
        blocks = self._blocks(structure, _kept(graph, use))
        arena = _arena(use, len(structure.blocks)) if isinstance(use, MemoryUse) else None
        return Drawn(number, title, cut(str(structure)), (*facts, *more), self._settings.resolution, blocks, arena)

    def _blocks(self, structure: Structure, memory: Mapping[int, int]) -> tuple[Block, ...]:
        """The blocks of a structure and its classifier. memory: by `Node.block`, see `Block`."""
        classes, ms = self._settings.num_classes, self._latencies(structure)
        found = []
        costs = self._costs.blocks(structure)
        for i, (spec, cost) in enumerate(zip(structure.blocks, costs, strict=True)):
            name, detail = described(spec, cost.layers)
            own = None if ms is None else ms.get(i, 0.0)
            kept = memory.get(i)
            shape = cost.shape
            found.append(
                Block(name, detail, shape.channels, shape.size, cost.layers, cost.params, cost.flops, kept, own)
            )
        head = head_cost(costs[-1].shape.channels, classes)
        own = None if ms is None else ms.get(HEAD, 0.0)
        words = "global average pooling, linear"
        found.append(Block("classifier", words, classes, 0, 0, head.params, head.flops, memory.get(HEAD), own))
        return _limited(found)

    def _latencies(self, structure: Structure) -> dict[int, float] | None:
        if self._predictor is None:
            return None
        try:
            return self._predictor.blocks_ms(self._predictor.lowered(structure))
        except LatencyError:  # a kernel that the profile does not know
            return None


def _kept(graph: OpGraph, use: MemoryUse | str | None) -> Mapping[int, int]:
    """The bytes of `Block.memory` by `Node.block`: in INT8 if RAM was asked for, otherwise in float32."""
    if use is None:
        return {block: BYTES * elements for block, elements in peak_elements(graph).items()}
    return use.live_bytes if isinstance(use, MemoryUse) else {}


def _memory_facts(use: MemoryUse | str) -> tuple[tuple[str, str], ...]:
    if isinstance(use, str):
        return (("RAM and flash", f"not known: {use}"),)
    return (
        ("RAM", f"{use.ram_bytes:,} bytes"),
        ("flash", f"{use.flash_bytes:,} bytes"),
        ("RAM, without the plan in the file", f"{use.ram_bytes_planner:,} bytes"),
    )


def _arena(use: MemoryUse, blocks: int) -> Arena:
    """The RAM of a network of so many blocks, with not too many operators, whose blocks are those of a drawing."""
    operators, each = use.operators, len(use.operators) <= MOST_OPERATORS
    if not each:
        most: dict[int, Running] = {}
        for one in operators:
            if one.block not in most or one.live_bytes > most[one.block].live_bytes:
                most[one.block] = one
        operators = tuple(most.values())
    numbered = (
        one._replace(block=min(blocks if one.block == HEAD else one.block, MOST_BLOCKS - 1)) for one in operators
    )
    return Arena(use.ram_bytes, use.ram_bytes_planner, tuple(numbered), each)


def _limited(blocks: list[Block]) -> tuple[Block, ...]:
    if len(blocks) <= MOST_BLOCKS:
        return tuple(blocks)
    shown, rest = blocks[: MOST_BLOCKS - 1], blocks[MOST_BLOCKS - 1 :]
    known = [block.ms for block in rest if block.ms is not None]
    return (
        *shown,
        Block(
            f"{len(rest):,} more blocks",
            "summed up",
            rest[-1].channels,
            rest[-1].size,
            sum(block.layers for block in rest),
            sum(block.params for block in rest),
            sum(block.flops for block in rest),
            max((block.memory for block in rest if block.memory is not None), default=None),
            sum(known) if len(known) == len(rest) else None,
        ),
    )
