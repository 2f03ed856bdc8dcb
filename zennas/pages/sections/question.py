"""The question of the run in words, the few numbers that answer it, and what to be aware of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from zennas.budget.memories import MEMORIES
from zennas.common.numbers import format_count
from zennas.discovering.record import DiscoveryRecord
from zennas.pages.parts import Code, Facts, Figure, Figures, Note, Part, Text
from zennas.pages.record import TRAIN, Record, command_of
from zennas.pages.section import Section, register
from zennas.pages.supernets import accuracy_remarks, figures_of, time_figure
from zennas.pages.words import (
    comparison_question,
    correlate_question,
    design_question,
    discovery_method,
    discovery_question,
    search_question,
    simulation_question,
    supernet_method,
    supernet_question,
    training_question,
)
from zennas.report.designs import rows_of
from zennas.searching.result import SearchResult
from zennas.searching.telling.meaning import score_name
from zennas.supernet.front_record import FrontRecord
from zennas.supernet.history import SEARCH, WARM_UP
from zennas.supernet.outcome import SearchRecord
from zennas.training.record import FINISHED as TRAINED
from zennas.training.record import TrainingRecord
from ZeroShotProxy.ensembles import find
from ZeroShotProxy.programs.files import published

if TYPE_CHECKING:
    from zennas.designing.record import Design
    from zennas.searching.simulations.running import Simulation

_UNDER_WAY = ("searching", "confirming", "scoring", "training", "designing")


def parts(record: Record) -> list[Part]:
    """The question, the answer in numbers, and notes."""
    found: list[Part] = []
    if record.comparison is not None:
        found.append(Text(comparison_question(record.comparison), lead=True))
    elif record.design is not None:
        found += [Text(design_question(record.design), lead=True), *_status(record)]
        found.append(Figures(tuple(_of_design(record.design))))
        found += _design_facts(record.design)
    elif record.search is not None:
        found.append(Text(search_question(record.search.settings), lead=True))
        found += _status(record)
        found.append(
            Figures((*_of_search(record.search), *map(_accuracy, record.trainings[:2]), *_effort(record.search)))
        )
        if record.search.score_meaning is not None:
            what = "The score is" if record.search.tradeoff is None else "The goals are"
            found.append(Text(f"{what} {record.search.score_meaning}.{_ranking(record.search)}", quiet=True))
        found += (Note(f"{note[0].upper()}{note[1:]}.") for note in record.search.notes)
    elif record.correlation is not None:
        found.append(Text(correlate_question(record.correlation.settings), lead=True))
        found += [*_status(record), Figures(tuple(_of_correlation(record)))]
    elif record.simulation is not None:
        found.append(Text(simulation_question(record.simulation), lead=True))
        found += [*_status(record), Figures(tuple(_of_simulation(record.simulation)))]
    elif record.supernet is not None:
        found += [Text(supernet_question(record.supernet.job), lead=True), *_status(record)]
        found += _of_supernet(record, record.supernet)
    elif record.supernet_front is not None:
        found += [Text(supernet_question(record.supernet_front.job), lead=True), *_status(record)]
        found += _of_supernet_front(record, record.supernet_front)
    elif record.discovery is not None:
        found += [Text(discovery_question(record.discovery), lead=True), *_status(record)]
        found += [Figures(tuple(_of_discovery(record.discovery))), Text(discovery_method(record.discovery), quiet=True)]
    elif record.kind == TRAIN:
        (training,) = record.trainings
        found.append(Text(training_question(training), lead=True))
        found += [*_status(record), Figures((_accuracy(training), *_of_training(training)))]
    else:
        found += [Text(f"A run of zennas {record.kind}.", lead=True), *_status(record)]
    return [*found, *(Note(f"Left out: {why}") for why in record.unread)]


def _status(record: Record) -> Iterator[Note]:
    again = f"zennas {command_of(record)} --resume {record.folder}"
    if record.status == "interrupted":
        yield Note("This run was interrupted before its end. What it had found is shown here. To continue:", again)
    elif record.status == "failed":
        error = "" if record.search is None else f": {record.search.error}"
        yield Note(f"This run failed{error}. What it had found is shown here. It is tried again with:", again)
    elif record.status in _UNDER_WAY:
        yield Note("This run was still at work when the page was made. What it had found by then is shown here.")


def _design_facts(design: Design) -> Iterator[Part]:
    """What the figures leave open, and how to run the file."""
    rows = {name: value for name, value in rows_of(design) if name != "time"}
    command = rows.pop("run it", None)
    yield Facts(tuple(rows.items()))
    if command is not None:
        yield Code(command, "To run it on a picture")


def _of_design(design: Design) -> Iterator[Figure]:
    one = design.result
    if one is not None:
        yield Figure(f"top-1, {one.precision}", f"{one.file_top1:.2f}", "%", f"{one.top1:.2f} % in float32")
        yield Figure("size" if one.ram_bytes is None else "flash", format_count(one.bytes), "bytes")
        if one.ram_bytes is not None:
            yield Figure("RAM", format_count(one.ram_bytes), "bytes", "activations")
        if one.latency is not None:
            yield Figure(f"latency, {one.latency['device']}", f"{one.latency['ms']:.3g}", "ms", "estimated")
    yield Figure("time", f"{design.seconds / 60:.2g}", "min", f"of {design.settings.minutes:g}")


def _ranking(search: SearchResult) -> str:
    """By which other score a search ranks, if it does not rank by the one that it is about."""
    name = score_name(search.settings)
    if name is None or search.tradeoff is not None or name == search.settings.proxy:
        return ""
    then = f", and confirms the best by {search.settings.proxy}" if search.confirmed else ""
    return f" The search ranks by {name}: {find(name).info.meaning}{then}."


def _of_search(search: SearchResult) -> Iterator[Figure]:
    """The numbers of the best network; of a front, of one of its points, which is named."""
    best = search.best
    number = next((i for i, point in enumerate(search.points, start=1) if best is not None and point.id == best.id), 0)
    which = f"of point {number}" if number else ""
    if search.tradeoff is not None or search.front is not None:
        yield Figure("points", f"{len(search.points):,}", more="of the front")
    if search.tradeoff is not None and search.tradeoff.hypervolume is not None:
        yield Figure("hypervolume", f"{search.tradeoff.hypervolume.value:.3g}")
    if best is not None:
        confirmed = [name for name, measure in best.measures.items() if measure.low is not None]
        own = [name for name in best.measures if name.casefold() == search.settings.proxy.casefold()]
        goals = [] if search.tradeoff is None else [goal.name for goal in search.tradeoff.goals if not goal.cost]
        for name in goals or [*confirmed, *own, *best.measures][:1]:
            value, low, high = best.measures[name]
            more = which if low is None or high is None else f"± {(high - low) / 2:.2f}, 95 % interval"
            yield Figure(f"score, {name}", f"{value:.4g}", more=more)
        limits = search.settings.budget.limits()
        for what, words in (("params", "parameters"), ("flops", "FLOPs"), ("layers", "layers")):
            limit = limits.get(what)
            more = which if limit is None else f"of at most {format_count(limit)}"
            yield Figure(words, format_count(getattr(best.cost, what)), more=more)
        limits = search.settings.budget.memories()
        for name, value in search.memories(best).items():
            most = f"of at most {format_count(limits[name])}" if name in limits else which
            yield Figure(MEMORIES[name].title, format_count(value), "bytes", most)
        for report in search.latency:
            known, each = report.found, report.limit
            if known.predicted is not None or known.measured is not None:
                way = each.way if known.measured is None else report.check
                yield Figure(f"latency, {each.label}", f"{known.ms:.3g}", "ms", f"{way}, at most {each.ms:g} ms")


def _effort(search: SearchResult) -> Iterator[Figure]:
    tried, seconds = search.counts["tried"], search.seconds
    yield Figure("structures tried", format_count(tried), more=f"of {format_count(search.settings.iterations)}")
    yield Figure("time", f"{seconds:.3g}", "s", "searching")


def _of_simulation(simulation: Simulation) -> Iterator[Figure]:
    curves, (_, reported) = simulation.curves, simulation.columns
    after = f"after {curves.evaluations[-1]:,} trained networks"
    yield Figure(f"incumbent, {reported}", f"{curves.incumbent[:, -1].mean():.2f}", "%", after)
    yield Figure(f"oracle, {reported}", f"{curves.oracle[:, -1].mean():.2f}", "%", after)
    yield Figure("seeds", f"{len(curves.oracle):,}", more=f"of {simulation.seeds:,}")
    if curves.ranked:
        yield Figure("ranked", format_count(round(curves.ranked)), more="by a proxy, each search")
    yield Figure("time", f"{curves.seconds[:, -1].mean():.3g}", "s", "each search, on average")


def _of_supernet(record: Record, search: SearchRecord) -> Iterator[Part]:
    yield Figures((*figures_of(search), *map(_accuracy, record.trainings[:2])))
    yield Text(supernet_method(search.job, None if search.beginning is None else search.beginning.images), quiet=True)
    yield from accuracy_remarks(search, trained=any(one.status == TRAINED for one in record.trainings))


def _of_supernet_front(record: Record, found: FrontRecord) -> Iterator[Part]:
    figures, searches = list[Figure](), found.searches.values()
    asked = len(found.job.costs.strengths)
    figures.append(Figure("searches", f"{sum(one.result is not None for one in searches)}", more=f"of {asked}"))
    if found.front is not None:
        figures.append(Figure("points", f"{len(found.front.points)}", more="of the front"))
    seconds = sum(epoch.seconds for one in searches for epoch in one.history if epoch.phase == SEARCH)
    warm = next(iter(searches), None)
    seconds += 0 if warm is None else sum(epoch.seconds for epoch in warm.history if epoch.phase == WARM_UP)
    figures.append(Figure("time", *time_figure(seconds), "one warm-up and all searches"))
    yield Figures((*figures, *map(_accuracy, record.trainings[:2])))
    images = None if warm is None or warm.beginning is None else warm.beginning.images
    yield Text(supernet_method(found.job, images), quiet=True)


def _of_correlation(record: Record) -> Iterator[Figure]:
    result = record.correlation
    if result is None:
        return
    from zennas.correlation.result import BASELINES

    known = {row.name: row.statistics.spearman.value for row in result.rows if row.statistics.spearman is not None}
    ordered = sorted(known, key=lambda name: -known[name])
    for name in [name for name in ordered if name not in BASELINES][:2]:
        yield Figure(f"Spearman, {name}", f"{known[name]:.2f}", more="rank correlation with accuracy")
    for name in [name for name in ordered if name in BASELINES][:1]:
        yield Figure(f"Spearman, {name}", f"{known[name]:.2f}", more="merely counted")
    yield Figure("networks", f"{len(result.sample):,}", more=f"of {result.sample.population:,}")
    yield Figure("time", f"{result.seconds:.3g}", "s", "scoring")


def _of_discovery(found: DiscoveryRecord) -> Iterator[Figure]:
    outcome, done, wanted = found.outcome, len(found.generations), found.settings.generations
    if outcome is not None:
        for name, one, more in (
            ("best program found", outcome.best, "in the worst task, on held-out networks"),
            ("best published program", outcome.of(published()), ""),
            ("FLOPs", outcome.of(["flops"]), "merely counted"),
        ):
            if one is not None and one.value is not None:
                more = more or one.name
                yield Figure(f"Kendall's τ, {name}", f"{one.value:.2f}", more=more)
    elif found.generations:
        last = found.generations[-1]
        yield Figure("best fitness", f"{last.best.value:.2f}", more=f"in generation {last.number}")
    else:
        yield Figure("networks", f"{found.collected:,}", more=f"of {found.networks:,} with statistics")
    yield Figure("generations", f"{done}", more=f"of {wanted}")
    if done:
        shares = sum(len(one.members) for one in found.generations) / found.evaluated
        yield Figure("programs evaluated", f"{found.evaluated:,}", more=f"{100 * shares:.0f} % of them valid")


def _accuracy(training: TrainingRecord) -> Figure:
    top1 = "–" if training.top1 is None else f"{training.top1:.2f}"
    return Figure(f"top-1, {training.dataset}", top1, "%", f"after {len(training.history)} of {training.epochs} epochs")


def _of_training(training: TrainingRecord) -> Iterator[Figure]:
    from PlainNet import cost

    classes = training.num_classes or 10
    known = cost(training.structure, resolution=training.resolution, num_classes=classes, use_se=training.use_se)
    yield Figure("parameters", format_count(known.params))
    yield Figure("FLOPs", format_count(known.flops))
    yield Figure("time", f"{sum(epoch.seconds for epoch in training.history):.3g}", "s", "training")


register(Section("question", "The question", 10, parts))
