"""Exported files, found by the sidecars next to them. Does not import torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zennas.common.limits import check_kind, check_number
from zennas.exporting.errors import ExportError

FOLDER = "export"
"""The folder in that of a run to which files are exported, unless they are given another place."""
_ENDING = ".json"


@dataclass(frozen=True)
class Accuracy:
    """Top-1 in percent of `images` of `dataset`: of the network in PyTorch, and of the file."""

    dataset: str
    images: int
    before: float
    after: float


@dataclass(frozen=True)
class Ram:
    """What a microcontroller needs to run a file, in bytes: for activations, by the plan of memory that it uses, and
    an arena that holds the interpreter's tables as well.
    """

    activations: int
    arena: int


@dataclass(frozen=True)
class ExportRecord:
    """An exported file. bytes: its size. accuracy: None if it was not measured. versions: of the libraries. ram: None
    if it is not for microcontrollers.
    """

    path: Path
    format: str
    precision: str
    bytes: int
    accuracy: Accuracy | None
    versions: Mapping[str, str]
    processor: str
    ram: Ram | None = None

    @property
    def status(self) -> str:
        """Whether the file is still where it was written: "finished" or "missing"."""
        return "finished" if self.path.is_file() else "missing"

    def to_json(self) -> dict[str, Any]:
        """Return the record for JSON; accuracies are top-1 in percent."""
        accuracy = self.accuracy
        return {
            "run": str(self.path),
            "kind": "export",
            "status": self.status,
            "format": self.format,
            "precision": self.precision,
            "bytes": self.bytes,
            "top1_before": None if accuracy is None else accuracy.before,
            "top1": None if accuracy is None else accuracy.after,
        }


def find_exports(folder: Path) -> list[Path]:
    """Return the sidecars of files exported to the usual place of the run or training in `folder`, by name."""
    return sorted(one for one in (folder / FOLDER).glob(f"*{_ENDING}") if one.is_file())


def read_export(sidecar: Path) -> ExportRecord:
    """Return what the sidecar of an exported file says. Raises ExportError if it cannot be read."""
    try:
        found = json.loads(sidecar.read_text(encoding="utf-8"))
        check_kind("format", found["format"], str, ValueError)
        check_number("bytes", found["bytes"], ValueError)
        accuracy, memory = found["accuracy"], found.get("memory")
        return ExportRecord(
            sidecar.with_name(sidecar.name.removesuffix(_ENDING)),
            found["format"],
            str(found["precision"]),
            int(found["bytes"]),
            None if accuracy is None else _accuracy(accuracy),
            {str(name): str(version) for name, version in found["versions"].items()},
            str(found.get("processor", "")),
            None if memory is None else Ram(int(memory["ram_bytes"]), int(memory["arena_bytes"])),
        )
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        what = " ".join(str(error).split())
        raise ExportError(f"{sidecar} cannot be read: {type(error).__name__}: {what}") from None


def _accuracy(found: Any) -> Accuracy:
    before, after = found["pytorch"]["top1"], found["file"]["top1"]
    check_number("top1", before, ValueError)
    check_number("top1", after, ValueError)
    return Accuracy(str(found["dataset"]), int(found["images"]), float(before), float(after))
