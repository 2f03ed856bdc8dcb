"""What an executor is: it carries out tasks in this process, in a pool of processes, or on many machines.

`open_executor` chooses one and starts it. The result of a task depends only on the task and the work, so results do not
depend on the executor, on the number of workers, or on the order in which they finish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from latency.base import UnavailableError
from latency.measuring.conditions import cores
from PlainNet.registry import Registry
from zennas.common.errors import WrongSettingError, ZennasError
from zennas.common.limits import check_kind, check_whole

Task = TypeVar("Task")
Answer = TypeVar("Answer")
TaskIn = TypeVar("TaskIn", contravariant=True)
AnswerOut = TypeVar("AnswerOut", covariant=True)
MANY = 100
"""Number of tasks from which several processes save time; starting them takes as long as dozens of small networks."""


class WorkerDiedError(ZennasError, RuntimeError):
    """A worker died during a task, and so did another one when the task was tried again."""


class Work(Protocol[TaskIn, AnswerOut]):
    """What workers do. It is pickled and sent to each of them once; tasks follow."""

    @property
    def torch(self) -> bool:
        """Whether tasks run networks.

        If so, each task runs on one CPU thread in every executor, so that its numbers are the same everywhere. For
        small networks, more processes are faster than more threads.
        """

    def prepare(self) -> Callable[[TaskIn], AnswerOut]:
        """Called once in each worker; returns the function that carries out a task."""


class Pending(Protocol[AnswerOut]):
    """A task that was submitted."""

    def result(self) -> AnswerOut:
        """Wait for the result and return it. Raises what the task raises, and WorkerDiedError if its workers died."""


class Running(Protocol[TaskIn, AnswerOut]):
    """An executor that has been started with some work."""

    def submit(self, task: TaskIn) -> Pending[AnswerOut]:
        """Submit a task."""


class Executor(Protocol):
    """A registered executor.

    parallel: whether it has several workers.
    available: returns why it cannot run here, or None.
    start: returns a context in which the executor runs; `address` is that of a cluster, for executors that use one.
    """

    name: str
    summary: str
    parallel: bool

    def available(self) -> str | None: ...

    def start(
        self, work: Work[Task, Answer], workers: int, address: str | None
    ) -> AbstractContextManager[Running[Task, Answer]]: ...


EXECUTORS: Registry[Executor] = Registry(
    "executor", "zennas.searching.executors", "zennas.executors", lambda executor: (executor.name,)
)


@dataclass(frozen=True)
class ExecutorSettings:
    """Where to evaluate. This changes how long a run takes, but not its result.

    executor: a registered name; None for "pool" if several workers save time, otherwise "serial".
    workers: number of processes; None for an automatic choice.
    address: address of a Ray cluster; None for a local one.
    """

    executor: str | None = None
    workers: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("executor", self.executor), ("address", self.address)):
            if value is not None:
                check_kind(name, value, str, WrongSettingError)
        if self.workers is not None:
            check_whole("workers", self.workers, WrongSettingError, most=1024)
        if self.executor == "serial" and (self.workers or 1) > 1:
            raise WrongSettingError(f"workers is {self.workers}, but the executor serial has only one: choose pool")
        if self.address is not None and self.executor != "ray":
            raise WrongSettingError(f"address {self.address!r} is only for the executor ray: add --executor ray")


@contextmanager
def open_executor(
    work: Work[Task, Answer], chosen: ExecutorSettings, tasks: int, device: str = "cpu"
) -> Iterator[Running[Task, Answer]]:
    """Start the chosen executor, or the one that suits the number of tasks.

    device: the device that runs networks; a single process keeps a GPU busy.

    Raises UnknownNameError if there is no such executor, and UnavailableError if it cannot run here.
    """
    workers = chosen.workers or _workers(work, tasks, device, asked=chosen.executor is not None)
    executor = _executor(chosen.executor or ("pool" if workers > 1 else "serial"))
    with executor.start(work, min(workers, max(1, tasks)), chosen.address) as running:
        yield running


def check_executor(chosen: ExecutorSettings) -> None:
    """Raise what `open_executor` raises for an executor that was chosen by name, before there is work for it."""
    if chosen.executor is not None:
        _executor(chosen.executor)


def _executor(name: str) -> Executor:
    executor = EXECUTORS.get(name)
    missing = executor.available()
    if missing is not None:
        raise UnavailableError(f"executor {executor.name} cannot run here: {missing}")
    return executor


def _workers(work: Work[Any, Any], tasks: int, device: str, asked: bool) -> int:
    if device.startswith("cuda") or not (asked or (work.torch and tasks >= MANY)):
        return 1
    return cores()


class Done(Generic[Answer]):
    """A task that was carried out when it was submitted."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def result(self) -> Answer:
        return self._answer


@contextmanager
def one_thread(torch: bool) -> Iterator[None]:
    """Run networks on one CPU thread inside the context. Without `torch`, do nothing, and do not import torch."""
    if not torch:
        yield
        return
    import torch as library

    before = library.get_num_threads()
    library.set_num_threads(1)
    try:
        yield
    finally:
        library.set_num_threads(before)
