"""A policy over decisions: one independent softmax for each, with its gradients, and the optimiser that changes it.

Tables of numbers are (decisions, options), padded on the right where a decision has fewer options than another.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zennas.common.limits import check_whole

Floats = NDArray[np.float64]
SPREAD = 1e-3
"""Standard deviation of the logits at the beginning, as in NAS-Bench-201's REINFORCE and in TEG-NAS."""


class Policy:
    """A factorised distribution over choices. Its logits begin near 0, so that all options are about equally probable.

    counts: the number of options of each decision.
    """

    def __init__(self, counts: Sequence[int], rng: Random, spread: float = SPREAD) -> None:
        self.counts = tuple(counts)
        most = max(self.counts)
        self._there = np.arange(most) < np.array(self.counts)[:, None]
        rows = [[rng.gauss(0.0, spread) for _ in range(count)] for count in self.counts]
        self._set(self._table(rows))

    def _table(self, rows: Sequence[Sequence[float]]) -> Floats:
        found = np.full(self._there.shape, -np.inf)
        found[self._there] = [value for row in rows for value in row]
        return found

    def _set(self, logits: Floats) -> None:
        self.logits = logits
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.probabilities: Floats = weights / weights.sum(axis=1, keepdims=True)
        self._until: Floats = self.probabilities.cumsum(axis=1)
        self._rows = np.arange(len(self.counts))

    def sample(self, rng: Random) -> tuple[int, ...]:
        """Return an option for each decision, drawn independently."""
        drawn = np.array([rng.random() for _ in self.counts])[:, None] * self._until[:, -1:]
        found = (self._until <= drawn).sum(axis=1)
        return tuple(np.minimum(found, np.array(self.counts) - 1).tolist())

    def argmax(self) -> tuple[int, ...]:
        """Return the most probable option of each decision."""
        return tuple(self.logits.argmax(axis=1).tolist())

    def logits_of(self, choices: Sequence[int]) -> list[float]:
        """Return the logit of each chosen option."""
        return [float(value) for value in self.logits[self._rows, list(choices)]]

    def log_probability(self, choices: Sequence[int], counted: Sequence[int]) -> float:
        """Return the logarithm of the probability of the options of the `counted` decisions."""
        places = list(counted)
        return float(np.log(self.probabilities[places, np.array(choices)[places]]).sum())

    def gradient(self, choices: Sequence[int], counted: Sequence[int]) -> Floats:
        """Return the gradient of `log_probability` by the logits."""
        places = list(counted)
        found = np.zeros_like(self.probabilities)
        found[places] = -self.probabilities[places]
        found[places, np.array(choices)[places]] += 1
        return found

    def entropy(self) -> float:
        """Return the entropy in nats: the sum over decisions."""
        return float(self._entropies().sum())

    def entropy_gradient(self) -> Floats:
        """Return the gradient of `entropy` by the logits."""
        return -self.probabilities * (self._logarithms() + self._entropies()[:, None])

    def _entropies(self) -> Floats:
        found: Floats = -(self.probabilities * self._logarithms()).sum(axis=1)
        return found

    def _logarithms(self) -> Floats:
        """The logarithms of the probabilities; 0 for those that are 0."""
        return np.log(self.probabilities, out=np.zeros_like(self.probabilities), where=self.probabilities > 0)

    def change(self, difference: Floats) -> None:
        """Add a table to the logits; its padding is ignored."""
        self._set(np.where(self._there, self.logits + difference, -np.inf))

    def state(self) -> list[list[float]]:
        """Return the logits of each decision, as JSON."""
        return [row[:count].tolist() for row, count in zip(self.logits, self.counts, strict=True)]

    def restore(self, state: Sequence[Sequence[float]]) -> None:
        """Continue from a `state`. Raises ValueError if it belongs to other decisions."""
        found = tuple(len(row) for row in state)
        if found != self.counts:
            raise ValueError(f"the logits are of {found} options, expected {self.counts}")
        self._set(self._table(state))


class Adam:
    """Adam as PyTorch computes it (Kingma and Ba, ICLR 2015), for one table of numbers."""

    def __init__(self, learning_rate: float, decays: tuple[float, float] = (0.9, 0.999), epsilon: float = 1e-8) -> None:
        self._rate, self._decays, self._epsilon = learning_rate, decays, epsilon
        self._first: Floats = np.zeros(1)
        self._second: Floats = np.zeros(1)
        self._steps = 0

    def step(self, gradient: Floats) -> Floats:
        """Return what to add to the numbers, so that a loss with this gradient falls."""
        early, late = self._decays
        self._steps += 1
        self._first = early * self._first + (1 - early) * gradient
        self._second = late * self._second + (1 - late) * gradient**2
        mean = self._first / (1 - early**self._steps)
        size: Floats = np.sqrt(self._second / (1 - late**self._steps))
        return -self._rate * mean / (size + self._epsilon)

    def state(self) -> dict[str, Any]:
        """Return the moments as JSON."""
        return {"first": self._first.tolist(), "second": self._second.tolist(), "steps": self._steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`. Raises KeyError, TypeError or ValueError if it is not one."""
        check_whole("steps", state["steps"], ValueError, least=0)
        self._first, self._second = (np.array(state[name], float) for name in ("first", "second"))
        self._steps = state["steps"]


class MovingAverage:
    """An exponential moving average that is not drawn to 0 at the beginning, as in NAS-Bench-201's REINFORCE."""

    def __init__(self, decay: float) -> None:
        self._decay, self._sum, self._weight = decay, 0.0, 0.0

    def add(self, value: float) -> float:
        """Add a value, and return the average with it."""
        self._sum = self._decay * self._sum + (1 - self._decay) * value
        self._weight = self._decay * self._weight + (1 - self._decay)
        return self._sum / self._weight

    def state(self) -> list[float]:
        """Return the state as JSON."""
        return [self._sum, self._weight]

    def restore(self, state: Sequence[float]) -> None:
        """Continue from a `state`. Raises TypeError or ValueError if it is not one."""
        total, weight = state
        self._sum, self._weight = float(total), float(weight)
