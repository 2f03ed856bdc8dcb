"""What a list of runs has to know of a kind of run. Each file in `kinds/` registers one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from PlainNet.registry import Registry


class Run(Protocol):
    """What was read of a run."""

    @property
    def status(self) -> str:
        """How far it came, such as "finished"."""

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON, with its place as `run`."""


@dataclass(frozen=True)
class RunKind:
    """A kind of run.

    name: the command that makes such runs, which their stores contain. made: the type that `read` returns.
    read: reads the run at a place, quickly. Raises ZennasError if it is damaged.
    place: where it is. asked, found: what it was asked and what came out, in a few words.
    """

    name: str
    made: type
    read: Callable[[Path], Any]
    place: Callable[[Any], Path]
    asked: Callable[[Any], str]
    found: Callable[[Any], str]


KINDS: Registry[RunKind] = Registry("kind of run", "zennas.report.kinds")


def register(kind: RunKind) -> None:
    """Register a kind under its name. Raises RegistryError if the name is taken."""
    KINDS.add(kind.name, kind)


def kind_name(run: object) -> str | None:
    """Return the name of the kind of what was read of a run; None if it could not be read."""
    return next((kind.name for kind in KINDS if isinstance(run, kind.made)), None)


def kind_of_run(run: object) -> RunKind:
    """Return the kind of what was read of a run. Raises TypeError if none reads such an object."""
    for kind in KINDS:
        if isinstance(run, kind.made):
            return kind
    raise TypeError(f"no kind of run reads a {type(run).__name__}: register it in zennas/report/kinds/")
