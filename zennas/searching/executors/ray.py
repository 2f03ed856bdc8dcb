"""An executor that uses a Ray cluster, for work that is too large for one machine. Needs the extra `ray`.

Starting Ray takes seconds and half a gigabyte of memory, so it is never chosen automatically.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Generic

from zennas.searching.executors.base import EXECUTORS, Answer, Running, Task, Work, WorkerDiedError

_prepared: dict[str, Any] = {}
"""In a worker: the functions that carry out tasks, by the reference of their work in Ray's store."""


def _answer(name: str, work: Any, task: Any) -> Any:
    """Carry out a task in a worker of Ray. name: of the work, which each worker prepares once."""
    if name not in _prepared:
        if work.torch:
            import torch

            torch.set_num_threads(1)
        _prepared[name] = work.prepare()
    return _prepared[name](task)


class _Out(Generic[Answer]):
    def __init__(self, ray: Any, reference: Any) -> None:
        self._ray, self._reference = ray, reference

    def result(self) -> Answer:
        try:
            found: Answer = self._ray.get(self._reference)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except (self._ray.exceptions.WorkerCrashedError, self._ray.exceptions.OutOfMemoryError):
            raise WorkerDiedError(
                "the worker that evaluated it died twice: out of memory, or a crash in a library"
            ) from None
        return found


class _Cluster(Generic[Task, Answer]):
    def __init__(self, ray: Any, work: Work[Task, Answer]) -> None:
        self._ray = ray
        self._work = ray.put(work)
        self._name = self._work.hex()
        self._run = ray.remote(num_cpus=1, max_retries=1)(_answer)

    def submit(self, task: Task) -> _Out[Answer]:
        return _Out(self._ray, self._run.remote(self._name, self._work, task))


class Ray:
    """Tasks on a Ray cluster, one CPU each. address: "auto", "ray://HOST:PORT", or None for a local cluster."""

    name = "ray"
    summary = "on a Ray cluster (--address), or a local one"
    parallel = True

    def available(self) -> str | None:
        return None if find_spec("ray") else "the package ray is not installed: pip install 'zennas[ray]'"

    @contextmanager
    def start(self, work: Work[Task, Answer], workers: int, address: str | None) -> Iterator[Running[Task, Answer]]:
        import ray

        here = {"num_cpus": workers, "include_dashboard": False} if address is None else {"address": address}
        # Workers import from the same places as this process, including files next to the script.
        paths = {"env_vars": {"PYTHONPATH": ":".join(path for path in sys.path if path)}}
        ray.init(**here, runtime_env=paths, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
        try:
            yield _Cluster(ray, work)
        finally:
            ray.shutdown()


EXECUTORS.add("ray", Ray())
