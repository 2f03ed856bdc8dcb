"""Every registered executor carries out tasks as if it were one process doing one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from latency.base import UnavailableError
from zennas.common.errors import WrongSettingError
from zennas.searching.executors.base import EXECUTORS, ExecutorSettings, open_executor
from zennas.testing.executors import CONTRACTS, Squares

from .conftest import every, keep

QUICK = {executor.name: executor for executor in EXECUTORS if executor.name != "ray"}


@every(CONTRACTS, QUICK)
def test_contract(contract: Any, part: Any) -> None:
    keep(contract, part)


@pytest.mark.slow
@every(CONTRACTS, {"ray": EXECUTORS.get("ray")})
def test_contract_of_a_cluster(contract: Any, part: Any) -> None:
    keep(contract, part)


def test_wrong_settings() -> None:
    with pytest.raises(WrongSettingError, match="workers is 2, but the executor serial has only one: choose pool"):
        ExecutorSettings("serial", 2)
    with pytest.raises(WrongSettingError, match="is only for the executor ray: add --executor ray"):
        ExecutorSettings(address="auto")
    with pytest.raises(WrongSettingError, match="workers is 0, expected"):
        ExecutorSettings(workers=0)
    with (
        pytest.raises(ValueError, match=r"unknown executor 'pul' \(did you mean pool\?\)"),
        open_executor(Squares(), ExecutorSettings("pul"), 1),
    ):
        pass


def test_an_executor_that_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zennas.searching.executors.ray.find_spec", lambda name: None)
    with (
        pytest.raises(UnavailableError, match=r"executor ray cannot run here: .*pip install 'zennas\[ray\]'"),
        open_executor(Squares(), ExecutorSettings("ray"), 1),
    ):
        pass
