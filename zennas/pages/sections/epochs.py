"""How a search in a supernet went: accuracy, loss, entropy and expected costs over its epochs."""

from __future__ import annotations

from collections.abc import Sequence

from zennas.pages.charts import Axis, Chart, Limit, Point, Series
from zennas.pages.parts import Beside, Part
from zennas.pages.record import Record
from zennas.pages.section import Section, register
from zennas.pages.supernets import aims_of, cost_name, cost_text, cost_unit, number_of
from zennas.supernet.history import SEARCH, WARM_UP
from zennas.supernet.outcome import SearchRecord

_MOST_EPOCHS = 400
_TRAINED, _VALIDATED = "in training", "most probable network, held-out images"


def parts(record: Record) -> list[Part]:
    """The charts, beside each other."""
    if record.supernet is None or not record.supernet.history:
        return []
    return [Beside(charts_of(record.supernet))]


def charts_of(search: SearchRecord) -> tuple[Chart, ...]:
    """Return a chart of each number of a search that has at least one epoch; a line marks the end of the warm-up."""
    every = -(-search.epochs // _MOST_EPOCHS)
    some = search.history[::every]
    some = some if some[-1] is search.history[-1] else (*some, search.history[-1])
    numbers = [number_of(search, epoch) for epoch in some]
    axis, begun = Axis("epoch", whole=True), _begun(search)

    def line(name: str, mark: str, values: Sequence[float | None]) -> Series:
        known = [(number, value) for number, value in zip(numbers, values, strict=True) if value is not None]
        points = tuple(Point(pair, name) for pair in known)
        return Series(name, "line" if mark == "line" else "quiet line", points)

    def chart(label: str, what: Axis, *lines: Series) -> Chart:
        return Chart(label, (axis, what), (0,), (1,), lines, begun)

    smoothed = search.job.recipe.label_smoothing > 0
    return (
        chart(
            "Accuracy over the epochs",
            Axis("accuracy", "%"),
            line(_TRAINED, "quiet line", [epoch.top1 for epoch in some]),
            line(_VALIDATED, "line", [epoch.valid_top1 for epoch in some]),
        ),
        chart(
            f"Loss over the epochs{', in training with label smoothing' if smoothed else ''}",
            Axis("loss"),
            line(_TRAINED, "quiet line", [epoch.loss for epoch in some]),
            line(_VALIDATED, "line", [epoch.valid_loss for epoch in some]),
        ),
        chart(
            "Mean entropy of the decisions: 0 means decided",
            Axis("entropy", "nats"),
            line("entropy", "line", [epoch.entropy for epoch in some]),
        ),
        *(
            _of_cost(search, name, axis, line(name, "line", [epoch.expected[name] for epoch in some]))
            for name in search.history[0].expected
        ),
    )


def _of_cost(search: SearchRecord, name: str, axis: Axis, line: Series) -> Chart:
    aim, positive = aims_of(search).get(name), all(epoch.expected[name] > 0 for epoch in search.history)
    aimed = "" if aim is None else f"; aimed at {cost_text(name, aim.reference)}"
    limits = () if aim is None else (Limit(1, aim.reference, "aim"),)
    what = Axis(f"expected {cost_name(name)}", cost_unit(name), log=positive)
    label = f"Expected {cost_name(name)}{aimed}"
    return Chart(label, (axis, what), (0,), (1,), (line,), (*_begun(search), *limits))


def _begun(search: SearchRecord) -> tuple[Limit, ...]:
    """A line between warm-up and search, if both are shown."""
    phases = {epoch.phase for epoch in search.history}
    warm = search.job.recipe.warm_epochs
    return (Limit(0, warm + 0.5, "search"),) if phases == {WARM_UP, SEARCH} else ()


register(Section("epochs", "How it went", 40, parts))
