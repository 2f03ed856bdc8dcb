"""Evaluating trees on many networks by the executors of searches. This file does not import torch by itself.

Networks are dealt out, all trees of a call go to each worker: so trees still share their subtrees. The values are the
same bit by bit, however the networks are dealt out, see `ZeroShotProxy/programs/together.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

from latency.measuring.conditions import cores
from zennas.discovering.cache import Stored
from zennas.discovering.evaluation import values_of_trees
from zennas.searching.executors.base import ExecutorSettings, Running, open_executor
from ZeroShotProxy.programs.running import ToScalar
from ZeroShotProxy.programs.together import Value
from ZeroShotProxy.programs.tree import Tree

_PARTS = 2
"""How many parts of networks each worker gets in a call, so that none waits long for another one."""
_Task: TypeAlias = "tuple[Sequence[Tree], Sequence[int], bool]"


class Evaluate(Protocol):
    """Returns for each tree its scores on all networks, as `evaluation.values_of_trees` does."""

    def __call__(
        self, trees: Sequence[Tree], networks: Sequence[Stored], *, noise: bool = False
    ) -> list[list[Value]]: ...


@contextmanager
def evaluating(
    networks: Sequence[Stored], to_scalar: ToScalar, chosen: ExecutorSettings, programs: int
) -> Iterator[Evaluate]:
    """Start workers that know these networks, and give a function that evaluates trees on some of them.

    programs: how many are going to be evaluated, which says whether starting processes saves time.

    Raises what `executors.base.open_executor` raises; the function raises what `evaluation.values_of_trees` does, and
    WorkerDiedError.
    """
    by_path = {network.path: network for network in networks}
    places = {path: i for i, path in enumerate(by_path)}
    parts = 1 if chosen.executor == "serial" else _PARTS * (chosen.workers or cores())
    with open_executor(_Evaluation(tuple(by_path.values()), to_scalar), chosen, programs) as running:
        yield partial(_values, running, places, parts)


@dataclass(frozen=True)
class _Evaluation:
    """The work of a search for workers."""

    networks: tuple[Stored, ...]
    to_scalar: ToScalar
    torch: bool = True

    def prepare(self) -> Callable[[_Task], list[list[Value]]]:
        def evaluated(task: _Task) -> list[list[Value]]:
            trees, places, noise = task
            return values_of_trees(trees, [self.networks[i] for i in places], self.to_scalar, noise=noise)

        return evaluated


def _values(
    running: Running[_Task, list[list[Value]]],
    places: dict[Path, int],
    parts: int,
    trees: Sequence[Tree],
    networks: Sequence[Stored],
    *,
    noise: bool = False,
) -> list[list[Value]]:
    if not trees:
        return []
    dealt = _dealt(networks, parts)
    pending = [running.submit((trees, [places[networks[i].path] for i in part], noise)) for part in dealt]
    found = {
        i: of_network
        for part, one in zip(dealt, pending, strict=True)
        for i, of_network in zip(part, zip(*one.result(), strict=True), strict=True)
    }
    return [[found[i][number] for i in range(len(networks))] for number in range(len(trees))]


def _dealt(networks: Sequence[Stored], parts: int) -> list[list[int]]:
    """The numbers of networks in parts that take about equally long, the largest networks first."""
    by_size = sorted(range(len(networks)), key=lambda i: -networks[i].layout.elements)
    found: list[list[int]] = [[] for _ in range(min(parts, len(networks)))]
    sizes = [0] * len(found)
    for i in by_size:
        least = sizes.index(min(sizes))
        found[least].append(i)
        sizes[least] += networks[i].layout.elements
    return found
