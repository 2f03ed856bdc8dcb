"""Points of fronts as text: `RUN@7` is the seventh point of the front in the folder RUN, from the cheapest."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from zennas.runs.schema import FILE

FRONT_FILE = "front.json"
"""A front of searches that have no store, in its folder."""
_POINT = re.compile(r"(.+)@([0-9]{1,6})", re.DOTALL)


class Point(NamedTuple):
    """A point of the front in the folder `run`, from 1."""

    run: Path
    number: int

    @property
    def folder(self) -> Path:
        """Where trainings and exports of the point are."""
        return self.run / f"point-{self.number}"


def point_of(text: str) -> Point | None:
    """Return the point that a text names; None if it is no `RUN@NUMBER`, or if there is no run in that folder."""
    found = _POINT.fullmatch(text)
    if found is None or os.path.exists(text):
        return None
    if not any(os.path.isfile(os.path.join(found[1], name)) for name in (FILE, FRONT_FILE)):
        return None
    return Point(Path(found[1]), int(found[2]))
