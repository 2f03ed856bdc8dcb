"""What a strategy proposes, checked before it is evaluated: strategies may come from outside this project."""

from __future__ import annotations

from zennas.common.errors import SettingsError, ZennasError
from zennas.runs.candidate import Candidate
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import Search

STUCK = 1000
"""A search ends when `ask` has returned nothing so often in a row without trying anything, and nothing is pending."""


class Proposals:
    """Asks a search for candidates, one at a time."""

    def __init__(self, search: Search, settings: SearchSettings) -> None:
        self._search, self._settings = search, settings
        self._tried, self._idle = -1, 0

    def next(self) -> Candidate | None:
        """Return the next candidate, or None if the strategy has none at present.

        Raises SettingsError, naming the strategy, if it breaks the contract of `Search.ask`, or never goes on.
        """
        try:
            asked = self._search.ask(1)
        except ZennasError:
            raise
        except Exception as error:  # foreign code may raise anything
            raise self._raised("ask", error) from error
        if not isinstance(asked, list) or not all(isinstance(one, Candidate) for one in asked):
            raise self._broken(f"ask(1) returned {str(asked)[:80]!r}, expected a list of candidates")
        if not asked:
            self._note_idle()
            return None
        if len(asked) > 1:
            raise self._broken(f"ask(1) returned {len(asked)} candidates, expected at most 1")
        candidate, budget = asked[0], self._settings.budget
        violated = budget.violation(candidate.cost)
        if violated is not None:
            found = getattr(candidate.cost, violated)
            raise self._broken(f"it proposed a network with {violated} {found:,}, over the budget of {budget}")
        for limit in budget.latency:
            latency = candidate.latency.get(limit.source)
            if latency is None or not latency.ms <= limit.ms:
                raise self._broken(f"it proposed a network that is not known to have {limit}")
        return candidate

    def receive(self, candidate: Candidate) -> None:
        """Tell the search the result of a candidate. Raises SettingsError, naming the strategy, if it fails."""
        try:
            self._search.tell((candidate,))
        except ZennasError:
            raise
        except Exception as error:
            raise self._raised("tell", error) from error

    def _raised(self, method: str, error: Exception) -> SettingsError:
        return self._broken(f"{method} raised {type(error).__name__}: {' '.join(str(error).split())[:200]}")

    def _note_idle(self) -> None:
        tried = self._search.progress().tried
        self._idle = 0 if tried != self._tried or self._search.pending else self._idle + 1
        self._tried = tried
        if self._idle >= STUCK:
            raise self._broken(f"it proposes nothing and is not done, after {tried:,} of {self._settings.iterations:,}")

    def _broken(self, what: str) -> SettingsError:
        way_out = "test it with zennas.testing.check_strategy"
        return SettingsError(f"strategy {self._settings.strategy} is broken: {what}; {way_out}")
