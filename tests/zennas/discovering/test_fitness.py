"""The fitness of programs, on values made by hand and on stored networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from zennas.discovering.cache import Stored
from zennas.discovering.collecting import collect
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.evaluation import values, values_of_trees
from zennas.discovering.fitness import Fitness, Task, fitness, kendall, kendalls
from zennas.discovering.settings import CollectingSettings
from ZeroShotProxy.programs.together import Value
from ZeroShotProxy.programs.tree import Leaf, Tree, parse

from .networks import WITHOUT_UNITS, images, networks


def test_kendall_of_values_made_by_hand() -> None:
    assert kendall([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.9]) == pytest.approx(1)
    assert kendall([4, 3, 2, 1], [0.1, 0.2, 0.3, 0.9]) == pytest.approx(-1)
    assert kendall([1, 2, 4, 3], [10, 20, 30, 40]) == pytest.approx(4 / 6)
    assert kendall([1, 1, 2], [1, 2, 3]) == pytest.approx(2 / (2 * 3) ** 0.5)  # a tie
    assert kendall([1e300, -1e300, 0], [3, 1, 2]) == pytest.approx(1)
    assert kendall([0, 1e-30], [1, 2]) == pytest.approx(1)


def test_values_that_rank_nothing() -> None:
    assert kendall([3, 3, 3], [1, 2, 3]) == "all scores are equal"
    assert kendall([0, 0], [1, 2]) == "all scores are equal"
    assert kendall([0.7310586, 0.7310585, 0.7310587], [1, 2, 3]) == "all scores are equal"
    assert kendall([1, "unit 1 of 2: it fails", 3], [1, 2, 3]) == "network 2 of 3: unit 1 of 2: it fails"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> list[Stored]:
    """Four networks, and one without units."""
    structures = [*networks(4), WITHOUT_UNITS]
    settings = CollectingSettings(("weight", "pre_noise", "output_noise"))
    cache = collect(structures, images(), tmp_path_factory.mktemp("statistics"), settings)
    return [cache.network(structure) for structure in structures]


def numbers(tree: Tree, networks: list[Stored]) -> tuple[float, ...]:
    found = values(tree, networks)
    assert all(isinstance(value, float) for value in found)
    return tuple(value for value in found if isinstance(value, float))


def test_the_fitness_is_the_smallest_tau(stored: list[Stored]) -> None:
    good, other = parse("square(frobenius(pre_noise))"), parse("frobenius(output_noise)")
    four = stored[:4]
    accuracies = numbers(good, four)
    easy = Task("easy", tuple(four), accuracies)
    hard = Task("hard", tuple(four[:3]), (accuracies[1], accuracies[0], accuracies[2]))
    found, second, again = fitness([good, other, good], [easy, hard])
    assert found.taus[0] == pytest.approx(1)
    assert found.value == found.taus[1] == kendall(accuracies[:3], hard.accuracies)
    assert second.taus == (kendall(values(other, four), accuracies), kendall(values(other, four[:3]), hard.accuracies))
    assert again == found
    assert fitness([good], [easy])[0].value == pytest.approx(1)


def test_programs_that_are_not_valid(stored: list[Stored]) -> None:
    task = Task("cifar", tuple(stored[:4]), (1, 2, 3, 4))
    constant, failing = parse("sigmoid(ones(pre_noise))"), parse("inverse(zeros(weight))")
    good = parse("frobenius(pre_noise)")
    first, second, third = fitness([constant, failing, good], [task])
    assert first == Fitness((), "task cifar: all scores are equal")
    assert second.reason is not None
    assert second.reason.startswith("task cifar, network 4 of 4: unit 1 of ")  # the smallest network is first
    assert second.reason.endswith(": the program gives inf")
    assert first.value is second.value is None
    assert third.value is not None
    (without,) = fitness([good], [Task("some", tuple(stored[2:]), (1, 2, 3))])
    assert without.reason == (
        "task some, network 3 of 3: the network has no convolution between a ReLU and a batch-norm"
    )


def test_what_is_not_valid_is_not_evaluated_any_further(stored: list[Stored]) -> None:
    asked: list[tuple[int, int]] = []

    def counted(trees: Sequence[Tree], networks: Sequence[Stored]) -> list[list[Value]]:
        asked.append((len(trees), len(networks)))
        return values_of_trees(trees, networks)

    task = Task("one", tuple(stored[:3]), (1, 2, 3))
    trees = [parse("inverse(zeros(weight))"), parse("sign(numel(weight))"), Leaf("pre_noise"), Leaf("weight")]
    found = fitness(trees, [task, task], counted)
    assert asked == [(4, 2), (3, 2), (2, 2)]
    assert [one.reason is None for one in found] == [False, False, True, True]
    assert found == [fitness([tree], [task, task])[0] for tree in trees]


def test_programs_that_only_measure_sizes(stored: list[Stored]) -> None:
    task = Task("sizes", tuple(stored[:4]), (1, 2, 3, 4))
    texts = ("numel(pre_noise)", "softmax(pre_noise)", "frobenius(sign(weight))", "mean(output_noise)")
    trees = [parse(text) for text in texts]
    free = fitness(trees, [task])
    assert all(one.reason is None for one in free)
    found = fitness(trees, [task], sizes=False)
    assert [one.reason is None for one in found] == [False, False, False, True]
    assert found[0].reason == "task sizes: it ranks noise alike (tau 1.000)"
    assert found[3] == free[3]
    noise = values_of_trees(trees, stored, noise=True)
    assert noise == values_of_trees(trees, stored, noise=True)
    assert noise[0] == values_of_trees(trees, stored)[0]
    assert noise[3][:4] != values_of_trees(trees, stored)[3][:4]


def test_tasks_that_rank_nothing_are_refused(stored: list[Stored]) -> None:
    two = tuple(stored[:2])
    with pytest.raises(DiscoveryError, match="task a has 2 networks, but 3 accuracies"):
        Task("a", two, (1, 2, 3))
    with pytest.raises(DiscoveryError, match="task a needs at least two networks of different accuracy"):
        Task("a", two, (1, 1))
    with pytest.raises(DiscoveryError, match="not finite"):
        Task("a", two, (1, float("nan")))
    with pytest.raises(DiscoveryError, match="there are no tasks"):
        fitness([Leaf("weight")], [])


def test_rows_of_scores_are_ranked_as_one_by_one() -> None:
    rng, accuracies = np.random.default_rng(0), (1.0, 2.0, 2.0, 5.0, 3.0)
    rows: list[list[float | str]] = [list(map(float, row)) for row in rng.integers(0, 4, (20, 5))]
    rows += [[1.0] * 5, ["no", 1.0, 2.0, 3.0, 4.0]]
    assert kendalls(rows, accuracies) == [kendall(row, accuracies) for row in rows]
    assert kendalls(rows[-2:], accuracies) == ["all scores are equal", "network 1 of 5: no"]
    assert kendalls([], accuracies) == []
