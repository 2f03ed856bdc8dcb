"""The predictor of binary relations: shared rows, the loss, antisymmetry of the ranking, seeds, and that it learns."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from SearchSpace import Graph, graphs_of, load_space
from SearchSpace.nasbench201 import Cell201, graph_of
from zennas.searching.predictors.lessons import Lesson, Plan, Pupil, Size, normalised, ranks
from zennas.searching.predictors.neighbourhoods import Rows
from zennas.searching.predictors.network import BinaryRelation, Inputs, pair_loss
from zennas.searching.predictors.training import graphs_in, ranked, trained, untrained

PLAN = Plan(epochs=60, pairs=60, learning_rate=2e-3, weight_decay=5e-4, patience=35)


def cells(n: int, seed: int = 0) -> list[Cell201]:
    rng = Random(seed)
    return [Cell201(tuple(rng.randrange(5) for _ in range(6))) for _ in range(n)]


def graphs(n: int, seed: int = 0) -> list[Graph]:
    return [graph_of(cell) for cell in cells(n, seed)]


def worth(cell: Cell201) -> float:
    return 5.0 * cell.edges.count(3) + 2.0 * cell.edges.count(2) - 3.0 * cell.edges.count(4)


def network(depth: int = 3, width: int = 24, seed: int = 0) -> BinaryRelation:
    return untrained(7, width, depth, 0.2, seed)


def one_by_one(model: BinaryRelation, graph: Graph) -> torch.Tensor:
    """The embedding of a single graph by its adjacency matrix, as in the paper."""
    n = len(graph.nodes) + 1
    adjacency = torch.eye(n)
    adjacency[0, :] = 1
    for source, to in graph.links:
        adjacency[1 + source, 1 + to] += 1
    x = torch.tensor([(*(0.0 for _ in graph.nodes[0]), 1.0), *((*node, 0.0) for node in graph.nodes)])
    for linear, norm in zip(model.linears, model.norms, strict=True):
        x = F.relu(norm(linear(adjacency @ x)))
    return x[0]


def embedded(model: BinaryRelation, some: list[Graph]) -> torch.Tensor:
    return model.embed(Inputs.of(Rows.of(some, len(model.linears)))).detach()


@pytest.mark.parametrize("space", ["nasbench101", "darts", "XXBL"])
def test_shared_rows_give_the_embeddings_of_single_graphs(space: str) -> None:
    own, rng = load_space(space), Random(1)
    of = graphs_of(own)
    some = [of(own.sample(rng)) for _ in range(12)]
    model = untrained(len(some[0].nodes[0]), 24, 4, 0.2, 0)
    wanted = torch.stack([one_by_one(model, graph) for graph in some]).detach()
    torch.testing.assert_close(embedded(model, some), wanted, rtol=1e-4, atol=1e-4)


def test_equal_surroundings_are_one_row_and_a_part_has_only_its_own() -> None:
    some = graphs(200)
    rows = Rows.of(some, 3)
    assert len(rows.layers[0]) < sum(len(graph.nodes) for graph in some) / 3
    assert len(rows.layers[-1]) <= len(set(some))
    places = np.array([3, 17, 3])
    part = rows.part(places)
    assert all(len(own) < len(every) for own, every in zip(part.layers, rows.layers, strict=True))
    model = network()
    torch.testing.assert_close(model.embed(Inputs.of(part)), model.embed(Inputs.of(rows))[torch.from_numpy(places)])


def test_the_loss_is_the_divergence_of_all_ordered_pairs() -> None:
    model, some = network(), graphs(7)
    values = [worth(cell) for cell in cells(7)]
    target, vectors = torch.tensor(normalised(values)), embedded(model, some)
    total, pairs = 0.0, 0
    for i in range(7):
        for j in range(7):
            if i != j:
                wanted = torch.softmax(torch.stack([target[i], target[j]]), dim=0)
                found = model(vectors[i][None], vectors[j][None])[0].detach()
                total += float(F.kl_div(found, wanted, reduction="sum"))
                pairs += 1
    assert float(pair_loss(model, vectors, target).detach()) == pytest.approx(total / pairs, rel=1e-4)


def test_the_ranking_is_that_of_pairs_in_either_order() -> None:
    model, some = network(), graphs(9)
    vectors = embedded(model, some)
    numbers = model.ranking(vectors).detach()
    for i in range(9):
        for j in range(9):
            first, second = (model(vectors[[a]], vectors[[b]])[0].detach() for a, b in ((i, j), (j, i)))
            # How much more often i is better, over both orders of the pair.
            preference = float((first[0] - first[1]) - (second[0] - second[1]))
            assert preference == pytest.approx(float(numbers[i] - numbers[j]), abs=1e-4)
    order = ranked(model, Rows.of(some, 3))
    assert [float(numbers[i]) for i in order] == sorted(map(float, numbers), reverse=True)


def test_it_orders_networks_that_it_has_not_seen() -> None:
    known, unknown = cells(60), cells(100, seed=1)
    lesson = Lesson([graph_of(cell) for cell in known], normalised([worth(cell) for cell in known]), PLAN, 0)
    model = trained(network(), lesson)
    order = ranked(model, Rows.of([graph_of(cell) for cell in unknown], 3))
    values = np.array([worth(unknown[i]) for i in order])
    assert values[:20].mean() > values.mean() + 4
    assert values[-20:].mean() < values.mean() - 4


def test_training_repeats_by_its_seed_and_leaves_torch_as_it_was() -> None:
    some = graphs(12)
    plan = Plan(3, 12, 3.5e-4, 5e-4, 35)
    torch.manual_seed(5)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    start = network()
    weights = {name: value.clone() for name, value in start.state_dict().items()}
    found = [trained(start, Lesson(some, ranks(range(12)), plan, seed)) for seed in (1, 1, 2)]
    same, again, other = (model.last.weight for model in found)
    assert torch.equal(same, again)
    assert not torch.equal(same, other)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert all(torch.equal(value, weights[name]) for name, value in start.state_dict().items())


def test_lessons_in_a_row_are_taken_once_and_can_be_taken_again() -> None:
    some, plan = graphs(30), Plan(2, 12, 3.5e-4, 5e-4, 35)
    lessons = [Lesson(some[:n], ranks(range(n)), plan, n) for n in (10, 20)]
    first, second = Pupil(Size(16, 2, 0.2), 3), Pupil(Size(16, 2, 0.2), 3)
    first.ranked(lessons[:1], some)
    assert first.ranked(lessons, some) == second.ranked(lessons, some)


def test_ranks_do_not_depend_on_magnitudes_and_have_a_place_for_missing_scores() -> None:
    assert ranks([1e61, -math.inf, 1e10, -math.inf, 1e10]) == [1.0, 0.0, 0.5, 0.0, 0.5]
    assert ranks([7.0]) == [0.0]
    assert normalised([2.0, 4.0, 3.0]) == [0.0, 1.0, 0.5]
    assert normalised([2.0, 2.0]) == [0.0, 0.0]


@pytest.mark.parametrize(("pairs", "graphs"), [(1, 2), (12, 4), (24, 5), (60, 8), (256, 16)])
def test_a_batch_is_as_many_graphs_as_have_its_pairs(pairs: int, graphs: int) -> None:
    assert graphs_in(pairs) == graphs
