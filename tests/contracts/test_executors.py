"""Every registered executor carries out tasks as if it were one process doing one after the other."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
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
    with pytest.raises(WrongSettingError, match="executor is 3, expected text"):
        ExecutorSettings(3)  # type: ignore[arg-type]
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


ENDLESS = """
from time import sleep
from zennas.searching.executors.base import ExecutorSettings, open_executor
from zennas.testing.executors import Squares

if __name__ == "__main__":
    with open_executor(Squares(), ExecutorSettings("pool", 2), 2) as running:
        for pending in [running.submit(1), running.submit(2)]:
            pending.result()
        print(*running._executor._processes, flush=True)
        sleep(60)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_workers_end_with_a_main_process_that_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "endless.py"
    file.write_text(ENDLESS)
    with subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, text=True) as main:
        assert main.stdout is not None
        workers = main.stdout.readline().split()
        main.send_signal(signal.SIGKILL)
    assert workers
    until = time.monotonic() + 20
    while any(map(_runs, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_runs, workers))


def _runs(process: str) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
