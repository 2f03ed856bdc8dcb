"""A search for programs as it lies in its folder, finished or not: what lists and pages show. Imports no torch.

Programs are texts here, of whatever form a search has stored.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from PlainNet.lock import in_use
from zennas.common.errors import ZennasError
from zennas.common.numbers import counted
from zennas.common.settings_text import restored, to_json
from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.files import ANEW, CONTINUE, GENERATIONS, HEAD, RESULT, STATISTICS, TASKS, read_json
from zennas.discovering.source_settings import SourceSettings

FINISHED, SEARCHING, INTERRUPTED = "finished", "searching", "interrupted"


@dataclass(frozen=True)
class Met:
    """A program of a generation. taus: Kendall's tau-b of each task. value: the smallest."""

    program: str
    origin: str
    taus: tuple[float, ...]

    @property
    def value(self) -> float:
        """The fitness."""
        return min(self.taus)


@dataclass(frozen=True)
class Stage:
    """A generation. number: from 1. evaluated: the programs, with those that are not valid. members: the valid ones."""

    number: int
    evaluated: int
    members: tuple[Met, ...]

    @property
    def best(self) -> Met:
        """The program with the largest fitness, the first of several."""
        return max(self.members, key=lambda one: one.value)

    @property
    def median(self) -> float:
        """The median of the fitness."""
        return float(median(one.value for one in self.members))

    @property
    def valid(self) -> float:
        """The share of programs that are valid."""
        return len(self.members) / self.evaluated


@dataclass(frozen=True)
class Tau:
    """Kendall's tau-b on the held-out networks of a task, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Ranked:
    """How well something ranks the held-out networks: `finals.Final` as it is stored."""

    name: str
    taus: tuple[Tau, ...]
    nodes: int
    reason: str | None
    scores: tuple[tuple[float, ...], ...]
    microseconds: float | None = None
    point: int | None = None

    @property
    def value(self) -> float | None:
        """The smallest tau, or None if there is none."""
        return min((tau.value for tau in self.taus), default=None)


@dataclass(frozen=True)
class HeldOut:
    """The held-out networks of a task. accuracies: in percent. networks: their structures."""

    accuracies: tuple[float, ...]
    networks: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """The comparison at the end of a search. programs: those found, the best first. held_out: the networks by task."""

    programs: tuple[Ranked, ...]
    references: tuple[Ranked, ...]
    held_out: tuple[HeldOut, ...]

    @property
    def best(self) -> Ranked | None:
        """The best program, or None if none ranks all held-out networks."""
        return self.programs[0] if self.programs and self.programs[0].reason is None else None

    def of(self, names: Collection[str]) -> Ranked | None:
        """The best of the references with these names, or None if none of them ranks all held-out networks."""
        found = [one for one in self.references if one.name in names and one.value is not None]
        return max(found, key=lambda one: one.value or 0.0, default=None)


@dataclass(frozen=True)
class DiscoveryRecord:
    """A search for programs.

    status: `FINISHED`, `SEARCHING` while a process works on it, or `INTERRUPTED`. tasks: their names. sources: where
    the networks are from, None if they were not drawn from tables. collected: the networks whose statistics are stored,
    and networks: how many there will be; 0 without tables. outcome: None unless it is finished.
    """

    folder: Path
    status: str
    tasks: tuple[str, ...]
    settings: EvolutionSettings
    sources: SourceSettings | None
    collected: int
    networks: int
    generations: tuple[Stage, ...]
    outcome: Outcome | None
    environment: Mapping[str, Any]
    created: float

    @property
    def evaluated(self) -> int:
        """The programs that were evaluated, with those that are not valid."""
        return sum(stage.evaluated for stage in self.generations)

    @property
    def best(self) -> str | None:
        """The best program on held-out networks, or before the end, of the last generation."""
        if self.outcome is not None:
            return None if self.outcome.best is None else self.outcome.best.name
        return self.generations[-1].best.program if self.generations else None

    @property
    def asked(self) -> str:
        """What was searched, in a few words."""
        kind = "" if self.sources is None else f", {self.sources.terminals}"
        return f"programs for {', '.join(self.tasks)}{kind}"

    @property
    def found(self) -> str:
        """What came out, in a few words."""
        done, wanted = len(self.generations), self.settings.generations
        if self.outcome is not None:
            best = self.outcome.best
            if best is None:
                return f"no program ranks all held-out networks; {counted(self.evaluated, 'program')} evaluated"
            return f"smallest tau {best.value:.3f}, {_short(best.name)}; {counted(self.evaluated, 'program')} evaluated"
        if not done:
            return f"statistics of {self.collected:,} of {counted(self.networks, 'network')} so far"
        return f"{done} of {counted(wanted, 'generation')}, best fitness {self.generations[-1].best.value:.3f}"

    def to_json(self) -> dict[str, Any]:
        best = None if self.outcome is None or self.outcome.best is None else self.outcome.best
        return {
            "run": str(self.folder),
            "status": self.status,
            "tasks": list(self.tasks),
            "settings": {**({} if self.sources is None else to_json(self.sources)), **self.settings.to_json()},
            "generations": len(self.generations),
            "evaluated": self.evaluated,
            "best": self.best,
            "value": None if best is None else best.value,
        }


def is_discovery(folder: Path) -> bool:
    """Return whether `folder` contains a search for programs. Raises OSError if nobody may look into it."""
    return (folder / HEAD).is_file() or (folder / TASKS).is_file()


def read_record(folder: Path) -> DiscoveryRecord:
    """Return what is known of the search in `folder`.

    Raises DiscoveryError or CacheError, with the file, if it is damaged, and SettingsError if another version wrote it.
    """
    tasks, head = (_object(folder / name) for name in (TASKS, HEAD))
    if not tasks and not head:
        raise DiscoveryError(f"{folder} has no search for programs: it has neither {TASKS} nor {HEAD}")
    with _reading(folder / (TASKS if tasks else HEAD)):
        evolution = EvolutionSettings.from_json(tasks["evolution"] if tasks else head["settings"])
        sources = restored(SourceSettings, tasks["settings"]) if tasks else None
        drawn = [len(task["structures"]) for task in tasks["tasks"]] if tasks else []
        names = [str(task["name"]) for task in tasks["tasks"]] if tasks else list(map(str, head["tasks"]))
        environment, created = dict(tasks.get("environment", {})), float(tasks.get("created", 0.0))
    outcome = _outcome(folder / RESULT, len(names))
    statistics = [folder / STATISTICS / str(number + 1) for number in range(len(drawn))]
    working = any(in_use(place) for place in (folder, *statistics) if place.is_dir())
    return DiscoveryRecord(
        folder,
        FINISHED if outcome is not None else SEARCHING if working else INTERRUPTED,
        tuple(names),
        evolution,
        sources,
        sum(len(list(place.glob(f"{'?' * 64}.json"))) for place in statistics),  # see `cache.py`
        sum(drawn),
        tuple(_generations(folder / GENERATIONS, len(names))),
        outcome,
        environment,
        created,
    )


def _generations(path: Path, tasks: int) -> Iterator[Stage]:
    if not path.exists():
        return
    with _reading(path):
        for line in path.read_text(encoding="utf-8").splitlines():
            found = json.loads(line)
            members = tuple(
                Met(str(one["program"]), str(one["origin"]), _numbers(one["taus"], tasks)) for one in found["members"]
            )
            number, evaluated = int(found["number"]), int(found["evaluated"])
            if not members or evaluated < len(members):
                raise ValueError(f"generation {number} has {len(members)} of {evaluated} programs")
            yield Stage(number, evaluated, members)


def _outcome(path: Path, tasks: int) -> Outcome | None:
    found = _object(path)
    if not found:
        return None
    with _reading(path):
        held_out = tuple(_held_out(one) for one in found.get("held_out", []))
        programs, references = (
            tuple(_ranked(one, tasks, held_out) for one in found[name]) for name in ("programs", "references")
        )
    return Outcome(programs, references, held_out)


def _held_out(stored: Any) -> HeldOut:
    accuracies = _numbers(stored["accuracies"], len(stored["networks"]))
    return HeldOut(accuracies, tuple(map(str, stored["networks"])))


def _ranked(stored: Any, tasks: int, held_out: Sequence[HeldOut]) -> Ranked:
    reason = None if stored["reason"] is None else str(stored["reason"])
    rows = stored["taus"]
    if len(rows) != (0 if reason is not None else tasks):
        raise ValueError(f"{str(stored['name'])[:80]} has {len(rows)} taus")
    taus = tuple(Tau(*_numbers([one["value"], *one["interval"]], 3)) for one in rows)
    scores = stored.get("scores", [])
    known = tuple(_numbers(one, len(of.accuracies)) for one, of in zip(scores, held_out, strict=False))
    cost, point = stored.get("us"), stored.get("point")
    return Ranked(
        str(stored["name"]),
        taus,
        int(stored["nodes"]),
        reason,
        known,
        None if cost is None else float(cost),
        None if point is None else int(point),
    )


def _numbers(stored: Any, count: int) -> tuple[float, ...]:
    found = tuple(map(float, stored))
    if len(found) != count:
        raise ValueError(f"there are {len(found)} numbers, expected {count}")
    return found


def _object(path: Path) -> dict[str, Any]:
    """The object in a file; empty if there is none. Raises CacheError if it is damaged."""
    return read_json(path, ANEW if path.name == TASKS else CONTINUE) if path.exists() else {}


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except ZennasError:
        raise
    except (OSError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DiscoveryError(f"{path} is damaged: {why}") from None


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
