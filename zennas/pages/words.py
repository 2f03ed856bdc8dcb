"""What a run asked, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from PlainNet.sizes import size_text
from zennas.budget.budgets import Budget
from zennas.budget.memories import MEMORIES
from zennas.budget.target import find_target
from zennas.common.numbers import counted, format_count
from zennas.correlation.settings import CorrelateSettings
from zennas.discovering.record import DiscoveryRecord
from zennas.searching.fronts.front import grid_of
from zennas.searching.fronts.goals import VECTOR, known_goals, names_of
from zennas.searching.fronts.grid import Axis, Grid
from zennas.searching.settings import SearchSettings
from zennas.supernet.cost_settings import ADD, MUL, PREDICTOR, TABLE, CostSettings
from zennas.supernet.job import SearchJob
from zennas.supernet.recipe import REINFORCE
from zennas.training.record import TrainingRecord

if TYPE_CHECKING:
    from zennas.designing.record import Design
    from zennas.report.comparison.result import Comparison
    from zennas.searching.simulations.running import Simulation


_MOST_NAMES = 6
"""Networks that a sentence names."""
_COUNTED = {"params": "parameters", "flops": "multiply–accumulates"}


def budget_words(budget: Budget) -> str:
    """Return the limits of a budget as words, such as "at most 1M parameters and 18 layers"; "" without limits."""
    limits = [f"{format_count(limit)} {_COUNTED.get(name, name)}" for name, limit in budget.limits().items()]
    limits += [f"{format_count(limit)} bytes of {MEMORIES[name].title}" for name, limit in budget.memories().items()]
    limits += [f"{limit.ms:g} ms per image on {limit.label} ({limit.way})" for limit in budget.latency]
    return f"at most {listed(limits)}" if limits else ""


def search_question(settings: SearchSettings) -> str:
    """Return the question of a search as a sentence."""
    grid = grid_of(settings)
    score = f"{settings.proxy if settings.objective == 'proxy' else settings.objective} score"
    if settings.objective == VECTOR:
        aim = f"combine {names_of(known_goals(settings))} best"
    elif grid is not None:
        costs = listed([_range_words(axis) for axis in grid.axes])
        aim = f"have the best {score} at every cost, from {costs}"
    else:
        aim = f"has the best {score}"
    one = grid is None and settings.objective != VECTOR
    limits = budget_words(settings.budget if grid is None else _beside(settings.budget, grid))
    classes = "1 class" if settings.num_classes == 1 else f"{settings.num_classes:,} classes"
    gates = ", with squeeze-and-excitation" if settings.use_se else ""
    target = f" for {settings.target}" if settings.target is not None else ""
    rules = f" under the rules {settings.rules}" if settings.rules else ""
    return (
        f"Which {'network' if one else 'networks'} of the space {settings.search_space}{target}{rules}"
        f"{f' with {limits}' if limits else ''} {aim}, for images of {size_text(settings.resolution)} pixels in "
        f"{classes}{gates}?"
    )


def _range_words(axis: Axis) -> str:
    """The range of a front, such as "100k to 1M parameters" or "0.1 ms to 1.2 ms on v100-pytorch-fp16"."""
    low, high = axis.text(axis.limits[0]), axis.text(axis.limits[-1])
    if axis.source is not None:
        return f"{low} to {high} on {axis.source.removeprefix(PREDICTOR)}"
    if axis.over in MEMORIES:
        return f"{low} to {high} of {MEMORIES[axis.over].title}"
    return f"{low} to {high} {_COUNTED.get(axis.over, axis.over)}"


def _beside(budget: Budget, grid: Grid) -> Budget:
    """A budget without the limits that are the ends of the ranges of a front."""
    latency = tuple(limit for limit in budget.latency if all(axis.source != limit.source for axis in grid.axes))
    counts: dict[str, Any] = {axis.over: None for axis in grid.axes if hasattr(budget, axis.over)}
    return replace(budget, latency=latency, **counts)


def design_question(design: Design) -> str:
    """Return the question of a design as a sentence."""
    images = design.images
    return (
        f"Which network for {find_target(design.settings.target).title} recognises the {len(images.classes):,} classes "
        f"of {PurePath(design.settings.dataset).name} best in images of {size_text(images.size)} pixels, if it is "
        f"designed and trained within {counted_minutes(design.settings.minutes)}?"
    )


def simulation_question(found: Simulation) -> str:
    """Return the question of searches with many seeds as a sentence."""
    settings = found.settings
    help_by = "" if settings.warm_up_proxy is None else f", helped by {settings.warm_up_proxy},"
    return (
        f"How soon does the strategy {settings.strategy}{help_by} find accurate networks of the space "
        f"{settings.search_space}, in simulated trainings with {counted(found.seeds, 'seed')}?"
    )


def supernet_question(job: SearchJob) -> str:
    """Return the question of a search in a supernet as a sentence."""
    space = "the structure with choices below" if "{" in job.space else f"the space {job.space}"
    aims = [
        f"{ms:g} ms on {source.removeprefix(PREDICTOR)}"
        if source.startswith(PREDICTOR)
        else f"{ms:g} ms by {PurePath(source.removeprefix(TABLE)).name}"
        for source, ms in zip(job.costs.latency_backend, job.costs.ref_latency_ms, strict=True)
    ]
    counts = {"FLOPs": job.costs.ref_flops, "parameters": job.costs.ref_params, "bytes of RAM": job.costs.ref_ram}
    aims += [f"{format_count(aim)} {what}" for what, aim in counts.items() if aim is not None]
    size = f"images of {size_text(job.target_resolution)} pixels"
    if job.costs.strengths:
        return (
            f"Which networks of {space} are most accurate on {job.dataset} for what they cost, around {listed(aims)}, "
            f"for {size}?"
        )
    aiming = f" with about {listed(aims)}" if aims else ""
    return f"Which network of {space}{aiming} is most accurate on {job.dataset}, for {size}?"


def supernet_method(job: SearchJob, images: tuple[int, int] | None) -> str:
    """Return how a supernet is searched, as sentences. images: for weights and held out, None if not known."""
    recipe = job.recipe
    shares = f"{100 * (1 - job.held_out):g} % of the training images", f"{100 * job.held_out:g} %"
    weights, probabilities = shares if images is None else (f"{count:,} images" for count in images)
    warm = f"After {counted(recipe.warm_epochs, 'epoch')} of warm-up" if recipe.warm_epochs else "Without a warm-up"
    size = job.resolution
    looked_at = "" if size == job.target_resolution else f", which looks at images of {size_text(size)} pixels"
    every = recipe.grad_update_arch_param_every
    after = "every weight step" if every == 1 else f"every {every} weight steps"
    costs = job.costs.some
    if recipe.arch_update == REINFORCE:
        reward = "accuracy · Π (R / cost)^0.1, where R is the reference of each cost" if costs else "accuracy"
        way = f"REINFORCE with the reward {reward}"
    else:
        way = f"gradients of gates ({recipe.binary_mode}) of the loss {_loss(job.costs)}"
    return (
        f"All candidates are parts of one network{looked_at}. {warm}, its weights and the probabilities of the "
        f"candidates are trained in turn for {counted(recipe.n_epochs, 'epoch')}: the weights on {weights}, the "
        f"probabilities on {probabilities} that are held out, {counted(recipe.grad_update_steps, 'step')} after "
        f"{after}, by {way}."
    )


def _loss(costs: CostSettings) -> str:
    if not costs.some:
        return "CE, the cross-entropy"
    known = "where CE is the cross-entropy, E the expectation of each cost, and R its reference"
    several = "λ" if costs.strengths else ""
    if several:
        known += "; once for each strength λ"
    if costs.cost_form == ADD:
        return f"CE + Σ {several or f'{costs.cost_weight:g}'} · (E − R) / R, {known}"
    power = several or f"{costs.cost_power:g}"
    if costs.cost_form == MUL:
        return f"CE · Π (E / R)^{power}, {known}"
    return f"{costs.cost_scale:g} · CE · Π (log E / log R)^{power}, {known}"


def correlate_question(settings: CorrelateSettings) -> str:
    """Return the question of a correlation as a sentence."""
    return (
        f"How well do {listed(list(settings.proxies))} rank {counted(settings.drawn, 'network')} of "
        f"{settings.space} whose {settings.dataset} accuracies are known?"
    )


def discovery_question(found: DiscoveryRecord) -> str:
    """Return the question of a search for programs as a sentence."""
    closed = found.sources is not None and found.sources.terminals == "closed-form"
    made = "widths, costs and expected statistics" if closed else "activations, weights and gradients"
    judged = f", even in the worst of {_tasks(found.tasks)}" if len(found.tasks) > 1 else f" in {found.tasks[0]}"
    return f"Which formula of {made} ranks networks most as their accuracies do{judged}?"


def _tasks(names: Sequence[str]) -> str:
    return listed(list(names)) if len(names) <= _MOST_NAMES else counted(len(names), "task")


def discovery_method(found: DiscoveryRecord) -> str:
    """Return how programs are searched, as sentences."""
    settings = found.settings
    seen = settings.subset if found.sources is None else min(settings.subset, found.sources.networks)
    return (
        f"{counted(settings.generations, 'generation')} of programs were evolved: {settings.population} in the first, "
        f"and {settings.offspring} in each other, of which half are new. The fitness of a program is Kendall's τ, the "
        "rank correlation of its scores with accuracies, in the task where it is smallest, on "
        f"{counted(seen, 'network')} of each task that every generation draws anew. The best programs are then "
        "compared on networks that the search has not seen."
    )


def training_question(training: TrainingRecord) -> str:
    """Return the question of a training as a sentence."""
    size = training.resolution
    return (
        f"How accurate does this network become on {training.dataset}, trained for "
        f"{counted(training.epochs, 'epoch')} on images of {size_text(size)} pixels?"
    )


def comparison_question(comparison: Comparison) -> str:
    """Return the question of a comparison as a sentence."""
    names = [row.label for row in sorted(comparison.rows, key=lambda row: row.number)]
    if len(names) == 1:
        return f"What does {names[0]} cost, and what is it worth?"
    more = [f"{len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES + 1 else []
    return f"How do {listed([*names[:_MOST_NAMES], *more] if more else names)} compare?"


def counted_minutes(minutes: float) -> str:
    """Return a time such as "1 minute" or "2.5 minutes"."""
    return f"{minutes:g} {'minute' if minutes == 1 else 'minutes'}"


def listed(words: list[str]) -> str:
    """Return words as "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "nothing"
