"""Tables that come with the package: CSV files by name, each with a card that says how it was made."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def shipped() -> dict[str, Path]:
    """Return the files of the tables by name."""
    folder = Path(str(files(__name__)))
    return {path.stem: path for path in sorted(folder.glob("*.csv"))}
