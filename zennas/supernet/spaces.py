"""Spaces that a supernet can be built of: a structure with choices, or the cell of NAS-Bench-201. No torch.

`SuperSpace` says what the fixed parts and the candidates are, as blocks on inputs of known sizes. From that follow the
costs (`tables.py`) and, with `Choices` or `Cells`, the module (`building.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from PlainNet import BlockSpec, Structure, StructureError, parse
from PlainNet.blocks.nasbench201 import EDGES, OPERATIONS
from PlainNet.blocktype import in_channels
from PlainNet.choices import choices_of, chosen
from PlainNet.edit import for_channels
from PlainNet.ir import CHOICE
from PlainNet.lowering import lower, lower_block
from PlainNet.ops import FLAT
from PlainNet.plugins import load_module
from PlainNet.sizes import Size, each_side
from SearchSpace.base import SearchSpaceError, load_space
from SearchSpace.choices import ChoiceSpace
from SearchSpace.nasbench201 import CELLS_A_STAGE, CHANNELS, DECISIONS, STAGES, Cell201, network
from zennas.supernet.errors import SupernetError

NASBENCH201 = "nasbench201"
ALIASES = {"nas-bench-macro": "nasbench-macro", "nas-bench-201": NASBENCH201}
FUNCTION = "supernet"
"""What a file with a space defines: a function without arguments that returns a structure with choices, or its text."""


class Piece(NamedTuple):
    """Consecutive blocks, and the size of their input in pixels. first: whether the input is the image."""

    blocks: tuple[BlockSpec, ...]
    size: Size
    first: bool = False


class Pieces(NamedTuple):
    """A space at some resolution.

    fixed: what every network has. candidates: by the decision's key, for each option its pieces at all places.
    channels, size: those of the last features.
    """

    fixed: tuple[Piece, ...]
    candidates: Mapping[str, tuple[tuple[Piece, ...], ...]]
    channels: int
    size: Size


@dataclass(frozen=True)
class Choices:
    """The space of a structure with choices. name: for messages. structure: with at least one choice.

    Raises SupernetError if it has none.
    """

    name: str
    structure: Structure

    def __post_init__(self) -> None:
        try:
            found = choices_of(self.structure)
        except StructureError as error:
            raise SupernetError(error.message) from None
        if not found:
            raise SupernetError(f"{self.name} has no Choice{{…}}, expected a structure with at least one")

    @property
    def options(self) -> dict[str, tuple[str, ...]]:
        """The candidates of each decision by key, as text."""
        return {choice.name: choice.options for choice in choices_of(self.structure)}

    def network(self, picks: Mapping[str, Sequence[int]]) -> Structure:
        """Return the network of one candidate for each decision."""
        return chosen(self.structure, [picks[key][0] for key in self.options])

    def pieces(self, resolution: Size) -> Pieces:
        """Return the fixed parts and the candidates for images of one resolution. Raises StructureError."""
        lower(self.structure, resolution=resolution, open_choices=True)
        key_at = {place: choice.name for choice in choices_of(self.structure) for place in choice.places}
        fixed: list[Piece] = []
        found: dict[str, list[list[Piece]]] = {key: [[] for _ in options] for key, options in self.options.items()}
        size: Size = resolution
        channels = 0
        run: list[BlockSpec] = []
        entered, began = size, 0
        for place, spec in enumerate(self.structure.blocks):
            if spec.kind != CHOICE:
                if not run:
                    entered, began = size, place
                run.append(spec)
                channels, size = lower_block(spec, size)[1]
                continue
            if run:
                fixed.append(Piece(tuple(run), entered, began == 0))
                run = []
            for option, blocks in enumerate(spec.branches):
                found[key_at[place]][option].append(Piece(blocks, size, place == 0))
            for block in spec.branches[0]:
                channels, size = lower_block(block, size)[1]
        if run:
            fixed.append(Piece(tuple(run), entered, began == 0))
        return Pieces(tuple(fixed), {key: tuple(map(tuple, own)) for key, own in found.items()}, channels, size)


@dataclass(frozen=True)
class Cells:
    """The space of NAS-Bench-201: six decisions, which all cells share.

    channels: of the first stage. in_channels: of the images.
    """

    channels: int = CHANNELS
    cells: int = CELLS_A_STAGE
    name: str = NASBENCH201
    in_channels: int = 3

    @property
    def options(self) -> dict[str, tuple[str, ...]]:
        """The operations of each edge by key."""
        return {decision.name: decision.options for decision in DECISIONS}

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, in the order of `EDGES`."""
        return tuple(decision.name for decision in DECISIONS)

    def network(self, picks: Mapping[str, Sequence[int]]) -> Structure:
        """Return the network of one operation for each edge."""
        made = network(Cell201(tuple(picks[key][0] for key in self.keys)), self.channels, self.cells)
        return for_channels(made, self.in_channels)

    @property
    def stem(self) -> tuple[BlockSpec, ...]:
        """The blocks before the first cell."""
        return BlockSpec("ConvKX", (self.in_channels, self.channels, 3, 1)), BlockSpec("BN", (self.channels,))

    def stages(self, resolution: Size) -> list[tuple[int, Size]]:
        """Return the channels and the size of the features in each stage."""
        sizes = [resolution]
        for _ in range(1, STAGES):
            sizes.append(each_side(lambda side: -(-side // 2), sizes[-1]))
        return [(self.channels * 2**stage, size) for stage, size in enumerate(sizes)]

    def pieces(self, resolution: Size) -> Pieces:
        """Return the fixed parts and the candidates for images of one resolution.

        Additions are nobody's: an edge that is cut saves one, but which of two edges would pay for it is not defined.
        """
        stages = self.stages(resolution)
        fixed = [Piece(self.stem, resolution, first=True)]
        for (width, size), (following, _) in pairwise(stages):
            fixed.append(Piece((BlockSpec("NB201Reduction", (width, following)),), size))
        width, size = stages[-1]
        fixed.append(Piece(end(width), size))
        candidates = tuple(
            tuple(Piece(operation(name, channels), side) for channels, side in stages for _ in range(self.cells))
            for name in OPERATIONS
        )
        return Pieces(tuple(fixed), dict.fromkeys(self.keys, candidates), width, size)


SuperSpace = Choices | Cells


def end(channels: int) -> tuple[BlockSpec, ...]:
    """Return what follows the last cell of NAS-Bench-201."""
    return BlockSpec("BN", (channels,)), BlockSpec("RELU", (channels,))


def operation(name: str, channels: int) -> tuple[BlockSpec, ...]:
    """Return one of `OPERATIONS` as blocks."""
    if name == "none":
        return (BlockSpec("Zero", (channels,)),)
    if name == "skip_connect":
        return (BlockSpec("Identity", (channels,)),)
    if name == "avg_pool_3x3":
        return (BlockSpec("AvgPool", (channels, 3, 1)),)
    kernel = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}[name]
    conv = BlockSpec("ConvKX", (channels, channels, kernel, 1))
    return BlockSpec("RELU", (channels,)), conv, BlockSpec("BN", (channels,))


def arriving(node: int) -> list[tuple[str, int]]:
    """Return the key and the source of each edge of a cell that leads to `node`."""
    return [(decision.name, source) for decision, (to, source) in zip(DECISIONS, EDGES, strict=True) if to == node]


def open_space(text: str) -> SuperSpace:
    """Return the space that `text` names.

    text: the name of a search space in which every decision chooses among blocks (mobile, nasbench-macro, nasbench201);
    a .py file that defines `supernet()`, which is executed; or a structure with choices, or a file that contains one.
    Raises SupernetError if it is none of them, and ParseError for a structure that is not valid.
    """
    path = Path(text)
    if "{" in text:
        return Choices("the structure", parse(text))
    if path.suffix == ".py":
        return Choices(str(path), _defined_in(path))
    if path.is_file():
        return Choices(str(path), parse(path.read_text(encoding="utf-8").strip()))
    name = ALIASES.get(text.casefold(), text)
    if name.casefold() == NASBENCH201:
        return Cells()
    space = load_space(name)
    structure = space.supernet if isinstance(space, ChoiceSpace) else getattr(space, "supernet", None)
    if not isinstance(structure, Structure):
        raise SupernetError(
            f"the space {name} is not made of decisions that choose among blocks: expected mobile, nasbench-macro, "
            f"nasbench201, a structure with choices, or a .py file that defines {FUNCTION}()"
        )
    return Choices(space.name, structure)


def taking(space: SuperSpace, channels: int) -> SuperSpace:
    """Return the space for images of so many channels."""
    if isinstance(space, Cells):
        return replace(space, in_channels=channels)
    return replace(space, structure=for_channels(space.structure, channels))


def first_channels(space: SuperSpace) -> int:
    """Return the channels of the images that the networks of a space take."""
    return space.in_channels if isinstance(space, Cells) else in_channels(space.structure.blocks[0])


def _defined_in(path: Path) -> Structure:
    if not path.is_file():
        raise SupernetError(f"there is no file {path}, expected one that defines {FUNCTION}()")
    try:
        module = load_module(path.resolve())
        function = getattr(module, FUNCTION, None)
        if function is None:
            raise SupernetError(
                f"{path} does not define {FUNCTION}(), a function that returns a structure with choices"
            )
        made = function()
    except (SearchSpaceError, SupernetError, StructureError):
        raise
    except Exception as error:  # a user's file can raise anything
        raise SupernetError(f"{path} cannot be used: {type(error).__name__}: {error}") from error
    if not isinstance(made, (str, Structure)):
        raise SupernetError(f"{FUNCTION}() of {path} returned {type(made).__name__}, expected a structure or its text")
    return parse(str(made))


def whole(space: SuperSpace) -> int:
    """Return how many architectures a space has."""
    count = 1
    for options in space.options.values():
        count *= len(options)
    return count


def check_size(space: SuperSpace, resolution: Size) -> None:
    """Raise StructureError if the space does not work at this resolution, SupernetError if its features are flat."""
    if space.pieces(resolution).size == FLAT:
        raise SupernetError(f"{space.name} ends with flat features, expected features before the global pooling")
