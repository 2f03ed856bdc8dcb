"""What a run asked, in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from PlainNet.sizes import size_text
from zennas.budget.budgets import Budget
from zennas.budget.memories import MEMORIES
from zennas.budget.target import find_target
from zennas.common.numbers import counted, format_count
from zennas.correlation.settings import CorrelateSettings
from zennas.discovering.record import DiscoveryRecord
from zennas.searching.fronts.front import grid_of
from zennas.searching.fronts.goals import VECTOR, known_goals, names_of
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


def budget_words(budget: Budget) -> str:
    """Return the limits of a budget as words, such as "at most 1M parameters and 18 layers"; "" without limits."""
    names = {"params": "parameters", "flops": "multiply–accumulates", "layers": "layers"}
    limits = [f"{format_count(limit)} {names[name]}" for name, limit in budget.limits().items()]
    limits += [f"{format_count(limit)} bytes of {MEMORIES[name].title}" for name, limit in budget.memories().items()]
    limits += [f"{limit.ms:g} ms per image on {limit.label} ({limit.way})" for limit in budget.latency]
    return f"at most {listed(limits)}" if limits else ""


def search_question(settings: SearchSettings) -> str:
    """Return the question of a search as a sentence."""
    aim = settings.proxy if settings.objective == "proxy" else settings.objective
    size = settings.resolution
    classes = "1 class" if settings.num_classes == 1 else f"{settings.num_classes:,} classes"
    gates = ", with squeeze-and-excitation" if settings.use_se else ""
    gates += f", for {settings.target}" if settings.target is not None else ""
    gates += f" (rules: {settings.rules})" if settings.rules else ""
    limits = budget_words(settings.budget)
    grid = grid_of(settings)
    if settings.objective == VECTOR:
        return (
            f"Which networks of the space {settings.search_space}{' with ' if limits else ''}{limits} are best for "
            f"{names_of(known_goals(settings))} together, for images of {size_text(size)} pixels in {classes}{gates}?"
        )
    if grid is not None:
        return (
            f"Which networks of the space {settings.search_space}{' with ' if limits else ''}{limits} have the best "
            f"{aim} score at every cost: {grid}, for images of {size_text(size)} pixels in {classes}{gates}?"
        )
    return (
        f"Which network of the space {settings.search_space}{' with ' if limits else ''}{limits} has the best "
        f"{aim} score, for images of {size_text(size)} pixels in {classes}{gates}?"
    )


def design_question(design: Design) -> str:
    """Return the question of a design as a sentence."""
    images = design.images
    return (
        f"Which network for {find_target(design.settings.target).title} recognises the {len(images.classes):,} classes "
        f"of {PurePath(design.settings.dataset).name}, from images of {size_text(images.size)} pixels, designed and "
        f"trained in {design.settings.minutes:g} minutes?"
    )


def simulation_question(found: Simulation) -> str:
    """Return the question of searches with many seeds as a sentence."""
    settings = found.settings
    help_by = "" if settings.warm_up_proxy is None else f", helped by {settings.warm_up_proxy},"
    return (
        f"How fast does {settings.strategy}{help_by} find accurate networks of the space {settings.search_space}, over "
        f"{counted(found.seeds, 'seed')} of simulated training?"
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
            f"Which networks of {space} are most accurate on {job.dataset} for what they cost, around {listed(aims)} "
            f"with {size}?"
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
        reward = "accuracy · Π (R / cost)^0.1, R being the reference of each cost" if costs else "accuracy"
        way = f"REINFORCE with the reward {reward}"
    else:
        way = f"gradients of gates ({recipe.binary_mode}) of the loss {_loss(job.costs) if costs else 'CE'}"
    return (
        f"All candidates are parts of one network{looked_at}. {warm}, its weights and the probabilities of the "
        f"candidates are trained in turn for {counted(recipe.n_epochs, 'epoch')}: the weights on {weights}, the "
        f"probabilities on {probabilities} that are held out, {counted(recipe.grad_update_steps, 'step')} after "
        f"{after}, by {way}."
    )


def _loss(costs: CostSettings) -> str:
    known = "E being the expectation of each cost, and R its reference"
    several = "λ" if costs.strengths else ""
    if several:
        known += ", once for each strength λ"
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
    return f"Which formula of {made} ranks networks like their accuracies, in the worst of {_tasks(found.tasks)}?"


def _tasks(names: Sequence[str]) -> str:
    return listed(list(names)) if len(names) <= _MOST_NAMES else counted(len(names), "task")


def discovery_method(found: DiscoveryRecord) -> str:
    """Return how programs are searched, as sentences."""
    settings = found.settings
    seen = settings.subset if found.sources is None else min(settings.subset, found.sources.networks)
    return (
        f"{counted(settings.generations, 'generation')} of programs were evolved, the first of {settings.population}, "
        f"the others of {settings.offspring}, half of them new. The fitness of a program is its smallest Kendall τ of "
        f"all tasks, on {counted(seen, 'network')} of each that every generation draws anew. The best ones "
        "are compared on other networks, which the search has not seen."
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


def listed(words: list[str]) -> str:
    """Return words as "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "nothing"
