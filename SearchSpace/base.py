"""What a search space is, and how one is found by name or path.

A space says which structures are reachable; budgets and scores are not its business. A file in this
package registers its space in `SPACES`; a user's own file is loaded by `gen_search_space.py`.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Protocol, runtime_checkable

from PlainNet import Structure
from PlainNet.errors import ZennasError
from PlainNet.registry import Registry, UnknownNameError


class SearchSpaceError(ZennasError, ValueError):
    """A search space that cannot be used, or a structure that is not in it."""


class SearchSpace(Protocol):
    """Structures reachable from a first one by mutation.

    All randomness comes from the `rng` that is passed in.
    """

    @property
    def name(self) -> str: ...

    def initial(self) -> Structure:
        """Where a search starts."""

    def sample(self, rng: Random) -> Structure:
        """A random structure, some dozens of mutations away from the initial one."""

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        """`structure` with up to `changes` blocks replaced, joined and split; it may come out equal."""

    def contains(self, structure: Structure) -> bool:
        """Whether mutations can lead to `structure`."""


@runtime_checkable
class CellSpace(SearchSpace, Protocol):
    """A space whose networks have a notation of their own: that of a benchmark or a paper.

    The methods raise SearchSpaceError, in one line, for text that is no architecture and for a structure that is not
    in the space. `read(write(s)) == s`.
    """

    def read(self, text: str) -> Structure:
        """The network of an architecture in the space's notation."""

    def write(self, structure: Structure) -> str:
        """The architecture of a network, in the space's notation."""

    def canonical(self, structure: Structure) -> str:
        """A name that networks share if they are known to compute the same function of their weights."""


class SpaceFactory(Protocol):
    """Makes a space that starts from a structure, or from its own default."""

    def __call__(self, initial: Structure | None = None) -> SearchSpace: ...


SPACES: Registry[SpaceFactory] = Registry("search space", "SearchSpace", "zennas.search_spaces")

_PREFIX = "search_space_"


def load_space(name_or_path: str, initial: Structure | None = None) -> SearchSpace:
    """The space called `XXBL`, `search_space_XXBL`, or written in the file `path/to/search_space_mine.py`.

    Raises UnknownNameError, or SearchSpaceError where the file is no search space.
    """
    name = lasting_space(name_or_path)
    if name in SPACES:
        return SPACES.get(name)(initial)
    from SearchSpace.gen_search_space import FileSpace

    return FileSpace.load(Path(name), initial)


def lasting_space(name_or_path: str) -> str:
    """What `load_space` understands in every folder: the registered name, or the absolute path of a user's file.

    Raises UnknownNameError.
    """
    path = Path(name_or_path)
    is_file = path.suffix == ".py"
    own = (path.stem if is_file else name_or_path).removeprefix(_PREFIX)
    shipped = not is_file or not path.exists() or path.resolve().parent == Path(__file__).resolve().parent
    if shipped and own in SPACES:
        return SPACES.spelling(own)
    if is_file:
        return str(path.resolve())
    raise UnknownNameError(SPACES.miss(name_or_path) + ", or the path of a .py file with gen_search_space")


def random_walk(space: SearchSpace, rng: Random, shortest: int = 10, longest: int = 60) -> Structure:
    """Where `space.sample` may end: after a random number of mutations of the initial structure."""
    structure = space.initial()
    for _ in range(rng.randint(shortest, longest)):
        structure = space.mutate(structure, rng)
    return structure
