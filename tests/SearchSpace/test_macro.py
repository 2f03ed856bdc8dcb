"""NAS-Bench-Macro and Channel-Bench-Macro: every row of the tables costs what was published."""

from __future__ import annotations

import csv
import gzip
import math
from random import Random

import pytest

from PlainNet import Structure, parse
from PlainNet.cost import CostModel
from SearchSpace import SearchSpaceError, load_space
from SearchSpace.channelbench_resnet import channelbench_resnet
from SearchSpace.digits import DigitSpace
from SearchSpace.nasbench_macro import all_choices, choices_of, nasbench_macro, network
from tests.conftest import data_folder
from zennas.accuracy.tables import read

TABLES = {
    "nasbench-macro": ("nas_bench_macro_cifar10.csv.gz", 3**8),
    "channelbench-resnet": ("channel_bench_macro_resnet_cifar10.csv.gz", 4**7),
}


@pytest.fixture(params=TABLES)
def space(request: pytest.FixtureRequest) -> DigitSpace:
    found = load_space(request.param)
    assert isinstance(found, DigitSpace)
    return found


def rows(space: DigitSpace) -> list[dict[str, str]]:
    path = data_folder() / TABLES[space.name][0]
    if not path.is_file():
        pytest.skip(f"no table: {path} is not there")
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


def test_every_row_costs_what_was_published(space: DigitSpace) -> None:
    """The tables' FLOPs are multiply–accumulates of convolutions and the linear layer, as everywhere here."""
    model, table = CostModel(32, 10), rows(space)
    assert len(table) == TABLES[space.name][1] == math.prod(len(decision.options) for decision in space.decisions())
    for row in table:
        cost = model(space.read(row["arch"]))
        assert (cost.params, cost.flops) == (int(row["params"]), int(row["flops"])), row["arch"]


def test_the_tables_are_read_as_they_are(space: DigitSpace) -> None:
    table = rows(space)
    known = read(data_folder() / TABLES[space.name][0])
    assert known.architectures == tuple(row["arch"] for row in table)
    name = "mean" if "mean" in table[0] else "mean_acc"
    assert known.column("cifar10").tolist() == [float(row[name]) for row in table]


def test_digits_are_written_and_read(space: DigitSpace) -> None:
    rng = Random(0)
    for _ in range(200):
        choices = tuple(rng.randrange(len(decision.options)) for decision in space.decisions())
        structure = space.decode(choices)
        text = "".join(str(choice + space.first) for choice in choices)
        assert space.read(text) == space.read(f" {text}\n") == structure
        assert space.read(space.write(structure)) == structure
        assert parse(str(structure)) == structure


def test_where_nothing_is_does_not_matter() -> None:
    space = nasbench_macro()
    for a, b in (("10100200", "10100200"), ("10102200", "10120200"), ("22101001", "22110010")):
        assert space.read(a) == space.read(b)
        assert space.canonical(space.read(a)) == space.write(space.read(b))
    assert space.write(space.read("22101001")) == "22110010"
    structures = {network(choices) for choices in all_choices()}
    # In the last two positions of a stage: nothing, one of two units, or two of two units.
    assert len(structures) == (3 * 3) * (3 * 7) ** 2 == 3969
    assert all(network(choices_of(structure)) == structure for structure in structures)


def test_all_widths_are_different_networks() -> None:
    space = channelbench_resnet()
    assert space.write(space.read("1234123")) == "1234123"
    first = [spec.args[1] for spec in space.read("1234123").blocks if spec.kind == "SuperConvK3BNRELU"]
    assert first == [64, 4 * 128, 1 * 128]
    assert "ResBlock(64,1,ConvKX(64,128,3,1)" in str(space.read("1234123"))
    assert "ResBlock(128,1,ConvKX(128,384,3,1)" in str(space.read("1234123"))


@pytest.mark.parametrize("text", ["", "1", "3" * 8, "0" * 7, "5" * 7, "1111111a", "１" * 8, "-1111111", "11111111 1"])
def test_other_texts_are_refused(space: DigitSpace, text: str) -> None:
    with pytest.raises(SearchSpaceError, match=f"{space.name}, expected [78] digits from [01] to [24]"):
        space.read(text)


def test_other_networks_are_refused(space: DigitSpace) -> None:
    structure = space.read("1" * len(space.decisions()))
    broken: list[Structure] = [
        Structure(structure.blocks[:-1]),
        Structure(structure.blocks[1:]),
        Structure((*structure.blocks, structure.blocks[-1])),
        Structure((structure.blocks[0]._replace(args=(3, 40, 1, 1)), *structure.blocks[1:])),
        Structure(()),
    ]
    for found in broken:
        assert not space.contains(found)
        with pytest.raises(SearchSpaceError, match="is not a network of"):
            space.write(found)
    with pytest.raises(SearchSpaceError, match="is not a network of"):
        load_space(space.name, broken[0])


def test_a_search_may_start_anywhere(space: DigitSpace) -> None:
    structure = space.sample(Random(1))
    assert load_space(space.name, structure).initial() == structure
