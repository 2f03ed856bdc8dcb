"""Random search: draw structures from the space and keep the best. The baseline for every other strategy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting
from zennas.runs.candidate import Candidate
from zennas.searching.admission import Admission, generator_state, restore_generator
from zennas.searching.strategies.base import Problem, Progress, Strategy, register


@dataclass(frozen=True)
class RandomOptions:
    """Options of random search."""

    keep: int = setting(64, "Number of best candidates to keep.", least=1)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


class RandomSearch:
    """Draws structures one after the other; scores only decide which are kept."""

    def __init__(self, problem: Problem, options: RandomOptions) -> None:
        self._space, self._objective, self._keep = problem.space, problem.objective, options.keep
        self._rng = Random(problem.seed)
        self._admission = Admission(problem)
        self._begun = False
        self._kept: list[Candidate] = []
        self._changes: list[Candidate] = []

    @property
    def done(self) -> bool:
        return self._admission.done

    @property
    def kept(self) -> Sequence[Candidate]:
        return self._kept

    @property
    def pending(self) -> Sequence[Candidate]:
        return self._admission.pending

    def progress(self) -> Progress:
        admission = self._admission
        return Progress(admission.tried, admission.scored, len(self._kept), admission.rejected)

    def ask(self, n: int) -> list[Candidate]:
        if not self._begun:
            self._begun = True
            return [self._admission.first(self._rng)]
        asked: list[Candidate] = []
        refused = 0
        while len(asked) < n and not self._admission.done and refused < self._admission.patience:
            drawn = self._admission.admit(self._space.sample(self._rng), None)
            if drawn is None:
                refused += 1
            else:
                asked.append(drawn)
        return asked

    def tell(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            if not self._admission.returned(candidate):
                self._changes.append(candidate.with_status("failed"))
                continue
            self._kept.append(candidate.with_status("member"))
            self._changes.append(self._kept[-1])
            if len(self._kept) > self._keep:
                values = self._objective.values(self._kept)
                worst = min(range(len(values)), key=lambda i: (values[i], -self._kept[i].id))
                self._changes.append(self._kept.pop(worst).with_status("dropped"))
                self._admission.rejected["score"] += 1

    def take_changes(self) -> list[Candidate]:
        changes, self._changes = self._changes, []
        return changes

    def state(self) -> dict[str, Any]:
        return {
            **self._admission.state(),
            "rng": generator_state(self._rng),
            "begun": self._begun,
            "kept": [candidate.id for candidate in self._kept],
        }

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        known = {candidate.id: candidate for candidate in candidates}
        restore_generator(self._rng, state["rng"])
        self._admission.restore(state, (candidate.structure for candidate in known.values()))
        self._begun = state["begun"]
        self._kept = [known[i] for i in state["kept"]]
        self._changes = []


register(
    Strategy(
        "random",
        "draw structures from the space, keep the best",
        "the baseline of the field",
        RandomOptions,
        RandomSearch,
    )
)
