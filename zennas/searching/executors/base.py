"""What an executor is: where tasks are evaluated, in this process, in a pool of processes, or on many machines.

`open_executor` chooses one and starts it. What comes of a task is a function of the task and the work alone, so that
results do not depend on the executor, on the number of workers, or on the order in which they finish.
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
from zennas.common.limits import check_whole

Task = TypeVar("Task")
Answer = TypeVar("Answer")
TaskIn = TypeVar("TaskIn", contravariant=True)
AnswerOut = TypeVar("AnswerOut", covariant=True)
MANY = 100
"""Tasks from which on starting processes pays, which takes as long as some tens of small networks."""


class WorkerDiedError(ZennasError, RuntimeError):
    """A worker ended in the middle of a task, and another one did when the task was tried again."""


class Work(Protocol[TaskIn, AnswerOut]):
    """What workers do. It is pickled and sent to each of them once, and the tasks after it."""

    @property
    def torch(self) -> bool:
        """Whether tasks run networks.

        Each task is then run on one thread of the CPU, in whatever process, so that its numbers are the same
        everywhere; on small networks threads gain less than processes.
        """

    def prepare(self) -> Callable[[TaskIn], AnswerOut]:
        """Called once in each worker; the function that it gives carries out a task."""


class Pending(Protocol[AnswerOut]):
    """A task that was handed out."""

    def result(self) -> AnswerOut:
        """What came of it; waits for it. Raises what the task raises, WorkerDiedError."""


class Running(Protocol[TaskIn, AnswerOut]):
    """An executor that was started with some work."""

    def submit(self, task: TaskIn) -> Pending[AnswerOut]:
        """Hand out a task."""


class Executor(Protocol):
    """A registered executor.

    parallel: whether it has several workers. available: why it cannot run here, or None. start: an executor at work
    for as long as the context lasts; address: of a cluster, for those that have one.
    """

    name: str
    summary: str
    parallel: bool

    def available(self) -> str | None: ...

    def start(
        self, work: Work[Task, Answer], workers: int, address: str | None
    ) -> AbstractContextManager[Running[Task, Answer]]: ...


EXECUTORS: Registry[Executor] = Registry("executor", "zennas.searching.executors", group="zennas.executors")


@dataclass(frozen=True)
class ExecutorSettings:
    """Where to evaluate; it decides how long a run takes and nothing else.

    executor: a registered name; None for "pool" where several workers pay, else "serial". workers: processes, None for
    as many as pay. address: of a Ray cluster, None for one of this machine.
    """

    executor: str | None = None
    workers: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if self.workers is not None:
            check_whole("workers", self.workers, WrongSettingError, most=1024)
        if self.executor == "serial" and (self.workers or 1) > 1:
            raise WrongSettingError(f"workers is {self.workers}, and the executor serial has one: take pool")
        if self.address is not None and self.executor != "ray":
            raise WrongSettingError(f"address {self.address!r} is for the executor ray: add --executor ray")


@contextmanager
def open_executor(
    work: Work[Task, Answer], chosen: ExecutorSettings, tasks: int, device: str = "cpu"
) -> Iterator[Running[Task, Answer]]:
    """Start the executor that was chosen, or the one that pays for so many tasks.

    device: where networks run; a GPU is kept busy by one process. Raises UnknownNameError, UnavailableError.
    """
    workers = chosen.workers or _workers(work, tasks, device, asked=chosen.executor is not None)
    name = chosen.executor or ("pool" if workers > 1 else "serial")
    executor = EXECUTORS.get(name)
    missing = executor.available()
    if missing is not None:
        raise UnavailableError(f"executor {executor.name} cannot run here: {missing}")
    with executor.start(work, min(workers, max(1, tasks)), chosen.address) as running:
        yield running


def _workers(work: Work[Any, Any], tasks: int, device: str, asked: bool) -> int:
    if device.startswith("cuda") or not (asked or (work.torch and tasks >= MANY)):
        return 1
    return cores()


class Done(Generic[Answer]):
    """A task that was carried out when it was handed out."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def result(self) -> Answer:
        return self._answer


@contextmanager
def one_thread(torch: bool) -> Iterator[None]:
    """Run networks on one thread inside; nothing is changed, nor torch imported, where none are run."""
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
