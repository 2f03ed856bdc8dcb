"""What follows the progress of a design. No torch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from zennas.common.progress import WorkProgress, unwatched
from zennas.designing.planning import fewer_epochs
from zennas.searching.runner import NoWatcher as NoSearchWatcher
from zennas.searching.runner import Watcher as SearchWatcher

if TYPE_CHECKING:
    from zennas.training.history import Epoch
    from zennas.training.loop import Watcher as TrainWatcher


class Watcher(Protocol):
    """Follows the progress of a design."""

    def told(self, line: str) -> None:
        """Called with what was decided, in a sentence."""

    def searching(self) -> SearchWatcher:
        """Return what follows the search."""

    def training(self, epochs: int, batch_size: int) -> TrainWatcher:
        """Return what follows the training."""

    def exporting(self) -> WorkProgress:
        """Return what follows the export."""


class NoWatcher:
    """A watcher that does nothing."""

    def told(self, line: str) -> None:
        pass

    def searching(self) -> SearchWatcher:
        return NoSearchWatcher()

    def training(self, epochs: int, batch_size: int) -> TrainWatcher:
        from zennas.training.loop import NoWatcher as NoTrainWatcher

        return NoTrainWatcher()

    def exporting(self) -> WorkProgress:
        return unwatched


class SlowerError(Exception):
    """A training is so slow that it would not end in time. epochs: how many would."""

    def __init__(self, epochs: int) -> None:
        super().__init__(f"only {epochs} epochs fit")
        self.epochs = epochs


class Hurried:
    """Passes on how a training goes, and ends it early on if its time will not do.

    seconds: for all epochs. clock: the time in seconds.
    """

    def __init__(
        self, watcher: TrainWatcher, epochs: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._watcher, self._epochs, self._seconds, self._clock = watcher, epochs, seconds, clock
        self._began = clock()

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        self._watcher.step(epoch, step, steps, loss)

    def epoch(self, done: Epoch) -> None:
        """Raises SlowerError in the first third of the epochs if all of them would take too long."""
        self._watcher.epoch(done)
        if not max(2, self._epochs // 12) <= done.epoch <= self._epochs // 3:
            return
        passed = self._clock() - self._began
        each = passed / done.epoch
        fewer = fewer_epochs(self._seconds - passed, each)
        if each * self._epochs > self._seconds and fewer < self._epochs - done.epoch:
            raise SlowerError(fewer)
