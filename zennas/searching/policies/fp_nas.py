"""Probabilistic search with as many samples a step as the policy is uncertain, after the paper's description of FP-NAS.

A step draws K = max(2, ceil(λ·H)) structures, H being the policy's entropy in nats. Each has a merit: the softmax of
minus its sum of ranks among the K, by each indicator of the objective, or by its value. The policy follows the gradient
Σ merit · ∇ log p. The search ends when H is below a limit.

What a budget rejects is drawn again. A structure that is drawn again, and that is not to be trained again, counts with
what is known of it. A warm-up takes such steps with a cheap score before anything is trained.

Source: Yan et al., FP-NAS: Fast Probabilistic Neural Architecture Search, CVPR 2021; Chen et al. (TEG-NAS) describe
a variant with training-free indicators, which was not released.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata

from PlainNet import Structure
from zennas.common.limits import check_kind
from zennas.runs.candidate import Candidate
from zennas.searching.objectives.base import indicators_of
from zennas.searching.policies.draws import Draw, PolicyDraws, draw_of
from zennas.searching.policies.history import forget_worst
from zennas.searching.policies.policy import Floats
from zennas.searching.population import PopulationSearch
from zennas.searching.strategies.base import Problem

if TYPE_CHECKING:
    from zennas.searching.guides.guide import Guide
    from zennas.searching.strategies.fp_nas import FpNasOptions

FEWEST = 2
"""The fewest samples of a step: one alone has no rank."""


class FpNas(PopulationSearch):
    """The population is the history, see `history.py`."""

    def __init__(self, problem: Problem, options: FpNasOptions) -> None:
        super().__init__(problem)
        self._options, self._guide, self._repeats = options, problem.guide, problem.repeats
        self._policy = PolicyDraws(problem, self.moves, options.learning_rate, options)
        self._converged = False
        self._known: dict[Structure, int] = {}  # the ids of the candidates that are kept
        self._drawn: list[Draw] = []  # in a call of `ask`
        self._step: list[tuple[Draw, int]] = []  # samples with the ids of their candidates, but for those that are out

    @property
    def begins_with_draws(self) -> bool:
        return not self._policy.from_one

    @property
    def done(self) -> bool:
        return super().done or (self._converged and not self.pending)

    @property
    def samples(self) -> int:
        """The number of samples of the step in progress."""
        return samples_of(self._policy.policy.entropy(), self._options.samples_per_nat)

    def ask(self, n: int) -> list[Candidate]:
        self._drawn = []
        found = super().ask(n)
        if self._drawn:
            self._policy.admit(self._drawn, found)
        self._end_step()  # all of its draws may have been known
        return found

    def propose(self) -> tuple[Structure, None] | None:
        if not self._policy.begun:
            self._policy.begin(self.first if self._policy.from_one else None, self.admission.fits, self.rng)
            if self._guide is not None and self._guide.warm_up:
                self._warm_up(self._guide)
        if self._converged or len(self._step) + self._being_evaluated() >= self.samples:
            return None
        draw = self._policy.proposal(self.rng)
        number = None if self._repeats else self._known_as(draw.structure)
        if number is None:
            self._drawn.append(draw)
        else:  # rejected as a duplicate, and a sample all the same
            self._step.append((draw, number))
        return draw.structure, None

    def _known_as(self, structure: Structure) -> int | None:
        """The id of the candidate with this structure, told or pending; None if there is none."""
        pending = next((one.id for one in self.pending if one.structure == structure), None)
        return self._known.get(structure, pending)

    def _being_evaluated(self) -> int:
        """The number of draws whose results are not known yet."""
        return sum(one.id != 1 or not self._policy.from_one for one in self.pending)

    def _warm_up(self, guide: Guide) -> None:
        """Take steps with a cheap score until it has scored so many structures."""
        left = guide.warm_up
        while left > 0 and self._policy.certainty < self._options.warm_up_certainty:
            draws = [self._policy.draw(self.rng) for _ in range(min(self.samples, left))]
            left -= len(draws)
            draws = [draw for draw in draws if self.admission.fits(draw.structure)]
            self.draws.ranked += len(draws)
            self._learn(draws, [(score,) for score in guide.rank([draw.structure for draw in draws])])
        self._policy.start_anew()

    def tell(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            super().tell((candidate,))
            self._policy.out.pop(candidate.id, None)
            if candidate.error is not None:
                self._step = [one for one in self._step if one[1] != candidate.id]
            self._end_step()

    def receive(self, candidate: Candidate) -> None:
        self._known.setdefault(candidate.structure, candidate.id)
        self.keep(candidate)
        draw = self._policy.out.get(candidate.id)
        if draw is not None:  # the structure that a search begins with was not drawn
            self._step.append((draw, candidate.id))

    def _end_step(self) -> None:
        """Let the policy learn, if all samples of a step have results."""
        if not self._policy.begun or self._converged or len(self._step) < self.samples or self.pending:
            return
        numbers = {one.id: one for one in self.population}
        told = [numbers[number] for _, number in self._step]
        rows = indicators_of(self.objective, told)
        self._learn([draw for draw, _ in self._step], rows or [(value,) for value in self.objective.values(told)])
        self._step = []
        self._converged = self._policy.policy.entropy() < self._options.least_entropy
        forget_worst(self)
        if len(self.population) < len(numbers):
            self._known = self._ids()

    def _learn(self, draws: Sequence[Draw], rows: Sequence[tuple[float, ...]]) -> None:
        if len(draws) < FEWEST:
            return
        weighted = [m * self._policy.gradient(draw) for m, draw in zip(merits(rows), draws, strict=True)]
        self._policy.learn(-np.sum(weighted, axis=0))

    def _ids(self) -> dict[Structure, int]:
        return {one.structure: one.id for one in reversed(self.population)}

    def learned(self) -> dict[str, float | str]:
        """Return the most probable structure of the policy, its entropy, its steps, and whether it has converged."""
        found = self._policy.learned()
        return {**found, "policy_converged": "yes" if self._converged else "no"} if found else found

    def state(self) -> dict[str, Any]:
        own = {
            "policy": self._policy.state(),
            "converged": self._converged,
            "step": [[number, *draw.state()] for draw, number in self._step],
        }
        return {**super().state(), **own}

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        super().restore(state, candidates)
        check_kind("converged", state["converged"], bool, ValueError)
        self._converged = state["converged"]
        start = self.first if self._policy.from_one and self._begun else None
        self._policy.restore(state["policy"], start, self.admission.fits, self.pending)
        pending = {candidate.id: candidate.structure for candidate in self.pending}
        known = pending | {candidate.id: candidate.structure for candidate in self.population}
        self._step = [(draw_of(known[number], draw), number) for number, *draw in state["step"]]
        self._known = self._ids()


def samples_of(entropy: float, samples_per_nat: float) -> int:
    """Return how many samples a step draws from a policy with so much entropy, in nats."""
    return max(FEWEST, ceil(samples_per_nat * entropy))


def merits(rows: Sequence[tuple[float, ...]]) -> list[float]:
    """Return the merits of samples: the softmax of minus the sum of their ranks by each indicator. The best has rank 1;
    equal ones share their mean rank.

    rows: the indicators of each sample, higher is better.
    """
    ranks: Floats = rankdata(-np.array(rows, float), axis=0).sum(axis=1)
    weights = np.exp(ranks.min() - ranks)
    return [float(value) for value in weights / weights.sum()]
