"""The page of a run, put together and written to one file."""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import zennas
from PlainNet.files import write_out
from zennas.common.environment import environment
from zennas.common.errors import ZennasError
from zennas.pages.embed import Embedded
from zennas.pages.markup import escaped, markup
from zennas.pages.parts import Note, Part
from zennas.pages.record import COMPARE, Record, command_of, read_record
from zennas.pages.section import SECTIONS, Section
from zennas.searching.result import FINISHED

if TYPE_CHECKING:
    from zennas.report.comparison.result import Comparison

PAGE_FILE = "report.html"
"""The file in the folder of a run, unless it is given another place."""
_SCRIPTS = ("dom.js", "scales.js", "tip.js", "chart.js", "arena.js", "network.js", "page.js")
"""In the order in which they build on each other."""


class PageError(ZennasError, RuntimeError):
    """A page cannot be written."""


@dataclass(frozen=True)
class Page:
    """A page that was written. bytes: its size. sections: the names of what it shows, in order."""

    path: Path
    bytes: int
    sections: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"page": str(self.path), "bytes": self.bytes, "sections": list(self.sections)}


def write_page(folder: Path, out: Path | None = None) -> Page:
    """Write the page of the run in `folder`. out: the file; None for report.html in the folder.

    Raises PageError if the file cannot be written, and what `read_record` raises.
    """
    return _written(read_record(folder), folder / PAGE_FILE if out is None else out)


def write_comparison(comparison: Comparison, out: Path) -> Page:
    """Write the page of a comparison of networks to the file `out`. Raises PageError if it cannot be written."""
    about = Record(Path(), COMPARE, FINISHED, environment=environment(), created=time.time(), comparison=comparison)
    return _written(about, out)


def check_place(path: Path) -> None:
    """Raise PageError if a page cannot be written to a path because it is a folder."""
    if path.is_dir():
        raise PageError(f"{path} is a folder, expected a file: choose another name with --out")


def _written(record: Record, path: Path) -> Page:
    check_place(path)
    shown = shown_sections(record)
    content = html_of(record, shown).encode()
    try:
        write_out(path, content)
    except OSError as error:
        raise PageError(f"{path} cannot be written: {error.strerror}; choose another place with --out") from None
    return Page(path, len(content), tuple(section.name for section, _ in shown))


def shown_sections(record: Record) -> list[tuple[Section, tuple[Part, ...]]]:
    """Return the sections that concern a run, in order, with their parts.

    A section that cannot be made says why in its place.
    """
    found = []
    for section in sorted(SECTIONS, key=lambda one: (one.place, one.name)):
        try:
            parts = tuple(section.parts(record))
        except ZennasError as error:
            parts = (Note(f"This cannot be shown: {error}"),)
        if parts:
            found.append((section, parts))
    return found


def html_of(record: Record, sections: list[tuple[Section, tuple[Part, ...]]]) -> str:
    """Return the whole page. It loads nothing, and runs no script but its own."""
    data = Embedded()
    bodies = [_section(section, parts, data) for section, parts in sections]
    links = "".join(f'<a href="#{escaped(one.name)}">{escaped(one.title)}</a>' for one, _ in sections[1:])
    script = _script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Template(_asset("page.html")).substitute(
        policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:",
        title=escaped(f"{record.name} · zennas"),
        kind=escaped(command_of(record)),
        status=escaped(record.status),
        name=escaped(record.name),
        links=links,
        sections="\n".join(bodies),
        version=escaped(zennas.__version__),
        style=_asset("page.css"),
        data=data.text(),
        script=script,
    )


def _section(section: Section, parts: tuple[Part, ...], data: Embedded) -> str:
    body = "\n".join(markup(part, data) for part in parts)
    name = escaped(section.name)
    return (
        f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{escaped(section.title)}</h2>'
        f'<div class="body">{body}</div></section>'
    )


def _script() -> str:
    parts = "\n".join(map(_asset, _SCRIPTS))
    return f'"use strict";\n(() => {{\n{parts}\n}})();\n'


def _asset(name: str) -> str:
    return (files("zennas.pages") / "assets" / name).read_text(encoding="utf-8")
