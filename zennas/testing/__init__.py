"""The contracts that parts of this project keep, for those who write parts of their own, in any test runner.

    from zennas.testing import check_proxy

    def test_mine():
        check_proxy("mine")

Each `check_…` takes the name of a registered part and goes through the contracts of its kind, in `CONTRACTS` of the
module of that kind. It raises AssertionError saying what is wrong, and gives what could not be checked here, with
reasons. Nothing of pytest is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from PlainNet.errors import ZennasError

T = TypeVar("T")

__all__ = [
    "check_backend",
    "check_block",
    "check_dataset",
    "check_executor",
    "check_export_format",
    "check_objective",
    "check_proxy",
    "check_space",
    "check_strategy",
]


def check_block(kind: str) -> list[str]:
    """A block of `PlainNet`: text, cost, module and score agree."""
    from PlainNet.blocktype import block_type
    from zennas.testing.blocks import CONTRACTS

    return _kept(CONTRACTS, block_type(kind))


def check_space(name: str) -> list[str]:
    """A search space: its structures are networks, reachable, and a function of the generator."""
    from SearchSpace import load_space
    from zennas.testing.spaces import CONTRACTS

    return _kept(CONTRACTS, load_space(name))


def check_proxy(name: str) -> list[str]:
    """A proxy: finite, a function of its seed, and it leaves networks as they were."""
    from zennas.testing.proxies import CONTRACTS
    from ZeroShotProxy import PROXIES

    return _kept(CONTRACTS, PROXIES.get(name))


def check_backend(name: str) -> list[str]:
    """A latency back end: it computes what PyTorch does in each precision, or says why not."""
    from latency.base import BACKENDS
    from zennas.testing.backends import CONTRACTS

    return _kept(CONTRACTS, BACKENDS.get(name))


def check_dataset(name: str) -> list[str]:
    """A data set: it holds what its record says, the same each time. Images that are not here are not downloaded."""
    from zennas.data import DATASETS
    from zennas.testing.datasets import CONTRACTS

    return _kept(CONTRACTS, DATASETS.get(name))


def check_export_format(name: str) -> list[str]:
    """An export format: its files compute what the network does, for any batch."""
    from zennas.exporting import FORMATS
    from zennas.testing.formats import CONTRACTS

    return _kept(CONTRACTS, FORMATS.get(name))


def check_strategy(name: str) -> list[str]:
    """Check a search strategy: the seed decides, any state can be restored, the budget holds. Takes some seconds."""
    from zennas.searching.strategies.base import STRATEGIES
    from zennas.testing.strategies import CONTRACTS

    return _kept(CONTRACTS, STRATEGIES.get(name))


def check_objective(name: str) -> list[str]:
    """Check a kind of objective: measures are a function of the candidate, and values belong to their candidates."""
    from zennas.searching.objectives.base import OBJECTIVES
    from zennas.testing.objectives import CONTRACTS

    return _kept(CONTRACTS, OBJECTIVES.get(name))


def check_executor(name: str) -> list[str]:
    """Check an executor: answers come to their tasks, and a worker that dies costs one retry. Starts processes."""
    from zennas.searching.executors.base import EXECUTORS
    from zennas.testing.executors import CONTRACTS

    return _kept(CONTRACTS, EXECUTORS.get(name))


def _kept(contracts: Iterable[Callable[[T], str | None]], part: T) -> list[str]:
    return [reason for contract in contracts for reason in [_reason(contract, part)] if reason is not None]


def _reason(contract: Callable[[T], str | None], part: T) -> str | None:
    try:
        return contract(part)
    except ZennasError as error:
        raise AssertionError(f"{contract.__name__}: {type(error).__name__}: {error}") from error
