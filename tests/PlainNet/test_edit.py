"""Joining and splitting blocks."""

from __future__ import annotations

import pytest

from PlainNet import Structure, cost, parse
from PlainNet.edit import out_channels, rejoin, split, with_argument, with_in_channels


def block(text: str):  # type: ignore[no-untyped-def]
    (found,) = parse(text).blocks
    return found


def test_rejoin_follows_the_channels() -> None:
    blocks = list(parse("ConvKX(3,8,3,1)BN(8)RELU(8)SuperResK3K3(8,16,1,8,1)").blocks)
    blocks[0] = with_argument(blocks[0], "out_channels", 24)
    joined = Structure.of(rejoin(blocks, 3))
    assert str(joined) == "ConvKX(3,24,3,1)BN(24)RELU(24)SuperResK3K3(24,16,1,8,1)"
    assert cost(joined).params > 0


def test_containers_are_rejoined_inside() -> None:
    text = "ResBlock(8,1,ConvKX(8,8,3,1)BN(8))"
    assert str(with_in_channels(block(text), 16)) == "ResBlock(16,1,ConvKX(16,8,3,1)BN(8))"
    text = "MultiSumBlock(ConvKX(8,4,3,1);ConvKX(8,4,1,1)BN(4))"
    assert str(with_in_channels(block(text), 16)) == text.replace("(8,", "(16,")


def test_out_channels() -> None:
    assert out_channels(block("MultiCatBlock(ConvKX(8,4,3,1);ConvKX(8,6,1,1)BN(6))")) == 10
    assert out_channels(block("Sequential(BN(8)ConvDW(8,3,1))")) == 8
    assert out_channels(block("SuperResK3K3(8,24,1,16,1)")) == 24


def test_split_keeps_the_depth_and_the_network() -> None:
    parts = split(block("SuperResK3K3(8,16,2,24,7)"))
    assert "".join(map(str, parts)) == "SuperResK3K3(8,16,2,24,3)SuperResK3K3(16,16,1,24,4)"
    parts = split(block("SuperResIDWE2K3(8,16,2,24,20)"))
    assert [part.args[-1] for part in parts] == [3, 3, 3, 3, 3, 5]
    for text in ("SuperResK3K3(8,16,2,24,5)", "SuperConvK3BNRELU(8,16,1,9)", "ConvKX(8,8,3,1)"):
        assert split(block(text)) == [block(text)]


def test_an_argument_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="BN has no stride"):
        with_argument(block("BN(8)"), "stride", 2)
