"""Every search space made of decisions: encoding, neighbours and uniform sampling; and neighbours in open spaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import comb, prod
from random import Random

import pytest

from PlainNet import Structure, parse
from SearchSpace import SPACES, CellSpace, Decision, DecisionSpace, SearchSpaceError, load_space, neighbours
from SearchSpace.nasbench101 import nasbench101
from SearchSpace.nasbench201 import all_cells, network

FINITE = [name for name in SPACES.names() if isinstance(load_space(name), DecisionSpace)]
OPEN = [name for name in SPACES.names() if name not in FINITE]


def space_of(name: str) -> DecisionSpace:
    space = load_space(name)
    assert isinstance(space, DecisionSpace)
    return space


def differences(space: DecisionSpace, a: Structure, b: Structure) -> int:
    return sum(x != y for x, y in zip(space.encode(a), space.encode(b), strict=True))


def chi_square(counts: Sequence[int]) -> float:
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 / expected for count in counts)


@pytest.fixture(params=FINITE)
def space(request: pytest.FixtureRequest) -> DecisionSpace:
    return space_of(request.param)


def test_the_spaces_of_benchmarks_have_decisions() -> None:
    assert set(FINITE) == {"nasbench101", "nasbench201", "darts", "nasbench-macro", "channelbench-resnet", "mobile"}
    assert OPEN


def test_decisions_have_names_and_options(space: DecisionSpace) -> None:
    decisions = space.decisions()
    assert len({decision.name for decision in decisions}) == len(decisions)
    for decision in decisions:
        assert len(set(decision.options)) == len(decision.options) >= 2
    assert hash(decisions[0]) == hash(Decision(decisions[0].name, decisions[0].options))


def test_encoding_and_decoding_are_inverse(space: DecisionSpace) -> None:
    rng = Random(0)
    walk = [space.initial()]
    for _ in range(30):
        walk.append(space.mutate(walk[-1], rng))
    for structure in [*walk, *(space.sample(rng) for _ in range(60)), *(space.sample_uniform(rng) for _ in range(60))]:
        choices = space.encode(structure)
        assert all(0 <= c < len(d.options) for c, d in zip(choices, space.decisions(), strict=True))
        decoded = space.decode(choices)
        assert space.contains(decoded)
        assert space.encode(decoded) == choices
        assert space.decode(space.encode(decoded)) == decoded
        if isinstance(space, CellSpace):
            assert space.canonical(decoded) == space.canonical(structure)


def test_what_choices_make_is_found_again(space: DecisionSpace) -> None:
    rng = Random(1)
    made = 0
    for _ in range(300):
        choices = [rng.randrange(len(decision.options)) for decision in space.decisions()]
        try:
            structure = space.decode(choices)
        except SearchSpaceError:
            continue
        made += 1
        assert space.contains(structure)
        assert space.decode(space.encode(structure)) == structure
    assert made > 20


def test_neighbours_differ_in_one_decision(space: DecisionSpace) -> None:
    rng = Random(2)
    for structure in [space.initial(), *(space.sample_uniform(rng) for _ in range(4))]:
        near = list(space.neighbours(structure))
        assert near == list(space.neighbours(structure))
        assert len(near) == len(set(near)) > 0
        for other in near:
            assert space.contains(other)
            assert differences(space, structure, other) == 1


def test_neighbours_are_mutual(space: DecisionSpace) -> None:
    structure = space.sample_uniform(Random(3))
    own = space.decode(space.encode(structure))
    for other in space.neighbours(structure):
        assert own in space.neighbours(other)


def test_no_neighbour_is_missing(space: DecisionSpace) -> None:
    """Every structure met that is one decision away is among the neighbours."""
    rng = Random(4)
    for _ in range(20):
        structure = space.sample_uniform(rng)
        choices = list(space.encode(structure))
        place = rng.randrange(len(choices))
        choices[place] = rng.randrange(len(space.decisions()[place].options))
        try:
            other = space.decode(choices)
        except SearchSpaceError:
            continue
        if differences(space, structure, other) == 1:
            assert other in space.neighbours(structure)


def test_the_generator_decides(space: DecisionSpace) -> None:
    a, b = Random(5), Random(5)
    assert [space.sample_uniform(a) for _ in range(9)] == [space.sample_uniform(b) for _ in range(9)]


def test_wrong_choices_are_refused(space: DecisionSpace) -> None:
    choices = space.encode(space.initial())
    name, last = space.decisions()[0].name, len(space.decisions()[0].options) - 1
    with pytest.raises(SearchSpaceError, match=f"got {len(choices) - 1} choices, expected {len(choices)}"):
        space.decode(choices[:-1])
    for wrong in (-1, last + 1, 0.5, True, "none"):
        with pytest.raises(SearchSpaceError, match=f"choice for {name} is .*, expected 0 to {last}"):
            space.decode([wrong, *choices[1:]])  # type: ignore[list-item]


def test_structures_of_other_spaces_have_no_encoding(space: DecisionSpace) -> None:
    foreign = [parse("ConvKX(3,8,3,1)BN(8)RELU(8)"), *(load_space(name).initial() for name in SPACES.names())]
    for structure in foreign:
        if space.contains(structure):
            continue
        for refused in (
            lambda structure=structure: space.encode(structure),
            lambda s=structure: [*space.neighbours(s)],
        ):
            with pytest.raises(SearchSpaceError):
                refused()


def test_each_option_is_drawn_as_often_in_a_space_without_invalid_choices() -> None:
    for name in ("nasbench201", "darts", "channelbench-resnet"):
        space, rng = space_of(name), Random(6)
        encoded = [space.encode(space.sample_uniform(rng)) for _ in range(1500)]
        for place, decision in enumerate(space.decisions()):
            counts = Counter(choices[place] for choices in encoded)
            # 0.1 % of samples from a uniform distribution exceed 27.9 at 9 degrees of freedom, the most there are.
            assert chi_square([counts[option] for option in range(len(decision.options))]) < 27.9


@dataclass(frozen=True)
class Small(DecisionSpace):
    """2 × 3 × 3 choices, 12 of which make a network: those whose second and third option differ."""

    name: str = "small"

    def initial(self) -> Structure:
        return self.decode((0, 0, 1))

    def decisions(self) -> tuple[Decision, ...]:
        return Decision("a", ("x", "y")), Decision("b", ("x", "y", "z")), Decision("c", ("x", "y", "z"))

    def encode(self, structure: Structure) -> tuple[int, ...]:
        return tuple(spec.args[1] // 8 - 1 for spec in structure.blocks)

    def decode(self, choices: Sequence[int]) -> Structure:
        if choices[1] == choices[2]:
            raise SearchSpaceError("b and c are equal")
        width, text = 3, ""
        for choice in choices:
            text += f"ConvKX({width},{8 * choice + 8},3,1)"
            width = 8 * choice + 8
        return parse(text)

    def sample(self, rng: Random) -> Structure:
        return self.sample_uniform(rng)

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        return rng.choice(list(self.neighbours(structure)))

    def contains(self, structure: Structure) -> bool:
        return True


def test_valid_choices_are_drawn_uniformly() -> None:
    space, rng = Small(), Random(7)
    counts = Counter(space.encode(space.sample_uniform(rng)) for _ in range(3000))
    assert set(counts) == {c for c in product(range(2), range(3), range(3)) if c[1] != c[2]}
    assert chi_square(list(counts.values())) < 31.3  # 0.1 % at 11 degrees of freedom
    assert [space.encode(s) for s in space.neighbours(space.initial())] == [(1, 0, 1), (0, 2, 1), (0, 0, 2)]


# -- known counts ----------------------------------------------------------------------------


def test_nasbench201_has_15625_choices_and_24_neighbours() -> None:
    space = space_of("nasbench201")
    assert prod(len(decision.options) for decision in space.decisions()) == 15_625
    cells = list(all_cells())
    assert len({space.encode(network(cell)) for cell in cells}) == 15_625
    for cell in cells[::300]:
        assert len(list(space.neighbours(network(cell)))) == 24


def test_nasbench101_has_21_edges_and_five_operations() -> None:
    space = space_of("nasbench101")
    assert [len(decision.options) for decision in space.decisions()] == 21 * [2] + 5 * [3]
    choices = [0] * 26
    with pytest.raises(SearchSpaceError, match="no path leads from the input to the output"):
        space.decode(choices)
    with pytest.raises(SearchSpaceError, match="21 edges, expected at most 9"):
        space.decode(21 * [1] + 5 * [0])


def test_nasbench101_has_neighbours_with_more_and_with_fewer_vertices() -> None:
    space = nasbench101()
    smallest = space.read("output~0")
    (larger,) = space.neighbours(smallest)
    assert space.write(larger) == "conv1x1-bn-relu~0|output~0,1"
    assert smallest in space.neighbours(larger)


def test_nasbench101_has_all_changes_of_operations_as_neighbours() -> None:
    space = nasbench101()
    structure = space.read("|".join(f"conv3x3-bn-relu~{i}" for i in range(5)) + "|output~5")
    written = [space.write(other) for other in space.neighbours(structure)]
    assert sum(text.count("conv3x3") == 4 for text in written) == 10
    # A chain of 6 edges: each of the 15 other edges may be added; without an edge of its own nothing is left.
    assert len(written) == 10 + 15


def test_darts_has_as_many_cells_as_its_formula_says() -> None:
    space = space_of("darts")
    assert len(space.decisions()) == 22
    a_cell = prod(comb(node + 2, 2) for node in range(4)) * 7**8
    assert a_cell == 1_037_664_180  # about 10⁹, as the paper says
    assert prod(len(decision.options) for decision in space.decisions()) == a_cell**2
    assert len(list(space.neighbours(space.initial()))) == 2 * (2 + 5 + 9 + 8 * 6)


def test_darts_pairs_have_no_order() -> None:
    space = load_space("darts")
    assert isinstance(space, CellSpace)
    assert isinstance(space, DecisionSpace)
    text = space.write(space.initial())
    first, second = "('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ", "('sep_conv_3x3', 1), ('skip_connect', 0), "
    assert first in text
    assert second in text
    swapped = space.read(text.replace(second, "('skip_connect', 0), ('sep_conv_3x3', 1), "))
    assert swapped != space.initial()
    assert space.encode(swapped) == space.encode(space.initial())


def test_darts_refuses_another_stacking() -> None:
    with pytest.raises(SearchSpaceError, match=r"stacked as imagenet\(48, 14\), expected cifar\(36, 20\)"):
        space = load_space("darts")
        assert isinstance(space, CellSpace)
        space_of("darts").encode(space.read("DARTS_V2 @ imagenet(48, 14)"))


# -- neighbours in any space -----------------------------------------------------------------


@pytest.mark.parametrize("name", SPACES.names())
def test_sampled_neighbours_are_distinct(name: str) -> None:
    space = load_space(name)
    structure = space.initial()
    found = neighbours(space, structure, Random(8), 12)
    assert len(found) == len(set(found))
    assert structure not in found
    assert all(map(space.contains, found))
    assert found == neighbours(space, structure, Random(8), 12)
    assert len(found) == (12 if name != "nasbench101" else min(12, len(list(space_of(name).neighbours(structure)))))
    assert neighbours(space, structure, Random(8), 0) == []


def test_fewer_neighbours_than_asked_for_are_all_there_are() -> None:
    space = Small()
    assert set(neighbours(space, space.initial(), Random(9), 50)) == set(space.neighbours(space.initial()))
