"""REINFORCE: a policy draws structures, and the gradient of its reward makes the better ones more probable.

The loss of a candidate is -log p · (r - b): p is the probability of its options, r its reward (`rewards.py`), and b the
moving average of the rewards with this one. A warm-up teaches the policy by the ranks of a cheap score before anything
is trained; then the baseline and the optimiser begin anew, as accuracies follow ranks. A move proposal is the best of
several draws. What a budget rejects has no reward.

Sources: Williams, Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning, 1992; Dong
and Yang, NAS-Bench-201, ICLR 2020; the code of TEG-NAS; Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR
2021, for the warm-up and the moves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from PlainNet import Structure
from zennas.runs.candidate import Candidate
from zennas.searching.policies.draws import Draw, PolicyDraws
from zennas.searching.policies.history import forget_worst
from zennas.searching.policies.policy import MovingAverage
from zennas.searching.policies.rewards import Ranking, reward_of
from zennas.searching.population import PopulationSearch
from zennas.searching.strategies.base import Problem

if TYPE_CHECKING:
    from zennas.searching.guides.guide import Guide
    from zennas.searching.strategies.reinforce import ReinforceOptions

AMONG = 256
"""With a score that ranks structures among each other, a warm-up ranks each among so many before it."""


class Reinforce(PopulationSearch):
    """The population is the history, see `history.py`."""

    def __init__(self, problem: Problem, options: ReinforceOptions) -> None:
        super().__init__(problem)
        self._options, self._guide = options, problem.guide
        self._policy = PolicyDraws(problem, self.moves, options.learning_rate, options)
        self._reward = reward_of(self.objective, options.reward)
        self._baseline = MovingAverage(options.baseline)
        self._drawn: list[Draw] = []  # in a call of `ask`

    @property
    def begins_with_draws(self) -> bool:
        return not self._policy.from_one

    def ask(self, n: int) -> list[Candidate]:
        self._drawn = []
        found = super().ask(n)
        if self._drawn:  # otherwise, the structure that the search begins with may be the only one
            self._policy.admit(self._drawn, found)
        return found

    def propose(self) -> tuple[Structure, None]:
        if not self._policy.begun:
            self._policy.begin(self._start, self.admission.fits, self.rng)
            if self._guide is not None and self._guide.warm_up:
                self._warm_up(self._guide)
        self._drawn.append(self._policy.proposal(self.rng))
        return self._drawn[-1].structure, None

    @property
    def _start(self) -> Structure | None:
        return self.first if self._policy.from_one else None

    def _warm_up(self, guide: Guide) -> None:
        """Teach the policy by the ranks of a cheap score."""
        ranking, baseline = Ranking(), MovingAverage(self._options.baseline)
        before: list[Structure] = []
        for _ in range(guide.warm_up):
            draw = self._policy.draw(self.rng)
            if not self.admission.fits(draw.structure):
                continue
            self.draws.ranked += 1
            if guide.relative:
                before = [*before[1 - AMONG :], draw.structure]
                ranking = Ranking()
                *others, own = guide.rank(before)
                for score in others:
                    ranking.add(score)
            else:
                (own,) = guide.rank((draw.structure,))
            self._learn(draw, ranking.add(own), baseline)
            if self._policy.certainty >= self._options.warm_up_certainty:
                break
        self._policy.start_anew()

    def _learn(self, draw: Draw, reward: float, baseline: MovingAverage) -> None:
        advantage = reward - baseline.add(reward)
        gradient = -advantage * self._policy.gradient(draw)
        if self._options.entropy_bonus:
            gradient -= self._options.entropy_bonus * self._policy.policy.entropy_gradient()
        self._policy.learn(gradient)

    def tell(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            super().tell((candidate,))
            self._policy.out.pop(candidate.id, None)

    def receive(self, candidate: Candidate) -> None:
        reward = self._reward.of(candidate, self.population)
        self.keep(candidate)
        draw = self._policy.out.get(candidate.id)
        if draw is not None:  # the structure that a search begins with was not drawn
            self._learn(draw, reward, self._baseline)
        forget_worst(self)

    def learned(self) -> dict[str, float | str]:
        """Return the most probable structure of the policy, its entropy in nats, and the number of its steps."""
        return self._policy.learned()

    def state(self) -> dict[str, Any]:
        own = {
            "policy": self._policy.state(),
            "reward": self._reward.state(),
            "baseline": self._baseline.state(),
        }
        return {**super().state(), **own}

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        super().restore(state, candidates)
        start = self.first if self._policy.from_one and self._begun else None
        self._policy.restore(state["policy"], start, self.admission.fits, self.pending)
        self._reward.restore(state["reward"])
        self._baseline.restore(state["baseline"])
