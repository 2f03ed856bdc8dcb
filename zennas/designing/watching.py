"""What follows the progress of a design. No torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from zennas.common.progress import WorkProgress, unwatched
from zennas.searching.runner import NoWatcher as NoSearchWatcher
from zennas.searching.runner import Watcher as SearchWatcher

if TYPE_CHECKING:
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
