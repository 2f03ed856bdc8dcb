"""Text to structure and back; bad text gets a ParseError that says where and what was expected."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PlainNet import ParseError, Structure, StructureError, cost, lower, parse
from PlainNet.blocktype import BLOCKS
from PlainNet.grammar import MAX_DEPTH, MAX_TEXT, read
from tests.conftest import SMALL


def test_published_structures_round_trip(published: dict[str, str]) -> None:
    for text in published.values():
        assert str(parse(text)) == text
        assert Structure.parse(text) == parse(text) == read(text)


def test_white_space_and_names() -> None:
    structure = parse(" ConvKX ( stem | 3 , 8,3\t, 1 )\n BN(8) RELU( act|8 ) ")
    assert str(structure) == "ConvKX(stem|3,8,3,1)BN(8)RELU(act|8)"
    assert structure.blocks[0].name == "stem"
    assert parse(str(structure)) == structure


def test_containers() -> None:
    text = "MultiSumBlock(both|ConvKX(3,8,3,2)BN(8);Sequential(MaxPool(3,3,2)ConvKX(3,8,1,1)))"
    assert str(parse(text)) == text
    assert str(parse("ResBlock(ConvKX(8,8,3,2)BN(8))")) == "ResBlock(8,2,ConvKX(8,8,3,2)BN(8))"
    assert parse("ResBlockProj(8,ConvKX(8,8,3,2)BN(8))") == parse("ResBlockProj(8,2,ConvKX(8,8,3,2)BN(8))")


# Each bad text with the column that is to blame and a part of the message.
BAD = [
    ("", 1, "expected the name of a block"),
    ("   ", 4, "end of the text"),
    ("Foo(3,8,1,1)", 1, "unknown block 'Foo'"),
    ("SuperResK3K5(8,8,1,8,1)", 1, "did you mean SuperResK"),
    ("SuperResK4K4(8,8,1,8,1)", 1, "unknown block"),
    ("superconvk3bnrelu(3,8,1,1)", 1, "did you mean SuperConvK3BNRELU"),
    ("ConvKX(3,8,4,1)", 12, "kernel_size of ConvKX is 4, expected an odd number"),
    ("ConvKX(3,0,3,1)", 10, "out_channels of ConvKX is 0"),
    ("ConvKX(3,-8,3,1)", 10, "expected out_channels"),
    ("ConvKX(3,8.5,3,1)", 11, "expected , and kernel_size"),
    ("ConvKX(3,99999999999999999999,3,1)", 10, "20 digits"),
    ("ConvKX(3,70000,3,1)", 10, "expected a number from 1 to 65536"),
    ("ConvKX(3,8,3)", 13, "expected , and stride"),
    ("ConvKX(3,8,3,1,1)", 15, "expected ) after the 4 arguments"),
    ("ConvKX(3,8,3,1", 15, "end of the text"),
    ("ConvKX 3,8,3,1)", 8, "expected ( after ConvKX"),
    ("ConvKX(3,8,3,1))", 16, "expected a block or the end"),
    ("ConvKX(3,8,3,1);BN(8)", 16, "expected a block or the end"),
    ("ConvKX(3,8,3,1) BN(9)", 17, "BN takes 9 channels, but the block before it outputs 8"),
    ("SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(16,16,1,8,1)", 27, "takes 16 channels"),
    ("ConvKX(3,8,3,1)Sequential()", 27, "expected the name of a block"),
    ("MultiSumBlock(ConvKX(3,8,3,1);ConvKX(3,9,3,1))", 1, "cannot add 8×"),
    ("MultiCatBlock(ConvKX(3,8,3,1);ConvKX(3,9,3,2))", 1, "cannot concatenate"),
    ("MultiSumBlock(BN(3);BN(3)BN(4))", 26, "BN takes 4 channels"),
    ("ResBlock(8,1,ConvKX(8,8,3,2))", 1, "stride of the residual block is 1"),
    ("ResBlock(4,ConvKX(8,8,3,2))", 1, "in_channels of the residual block is 4"),
    ("ResBlock(8ConvKX(8,8,3,2))", 11, "expected , and stride"),
    ("Sequential(ResBlock(BN(8)RELU(7)))", 26, "RELU takes 7"),
    ("ConvKXG4(8,6,3,1)", 1, "4 groups do not divide"),
    ("Linear(3,8,1)", 1, "Linear needs a flat input"),
    ("RELU(3)Flatten(3)", 8, "put AdaptiveAvgPool(3,1) before it"),
    ("AdaptiveAvgPool(3,1)Flatten(3)ConvKX(3,8,3,1)", 31, "needs height and width"),
    ("SuperConvK7BNRELU(3,65536,1,200)", 1, "more than 2.1e+09 weights"),
]


@pytest.mark.parametrize(("text", "column", "message"), BAD, ids=[text[:40] or "empty" for text, _, _ in BAD])
def test_bad_text(text: str, column: int, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    error = caught.value
    assert error.column == column
    assert message in error.message
    first, excerpt, caret = str(error).split("\n")
    assert first.startswith(f"column {column}: ")
    assert caret.strip() == "^"
    # The caret stands below the character that is to blame.
    if column <= len(text):
        assert excerpt[caret.index("^")] == text[column - 1]


def test_long_text_is_shown_around_the_place() -> None:
    text = "RELU(8)" * 500 + "RELU(9)" + "RELU(8)" * 500
    with pytest.raises(ParseError) as caught:
        parse(text)
    _, excerpt, caret = str(caught.value).split("\n")
    assert len(excerpt) < 90
    assert excerpt[caret.index("^") :].startswith("RELU(9)")


def test_depth_and_length_are_bounded() -> None:
    with pytest.raises(ParseError, match="nested more than"):
        parse("Sequential(" * (MAX_DEPTH + 5) + "BN(8)" + ")" * (MAX_DEPTH + 5))
    for text in ("(" * 10**6, "Sequential(" * 10**6, "RELU(8)" * 10**6):
        with pytest.raises(ParseError):
            parse(text)
    with pytest.raises(ParseError, match="characters"):
        parse("RELU(8)" * (MAX_TEXT // 7 + 1))
    with pytest.raises(ParseError, match="operations"):
        parse("SuperResIDWE1K3(8,8,1,8,256)" * 20)


def test_errors_survive_pickling() -> None:
    with pytest.raises(ParseError) as caught:
        parse("BN(8)BN(9)")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.column == caught.value.column


def test_what_is_not_text_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not from NoneType"):
        parse(None)  # type: ignore[arg-type]


PIECES = [*BLOCKS.names(), *"(){}|,;", " ", "8", "3", "16", "0", "-1", "1e9", "x", "²", "\n", SMALL]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text_is_refused_or_a_network(text: str) -> None:
    try:
        structure = parse(text)
    except ParseError as error:
        assert 1 <= error.column <= len(text) + 1
    else:
        assert parse(str(structure)) == structure
        assert cost(structure, resolution=64).params >= 0


@settings(max_examples=300)
@given(st.data())
def test_any_mutilation_is_refused_or_a_network(data: st.DataObject) -> None:
    """Published-like text with a few characters removed, doubled or replaced."""
    text = SMALL
    for _ in range(data.draw(st.integers(1, 4))):
        i = data.draw(st.integers(0, len(text) - 1))
        character = data.draw(st.sampled_from(["", text[i] * 2, "(", ")", ",", "|", ";", "0", "9", "K", "\x00", "é"]))
        text = text[:i] + character + text[i + 1 :]
    try:
        structure = parse(text)
    except ParseError:
        return
    lower(structure, resolution=64)


def test_structures_made_by_hand_are_checked_when_used() -> None:
    from PlainNet import BlockSpec

    broken = [
        Structure(()),
        Structure.of([BlockSpec("ConvKX", (3, 8))]),
        Structure.of([BlockSpec("Sequential", ())]),
        Structure.of([BlockSpec("BN", (8,)), BlockSpec("BN", (9,))]),
        Structure.of([BlockSpec("ConvKX", (3, 8, 4, 1))]),
    ]
    for structure in broken:
        with pytest.raises(StructureError):
            lower(structure, resolution=8)
        with pytest.raises(StructureError):
            cost(structure, resolution=8)
