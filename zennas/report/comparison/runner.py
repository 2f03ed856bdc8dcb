"""Compares networks. Structures are compared without torch, unless a latency is measured or a proxy needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from latency.base import LatencyError, MeasureSettings
from latency.predicting.profile import Profile, UnknownKernelError, load_profile
from PlainNet.sizes import SizeLike
from zennas.budget.budgets import PREDICTOR
from zennas.common.errors import WrongSettingError
from zennas.common.progress import WorkProgress, unwatched
from zennas.named.networks import Network
from zennas.report.comparison.accuracies import Known, known_accuracies
from zennas.report.comparison.quantities import column, order
from zennas.report.comparison.reading import Named, read_networks
from zennas.report.comparison.result import Comparison, Row
from zennas.report.comparison.scoring import score_names, scores_of
from zennas.report.predictions import Prediction, predict
from ZeroShotProxy.base import ScoreSettings

if TYPE_CHECKING:
    from latency.base import LatencyStats
    from zennas.accuracy.tables import AccuracyTable

DEFAULT_PROFILES = ("v100-pytorch-fp16", "pi5-onnxruntime", "this-machine-fp32")
"""A GPU, a board and a core of a server."""


def compare(
    texts: Sequence[str],
    *,
    latency: Sequence[str] = DEFAULT_PROFILES,
    measuring: MeasureSettings | None = None,
    proxies: Sequence[str] = (),
    scoring: ScoreSettings = ScoreSettings(),
    table: str | Path | None = None,
    resolution: SizeLike | None = None,
    num_classes: int | None = None,
    use_se: bool | None = None,
    in_channels: int | None = None,
    baseline: str | int | None = None,
    sort: str | None = None,
    progress: WorkProgress = unwatched,
) -> Comparison:
    """Compare networks; see `zennas.api.compare`. scoring: its resolution, classes and SE are each network's own.

    Everything is read and checked before anything is measured.
    """
    profiles = _profiles(latency)
    names = score_names(proxies)
    named = read_networks(texts, resolution, num_classes, use_se, in_channels)
    place = _place(baseline, texts)
    opened = None if table is None else _table(table)
    known = [known_accuracies(one.text, one.network, opened) for one in named]
    blank = [_row(one, profiles, about) for one, about in zip(named, known, strict=True)]
    planned = Comparison(tuple(blank), blank[place], profiles, names, measuring)
    sorting = None if sort is None else column(planned.quantities, sort)
    steps = (len(named) if names else 0) + (1 if measuring is not None else 0)
    stats: Sequence[LatencyStats | None] = [None] * len(named)
    if measuring is not None:
        progress(0, steps, "measuring in turns")
        stats = _measured([one.network for one in named], measuring)
    before = steps - len(named) if names else steps
    if names:
        scores = scores_of(
            [one.network for one in named], names, scoring, lambda done: progress(before + done, steps, "scoring")
        )
    else:
        scores = [{} for _ in named]
    rows = [
        replace(row, measured=measured, scores=found) for row, measured, found in zip(blank, stats, scores, strict=True)
    ]
    shown = rows if sorting is None else order(sorting, rows)
    return replace(planned, rows=tuple(shown), baseline=rows[place])


def _profiles(names: Sequence[str]) -> tuple[Profile, ...]:
    found = [load_profile(name.removeprefix(PREDICTOR)) for name in dict.fromkeys(names)]
    twice = [one.name for one in found if [each.name for each in found].count(one.name) > 1]
    if twice:
        raise WrongSettingError(
            f"two profiles are called {twice[0]}, so that their columns could not be told apart: name one of them"
        )
    return tuple(found)


def _place(baseline: str | int | None, texts: Sequence[str]) -> int:
    """The index of the baseline. Raises WrongSettingError if it is none of the networks."""
    if baseline is None:
        return 0
    if isinstance(baseline, str) and baseline in texts:
        return texts.index(baseline)
    try:
        number = int(baseline)
    except ValueError:
        number = 0
    if not 1 <= number <= len(texts):
        raise WrongSettingError(
            f"baseline {str(baseline)[:80]!r} is none of the networks, expected one as it is given, or its number from "
            f"1 to {len(texts)}"
        )
    return number - 1


def _table(place: str | Path) -> AccuracyTable:
    from zennas.accuracy.tables import read

    return read(place)


def _row(one: Named, profiles: Sequence[Profile], about: Known) -> Row:
    latencies = {profile.name: _predicted(one.network, profile) for profile in profiles}
    of = (one.number, one.label, one.text, one.network, one.cost, one.memory)
    return Row(*of, latencies, None, about.accuracies, {}, about.unread)


def _predicted(network: Network, profile: Profile) -> Prediction | str:
    try:
        return predict(network, profile)
    except UnknownKernelError as error:
        return f"has not measured {error.kind} kernels"
    except LatencyError as error:
        return " ".join(str(error).split())


def _measured(networks: Sequence[Network], settings: MeasureSettings) -> list[LatencyStats]:
    from latency.measuring.measure import compare as measured_in_turns

    return measured_in_turns([one.subject() for one in networks], settings)
