"""What is known about a design: design.json in its folder. No torch."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PlainNet.files import write_text
from PlainNet.sizes import size_text
from zennas.common.environment import environment
from zennas.common.errors import SettingsError
from zennas.common.settings_text import restored, to_json
from zennas.designing.errors import DesignError
from zennas.designing.images import Images
from zennas.designing.planning import Plan
from zennas.designing.settings import DesignSettings
from zennas.runs.designs import DESIGN_FILE, EXPORT, SEARCH, TRAINING, TUNING
from zennas.runs.store import in_use

FINISHED, DESIGNING, INTERRUPTED = "finished", "designing", "interrupted"
_VERSION = 1


@dataclass(frozen=True)
class DesignResult:
    """What a design has led to.

    file: the exported one. bytes: its size, which is the flash that a LiteRT file takes. format, precision: of it.
    ram_bytes, arena_bytes: of activations, and with the interpreter's tables; None for other formats.
    top1, file_top1: accuracy in percent on `test_images` images that the training has not seen: of the network in
        float32, and of the file.
    fits: whether it fits the target, in words. latency: what a compiler estimates; None if there is none.
    script: runs the file with its sidecar; None for formats without one.
    untuned_top1: accuracy of the file before the quantisation-aware training; None if there was none.
    training: the folder of the training whose weights are in the file. epochs: of the first training, the last of which
        can be a part of one.
    """

    file: Path
    bytes: int
    format: str
    precision: str
    ram_bytes: int | None
    arena_bytes: int | None
    top1: float
    file_top1: float
    test_images: int
    structure: str
    fits: str
    latency: Mapping[str, Any] | None
    script: Path | None
    untuned_top1: float | None = None
    training: str = TRAINING
    epochs: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all fields for JSON."""
        return {**vars(self), "file": str(self.file), "script": None if self.script is None else str(self.script)}


@dataclass(frozen=True)
class Design:
    """A design, finished or not.

    status: `FINISHED`, `DESIGNING` while a process works on it, or `INTERRUPTED`. spent: seconds of work by part.
    result: None unless it is finished.
    """

    folder: Path
    settings: DesignSettings
    images: Images
    plan: Plan
    spent: Mapping[str, float] = field(default_factory=dict)
    result: DesignResult | None = None
    created: float = 0.0
    environment: Mapping[str, Any] = field(default_factory=dict)
    status: str = INTERRUPTED

    @property
    def seconds(self) -> float:
        """The time that it has taken so far."""
        return sum(self.spent.values())

    @property
    def epochs(self) -> int:
        """The epochs of the training, which are decided after the search."""
        assert self.plan.epochs is not None
        return self.plan.epochs

    @property
    def asked(self) -> str:
        """What was asked for, in a few words."""
        name = Path(self.settings.dataset).name or self.settings.dataset
        return f"{self.settings.target}, {name}, {self.settings.minutes:g} min"

    @property
    def found(self) -> str:
        """What came out, in a few words."""
        if self.result is None:
            done = [part for part in (SEARCH, TRAINING, TUNING, EXPORT) if part in self.spent]
            return f"{', '.join(done)} done" if done else f"nothing yet, images of {size_text(self.images.size)}"
        one = self.result
        takes = "" if one.ram_bytes is None else f" flash, {one.ram_bytes / 1e3:.4g} kB RAM"
        return f"{one.bytes / 1e3:.4g} kB{takes}, top-1 {one.file_top1:.2f} % in {one.precision}"

    def took(self, part: str, seconds: float) -> Design:
        """Return the design with this time added to a part."""
        return replace(self, spent={**self.spent, part: round(self.spent.get(part, 0.0) + seconds, 2)})

    def to_json(self) -> dict[str, Any]:
        """Return the design for JSON."""
        return {
            "run": str(self.folder),
            "status": self.status,
            "settings": to_json(self.settings),
            "images": self.images.to_json(),
            "plan": self.plan.to_json(),
            "seconds": round(self.seconds, 2),
            "spent": dict(self.spent),
            "result": None if self.result is None else self.result.to_json(),
        }


def begun(folder: Path, settings: DesignSettings, images: Images, plan: Plan) -> Design:
    """Return a design that begins now."""
    return Design(folder, settings, images, plan, created=time.time(), environment=environment())


def write_design(design: Design) -> None:
    """Write design.json, completely or not at all. Raises OSError."""
    found = design.to_json()
    kept = {name: found[name] for name in ("settings", "images", "plan", "spent", "result")}
    if design.result is not None:  # the folder may be moved
        kept["result"] = {**kept["result"], **_places(design.folder, design.result)}
    facts = {"version": _VERSION, **kept, "created": design.created, "environment": dict(design.environment)}
    write_text(design.folder / DESIGN_FILE, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def timed(design: Design, part: str) -> Iterator[list[Design]]:
    """Yield a list for the changed design, which is then stored with the time that the part took."""
    began, changed = time.monotonic(), [design]
    yield changed
    changed[0] = changed[0].took(part, time.monotonic() - began)
    write_design(changed[0])


def _places(folder: Path, result: DesignResult) -> dict[str, str | None]:
    script = None if result.script is None else str(result.script.relative_to(folder))
    return {"file": str(result.file.relative_to(folder)), "script": script}


def read_design(folder: Path) -> Design:
    """Return what is known about the design in `folder`. Raises DesignError if there is none, or it is damaged."""
    path = folder / DESIGN_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] != _VERSION:
            raise ValueError(f"it has version {found['version']}, but this program reads version {_VERSION}")
        result = found["result"]
        return Design(
            folder,
            restored(DesignSettings, found["settings"]),
            Images.from_json(found["images"]),
            Plan.from_json(found["plan"]),
            {str(name): float(seconds) for name, seconds in found["spent"].items()},
            None if result is None else _result(folder, result),
            float(found["created"]),
            dict(found["environment"]),
            FINISHED if result is not None else DESIGNING if in_use(folder) else INTERRUPTED,
        )
    except FileNotFoundError:
        raise DesignError(f"{folder} contains no design ({DESIGN_FILE}): begin one with zennas design") from None
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError, SettingsError) as error:
        raise DesignError(f"{path} cannot be read: {' '.join(str(error).split())}") from None


def _result(folder: Path, found: dict[str, Any]) -> DesignResult:
    script = None if found["script"] is None else folder / found["script"]
    return DesignResult(**{**found, "file": folder / found["file"], "script": script})
