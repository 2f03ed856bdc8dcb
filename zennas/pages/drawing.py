"""Networks block by block, as data for the drawing in the page. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass

from latency.base import LatencyError
from latency.predicting.predictor import Predictor
from latency.predicting.profile import load_profile
from PlainNet import BlockSpec, Options, Structure
from PlainNet.blocktype import block_type
from PlainNet.cost import CostModel, head_cost
from PlainNet.liveness import BYTES, peak_elements
from PlainNet.lowering import lower
from PlainNet.ops import HEAD
from PlainNet.sizes import Size
from zennas.common.numbers import counted
from zennas.named.settings import NetworkSettings

MOST_BLOCKS = 150
"""Further blocks of a network are drawn as one, so that the page stays small."""
LONGEST = 3000
"""Characters of a text that are shown."""


@dataclass(frozen=True)
class Block:
    """A block. channels, size: of its output, in pixels; 0 for a vector. memory: bytes of all values kept while it
    runs, in float32. ms: its predicted latency, None if it is not known.
    """

    name: str
    detail: str
    channels: int
    size: Size
    layers: int
    params: int
    flops: int
    memory: int
    ms: float | None


@dataclass(frozen=True)
class Drawn:
    """A network. number: its number in the page. title: what it is in the run, such as its rank and score.
    facts: its costs and scores in words. image: the size of the input in pixels.
    """

    number: int
    title: str
    structure: str
    facts: tuple[tuple[str, str], ...]
    image: Size
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Networks:
    """Networks of a run, of which one is drawn at a time, the first one at first. device: that of the latencies."""

    networks: tuple[Drawn, ...]
    device: str | None


class Draughtsman:
    """Turns structures into blocks with costs, for one run.

    profile: the latency profile that predicts, for batches of `batch_size` images, None for its own size. There are no
        latencies without it, if it is not here, or if it does not know a kernel.
    """

    def __init__(self, settings: NetworkSettings, profile: str | None, batch_size: int | None = None) -> None:
        self._settings = settings
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

    def blocks(self, structure: Structure) -> tuple[Block, ...]:
        """Return the blocks of a structure and its classifier. Raises StructureError if it is not a network."""
        size, classes = self._settings.resolution, self._settings.num_classes
        graph = lower(structure, resolution=size, num_classes=classes, options=self._options)
        memory, ms = peak_elements(graph), self._latencies(structure)
        found = []
        costs = self._costs.blocks(structure)
        for i, (spec, cost) in enumerate(zip(structure.blocks, costs, strict=True)):
            name, detail = described(spec, cost.layers)
            own = None if ms is None else ms.get(i, 0.0)
            kept = BYTES * memory.get(i, 0)
            shape = cost.shape
            found.append(
                Block(name, detail, shape.channels, shape.size, cost.layers, cost.params, cost.flops, kept, own)
            )
        head = head_cost(costs[-1].shape.channels, classes)
        own = None if ms is None else ms.get(HEAD, 0.0)
        words = "global average pooling, linear"
        kept = BYTES * memory.get(HEAD, 0)
        found.append(Block("classifier", words, classes, 0, 0, head.params, head.flops, kept, own))
        return _limited(found)

    def _latencies(self, structure: Structure) -> dict[int, float] | None:
        if self._predictor is None:
            return None
        try:
            return self._predictor.blocks_ms(self._predictor.lowered(structure))
        except LatencyError:  # a kernel that the profile does not know
            return None


def described(spec: BlockSpec, layers: int) -> tuple[str, str]:
    """Return the name of a block and its arguments in words, such as "8 → 16 channels, stride 2"."""
    if spec.branches:
        return spec.kind, cut(str(spec))
    values = dict(zip((param.name for param in block_type(spec.kind).params), spec.args, strict=False))
    words = []
    if "in_channels" in values and "out_channels" in values:
        words.append(f"{values.pop('in_channels')} → {values.pop('out_channels')} channels")
    for name, value in values.items():
        if name == "sub_layers":
            continue
        words.append(f"{argument_name(name)} {value}")
    if layers > 1:
        words.append(counted(layers, "layer"))
    return spec.kind, ", ".join(word for word in words if word != "stride 1")


def argument_name(name: str) -> str:
    """Return the name of a block's argument in words: "kernel" for `kernel_size`."""
    return name.removesuffix("_channels").removesuffix("_size").replace("_", " ")


def cut(text: str, longest: int = LONGEST) -> str:
    """Return the text, without its end if it is very long."""
    return text if len(text) <= longest else f"{text[:longest]}…"


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
            max(block.memory for block in rest),
            sum(known) if len(known) == len(rest) else None,
        ),
    )
