"""Structures that were made by hand are checked by every interpreter, as text is when it is parsed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from PlainNet import BlockSpec, Structure, StructureError, build, cost
from ZeroShotProxy.proxies.zen_expected import expected_zen

STEM = BlockSpec("SuperConvK3BNRELU", (3, 8, 1, 1))
BROKEN = {
    "negative": (8, -8, 1, 8, 1),
    "zero": (8, 0, 1, 8, 1),
    "too wide": (8, 1 << 20, 1, 8, 1),
    "no layers": (8, 8, 1, 8, 0),
    "stride": (8, 8, 0, 8, 1),
    "too few": (8, 8, 1, 8),
    "too many": (8, 8, 1, 8, 1, 1),
    "does not join": (16, 8, 1, 8, 1),
}


@pytest.mark.parametrize("arguments", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("interpreter", [cost, build, expected_zen], ids=["cost", "build", "expected_zen"])
def test_is_refused(interpreter: Callable[[Structure], object], arguments: tuple[int, ...]) -> None:
    structure = Structure.of([STEM, BlockSpec("SuperResK3K3", arguments)])
    with pytest.raises(StructureError):
        interpreter(structure)
