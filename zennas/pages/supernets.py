"""Searches in supernets as a page shows them: costs and numbers in words, and what is chosen."""

from __future__ import annotations

import shlex

from zennas.common.numbers import format_count
from zennas.pages.candidates import short_names
from zennas.pages.parts import Figure, Note, Text
from zennas.supernet.beginning import Aim
from zennas.supernet.history import SEARCH, SearchEpoch
from zennas.supernet.outcome import SearchRecord

_NAMES = {"params": "parameters", "flops": "FLOPs", "ram": "RAM"}


def cost_name(name: str) -> str:
    """Return the name of a cost in the loss for readers."""
    return _NAMES.get(name, name)


def cost_unit(name: str) -> str:
    """Return the unit of a cost in the loss, "" if its name says what is counted."""
    return "ms" if name.startswith("latency") else "bytes" if name == "ram" else ""


def cost_value(name: str, value: float) -> str:
    """Return a cost in the loss without its unit."""
    return f"{value:.4g}" if cost_unit(name) == "ms" else format_count(value)


def cost_text(name: str, value: float) -> str:
    """Return a cost in the loss with its unit."""
    return f"{cost_value(name, value)} {cost_unit(name)}".strip()


def aims_of(search: SearchRecord) -> dict[str, Aim]:
    """Return the costs in the loss by name; none of a search that has not stored them."""
    return {} if search.beginning is None else {aim.name: aim for aim in search.beginning.aims}


def number_of(search: SearchRecord, epoch: SearchEpoch) -> int:
    """Return the number of an epoch, counted over warm-up and search."""
    return epoch.epoch + (search.job.recipe.warm_epochs if epoch.phase == SEARCH else 0)


def candidates_of(search: SearchRecord) -> dict[str, tuple[str, ...]]:
    """Return the candidates by the decision's key, in a few words; numbered if their texts are not known."""
    if search.beginning is not None:
        return {key: short_names(texts) for key, texts in search.beginning.options.items()}
    shares = search.history[-1].probabilities if search.history else {}
    return {key: tuple(f"candidate {k + 1}" for k in range(len(own))) for key, own in shares.items()}


def picks_of(search: SearchRecord) -> dict[str, int | None]:
    """Return which candidate of each decision is chosen, or while nothing is, the most probable one.

    None where a candidate was drawn, and it is not known which.
    """
    shares = search.history[-1].probabilities if search.history else {}
    found: dict[str, int | None] = {key: max(range(len(own)), key=own.__getitem__) for key, own in shares.items()}
    if search.result is None:
        return found
    options = {} if search.beginning is None else search.beginning.options
    for key in found:
        text = search.result.picks.get(key)
        if text is not None and text in options.get(key, ()):
            found[key] = options[key].index(text)
        elif search.result.sampled:
            found[key] = None
    return found


def figures_of(search: SearchRecord) -> tuple[Figure, ...]:
    """Return the numbers that answer the question: those of the network, or of the last epoch while there is none."""
    aims, result = aims_of(search), search.result
    found = list[Figure]()
    if result is None:
        recipe = search.job.recipe
        found.append(Figure("epochs", f"{search.epochs}", more=f"of {recipe.warm_epochs + recipe.n_epochs}"))
    validated = [epoch.valid_top1 for epoch in search.history if epoch.valid_top1 is not None]
    top1 = result.valid_top1 if result is not None else validated[-1] if validated else None
    if top1 is not None:
        found.append(Figure("top-1, held-out images", f"{top1:.2f}", "%", "with the weights of the supernet"))
    if result is not None:
        costs, way = dict(result.costs), ""
    else:
        costs, way = dict(search.history[-1].expected if search.history else {}), "expected"
    for name, value in costs.items():
        aim = f"aimed at {cost_text(name, aims[name].reference)}" if name in aims else ""
        more = ", ".join(filter(None, (way, aim)))
        found.append(Figure(cost_name(name), cost_value(name, value), cost_unit(name), more))
    if search.history:
        found.append(Figure("entropy", f"{search.history[-1].entropy:.3g}", "nats", "of a decision, on average"))
        found.append(Figure("time", *time_figure(sum(epoch.seconds for epoch in search.history)), "searching"))
    return tuple(found)


def accuracy_remarks(search: SearchRecord, trained: bool) -> list[Text | Note]:
    """Return how the accuracy in the supernet is meant, and unless it is `trained`, how to train the network."""
    if search.result is None:
        return []
    drawn = "The network was drawn from the final probabilities, and the accuracy is that of the most probable one. "
    about = (
        f"{drawn if search.result.sampled else ''}This accuracy is that of the weights which all candidates share, on "
        "whole batches of the held-out images. It is too high in one way, as these images also chose the architecture, "
        "and too low in another, as the weights were trained only a little."
    )
    if trained:
        return [Text(f"{about} The training below tells more.", quiet=True)]
    command = f"zennas train {shlex.quote(str(search.folder))} --dataset {shlex.quote(search.job.dataset)}"
    return [Note(f"{about} For what it reaches by itself, train the network:", command)]


def time_figure(seconds: float) -> tuple[str, str]:
    """Return a time as a number and its unit."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 3 * size:
            return f"{seconds / size:.3g}", unit
    return f"{seconds:.3g}", "s"
