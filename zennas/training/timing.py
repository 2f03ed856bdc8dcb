"""How far a training is: by its steps and, if it has a time limit, by its time. No torch.

With a limit, the learning rate follows whichever is further, so it has fallen to its end when the time is over, however
fast the machine is and whenever it changes its speed. Without one, nothing here depends on time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from zennas.training.recipe import Recipe

LAST_TESTS = 2
"""Tests behind the last step: that of the last epoch, and the count of confusions."""
MARGIN = 1.25
"""How much longer than before the last tests may take."""
FIRST_TEST = 1.0
"""What a test is taken to last before one was measured, in steps for each batch of a step's size."""
RECENT = 0.2
"""Weight of the last step in the time of a step."""


class Timetable:
    """How far a training is, and whether its time is over.

    steps: of an epoch. test_steps: test images, in batches of a step. used: seconds that it took before, in processes
    that were interrupted. share: how far it was then, from 0 to 1. began: when this process began to work on it, by
    `clock`, in seconds. agreed: makes a number the same in all processes of the training.
    """

    def __init__(
        self,
        recipe: Recipe,
        steps: int,
        test_steps: float,
        *,
        used: float = 0.0,
        share: float = 0.0,
        began: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        agreed: Callable[[float], float] = lambda seconds: seconds,
    ) -> None:
        self._limit = None if recipe.minutes is None else 60 * recipe.minutes
        self._epochs, self._steps = recipe.epochs, steps
        self._before, self._began, self._clock, self._agreed = used, clock() if began is None else began, clock, agreed
        self._step, self._test = 0.0, FIRST_TEST * test_steps
        self.share = share
        self.over = share >= 1
        """Whether the time is over, so that the last tests follow."""

    @property
    def used(self) -> float:
        """Seconds that the training took so far, without what was lost when it was interrupted."""
        return self._before + self._clock() - self._began

    def passed(self, step: float) -> float:
        """Return how many epochs are over after a number of steps, or would be by the time that is used."""
        return max(step / self._steps, self.share * self._epochs)

    def stepped(self, seconds: float, step: int) -> None:
        """Note that a step took so long, and how far the training is. step: the number of finished steps."""
        if self._limit is None:
            return
        self._step = seconds if not self._step else max((1 - RECENT) * self._step + RECENT * seconds, 0.5 * seconds)
        # An epoch that ends is tested, and whatever follows it is tested again.
        self._look(step, LAST_TESTS + 1 if step % self._steps == 0 else LAST_TESTS)

    def tested(self, seconds: float, step: int) -> None:
        """The same for the test after an epoch."""
        if self._limit is None:
            return
        self._test = seconds / max(self._step, 1e-9)
        self._look(step, LAST_TESTS)

    def ended(self, step: int) -> bool:
        """Whether no step follows after so many."""
        return self.over or step >= self._epochs * self._steps

    def _look(self, step: int, tests: int) -> None:
        """tests: how many follow if another step does. They take as long as before, at the speed of the last steps."""
        assert self._limit is not None
        used, test, one = map(self._agreed, (self.used, MARGIN * self._test * self._step, self._step))
        room = self._limit - LAST_TESTS * test
        self.over = self.over or used + one + tests * test > self._limit
        by_time = used / room if room > 0 else 1.0
        self.share = 1.0 if self.over else min(max(self.share, by_time, step / self._steps / self._epochs), 1.0)
