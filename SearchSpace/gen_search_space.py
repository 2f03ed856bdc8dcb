"""Search spaces from users' files: `.py` files that define `gen_search_space(block_list, block_id)`, as in Zen-NAS.

The function takes the blocks of a network and the index of one of them. It returns lists of block strings that may
replace this block; an empty string removes it. Blocks are passed as `View` objects with attributes such as
`in_channels`, `out_channels`, `stride`, `sub_layers`, `bottleneck_channels` and `kernel_size`. Files that were written
for Zen-NAS work unchanged: `_zennas_modules` provides the modules that they import (`PlainNet.super_blocks`,
`global_utils`, …).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from PlainNet import BlockSpec, Structure, StructureError
from PlainNet.blocktype import BLOCKS, BlockType, block_type, in_channels, stride
from PlainNet.edit import out_channels, rejoin, split
from PlainNet.grammar import read
from SearchSpace.base import SPACES, SearchSpaceError, UnknownSpaceError, random_walk


class View:
    """A block as `gen_search_space` sees it. `view_class` makes a subclass for each kind of block."""

    def __init__(self, spec: BlockSpec) -> None:
        self.in_channels = in_channels(spec)
        self.out_channels = out_channels(spec)
        self.stride = stride(spec)
        kind = block_type(spec.kind)
        for param, value in zip(kind.params, spec.args, strict=True):
            setattr(self, param.name, value)
        for name, value in kind.attributes:
            setattr(self, name, value)
        self._spec = spec

    def __str__(self) -> str:
        return str(self._spec)


@cache
def family_class(name: str) -> type[View]:
    """Return the class of a family of blocks, which has the name of Zen-NAS's base class."""
    return type(name, (View,), {})


def _family(kind: BlockType) -> str:
    """Return the name of Zen-NAS's base class of a kind, for example SuperResK1KXK1 for SuperResK1K3K1."""
    if kind.kind.startswith("SuperConv"):
        return "SuperConvKXBNRELU"
    if kind.kind.startswith("SuperResIDW"):
        return "SuperResIDWEXKX"
    if kind.kind.startswith("SuperResK1"):
        return "SuperResK1KXK1"
    return "SuperResKXKX" if kind.kind.startswith("SuperRes") else "PlainNetBasicBlockClass"


@cache
def view_class(name: str) -> type[View]:
    """Return the class of views of blocks of kind `name`."""
    return type(name, (family_class(_family(block_type(name))),), {})


def _smart_round(x: float, base: int | None = None) -> int:
    """Round a number of channels as Zen-NAS does: to a multiple of 8, 16 or 32 depending on its size, or of `base`."""
    step = base if base is not None else 32 if x > 256 else 16 if x > 128 else 8
    return max(step, round(x / step) * step)


@contextmanager
def _zennas_modules() -> Iterator[None]:
    """Provide the modules that files written for Zen-NAS import, while such a file is loaded."""
    modules = {"global_utils": ModuleType("global_utils")}
    modules["global_utils"].smart_round = _smart_round  # type: ignore[attr-defined]
    homes = {"SuperConvKXBNRELU": "super_blocks", "PlainNetBasicBlockClass": "basic_blocks"}
    for kind in BLOCKS:
        family = _family(kind)
        home = "PlainNet." + homes.get(family, family)
        module = modules.setdefault(home, ModuleType(home))
        setattr(module, kind.kind, view_class(kind.kind))
        setattr(module, family, family_class(family))
    before = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(before)


def _execute(path: Path) -> Callable[[Sequence[View], int], Sequence[Sequence[str]]]:
    namespace: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
    try:
        source = path.read_bytes()
    except OSError as error:
        raise SearchSpaceError(f"search space {path} cannot be read: {error.strerror}") from None
    try:
        with _zennas_modules(), _printing_to_stderr():
            exec(compile(source, str(path), "exec"), namespace)
    except (Exception, SystemExit) as error:
        raise SearchSpaceError(f"search space {path} fails with {_in_one_line(error)}") from error
    function = namespace.get("gen_search_space")
    if not callable(function):
        raise SearchSpaceError(f"search space {path} does not define gen_search_space(block_list, block_id)")
    return function  # type: ignore[no-any-return]


def _printing_to_stderr() -> AbstractContextManager[object]:
    """Send what a user's file prints to standard error. Standard output is for results, such as those of --json."""
    return redirect_stdout(sys.stderr)


def _in_one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


@dataclass(frozen=True)
class FileSpace:
    """A search space that is defined by a user's file. Use `FileSpace.load` to make one."""

    path: Path
    generate: Callable[[Sequence[View], int], Sequence[Sequence[str]]]
    start: Structure

    @classmethod
    def load(cls, path: Path, initial: Structure | None = None) -> FileSpace:
        """Return the search space of the file at `path`, which is executed: load only files that you trust.

        initial: the structure to start from, or None for the initial structure of XXBL.

        Raises SearchSpaceError if the file does not exist, fails, or does not define `gen_search_space`.
        """
        if not path.is_file():
            raise UnknownSpaceError(
                f"search space {path} is not a file; the built-in spaces are {', '.join(SPACES.names())}"
            )
        start = initial if initial is not None else SPACES.get("XXBL")().initial()
        return cls(path, _execute(path), start)

    @property
    def name(self) -> str:
        """The path of the file."""
        return str(self.path)

    def initial(self) -> Structure:
        """Return the structure that a search starts from."""
        return self.start

    def sample(self, rng: Random) -> Structure:
        """Return a random structure: the initial one after 10 to 60 mutations."""
        return random_walk(self, rng)

    def contains(self, structure: Structure) -> bool:
        """Return whether the input channels are those of the initial structure. A file does not define more."""
        return in_channels(structure.blocks[0]) == in_channels(self.start.blocks[0])

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        """Return a copy of `structure` with up to `changes` blocks replaced or removed by the user's function."""
        blocks: list[list[BlockSpec]] = [[spec] for spec in structure.blocks]
        for i in dict.fromkeys(int(rng.random() * len(blocks)) for _ in range(changes)):
            blocks[i] = self._choose(structure, i, rng)
        kept = [spec for parts in blocks for spec in parts]
        if not kept:
            return structure
        joined = rejoin(kept, in_channels(structure.blocks[0]))
        return Structure.of(part for spec in joined for part in split(spec))

    def _choose(self, structure: Structure, i: int, rng: Random) -> list[BlockSpec]:
        """Return what replaces block `i`: a list of one block, or an empty list."""
        options = self._options(structure, i)
        text = options[int(rng.random() * len(options))]
        if not text:
            return []
        try:
            found = read(text)  # not `parse`: only the whole structure has to be a valid network
        except StructureError as error:
            raise SearchSpaceError(f"search space {self.path} returns {text!r}: {error.message}") from None
        if len(found) != 1:
            raise SearchSpaceError(f"search space {self.path} returns {text!r}, expected one block")
        return list(found.blocks)

    def _options(self, structure: Structure, i: int) -> list[str]:
        views = [view_class(spec.kind)(spec) for spec in structure.blocks]
        try:
            with _printing_to_stderr():
                groups = list(self.generate(views, i))
                options = [text for group in groups for text in group]
        except (Exception, SystemExit) as error:
            where = f"gen_search_space for block {i} ({structure.blocks[i]})"
            raise SearchSpaceError(f"search space {self.path}: {where} fails with {_in_one_line(error)}") from error
        flat = [group for group in groups if isinstance(group, str)]
        if flat:
            raise SearchSpaceError(
                f"search space {self.path}: gen_search_space returns a list with {flat[0][:80]!r} for block {i}, "
                "expected a list of lists of block strings"
            )
        if not options or not all(isinstance(text, str) for text in options):
            raise SearchSpaceError(f"search space {self.path}: gen_search_space returns no block strings for block {i}")
        # As in Zen-NAS, each option counts once. Sorted, because the order of a set is not reproducible.
        return sorted(set(options))
