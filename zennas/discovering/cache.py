"""A folder of statistics: reading it. `collecting.py` fills it. Nothing here writes.

    cache.json     the settings and a digest of the images, which all networks have in common
    DIGEST.json    a network: its structure, what is stored of it (`parts.py`), or why it has no statistics
    DIGEST.f32     what is stored, raw, in the machine's float32 (`layout.py`)

A network is complete once its DIGEST.json is there. Tensors are mapped copy-on-write: whatever happens to them in this
process, files stay as they are. This file does not import torch by itself.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PlainNet import Structure, StructureError, parse
from PlainNet.errors import reason
from zennas.discovering.deriving import derived
from zennas.discovering.errors import CacheError
from zennas.discovering.files import damaged, read_json
from zennas.discovering.layout import FLOAT, Layout, layout_of
from zennas.discovering.parts import read_plan
from zennas.discovering.settings import FORMAT, CollectingSettings, digest_of

if TYPE_CHECKING:
    from torch import Tensor

HEAD = "cache.json"
_NAME = re.compile(r"[0-9a-f]{64}\.json")
_CHUNK = 2**24
_WHOLE = "remove its folder and collect again"
"""What helps if nobody knows how the statistics were collected."""


@dataclass(frozen=True, eq=False)
class Stored:
    """The statistics of a network.

    path: its file. layout: what lies there; without units if there is nothing. missing: why there are none, or None.
    checksum: the CRC-32 of the file.
    """

    structure: Structure
    path: Path
    layout: Layout
    missing: str | None
    checksum: int

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "floats"}  # other processes map it, too

    @property
    def units(self) -> Sequence[Mapping[str, Tensor]]:
        """The statistics of each unit, by name, in running order. Raises CacheError if the file cannot be read."""
        return [] if self.missing is not None else [_Unit(self, i) for i in range(len(self.layout.plan.units))]

    def tensor(self, number: int) -> Tensor:
        """Return a part of the plan, which is mapped or follows from such. Raises CacheError as `floats` does."""
        part, offset = self.layout.plan.parts[number], self.layout.offsets[number]
        if offset is None:
            return derived(part, [self.tensor(i) for i in part.of])
        return self.floats.narrow(0, offset, part.elements).view(part.shape)

    @cached_property
    def floats(self) -> Tensor:
        """The file as one tensor, (floats,). Raises CacheError if it cannot be read."""
        import torch

        try:
            # Unlike NumPy's maps, it keeps no descriptor open, of which a process has only about a thousand.
            return torch.from_file(str(self.path), shared=False, size=self.layout.floats, dtype=torch.float32)
        except RuntimeError as error:
            raise CacheError(f"{self.path} cannot be read: {reason(error)}") from None

    def verify(self) -> None:
        """Read the whole file. Raises CacheError if its content has changed."""
        if self.missing is not None:
            return
        found = 0
        try:
            with self.path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    found = zlib.crc32(chunk, found)
        except OSError as error:
            raise CacheError(f"{self.path} cannot be read: {error.strerror or error}") from None
        if found != self.checksum:
            raise damaged(self.path, "its checksum differs", _again(self.path))


class _Unit(Mapping[str, "Tensor"]):
    """The statistics of a unit. Tensors are made when they are read: they take memory, and most are not needed."""

    def __init__(self, stored: Stored, number: int) -> None:
        self._stored, self._parts = stored, stored.layout.plan.units[number]

    def __getitem__(self, name: str) -> Tensor:
        return self._stored.tensor(self._parts[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


class Cache:
    """A folder of statistics. Raises CacheError if it is none, is damaged, or has another format."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / HEAD).exists():
            raise CacheError(f"{folder} is not a folder of statistics: it has no {HEAD}")
        self.head = read_json(folder / HEAD, _WHOLE)
        self.settings = _settings(folder / HEAD, self.head)

    def has(self, structure: Structure) -> bool:
        """Return whether the network has been collected."""
        return self._index(structure).exists()

    def network(self, structure: Structure) -> Stored:
        """Return the statistics of a network. Raises CacheError if it has not been collected, or is damaged."""
        path = self._index(structure)
        if not path.exists():
            raise CacheError(f"{self.folder} has no statistics of {str(structure)[:200]}: collect them first")
        return self._read(path)

    def networks(self) -> list[Stored]:
        """Return all networks, in the order of their digests. Raises CacheError if one is damaged."""
        return [self._read(path) for path in sorted(self.folder.iterdir()) if _NAME.fullmatch(path.name)]

    def _index(self, structure: Structure) -> Path:
        return self.folder / f"{digest_of(self.head, structure)}.json"

    def _read(self, path: Path) -> Stored:
        found = read_json(path)
        try:
            structure = parse(found["structure"])
            layout = layout_of(read_plan(found["parts"], found["units"], self.settings.statistics))
            missing, checksum, own = found["missing"], found["checksum"], found["index"]
        except (KeyError, TypeError, ValueError, AttributeError, StructureError) as error:
            raise damaged(path, reason(error)) from None
        if own != checksum_of(found):
            raise damaged(path, "its checksum differs")
        if type(checksum) is not int or (
            not isinstance(missing, str) if missing is not None else not layout.plan.units
        ):
            raise damaged(path, "it has neither statistics nor a reason why there are none")
        if digest_of(self.head, structure) != path.stem:
            raise damaged(path, "it belongs to another structure or to other settings")
        data = path.with_suffix(".f32")
        if missing is None:
            _check_length(data, layout.floats * FLOAT)
        return Stored(structure, data, layout, missing, checksum)


def checksum_of(index: Mapping[str, Any]) -> int:
    """Return the CRC-32 of the index of a network, without what it says of itself."""
    return zlib.crc32(json.dumps({name: index[name] for name in sorted(index) if name != "index"}).encode())


def _settings(path: Path, head: dict[str, Any]) -> CollectingSettings:
    if head.get("format") != FORMAT:
        raise CacheError(f"{path} has format {head.get('format')!r:.80}, expected {FORMAT}: collect into a new folder")
    try:
        chosen = dict(head["settings"])
        return CollectingSettings(**{**chosen, "statistics": tuple(chosen["statistics"])})
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, reason(error), _WHOLE) from None


def _check_length(path: Path, expected: int) -> None:
    try:
        length = path.stat().st_size
    except FileNotFoundError:
        raise damaged(path, "it is not there", _again(path)) from None
    except OSError as error:
        raise CacheError(f"{path} cannot be read: {error.strerror or error}") from None
    if length != expected:
        raise damaged(path, f"it has {length} bytes, expected {expected}", _again(path))


def _again(path: Path) -> str:
    """What helps if the statistics of a network are damaged: its index says that they have been collected."""
    return f"remove {path.with_suffix('.json').name} and collect again"
