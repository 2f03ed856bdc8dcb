"""The networks of a comparison, given as text, with a name each that tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from PlainNet import Cost
from PlainNet.liveness import BYTES, peak_elements
from PlainNet.sizes import SizeLike
from zennas.common.errors import WrongSettingError, ZennasError
from zennas.named.networks import Network, network
from zennas.named.structures import TargetError
from zennas.report.analysis import analyze

LONGEST = 40
"""Characters of a name in a table; the middle of a longer one is left out."""


class UnreadNetworkError(TargetError):
    """A network of a comparison cannot be read; the message says which, and why, in one line."""


@dataclass(frozen=True, eq=False)
class Named:
    """A network of a comparison.

    number: its place among those that were given, from 1. label: its name in the comparison, unlike all others.
    text: as it was given. memory: bytes of all values that are
    kept at once while one image runs through it in float32, without weights.
    """

    number: int
    label: str
    text: str
    network: Network
    cost: Cost
    memory: int


def read_networks(
    texts: Sequence[str],
    resolution: SizeLike | None = None,
    num_classes: int | None = None,
    use_se: bool | None = None,
    in_channels: int | None = None,
) -> tuple[Named, ...]:
    """Return the networks that the texts name, in order, each with its costs.

    Arguments that are None take each network's own values. Raises WrongSettingError without a network, and
    UnreadNetworkError or what `zennas.named.networks.network` raises for one that cannot be read.
    """
    if not texts:
        raise WrongSettingError("there is no network to compare, expected at least one")
    found = []
    for number, (text, label) in enumerate(zip(texts, labels(texts), strict=True), start=1):
        try:
            one = network(text, resolution, num_classes, use_se, in_channels)
            cost, memory = analyze(one, check=False).total, BYTES * max(peak_elements(one.graph).values())
        except ZennasError as error:
            what, *place = str(error).split("\n")  # the other lines of a parse error show the position
            if _names(what, text) and not place:
                raise
            which = f"network {number}" if _names(what, text) else f"network {number}, {shortened(text)}"
            raise UnreadNetworkError(f"{which}: {what}") from None
        found.append(Named(number, label, text, one, cost, memory))
    return tuple(found)


def _names(message: str, text: str) -> bool:
    """Whether a message says which network it is about; messages name models of libraries without the library."""
    library, _, model = text.partition(":")
    return text[:80] in message or (bool(model) and library in message and model[:80] in message)


def labels(texts: Sequence[str]) -> list[str]:
    """Return a name for each text: short, and unlike all others; with the number of the network where it is needed."""
    short = [shortened(text) for text in texts]
    count = Counter(short)
    return [
        one if one == text and count[one] == 1 else f"({number}) {one}"
        for number, (one, text) in enumerate(zip(short, texts, strict=True), start=1)
    ]


def shortened(text: str) -> str:
    """Return a text without its middle if it is long."""
    tail = LONGEST // 3
    return text if len(text) <= LONGEST else f"{text[: LONGEST - tail - 1]}…{text[-tail:]}"
