"""Contracts of search spaces: structures are valid networks, reachable, and determined by the generator."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np

from PlainNet import parse
from PlainNet.arrays.structures import Structures
from PlainNet.cost import CostModel, count_layers
from SearchSpace import CellSpace, Graph, SearchSpace, SearchSpaceError, graphs_of
from zennas.testing.arrays import Repeated, form_of, walked
from zennas.testing.expecting import expect, expect_equal, expect_refused

MODEL = CostModel(32, 10)


def samples_are_networks_of_the_space(space: SearchSpace) -> str | None:
    """Samples belong to the space, have parameters, and can be read from their text."""
    rng = Random(0)
    expect(space.contains(space.initial()), f"{space.name} does not contain its initial structure")
    for _ in range(30):
        structure = space.sample(rng)
        expect(space.contains(structure), f"{space.name} does not contain its sample {structure}")
        expect(MODEL(structure).params > 0, f"the sample {structure} has no parameters")
        expect_equal(parse(str(structure)), structure, f"the sample {structure} read from its text")
    return None


def mutations_stay_and_move(space: SearchSpace) -> str | None:
    """Mutations do not leave the space, and reach more than 100 structures in 200 steps."""
    rng = Random(1)
    structure, seen = space.initial(), set()
    for _ in range(200):
        structure = space.mutate(structure, rng, changes=rng.choice([1, 2]))
        expect(space.contains(structure), f"{space.name} does not contain {structure}, which a mutation gave")
        seen.add(structure)
    expect(len(seen) > 100, f"200 mutations in {space.name} gave {len(seen)} structures, expected more than 100")
    return None


def the_generator_decides(space: SearchSpace) -> str | None:
    """All randomness comes from the generator that is passed in."""
    a, b = Random(2), Random(2)
    same = [space.sample(a) for _ in range(5)] == [space.sample(b) for _ in range(5)]
    expect(same, f"two generators of one seed give different samples of {space.name}")
    return None


def notations_are_read_and_written(space: SearchSpace) -> str | None:
    """A space with its own notation reads what it writes, and refuses anything else in one line."""
    if not isinstance(space, CellSpace):
        return f"{space.name} has no notation of its own"
    rng = Random(3)
    for _ in range(30):
        structure = space.sample(rng)
        again = space.read(space.write(structure))
        expect_equal(again, structure, f"{space.write(structure)} read again")
        expect_equal(space.canonical(again), space.canonical(structure), "its canonical name")
    for text in ("SuperConvK3BNRELU(3,8,1,1)", ""):
        expect_refused(SearchSpaceError, lambda text=text: space.read(text), "", f"reading {text!r}")  # type: ignore[misc]
    foreign = parse("ConvKX(3,8,3,1)")
    expect_refused(SearchSpaceError, lambda: space.write(foreign), "", "writing a network of another space")
    expect_refused(SearchSpaceError, lambda: space.canonical(foreign), "", "naming a network of another space")
    return None


def graphs_say_which_structure_it_is(space: SearchSpace) -> str | None:
    """Equal structures have equal graphs, and different ones different graphs, unless they compute the same function.

    All nodes of a space have equally many features, and a link leads from a node to a later one.
    """
    rng = Random(5)
    structures = [space.initial(), *(space.sample(rng) for _ in range(60))]
    structures += [space.mutate(one, rng) for one in structures]
    graph_of, again = graphs_of(space), graphs_of(space)
    graphs = [graph_of(one) for one in structures]
    expect_equal(
        [again(parse(str(one))) for one in structures], graphs, "the graphs of structures read from their text"
    )
    names: dict[Graph, str] = {}
    for structure, graph in zip(structures, graphs, strict=True):
        name = space.canonical(structure) if isinstance(space, CellSpace) else str(structure)
        expect_equal(names.setdefault(graph, name), name, f"what the graph of {structure} stands for")
        expect_equal({len(node) for node in graph.nodes}, {len(graphs[0].nodes[0])}, "the numbers of features")
        forward = all(0 <= source < to < len(graph.nodes) for source, to in graph.links)
        expect(forward and list(graph.links) == sorted(graph.links), f"the links of {structure} are {graph.links}")
    return None


def arrays_mutate_alike(space: SearchSpace) -> str | None:
    """With the same random numbers, the array form makes the same of each structure as `mutate`."""
    form = form_of(space)
    if form is None:
        return f"{space.name} has no array form"
    structures = walked(space, 150)
    rows = Structures.of(structures, form.layout)
    expect_equal(rows.all(), structures, "structures read back from arrays")
    generator = np.random.default_rng(4)
    for changes in (1, 2, 3):
        uniforms = generator.random((len(structures), changes * form.draws))
        mutated = form(rows, uniforms, changes)
        expected = [
            space.mutate(structure, Repeated(row), changes)
            for structure, row in zip(structures, uniforms.tolist(), strict=True)
        ]
        expect_equal(mutated.all(), expected, f"mutations of {space.name} with {changes} changes, as arrays")
        layers = [count_layers(structure) for structure in expected]
        most = sorted(layers)[len(layers) // 2]
        limited = form(rows, uniforms, changes, most)
        expect_equal(limited.layers.tolist(), layers, f"layers of mutations of {space.name} with at most {most} layers")
        fits = limited.layers <= most
        within = [structure for structure, count in zip(expected, layers, strict=True) if count <= most]
        expect_equal(limited[fits].trimmed().all(), within, f"mutations of {space.name} with at most {most} layers")
        rows, structures = mutated, expected
    return None


def foreign_structures_are_not_contained(space: SearchSpace) -> str | None:
    """The space does not claim to contain networks that no mutation leads to."""
    for text in (
        "ConvKX(3,8,3,1)BN(8)RELU(8)",
        "SuperConvK3BNRELU(3,12,1,1)SuperConvK1BNRELU(12,16,1,1)",
    ):
        expect(not space.contains(parse(text)), f"{space.name} says that it contains {text}")
    return None


CONTRACTS: tuple[Callable[[SearchSpace], str | None], ...] = (
    samples_are_networks_of_the_space,
    mutations_stay_and_move,
    the_generator_decides,
    notations_are_read_and_written,
    foreign_structures_are_not_contained,
    graphs_say_which_structure_it_is,
    arrays_mutate_alike,
)
