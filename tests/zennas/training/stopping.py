"""A training that ends in the middle, as if it were killed."""

from __future__ import annotations

from zennas.training.history import Epoch


class StopError(RuntimeError):
    pass


class Until:
    """Stops a training after so many steps, as a kill would: nothing is tidied up."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        self._left -= 1
        if self._left < 0:
            raise StopError

    def epoch(self, done: Epoch) -> None:
        pass
