"""Contracts of this project's parts, for testing your own parts in any test runner.

    from zennas.testing import check_proxy

    def test_mine():
        check_proxy("mine")

Each `check_…` takes the name of a registered part and checks the contracts of its kind, which are listed in `CONTRACTS`
of the module for that kind. It raises AssertionError if a contract is broken, and returns the reasons why any contracts
could not be checked on this machine. pytest is not required.
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
    "check_target",
]


def check_block(kind: str) -> list[str]:
    """Check a block of `PlainNet`: text, cost, module and score agree.

    Returns the reasons for what could not be checked. Raises AssertionError if a contract is broken.
    """
    from PlainNet.blocktype import block_type
    from zennas.testing.blocks import CONTRACTS

    return _kept(CONTRACTS, block_type(kind))


def check_space(name: str) -> list[str]:
    """Check a search space: its structures are valid networks, reachable, and determined by the generator.

    Returns the reasons for what could not be checked. Raises AssertionError if a contract is broken.
    """
    from SearchSpace import load_space
    from zennas.testing.spaces import CONTRACTS

    return _kept(CONTRACTS, load_space(name))


def check_proxy(name: str) -> list[str]:
    """Check a proxy: its scores are finite and determined by the seed, and it does not change networks.

    Returns the reasons for what could not be checked. Raises AssertionError if a contract is broken.
    """
    from zennas.testing.proxies import CONTRACTS
    from ZeroShotProxy import PROXIES

    return _kept(CONTRACTS, PROXIES.get(name))


def check_backend(name: str) -> list[str]:
    """Check a latency back end: it computes what PyTorch does in each precision, or explains why it cannot.

    Returns the reasons for what could not be checked. Raises AssertionError if a contract is broken.
    """
    from latency.base import BACKENDS
    from zennas.testing.backends import CONTRACTS

    return _kept(CONTRACTS, BACKENDS.get(name))


def check_dataset(name: str) -> list[str]:
    """Check a data set: it contains what its record says, and does not change. Nothing is downloaded.

    Returns the reasons for what could not be checked. Raises AssertionError if a contract is broken.
    """
    from zennas.data import DATASETS
    from zennas.testing.datasets import CONTRACTS

    return _kept(CONTRACTS, DATASETS.get(name))


def check_export_format(name: str) -> list[str]:
    """Check an export format: its files compute what the network does, for any batch size.

    Returns the reasons for what could not be checked. Raises AssertionError if a contract is broken.
    """
    from zennas.exporting.base import FORMATS
    from zennas.testing.formats import CONTRACTS

    return _kept(CONTRACTS, FORMATS.get(name))


def check_strategy(name: str) -> list[str]:
    """Check a search strategy: the seed decides, any state can be restored, the budget is met. Takes some seconds."""
    from zennas.searching.strategies.base import STRATEGIES
    from zennas.testing.strategies import CONTRACTS

    return _kept(CONTRACTS, STRATEGIES.get(name))


def check_target(name: str) -> list[str]:
    """Check a target: its export settings exist, and a search for it begins with a network that fits it."""
    from zennas.budget.target import find_target
    from zennas.testing.targets import CONTRACTS

    return _kept(CONTRACTS, find_target(name))


def check_objective(name: str) -> list[str]:
    """Check a kind of objective: measures are a function of the candidate, and values belong to their candidates."""
    from zennas.searching.objectives.base import OBJECTIVES
    from zennas.testing.objectives import CONTRACTS

    return _kept(CONTRACTS, OBJECTIVES.get(name))


def check_executor(name: str) -> list[str]:
    """Check an executor: each task gets its own answer, and a dead worker costs one retry. Starts processes."""
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
