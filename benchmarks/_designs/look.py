"""A network with everything that is looked at: its anatomy, predicted latencies and scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from benchmarks._designs.anatomy import Anatomy, anatomy
from benchmarks._designs.budgets import CPU, SCORES, V100, Case
from latency.predicting.predictor import Predictor
from latency.predicting.profile import load_profile
from PlainNet import Structure
from zennas.budget.budgets import PREDICTOR
from ZeroShotProxy import ScoreSettings, score


@dataclass(frozen=True)
class Look:
    """A network. ms: predicted milliseconds per image, by profile. values: its scores, by name."""

    name: str
    anatomy: Anatomy
    ms: dict[str, float]
    values: dict[str, float]


@cache
def _predictor(profile: str, resolution: int, num_classes: int) -> Predictor:
    return Predictor(load_profile(profile), resolution=resolution, num_classes=num_classes)


def look(name: str, structure: Structure, case: Case) -> Look:
    """Look at a network at the resolution of a budget."""
    ms = {profile: _predictor(profile, case.resolution, case.num_classes)(structure) for profile in (V100, CPU)}
    settings = ScoreSettings(resolution=case.resolution, num_classes=case.num_classes)
    values = {name: one.value for name, one in score(structure, list(SCORES), settings).items()}
    return Look(name, anatomy(structure, case.resolution, case.num_classes), ms, values)


def within(one: Look, case: Case) -> bool:
    """Whether a network is within a budget, whatever its layers."""
    limits = case.budget.latency
    in_time = all(one.ms[limit.source.removeprefix(PREDICTOR)] <= limit.ms for limit in limits)
    return in_time and case.budget.violation(one.anatomy.cost) is None
