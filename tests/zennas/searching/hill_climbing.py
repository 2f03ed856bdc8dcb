"""A strategy of a third party, in a file of its own: climb a hill, step by step."""

from dataclasses import dataclass
from random import Random

from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting
from zennas.searching.admission import Admission, generator_state, restore_generator
from zennas.searching.strategies.base import Progress, Strategy, register


@dataclass(frozen=True)
class Options:
    """Options of hill climbing."""

    changes: int = setting(2, "Mutations at a time.", least=1)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


class HillClimbing:
    """Mutates the best so far."""

    def __init__(self, problem, options):
        self.space, self.objective, self.changes = problem.space, problem.objective, options.changes
        self.rng, self.admission = Random(problem.seed), Admission(problem)
        self.kept, self.taken = [], []

    done = property(lambda self: self.admission.done)
    pending = property(lambda self: self.admission.pending)

    def progress(self):
        return Progress(self.admission.tried, self.admission.scored, len(self.kept), self.admission.rejected)

    def ask(self, n):
        if not self.kept and not self.pending:
            return [self.admission.first(self.rng)]
        start = (self.kept or self.pending)[0]
        found = []
        for _ in range(self.admission.patience):
            if self.done or len(found) == n:
                break
            child = self.space.mutate(start.structure, self.rng, changes=self.changes)
            found += filter(None, [self.admission.admit(child, start.id)])
        return found

    def tell(self, candidates):
        for one in candidates:
            if not self.admission.returned(one):
                self.taken.append(one.with_status("failed"))
            elif (
                not self.kept
                or self.objective.values([*self.kept, one])[1] > self.objective.values([*self.kept, one])[0]
            ):
                self.taken += [old.with_status("dropped") for old in self.kept] + [one.with_status("member")]
                self.kept = [one.with_status("member")]
            else:
                self.admission.rejected["score"] += 1

    def better(self, one):
        best, value = self.objective.values([*self.kept, one])
        return value > best

    def take_changes(self):
        taken, self.taken = self.taken, []
        return taken

    def state(self):
        kept = [one.id for one in self.kept]
        return {**self.admission.state(), "rng": generator_state(self.rng), "kept": kept}

    def restore(self, state, candidates):
        known = {one.id: one for one in candidates}
        self.admission.restore(state, (one.structure for one in known.values()))
        restore_generator(self.rng, state["rng"])
        self.kept, self.taken = [known[i] for i in state["kept"]], []


register(Strategy("hill_climbing", "mutate the best so far", "an example", Options, HillClimbing))
