"""Help that lists what a registry has, including parts of installed packages, without loading it for anything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from typer.core import TyperCommand


def listing(**known: Callable[[], Sequence[str]]) -> type[TyperCommand]:
    """Return a class of commands whose help ends, for each of these parameters, with the names that it can have."""

    class Listing(TyperCommand):
        def format_help(self, ctx: Any, formatter: Any) -> None:
            own: dict[str, str] = {}
            for one in self.params:
                if one.name in known and isinstance(said := getattr(one, "help", None), str):
                    own[one.name] = said
                    one.help = f"{said} Known: {', '.join(known[one.name]())}."  # type: ignore[attr-defined]
            try:
                super().format_help(ctx, formatter)
            finally:
                for one in self.params:
                    if one.name in own:
                        one.help = own[one.name]  # type: ignore[attr-defined]

    return Listing
