"""A comparison as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latency.base import LatencyStats, MeasureSettings
from latency.predicting.profile import Profile
from PlainNet import Cost
from zennas.named.networks import Network
from zennas.report.comparison.accuracies import Accuracy
from zennas.report.comparison.quantities import Quantity, quantities_of, relative
from zennas.report.predictions import Prediction
from zennas.searching.scoring import measure as measure_of
from ZeroShotProxy.base import Score


@dataclass(frozen=True, eq=False)
class Row:
    """A network of a comparison, and all that is known of it.

    number: its place among those that were given, from 1. label: its name in the comparison, unlike all others.
    text: as it was given.
    memory: bytes of all values that are kept at once while one image runs through it in float32, without weights.
    latencies: by the names of the profiles; a text says why a profile cannot predict. measured: None unless it was.
    accuracies: in percent, in the order in which they are looked for. scores: by the names of the proxies; a text says
    why a proxy cannot score. remarks: what could not be read.
    """

    number: int
    label: str
    text: str
    network: Network
    cost: Cost
    memory: int
    latencies: Mapping[str, Prediction | str]
    measured: LatencyStats | None
    accuracies: tuple[Accuracy, ...]
    scores: Mapping[str, Score | str]
    remarks: tuple[str, ...] = ()

    def accuracy(self, kind: str) -> Accuracy | None:
        """Return the accuracy of a kind (see `Accuracy.kind`), after most epochs if there are several, then the
        highest; None if there is none.
        """
        found = [one for one in self.accuracies if one.kind == kind]
        return max(found, key=lambda one: (one.epochs or 0, one.top1), default=None)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Networks side by side.

    rows: in the order that was asked for. baseline: the row that the others are compared with.
    profiles: those that predict the latency. proxies: the names of the scores. measuring: how latency was measured,
    None if it was not.
    """

    rows: tuple[Row, ...]
    baseline: Row
    profiles: tuple[Profile, ...] = ()
    proxies: tuple[str, ...] = ()
    measuring: MeasureSettings | None = None

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The numbers that are compared, in the order of the table."""
        names = tuple(profile.name for profile in self.profiles)
        return quantities_of(names, self.measuring is not None, self.accuracies, self.proxies)

    @property
    def accuracies(self) -> tuple[str, ...]:
        """The kinds of accuracy that are known of at least one network, see `Accuracy.kind`."""
        return tuple(dict.fromkeys(one.kind for row in self.rows for one in row.accuracies))

    def relative(self, row: Row, quantity: Quantity) -> float | None:
        """Return a number relative to that of the baseline: a ratio, or a difference where `quantity.differs`. None if
        it is not known of both, or is not a number to relate.
        """
        return relative(quantity, quantity.value(row), quantity.value(self.baseline))

    def to_json(self) -> dict[str, Any]:
        """Return the comparison for JSON; units are in the names, or those of the parts."""
        measuring = None if self.measuring is None else dict(vars(self.measuring))
        return {
            "baseline": self.baseline.label,
            "measuring": measuring,
            "networks": [self._row_json(row) for row in self.rows],
        }

    def _row_json(self, row: Row) -> dict[str, Any]:
        network = row.network
        related = {one.key: self.relative(row, one) for one in self.quantities}
        return {
            "number": row.number,
            "label": row.label,
            "network": network.name,
            "structure": None if network.structure is None else str(network.structure),
            "resolution": network.resolution,
            "num_classes": network.num_classes,
            "use_se": network.use_se,
            **row.cost.to_json(),
            "memory_bytes": row.memory,
            "latency": [
                {"profile": name, "error": one} if isinstance(one, str) else one.to_json()
                for name, one in row.latencies.items()
            ],
            "measured": None if row.measured is None else row.measured.to_json(),
            "accuracy": [one.to_json() for one in row.accuracies],
            "scores": {
                name: {"error": one} if isinstance(one, str) else measure_of(one).to_json()
                for name, one in row.scores.items()
            },
            "relative": {name: value for name, value in related.items() if value is not None},
            "remarks": list(row.remarks),
        }
