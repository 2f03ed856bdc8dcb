"""A graph network learns from what was trained which networks are better, and chooses what is trained next.

Source: Dudziak et al., BRP-NAS: Prediction-based NAS using GCNs, NeurIPS 2020; with the numbers and the warm-up of
Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021. `searching/predictors/network.py` is the network.

The search goes in rounds. The first one is random; before each other one, the predictor is trained further on all
networks that have a score, and ranks the space, or a pool if the space is large. Half of a round is the top of this
ranking, half is drawn from its better part. With a warm-up, the predictor first learns the ranks of drawn networks by a
cheap score, and chooses the first round as well. A round begins when all results of the one before are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from random import Random
from typing import Any

import numpy as np

from PlainNet import Structure
from PlainNet.grammar import read
from SearchSpace.graphs import Graph, graphs_of
from zennas.common.errors import WrongSettingError
from zennas.common.limits import check_kind, check_whole
from zennas.common.settings import check, setting
from zennas.runs.candidate import Candidate
from zennas.searching.objectives.base import best_first
from zennas.searching.population import PopulationSearch
from zennas.searching.predictors.lessons import Lesson, Plan, Pupil, Size, normalised, ranks
from zennas.searching.predictors.process import Process
from zennas.searching.predictors.rankable import drawn, mutated, whole
from zennas.searching.strategies.base import Problem, Progress, Strategy, register

_KEY_BITS = 63
_PARENTS = 8
"""The best networks so far that a pool has mutations of."""


@dataclass(frozen=True)
class PredictorOptions:
    """Options of the search by a predictor."""

    per_round: int = setting(20, "Networks to train in a round, as in Abdelfattah et al.", least=2)
    rounds: int = setting(
        5,
        "Rounds during which epochs and batches grow; later rounds are like the last one. As in Abdelfattah et al.",
        least=1,
    )
    greedy: float = setting(0.5, "Share of a round that is the top of the ranking, as in BRP-NAS.", least=0, most=1)
    epochs: int = setting(
        50, "Epochs of training after the first round, twice as many after the second … (BRP-NAS).", least=1
    )
    pairs: int = setting(
        12, "Pairs of a batch after the first round, twice as many after the second … (BRP-NAS).", least=2
    )
    warm_up_epochs: int = setting(
        50, "Epochs of the warm-up, as BRP-NAS's code has for NAS-Bench-101 (for NAS-Bench-201: 250).", least=1
    )
    warm_up_pairs: int = setting(
        256,
        "Pairs of a batch in the warm-up, as BRP-NAS's code has for NAS-Bench-101 (for NAS-Bench-201: 64).",
        least=2,
    )
    width: int = setting(600, "Width of the graph network, as in BRP-NAS.", least=1, most=8192)
    layers: int = setting(4, "Layers of the graph network, as in BRP-NAS.", least=1, most=32)
    dropout: float = setting(0.2, "Dropout behind each layer, as in BRP-NAS.", least=0, most=0.99)
    learning_rate: float = setting(3.5e-4, "AdamW's learning rate, cosine to 0, as in BRP-NAS.", above=0, most=10)
    weight_decay: float = setting(5e-4, "AdamW's weight decay, as in BRP-NAS.", least=0, most=10)
    patience: int = setting(35, "Epochs without a lower training loss until training ends, as in BRP-NAS.", least=1)
    targets: str = setting(
        "accuracies",
        "What the predictor learns from scores: accuracies, scaled to 0 to 1, as in BRP-NAS, or ranks.",
        choices=("accuracies", "ranks"),
    )
    model: str = setting(
        "graph",
        "What predicts: graph, the graph network; process, a Gaussian process with a warm-up's score as prior, in "
        "milliseconds.",
        choices=("graph", "process"),
    )
    slope: float = setting(1.0, "With model=process: variance of the slope of the prior.", least=0)
    reach: float = setting(
        0.5, "With model=process: where the kernel has fallen to 1/e, as a share of the mean distance.", above=0
    )
    pool: int = setting(2000, "Structures that are ranked if the space has more than 50,000 choices.", least=2)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


class PredictorSearch(PopulationSearch):
    """The population is all candidates that have a score, in the order of their results."""

    def __init__(self, problem: Problem, options: PredictorOptions) -> None:
        super().__init__(problem)
        self._options = options
        guide = problem.guide
        self._guide = guide if guide is not None and guide.warm_up else None
        self._graph: Callable[[Structure], Graph] = graphs_of(problem.space)
        self._whole: list[Structure] | None = None
        self._round = _Round(-1, options.per_round)
        self._key = self.rng.getrandbits(_KEY_BITS)
        self._lessons: list[tuple[int, int]] = []  # the key of each training, and how many scores it learns from
        self._refused: list[Structure] = []
        self._warm_up: _WarmUp | None = None
        self._order: list[Structure] = []
        self._pupil = self._beginner()
        self._process = Process(problem.space, options.slope, options.reach)

    @property
    def begins_with_draws(self) -> bool:
        return self.draws_of_space

    def ask(self, n: int) -> list[Candidate]:
        if self.done:
            return []
        if self._round.given >= self._options.per_round:
            if self.pending:
                return []
            self._begin_round()
        found = super().ask(min(n, self._options.per_round - self._round.given))
        self._round.given += len(found)
        return found

    def propose(self) -> tuple[Structure, int | None]:
        now = self._round
        if now.proposed and now.proposed[-1] not in self.admission.known:
            self._refused.append(now.proposed.pop())  # for its latency: all else was looked at before
        if not now.by_chance and not now.queue:
            now.queue = self._chosen()
            now.by_chance = not now.queue  # everything that could be ranked was trained
        if now.by_chance:
            return self._draw(), None
        now.proposed.append(now.queue.pop(0))
        return now.proposed[-1], None

    def receive(self, candidate: Candidate) -> None:
        self.keep(candidate)

    # -- rounds ------------------------------------------------------------------------------

    def _begin_round(self) -> None:
        number, scored = self._round.number + 1, len(self.population)
        self._round = _Round(number, by_chance=self._guide is None and scored < 2)
        if scored >= 2:
            self._lessons.append((self.rng.getrandbits(_KEY_BITS), scored))
        self._order = []

    def _draw(self) -> Structure:
        if self.draws_of_space:
            return self.space.sample(self.rng)
        return mutated(self.space, self.rng, 1, [self.first], lambda structure: True)[0]

    def _chosen(self) -> list[Structure]:
        """The next structures of a round: the top and a part by chance; if some were refused, what comes next."""
        now, options = self._round, self._options
        order = self._ranking()
        wanted = options.per_round - now.given
        taken = {*self.admission.known, *self._refused}
        best = wanted if now.proposed else round(options.greedy * wanted)
        found = self._free(order, best, taken)
        if len(found) < wanted:
            depth = min(max(now.number, 1), max(options.rounds - 1, 1))
            better = order[: max(wanted, len(order) >> depth)]
            rng = Random(f"{self._key} {now.number}")
            rng.shuffle(better)
            found += self._free(chain(self._by_chance(better, rng), order), wanted - len(found), taken)
        return found

    def _by_chance(self, shuffled: Sequence[Structure], rng: Random) -> Iterator[Structure]:
        """The structures as they are; with move proposals, the best of as many as a move has, for each move."""
        guide = self.moves.guide
        if guide is None:
            yield from shuffled
            return
        for start in range(0, len(shuffled), guide.moves):
            some = shuffled[start : start + guide.moves]
            yield some[self.moves.best(some, rng, 0.0)]

    def _free(self, order: Iterable[Structure], n: int, taken: set[Structure]) -> list[Structure]:
        """Return the first `n` that are not taken and fit the budget, and take them."""
        found: list[Structure] = []
        for structure in order:
            if len(found) == n:
                break
            if structure not in taken and self.admission.admissible(structure):
                found.append(structure)
                taken.add(structure)
        return found

    # -- predictions -------------------------------------------------------------------------

    def _beginner(self) -> Pupil:
        options = self._options
        size = Size(options.width, options.layers, options.dropout)
        return Pupil(size, self._key)

    def _ranking(self) -> list[Structure]:
        """What can be trained, best first by the predictor."""
        if not self._order:
            rankable = self._rankable()
            if self._options.model == "process":
                places = self._by_process(rankable)
            else:
                places = self._pupil.ranked(list(self._all_lessons()), [self._graph(one) for one in rankable])
            self._order = [rankable[i] for i in places]
        return self._order

    def _by_process(self, rankable: Sequence[Structure]) -> list[int]:
        seen = self._seen()
        values = dict(zip((one.structure for one in seen), self.objective.values(seen), strict=True)) if seen else {}
        worth = None if self._guide is None else self._warmed_up().worth
        return [int(i) for i in np.argsort(-self._process.expected(rankable, values, worth), kind="stable")]

    def _seen(self) -> list[Candidate]:
        """The candidates with a score when the round began."""
        return self.population[: self._lessons[-1][1]] if self._lessons else []

    def _rankable(self) -> Sequence[Structure]:
        if self._options.model == "process" and self._guide is not None:
            return self._warmed_up().structures
        if self._small():
            return self._small()
        rng, size = Random(f"{self._key} pool {self._round.number}"), self._options.pool
        best = [candidate.structure for candidate in best_first(self.objective, self._seen())[:_PARENTS]]
        if not self.draws_of_space:
            return mutated(self.space, rng, size, [self.first, *best], self.admission.fits)
        new = mutated(self.space, rng, size // 2, best, self.admission.fits) if best else []
        return list(dict.fromkeys([*new, *drawn(self.space, rng, size - len(new))]))

    def _small(self) -> list[Structure]:
        """All structures of a space that is small enough to rank; none of another one."""
        if self._whole is None:
            self._whole = whole(self.space) or []
        return self._whole

    def _all_lessons(self) -> Iterator[Lesson]:
        options = self._options
        if self._guide is not None:
            warm_up = self._warmed_up()
            if len(warm_up.structures) >= 2:
                plan = self._plan(options.warm_up_epochs, options.warm_up_pairs)
                graphs = [self._graph(one) for one in warm_up.structures]
                yield Lesson(graphs, warm_up.worth, plan, warm_up.key)
        worth = normalised if options.targets == "accuracies" else ranks
        for number, (key, scored) in enumerate(self._lessons, start=1):
            seen = self.population[:scored]
            growth = min(number, options.rounds)
            plan = self._plan(growth * options.epochs, growth * options.pairs)
            yield Lesson([self._graph(one.structure) for one in seen], worth(self.objective.values(seen)), plan, key)

    def _plan(self, epochs: int, pairs: int) -> Plan:
        options = self._options
        return Plan(epochs, pairs, options.learning_rate, options.weight_decay, options.patience)

    def _warmed_up(self) -> _WarmUp:
        assert self._guide is not None
        if self._warm_up is None:
            key = self.rng.getrandbits(_KEY_BITS)
            structures = self._to_warm_up(key)
            self._warm_up = _WarmUp(key, structures, ranks(self._guide.rank(structures)))
        return self._warm_up

    def _to_warm_up(self, key: int) -> list[Structure]:
        assert self._guide is not None
        n, rng = self._guide.warm_up, Random(key)
        if 0 < len(self._small()) <= n:
            return self._small()
        if not self.draws_of_space:
            return mutated(self.space, rng, n, [self.first], self.admission.fits)
        return list(dict.fromkeys(self.space.sample(rng) for _ in range(n)))

    # -- saving ------------------------------------------------------------------------------

    def progress(self) -> Progress:
        found = super().progress()
        warm_up = 0 if self._warm_up is None else len(self._warm_up.structures)
        return Progress(found.tried, found.scored, found.kept, found.rejected, found.ranked + warm_up)

    def state(self) -> dict[str, Any]:
        warm_up = self._warm_up
        own = {
            "key": self._key,
            "round": self._round.to_json(),
            "lessons": [list(lesson) for lesson in self._lessons],
            "refused": [str(one) for one in self._refused],
            "warm_up": None if warm_up is None else {"key": warm_up.key, "worth": list(warm_up.worth)},
        }
        return {**super().state(), **own}

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        super().restore(state, candidates)
        check_whole("key", state["key"], ValueError, least=0, most=2**_KEY_BITS - 1)
        self._key, self._round = state["key"], _Round.of_json(state["round"])
        self._lessons = [(key, scored) for key, scored in state["lessons"]]
        self._refused = [read(one) for one in state["refused"]]
        self._warm_up = None
        if state["warm_up"] is not None:
            key = state["warm_up"]["key"]
            self._warm_up = _WarmUp(key, self._to_warm_up(key), state["warm_up"]["worth"])
        self._order, self._pupil = [], self._beginner()


@dataclass
class _Round:
    """The round in progress.

    given: how many of its candidates were asked for. by_chance: whether nothing can be predicted, so the rest is drawn.
    queue: what is proposed next. proposed: what was proposed so far, and not refused.
    """

    number: int
    given: int = 0
    by_chance: bool = False
    queue: list[Structure] = field(default_factory=list)
    proposed: list[Structure] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        texts = {"queue": [str(one) for one in self.queue], "proposed": [str(one) for one in self.proposed]}
        return {"number": self.number, "given": self.given, "by_chance": self.by_chance, **texts}

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> _Round:
        check_whole("number", stored["number"], ValueError, least=-1)
        check_whole("given", stored["given"], ValueError, least=0)
        check_kind("by_chance", stored["by_chance"], bool, ValueError)
        queue, proposed = ([read(one) for one in stored[name]] for name in ("queue", "proposed"))
        return cls(stored["number"], stored["given"], stored["by_chance"], queue, proposed)


@dataclass(frozen=True)
class _WarmUp:
    """Drawn structures, and the rank of each by the guide's score, from 0 to 1. key: of the draws."""

    key: int
    structures: Sequence[Structure]
    worth: Sequence[float]


register(
    Strategy(
        "predictor",
        "a graph network predicts which networks are better and is trained in rounds (BRP-NAS)",
        "Dudziak et al., BRP-NAS: Prediction-based NAS using GCNs, NeurIPS 2020",
        PredictorOptions,
        PredictorSearch,
        extensible=True,
        draws=True,
        moves=True,
        small={"width": 8, "layers": 2, "epochs": 1, "warm_up_epochs": 1, "pool": 60},
    )
)
