"""Scores of candidates as text."""

from __future__ import annotations

from zennas.common.errors import ZennasError
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.objectives.teg import is_teg
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import ensembles


def measure_text(measure: Measure) -> str:
    """A score, with half of its 95 % interval if it has one."""
    if measure.low is None or measure.high is None:
        return f"{measure.value:.6g}"
    return f"{measure.value:.2f} ± {(measure.high - measure.low) / 2:.2f}"


def score_text(candidate: Candidate | None, settings: SearchSettings) -> str:
    """The score by which a search has ranked a candidate; – for a rank among others if it is not stored."""
    measures = {} if candidate is None else candidate.measures
    if is_teg(settings.objective):  # ranked by all of its measures
        return "–"
    try:
        proxy = ensembles.find(settings.proxy)
    except ZennasError:  # of an installed package that is not here
        return next(map(measure_text, measures.values()), "–")
    if settings.objective == "proxy" and (proxy.info.name in measures or proxy.ranking is not None):
        return measure_text(measures[proxy.info.name]) if proxy.info.name in measures else "–"
    return next(map(measure_text, measures.values()), "–")
