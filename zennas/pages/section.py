"""Sections of a page: a name, a place, and a function from a record to parts.

Each file in `sections/` registers one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PlainNet.registry import Registry
from zennas.pages.parts import Part
from zennas.pages.record import Record


@dataclass(frozen=True)
class Section:
    """A section.

    name: a word, also its anchor in the page. title: its heading.
    place: where it stands; those with smaller numbers come first.
    parts: returns what it shows of a run; nothing if it does not concern this run, and the section is left out.
    """

    name: str
    title: str
    place: int
    parts: Callable[[Record], Sequence[Part]]


SECTIONS: Registry[Section] = Registry(
    "section", "zennas.pages.sections", "zennas.page_sections", lambda section: (section.name,)
)


def register(section: Section) -> None:
    """Register a section under its name. Raises RegistryError if the name is taken."""
    SECTIONS.add(section.name, section)
