"""Tables of what each candidate of a space costs: counted, predicted by a profile, or looked up in a file.

A latency adds up over the blocks: a profile predicts a network as the sum of its kernels, and a kernel lies in one
block except for fused single operations. A candidate therefore costs the sum of its own kernels, and the cost of a
network of the space is that of the predictor, up to rounding, unless a candidate begins with a single activation or
batch-norm that would be fused into the block before it.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Callable, Mapping
from pathlib import Path

from latency.predicting.predictor import Predictor
from latency.predicting.profile import ProfileError, load_profile
from PlainNet import BlockSpec
from PlainNet.cost import block_cost, head_cost
from PlainNet.lowering import lower_block, part_graph
from PlainNet.sizes import Size, sides, size_text
from zennas.supernet.cost import CostTable
from zennas.supernet.errors import SupernetError
from zennas.supernet.spaces import Piece, Pieces, SuperSpace

COUNTS = ("flops", "params", "activations")
_UNITS = {"flops": "multiply–accumulates", "params": "parameters", "activations": "elements"}
_FREE = ("BN", "RELU", "RELU6", "Swish", "Identity")
"""Blocks that a look-up table has as part of the convolution before them, or that do nothing."""

Row = tuple[str, str, str, str, str]
"""Input, output, expansion, kernel and stride of a row, as written."""


def counted(space: SuperSpace, what: str, *, resolution: Size, num_classes: int) -> CostTable:
    """Return the number of "flops" (multiply–accumulates), "params" or "activations" of each candidate."""

    def measure(piece: Piece) -> float:
        size: Size = piece.size
        total = 0
        for spec in piece.blocks:
            found = block_cost(spec, size)
            total += getattr(found, what)
            size = found.shape.size
        return float(total)

    pieces = space.pieces(resolution)
    head = float(getattr(head_cost(pieces.channels, num_classes), what))
    return _table(what, _UNITS[what], pieces, head, measure)


def predicted(
    space: SuperSpace, profile: str, *, resolution: Size, num_classes: int, batch_size: int | None = None
) -> CostTable:
    """Return the latency of each candidate in ms per image, predicted by a profile.

    profile: the name of a shipped one, or a file. batch_size: None for the profile's own.
    Raises SupernetError, naming the candidate, if the profile does not know its operations, and ProfileError if there
    is no such profile.
    """
    loaded = load_profile(profile)
    predictor = Predictor(loaded, resolution=resolution, num_classes=num_classes, batch_size=batch_size)
    each = loaded.scale / predictor.batch_size

    def measure(piece: Piece) -> float:
        try:
            kernels = predictor.kernels(part_graph(piece.blocks, piece.size))
            return each * sum(map(loaded.kernel_ms, kernels))
        except ProfileError as error:
            text = "".join(map(str, piece.blocks))
            raise SupernetError(f"{text[:80]} cannot be predicted: {error}") from None

    pieces = space.pieces(resolution)
    rest = each * predictor.head_ms(pieces.channels, pieces.size) + loaded.overhead_ms / predictor.batch_size
    return _table(f"latency by {loaded.name}", "ms", pieces, rest, measure)


def looked_up(space: SuperSpace, path: Path, *, resolution: Size, num_classes: int) -> CostTable:
    """Return the latency of each candidate in ms, from a table of blocks in the form of MIT's for phones.

    path: a CSV file, or one compressed with gzip, with the columns op, inp, outp, expand, kernel, stride, idskip and
    mean: `Conv`, `Conv_1` and `Logits` for plain convolutions and the classifier, `expanded_conv` for inverted
    residuals. Activations and batch-norms are part of the convolution before them; nothing costs nothing.

    Raises SupernetError if the file cannot be read or lacks a row; nothing is made up for what is missing.
    """
    rows = _rows(path)

    def row(kind: str, key: Row, what: str) -> float:
        found = rows.get((kind, key))
        if found is None:
            inside, outside, *rest = key
            more = "" if kind == _PLAIN else " with expansion {}, kernel {}, stride {}".format(*rest)
            raise SupernetError(f"{path} has no row for {what}: {kind} from {inside} to {outside}{more}")
        return found

    def measure(piece: Piece) -> float:
        size: Size = piece.size
        total = 0.0
        for spec in piece.blocks:
            channels, after = lower_block(spec, size)[1]
            if spec.kind not in _FREE:
                total += row(*_key(spec, size, channels, after), what=f"{spec} on {size_text(size)} pixels")
            size = after
        return total

    pieces = space.pieces(resolution)
    last = _shape(pieces.size, pieces.channels)
    head = row(_PLAIN, (last, str(num_classes), "", "", ""), what=f"the classifier of {num_classes} classes")
    return _table(f"latency in {path.name}", "ms", pieces, head, measure)


_PLAIN, _UNIT = "Conv", "expanded_conv"


def _key(spec: BlockSpec, size: Size, channels: int, after: Size) -> tuple[str, Row]:
    """The kind of a block's row, and what identifies it. Raises SupernetError for blocks that such a table lacks."""
    inside, outside = _shape(size, spec.args[0]), _shape(after, channels)
    if spec.kind == "MBConv":
        _, _, kernel, expansion, stride = spec.args
        return _UNIT, (inside, outside, str(expansion), str(kernel), str(stride))
    if spec.kind == "ConvKX":
        return _PLAIN, (inside, outside, "", "", "")
    raise SupernetError(f"a look-up table has no rows for the block {spec}, only for MBConv and ConvKX")


def _shape(size: Size, channels: int) -> str:
    """A shape as such a table writes it: 112x112x32."""
    return "x".join(map(str, (*sides(size), channels)))


def _rows(path: Path) -> dict[tuple[str, Row], float]:
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise SupernetError(f"the look-up table {path} cannot be read: {error}") from None
    found: dict[tuple[str, Row], float] = {}
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        try:
            kind = _UNIT if row["op"] == _UNIT else _PLAIN
            key = (row["inp"], row["outp"], row["expand"], row["kernel"], row["stride"])
            ms = float(row["mean"])
        except (KeyError, TypeError, ValueError):
            raise SupernetError(
                f"{path}, line {number} is no row of a look-up table, expected op, inp, outp, expand, kernel, stride "
                "and mean in ms"
            ) from None
        if not 0 <= ms < math.inf:
            raise SupernetError(f"{path}, line {number} has {ms} ms, expected a number of at least 0")
        found[kind, key] = ms
    if not found:
        raise SupernetError(f"the look-up table {path} has no rows")
    return found


def _table(name: str, unit: str, pieces: Pieces, rest: float, measure: Callable[[Piece], float]) -> CostTable:
    known: dict[Piece, float] = {}

    def cost(piece: Piece) -> float:
        if piece not in known:
            known[piece] = measure(piece)
        return known[piece]

    candidates: Mapping[str, tuple[float, ...]] = {
        key: tuple(sum(map(cost, places)) for places in options) for key, options in pieces.candidates.items()
    }
    return CostTable(name, unit, rest + sum(map(cost, pieces.fixed)), candidates)
