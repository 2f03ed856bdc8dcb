"""The folders of a design, and which of its trainings is in its file. No torch.

`zennas/designing/record.py` has all that is known about a design.
"""

from __future__ import annotations

import json
from pathlib import Path

from zennas.runs.errors import reading

DESIGN_FILE = "design.json"
SEARCH, TRAINING, TUNING, EXPORT = "search", "training", "tuning", "export"
"""The folders of the parts, each of which is a run of its own."""


def is_design(folder: Path) -> bool:
    """Return whether `folder` contains a design. Raises OSError if nobody may look into it."""
    return (folder / DESIGN_FILE).is_file()


def chosen_training(folder: Path) -> Path | None:
    """Return the folder of the training whose weights are in the file of a design; None if there is no file yet.

    Raises StoreError if design.json is damaged, and OSError if it cannot be read.
    """
    path = folder / DESIGN_FILE
    with reading(path):
        result = json.loads(path.read_text(encoding="utf-8"))["result"]
        return None if result is None else folder / str(result.get("training", TRAINING))
