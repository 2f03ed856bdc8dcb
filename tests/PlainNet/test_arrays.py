"""Structures as arrays: which have a form, how blocks are numbered, and what is forgotten."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from PlainNet import Structure, StructureError, cost, parse
from PlainNet.arrays import blocks as blocks_module
from PlainNet.arrays.blocks import Blocks, BlockValues
from PlainNet.arrays.costs import CostArrays
from PlainNet.arrays.numbering import KeyedValues, Numbering
from PlainNet.arrays.structures import Layout, Structures, together
from SearchSpace import load_space
from zennas.testing.arrays import form_of, walked

XXBL = load_space("XXBL")


def layout() -> Layout:
    form = form_of(XXBL)
    assert form is not None
    return form.layout


@pytest.mark.parametrize("largest", [50, 10**6, 2**62])
def test_keys_are_numbered_as_by_a_dictionary(largest: int) -> None:
    rng, numbering, known = np.random.default_rng(0), Numbering(), dict[int, int]()
    for size in (1, 7, 5000, 30_000, 0, 3):
        keys = rng.integers(1, largest, size)
        found = numbering.of(keys).tolist()
        for key, number in zip(keys.tolist(), found, strict=True):
            assert known.setdefault(key, number) == number
    assert sorted(known.values()) == list(range(numbering.count))


@pytest.mark.parametrize(
    "text",
    [
        "SuperConvK3BNRELU(3,12,1,1)",  # not a multiple of 8
        "ConvKX(3,8,3,1)",  # not a super-block
        "SuperConvK3BNRELU(3,8,1,1)MBConv(8,8,3,2,1)",
        "SuperConvK3BNRELU(stem|3,8,1,1)",
    ],
)
def test_what_has_no_array_form(text: str) -> None:
    assert Layout.of(parse(text), (), depth=7) is None
    with pytest.raises(StructureError, match="has no array form"):
        Structures.of([parse(text)], layout())


@pytest.mark.parametrize(
    "text", ["SuperConvK3BNRELU(3,8,4,1)", "SuperConvK3BNRELU(3,8,1,9)", "SuperConvK3BNRELU(1,8,1,1)"]
)
def test_what_does_not_fit_a_layout(text: str) -> None:
    assert not layout().contains(parse(text))
    assert layout().contains(parse("SuperConvK3BNRELU(3,8,2,1)"))


def test_hashes_tell_structures_apart_whatever_their_number_of_positions() -> None:
    structures = walked(XXBL, 400)
    found = Structures.of(structures, layout()).hashes().tolist()
    assert len(set(found)) == len(set(structures))
    for structure, number in zip(structures, found, strict=True):
        assert Structures.of([structure], layout()).hashes().tolist() == [number]


def test_parts_are_put_together_and_chosen() -> None:
    structures = walked(XXBL, 60)
    parts = [Structures.of(structures[:20], layout()), Structures.of(structures[20:], layout())]
    whole = together(parts)
    assert whole.all() == structures
    rows = np.array([5, 3, 59, 3])
    assert whole[rows].trimmed().all() == [structures[i] for i in rows]
    assert whole[whole.layers > 12].all() == [s for s in structures if cost(s).layers > 12]


def test_structures_are_written_by_the_numbers_of_their_blocks() -> None:
    structures, blocks = walked(XXBL, 60), Blocks(layout(), 32)
    placed = blocks.place(Structures.of(structures, layout()))
    assert blocks.written(placed.where(np.arange(20))) == structures[:20]
    again = blocks.written(placed)
    assert again == structures
    assert again[0].blocks[0] is blocks.written(placed)[0].blocks[0]


def test_values_of_keys_are_computed_once_and_again_when_there_were_too_many() -> None:
    rng, asked = np.random.default_rng(0), list[int]()
    values = KeyedValues(capacity=500)
    for _ in range(30):
        keys = rng.integers(1, 400, size=200)

        def compute(places: np.ndarray, keys: np.ndarray = keys) -> np.ndarray:
            asked.extend(keys[places].tolist())
            return np.sqrt(keys[places])

        assert (values.of(keys, compute) == np.sqrt(keys)).all()
    assert len(asked) == len(set(asked))
    for begin in (1000, 2000, 1):  # the last ones were forgotten
        keys = np.arange(begin, begin + 300)
        values.of(keys, lambda places, keys=keys: asked.extend(keys[places].tolist()) or np.sqrt(keys[places]))
    assert asked.count(7) == 2


def test_forgetting_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks_module, "CAPACITY", 40)
    rng, blocks = Random(0), Blocks(layout(), 32)
    count = CostArrays(blocks, 10)
    structures: list[Structure] = [XXBL.initial()]
    for _ in range(8):
        structures = [XXBL.mutate(rng.choice(structures), rng, 2) for _ in range(20)]
        found = count(blocks.place(Structures.of(structures, layout())))
        assert found.all() == [cost(structure) for structure in structures]
    assert blocks.epoch > 1


def test_values_are_computed_once() -> None:
    blocks, asked = Blocks(layout(), 32), list[int]()

    def twice(numbers: np.ndarray) -> np.ndarray:
        asked.extend(numbers.tolist())
        return 2.0 * numbers[None]

    values = BlockValues(blocks, 1, twice)
    for count in (5, 30, 30):
        placed = blocks.place(Structures.of(walked(XXBL, count), layout()))
        assert (values.of(placed.numbers)[0] == 2 * placed.numbers).all()
    assert len(asked) == len(set(asked)) == blocks.count - 1
