"""Results as tables on standard output, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from zennas.budget.memories import MEMORIES
from zennas.cli.console import OUT
from zennas.common.environment import can_draw
from zennas.common.layout import Rows
from zennas.common.numbers import counted, format_count
from zennas.report.scores import measure_text, score_text
from zennas.runs.candidate import Candidate, Latency
from zennas.runs.designed import BEST_FILE
from zennas.runs.store import FILE
from zennas.searching.choosing.confirming import Confirmation
from zennas.searching.fronts.front import Points, score_of
from zennas.searching.fronts.goals import LATENCY, Goal, names_of
from zennas.searching.fronts.tradeoff import Tradeoff
from zennas.searching.result import SearchResult
from zennas.searching.telling.latency_here import LatencyHere
from zennas.searching.telling.latency_report import LatencyReport
from zennas.searching.telling.meaning import score_name

if TYPE_CHECKING:
    from zennas.correlation.result import CorrelateResult
    from zennas.report.kind import Run
    from zennas.training.outcome import TrainResult


def print_json(content: Any) -> None:
    print(json.dumps(content, indent=2, allow_nan=False))


def print_search(result: SearchResult) -> None:
    """Print the best structure with its cost and scores, what was rejected, and the files."""
    best = result.best
    if best is None:
        OUT.print("no structure was chosen")
        _print_failures(result)
        return
    if result.front is not None:
        _print_front(result, result.front)
        return
    if result.tradeoff is not None:
        _print_tradeoff(result, result.tradeoff)
        return
    cost = best.cost
    OUT.print(Text("best structure: ", style="bold").append(str(best.structure), style=""))
    counts = [f"{cost.params:,} parameters", f"{format_count(cost.flops)} FLOPs (multiply–accumulates)"]
    counts.append(counted(cost.layers, "layer"))
    counts += [f"{value:,} bytes of {MEMORIES[name].title}" for name, value in result.memories(best).items()]
    OUT.print(f"  {', '.join(counts)}  (budget: {result.settings.budget})")
    if result.fit is not None:
        OUT.print(f"  {result.fit}")
    for name, measure in best.measures.items():
        repeats = _repeats(result, name)
        note = f"  (95 % interval of {counted(repeats, 'repetition')})" if measure.low is not None else ""
        OUT.print(f"  {name} {measure_text(measure)}{note}")
    for name, reason in best.missing.items():
        OUT.print(f"  no {name}: {reason}")
    if result.score_meaning is not None:
        OUT.print(f"  the score is {result.score_meaning}")
    if result.confirmation is not None:
        OUT.print(f"  {confirmation_text(result.confirmation)}")
    for report in result.latency:
        OUT.print(f"  {latency_text(report)}")
        for note in report.notes:
            OUT.print(f"    {note}")
    if result.here is not None:
        OUT.print(f"  {here_text(result.here)}")
    if result.measured:
        _print_measured(result)
    _print_counts(result)
    files = [place for place in (result.folder / BEST_FILE, result.folder / FILE) if place.is_file()]
    OUT.print(f"files: {', '.join(map(str, files))}")


def _print_front(result: SearchResult, front: Points) -> None:
    """Print the points of a front in their order, and how to use one."""
    limits = result.settings.budget.latency
    more = [name for name in ("activations", *MEMORIES) if any(axis.over == name for axis in front.grid.axes)]
    confirmed = None if result.confirmation is None else result.confirmation.measure
    again = [] if confirmed is None else [f"{confirmed}, 95 % interval"]
    titles = ["params", "FLOPs", *more, "layers", *(f"ms, {limit.label}" for limit in limits), "score", *again]
    rows = table("network", *titles, right=tuple(titles))
    for number, one in enumerate(front.points, start=1):
        costs = {axis.over: axis.value(one) for axis in front.grid.axes}
        counts = [f"{one.cost.params:,}", format_count(one.cost.flops), *(f"{costs[name]:,.0f}" for name in more)]
        times = (f"{one.latency.get(limit.source, Latency()).ms:.4g}" for limit in limits)
        score = score_of(one, score_name(result.settings))
        found = "–" if score is None else f"{score:.6g}"
        shown = [] if confirmed is None else [measure_text(one.measures[confirmed])]
        rows.add_row(f"{result.folder}@{number}", *counts, str(one.cost.layers), *times, found, *shown)
    OUT.print(rows)
    found = f"{counted(len(front.points), 'point')} of {front.grid.count} over {front.grid}"
    left = "" if len(front.points) == front.grid.count else "; the others have no network that beats cheaper ones"
    OUT.print(f"{found}{left}  (budget: {result.settings.budget})")
    if result.score_meaning is not None:
        OUT.print(f"the score is {result.score_meaning}")
    if result.confirmation is not None:
        OUT.print(confirmation_text(result.confirmation))
    _print_counts(result)
    OUT.print(f"a point is a network like any other: zennas analyze {result.folder}@{len(front.points)}")


def _print_tradeoff(result: SearchResult, found: Tradeoff) -> None:
    """Print the points of a search for several goals, and how to use one."""
    names = [goal.name for goal in found.goals]
    limits = [one for one in result.settings.budget.latency if f"{LATENCY}{one.label}" not in names]
    costs = [name for name in ("params", "flops", "layers") if name not in names]
    titles = [*names, *costs, *(f"ms, {limit.label}" for limit in limits)]
    rows = table("network", *titles, right=tuple(titles))
    for number, one in enumerate(found.points, start=1):
        scores = [_goal_text(goal, one) for goal in found.goals]
        counts = [format_count(getattr(one.cost, name)) for name in costs]
        times = [f"{one.latency.get(limit.source, Latency()).ms:.4g}" for limit in limits]
        rows.add_row(f"{result.folder}@{number}", *scores, *counts, *times)
    OUT.print(rows)
    volume = "" if found.hypervolume is None else f"; hypervolume {found.hypervolume.value:.4g}"
    OUT.print(
        f"{counted(len(found.points), 'point')} for {names_of(found.goals)}{volume}  (budget: {result.settings.budget})"
    )
    if result.score_meaning is not None:
        OUT.print(result.score_meaning)
    _print_counts(result)
    chosen = next((i for i, one in enumerate(found.points, start=1) if result.best and one.id == result.best.id), 1)
    OUT.print(
        f"a point is a network like any other: zennas analyze {result.folder}@{chosen}; {result.folder} alone is this "
        "one, whose worst goal is best"
    )


def _goal_text(goal: Goal, point: Candidate) -> str:
    value = point.measures.get(goal.name)
    if value is None:
        return "–"
    return f"{value.value:,.0f}" if goal.cost and goal.source is None else f"{value.value:.6g}"


def _print_counts(result: SearchResult) -> None:
    counts = result.counts
    for name, learned in result.learned.items():
        value = learned if isinstance(learned, str) else f"{learned:.4g}"
        OUT.print(Text(f"{name.replace('_', ' ')}: ").append(value))
    rejected = ", ".join(f"{reason} {number:,}" for reason, number in sorted(counts["rejected"].items()) if number)
    if "ranked" in counts:
        OUT.print(f"ranked {counts['ranked']:,} by {result.settings.warm_up_proxy} to choose what to evaluate")
    left_out = f"; rejected or dropped: {rejected}" if rejected else ""
    OUT.print(f"tried {counts['tried']:,} in {result.seconds:.1f} s; scored {counts['scored']:,}{left_out}")
    _print_failures(result)
    for note in result.notes:
        OUT.print(f"note: {note}")


def _repeats(result: SearchResult, name: str) -> int:
    """The number of repetitions of a score of the best candidate."""
    about = result.confirmation
    if about is None or result.best is None or name != about.measure:
        return result.settings.repeats
    return about.repeats.get(result.best.id, result.settings.repeats)


def confirmation_text(about: Confirmation) -> str:
    """How the best candidates were confirmed."""
    done = counted(about.evaluations, "evaluation")
    text = f"confirmed by {about.proxy}: {done} of {counted(len(about.repeats), 'network')} at batch {about.batch_size}"
    if about.undecided is None:
        return text
    text += f", of at most {about.most}; {about.stopped}"
    if about.undecided == 1:
        return text
    return f"{text}: {about.undecided} are not told apart, and the search's order decides"


def latency_text(report: LatencyReport) -> str:
    """The predicted and the measured latency, and the budget."""
    limit, found = report.limit, report.found
    parts = (
        []
        if found.predicted is None
        else [f"{found.predicted:.4g} ms {'estimated' if limit.way == 'estimated' else 'predicted'}"]
    )
    if found.measured is not None:
        spread = "" if found.low is None else f" (95 % interval {found.low:.4g}–{found.high:.4g}, p90 {found.p90:.4g})"
        parts.append(f"{found.measured:.4g} ms {report.check}{spread}")
    batch = f" at batch {limit.batch_size}" if limit.batch_size is not None else ""
    return f"latency {limit.label}: {', '.join(parts) or 'unknown'}  (budget: {limit.ms:g} ms per image{batch})"


def here_text(found: LatencyHere) -> str:
    """The latency of a network on the machine of its search, and that of a ResNet of about equal FLOPs."""
    known = "; ".join(filter(None, (found.spread, found.conditions)))
    text = f"latency here, {found.device}: {found.ms:.3g} ms {found.way} ({known})"
    if found.resnet is None:
        return text
    name, flops, ms = found.resnet
    return f"{text}; a {name} of {format_count(flops)} FLOPs takes {ms:.3g} ms"


def _print_failures(result: SearchResult) -> None:
    for message, number in result.failures.items():
        OUT.print(f"scoring failed {counted(number, 'time')}: {message}")


def _print_measured(result: SearchResult) -> None:
    """Print the predicted and the measured latencies of the best candidates."""
    limits = result.settings.budget.latency
    titles = [f"{one.limit.label} {what}" for one in result.latency for what in ("predicted", one.check)]
    rows = table("rank", "score", *titles, right=("score", *titles))
    for place, candidate in enumerate(result.measured, start=1):
        score = score_text(candidate, result.settings)
        cells = [
            "–" if ms is None else f"{ms:.4g} ms{'' if ms <= limit.ms else ' over'}"
            for limit in limits
            for found in [candidate.latency.get(limit.source, Latency())]
            for ms in (found.predicted, found.measured)
        ]
        chosen = " (best)" if result.best is not None and candidate.id == result.best.id else ""
        rows.add_row(f"{place}{chosen}", score, *cells)
    OUT.print(rows)


def print_run_list(results: Sequence[Run]) -> None:
    """Print a line for each run: what it was asked, and what came out."""
    from zennas.report.kind import kind_of_run
    from zennas.report.listing import DamagedRun

    rows = table("run", "kind", "status", "asked for", "came out", folded=("status", "asked for", "came out"))
    for result in results:
        if isinstance(result, DamagedRun):
            rows.add_row(str(result.folder), "–", f"damaged: {result.error}", "–", "–")
            continue
        kind = kind_of_run(result)
        rows.add_row(str(kind.place(result)), kind.name, result.status, kind.asked(result), kind.found(result))
    OUT.print(rows)


def print_correlation(result: CorrelateResult) -> None:
    """Print each proxy compared with the accuracies, the protocol, and the files."""
    from zennas.correlation import summary as report

    rows = table(*report.COLUMNS, right=report.NUMBERS)
    for row in result.rows:
        rows.add_row(*report.cells(row))
    OUT.print(rows)
    for regret in result.regret:
        OUT.print("")
        OUT.print(report.regret_title(regret))
        rows = table(*report.REGRET_COLUMNS, right=report.REGRET_COLUMNS[1:])
        for choices in regret.rows:
            rows.add_row(*report.regret_cells(choices))
        OUT.print(rows)
    if result.regret:
        OUT.print("")
    for line in (*report.notes(result), *report.protocol(result)):
        OUT.print(line)
    files = [report.TEXT_FILE, report.JSON_FILE, report.SCORES_FILE]
    if (result.folder / report.PICTURES).is_dir():
        files.append(report.PICTURES)
    elif not can_draw():
        OUT.print("no pictures: matplotlib is not installed; pip install 'zennas[plot]'")
    if result.status == "finished":
        OUT.print(f"files: {', '.join(str(result.folder / name) for name in files)}")


def print_training(result: TrainResult) -> None:
    """Print the accuracy and the files."""
    last = result.history[-1]
    top5 = f", top-5 {result.top5:.2f} %" if result.num_classes > 5 else ""  # of five classes, always 100 %
    OUT.print(
        f"top-1 {result.top1:.2f} %{top5} on the test images after "
        f"{counted(len(result.history), 'epoch')} ({result.seconds:.0f} s, {last.images_per_second:.0f} images/s)"
    )
    if result.remark is not None:
        OUT.print(f"note: {result.remark}")
    if result.skipped:
        first = next(iter(result.skipped))
        OUT.print(f"{counted(len(result.skipped), 'corrupt image')} left out, such as: {first}")
    for note in result.notes:
        OUT.print(f"note: {note}")
    OUT.print(f"files: {result.folder / 'weights.pt'}, {result.folder / 'train.json'}, {result.folder / 'history.csv'}")


def table(*columns: str, right: tuple[str, ...] = (), folded: tuple[str, ...] = ()) -> Rows:
    """A plain table. right: the columns of numbers; folded: those of sentences, which may be broken between words."""
    return Rows(columns, right, folded)
