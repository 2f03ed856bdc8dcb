"""The commands of `zennas`, each imported when it is asked for: a command does not wait for the imports of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer

from SearchSpace.base import SPACES
from zennas.cli.listing import listing


@dataclass(frozen=True)
class Command:
    """Where a command is.

    module: of `zennas.cli`. function: in the module; None for a module with the Typer `app` of several commands.
    spaces: the parameter that names a search space, whose help lists all of them; None without one.
    help: in place of the function's own.
    """

    module: str
    function: str | None
    spaces: str | None = None
    help: str | None = None

    def made(self, name: str) -> Any:
        """Return the command as typer makes it, under this name."""
        module = import_module(f"zennas.cli.{self.module}")
        if self.function is None:
            group = typer.main.get_group(module.app)
            group.name = name
            return group
        alone = typer.Typer(add_completion=False)
        kind = None if self.spaces is None else listing(**{self.spaces: SPACES.names})
        alone.command(name, cls=kind, help=self.help)(getattr(module, self.function))
        return typer.main.get_command(alone)


COMMANDS = {
    "design": Command("design", "design"),
    "search": Command("search", "search", spaces="search_space"),
    "front": Command("front", "front", spaces="search_space"),
    "proxyless": Command("proxyless", "proxyless"),
    "analyze": Command("analyze", "analyze"),
    "compare": Command("compare", "compare"),
    "score": Command("score", "score"),
    "correlate": Command("correlate", "correlate", spaces="space"),
    "discover": Command("discover", "discover", spaces="space"),
    "latency": Command("latency", None),
    "train": Command("train", "train"),
    "distill": Command("train", "train", help="Train a network with a teacher: the same as zennas train --teacher."),
    "export": Command("export", "export"),
    "eval": Command("eval", "evaluate"),
    "targets": Command("targets", "targets"),
    "runs": Command("runs", "runs"),
    "report": Command("report", "report"),
    "zoo": Command("zoo", None),
    "doctor": Command("doctor", "doctor"),
}
"""In the order of the help."""


class Commands(Mapping[str, Any]):
    """Commands by name, each made once, when it is looked up."""

    def __init__(self, places: Mapping[str, Command]) -> None:
        self._places, self._made = places, dict[str, Any]()

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._places[name].made(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
