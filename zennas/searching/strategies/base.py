"""What a search strategy is: it proposes candidates, is told their fitness, and can be saved and restored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from zennas.runs.candidate import Candidate


class Search(Protocol):
    """Ask and tell. Everything that decides what comes next is in `state()`, the random generator too.

    A strategy does not score, store or print; `searching/runner.py` does.
    """

    @property
    def done(self) -> bool:
        """Whether all iterations have been spent."""

    @property
    def tried(self) -> int:
        """Iterations spent: proposals made, over budget or not."""

    @property
    def population(self) -> Sequence[Candidate]:
        """The candidates that are kept at present."""

    def ask(self, n: int) -> list[Candidate]:
        """At most `n` new candidates within the budget; perhaps none, also before `done`.

        Raises BudgetError where no structure of the space fits.
        """

    def tell(self, candidates: Iterable[Candidate]) -> None:
        """Take in scored or failed candidates, in the order in which they were asked."""

    def take_changes(self) -> list[Candidate]:
        """Candidates that were added or changed since the last call, for the store."""

    def state(self) -> dict[str, Any]:
        """All of the state but the candidates, as JSON."""

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        """Continue from what `state` and the store's candidates say."""
