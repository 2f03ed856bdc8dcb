"""Structures that a policy draws in any search space, and what it learns from them.

In a space of decisions, the policy has a softmax for each; in an open space, for each step of a walk from a structure
within the budget (`SearchSpace/walks.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import log
from random import Random
from typing import Any, NamedTuple

from PlainNet import Structure
from SearchSpace import PolicyView, SearchSpaceError, Walks, view_of
from zennas.common.limits import check_whole
from zennas.runs.candidate import Candidate
from zennas.searching.guides.moves import Moves
from zennas.searching.policies.options import PolicyOptions
from zennas.searching.policies.policy import Adam, Floats, Policy
from zennas.searching.strategies.base import Problem

TRIES = 100
"""After so many draws in a row that make no network, as happens in NAS-Bench-101, a uniform one is taken."""
_KEY_BITS = 63


class Draw(NamedTuple):
    """A drawn structure: the option of each decision, and the positions of the decisions that the structure shows."""

    structure: Structure
    choices: tuple[int, ...]
    counted: tuple[int, ...]

    def state(self) -> list[list[int]]:
        """Return the draw as JSON, without its structure."""
        return [list(self.choices), list(self.counted)]


class PolicyDraws:
    """A policy over the decisions of a space, with its optimiser.

    moves: choose the best of several draws, if there is a guide for it.
    from_one: whether the search begins with a structure that the policy has not drawn: that from which walks begin, or
        that of a user.
    out: the draws of the pending candidates, by id.
    updates: the number of steps of the optimiser.
    """

    def __init__(self, problem: Problem, moves: Moves, learning_rate: float, options: PolicyOptions) -> None:
        self._problem, self._moves = problem, moves
        self._learning_rate, self._options = learning_rate, options
        self._adam = Adam(learning_rate)
        self.from_one = view_of(problem.space) is None or problem.initial is not None
        self.out: dict[int, Draw] = {}
        self._view: PolicyView | None = None
        self._policy: Policy | None = None
        self._key = 0  # of the walks
        self.updates = 0

    @property
    def begun(self) -> bool:
        """Whether there is a policy."""
        return self._policy is not None

    def begin(self, start: Structure | None, fits: Callable[[Structure], bool], rng: Random) -> None:
        """Make the policy. start: where walks begin, in an open space. fits: see `Walks`."""
        self._key = rng.getrandbits(_KEY_BITS)
        self._make(start, fits, rng)

    def _make(self, start: Structure | None, fits: Callable[[Structure], bool], rng: Random) -> None:
        view = view_of(self._problem.space)
        if view is None:
            assert start is not None
            steps, mutations = self._options.walk_steps, self._options.walk_mutations
            view = Walks(self._problem.space, start, fits, self._key, steps, mutations)
        self._view = view
        self._policy = Policy([len(decision.options) for decision in view.decisions()], rng)

    @property
    def policy(self) -> Policy:
        """The policy, after `begin`."""
        assert self._policy is not None
        return self._policy

    def draw(self, rng: Random) -> Draw:
        """Return a structure that the policy draws."""
        for _ in range(TRIES):
            found = self._built(self.policy.sample(rng), rng)
            if found is not None:
                return found
        while True:
            found = self._built([rng.randrange(count) for count in self.policy.counts], rng)
            if found is not None:
                return found

    def proposal(self, rng: Random) -> Draw:
        """Return a structure that the policy draws; with move proposals, the best of several."""
        guide = self._moves.guide
        if guide is None:
            return self.draw(rng)
        found = [self.draw(rng) for _ in range(guide.moves)]
        return found[self._moves.best([one.structure for one in found], rng, 0.0)]

    def _built(self, choices: Sequence[int], rng: Random | None) -> Draw | None:
        assert self._view is not None
        try:
            structure, counted = self._view.build(choices, self.policy.logits_of(choices), rng)
        except SearchSpaceError:
            return None
        return Draw(structure, tuple(choices), counted)

    def admit(self, draws: Iterable[Draw], candidates: Iterable[Candidate]) -> None:
        """Remember the draws of admitted candidates. draws: in their order, of which the budget rejected some."""
        left = iter(draws)
        for candidate in candidates:
            self.out[candidate.id] = next(draw for draw in left if draw.structure is candidate.structure)

    def gradient(self, draw: Draw) -> Floats:
        """Return the gradient of the logarithm of a draw's probability."""
        return self.policy.gradient(draw.choices, draw.counted)

    def learn(self, gradient: Floats) -> None:
        """Take a step of the optimiser. gradient: of a loss, by the logits."""
        self.policy.change(self._adam.step(gradient))
        self.updates += 1

    @property
    def certainty(self) -> float:
        """The share of its largest possible entropy that the policy has lost."""
        return 1 - self.policy.entropy() / sum(map(log, self.policy.counts))

    def start_anew(self) -> None:
        """Forget the moments of the optimiser, as rewards of another kind follow."""
        self._adam = Adam(self._learning_rate)

    def learned(self) -> dict[str, float | str]:
        """Return the most probable structure of the policy, its entropy in nats, and the number of its steps."""
        if self._policy is None:
            return {}
        likely = self._built(self.policy.argmax(), None)
        return {
            **({} if likely is None else {"policy_argmax": str(likely.structure)}),
            "policy_entropy": self.policy.entropy(),
            "policy_steps": self.updates,
        }

    def state(self) -> dict[str, Any] | None:
        """Return the state as JSON; None before `begin`."""
        if self._policy is None:
            return None
        return {
            "key": self._key,
            "logits": self._policy.state(),
            "adam": self._adam.state(),
            "updates": self.updates,
            "out": {str(number): draw.state() for number, draw in self.out.items()},
        }

    def restore(
        self,
        state: dict[str, Any] | None,
        start: Structure | None,
        fits: Callable[[Structure], bool],
        pending: Iterable[Candidate],
    ) -> None:
        """Continue from a `state`. start, fits: as in `begin`. Raises KeyError, TypeError or ValueError."""
        self._policy, self.out = None, {}
        if state is None:
            return
        check_whole("updates", state["updates"], ValueError, least=0)
        check_whole("key", state["key"], ValueError, least=0, most=2**_KEY_BITS - 1)
        self._key = state["key"]
        self._make(start, fits, Random(0))
        self.policy.restore(state["logits"])
        self._adam.restore(state["adam"])
        self.updates = state["updates"]
        structures = {candidate.id: candidate.structure for candidate in pending}
        self.out = {int(number): draw_of(structures[int(number)], draw) for number, draw in state["out"].items()}


def draw_of(structure: Structure, state: Sequence[Sequence[int]]) -> Draw:
    """Return the draw of a `state`. Raises TypeError or ValueError if it is not one."""
    choices, counted = state
    return Draw(structure, tuple(map(int, choices)), tuple(map(int, counted)))
