"""The interface of search spaces, and `load_space`, which finds one by name or path.

A search space defines which structures can be reached. It knows nothing about budgets and scores. Each file in this
package registers its space in `SPACES`. `gen_search_space.py` loads search spaces from users' files.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from PlainNet import Structure
from PlainNet.errors import ZennasError
from PlainNet.registry import Registry, UnknownNameError

if TYPE_CHECKING:
    from PlainNet.arrays.structures import Floats, Layout, Structures


class SearchSpaceError(ZennasError, ValueError):
    """Raised if a search space cannot be used, or if a structure is not in it."""


class UnknownSpaceError(SearchSpaceError, UnknownNameError):
    """There is no search space with this name and no file with this path."""


class SearchSpace(Protocol):
    """The structures that can be reached from an initial one by mutation.

    All randomness comes from the `rng` argument, so that the same seed gives the same structures.
    """

    @property
    def name(self) -> str: ...

    def initial(self) -> Structure:
        """Return the structure that a search starts from."""

    def sample(self, rng: Random) -> Structure:
        """Return a random structure. Open spaces take a few dozen mutations of the initial structure."""

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        """Return a copy of `structure` with up to `changes` random changes. The result may equal `structure`."""

    def contains(self, structure: Structure) -> bool:
        """Return whether mutations can lead to `structure`."""


@runtime_checkable
class CellSpace(SearchSpace, Protocol):
    """A search space whose networks also have the notation of a benchmark or a paper.

    `read(write(s)) == s` for every structure of the space. All three methods raise SearchSpaceError, with a one-line
    message, if the text is not an architecture or the structure is not in the space.
    """

    def read(self, text: str) -> Structure:
        """Return the network of an architecture that is written in the space's notation."""

    def write(self, structure: Structure) -> str:
        """Return the architecture of a network in the space's notation."""

    def canonical(self, structure: Structure) -> str:
        """Return a name that is equal for networks known to compute the same function of their weights."""


class SpaceArrays(Protocol):
    """The mutations of a search space, for many structures at once.

    layout: which structures have an array form; all that mutations lead to from the initial one do.
    draws: the most random numbers that a change consumes.
    """

    layout: Layout
    draws: int

    def __call__(self, structures: Structures, uniforms: Floats, changes: int, most: int | None = None) -> Structures:
        """Return what `mutate` makes of each structure.

        uniforms: (structures, changes · draws), uniform numbers from 0 to 1. A structure becomes what `mutate` makes of
        it with a generator whose `random` returns the numbers of its row, in order.
        most: structures with more layers than this, which will be rejected, need only have the right number of layers.
        """


@runtime_checkable
class ArraySpace(SearchSpace, Protocol):
    """A search space that may also have an array form, which makes searches many times as fast."""

    def arrays(self) -> SpaceArrays | None:
        """Return the array form; None if the blocks that mutations lead to from the initial structure have none."""


class SpaceFactory(Protocol):
    """A function that makes a search space. It starts from `initial`, or from its default structure if that is None."""

    def __call__(self, initial: Structure | None = None) -> SearchSpace: ...


SPACES: Registry[SpaceFactory] = Registry("search space", "SearchSpace", "zennas.search_spaces")

_PREFIX = "search_space_"


def load_space(name_or_path: str, initial: Structure | None = None) -> SearchSpace:
    """Return a search space, found by its name or by the path of a file.

    name_or_path: a registered name (`XXBL` or `search_space_XXBL`), or the path of a Python file that defines
        `gen_search_space`. The file is executed, so load only files that you trust.
    initial: the structure to start from, or None for the default of the space.

    Raises UnknownNameError if there is no such space, and SearchSpaceError if the file does not define one.
    """
    name = lasting_space(name_or_path)
    if name in SPACES:
        return SPACES.get(name)(initial)
    from SearchSpace.gen_search_space import FileSpace

    return FileSpace.load(Path(name), initial)


def lasting_space(name_or_path: str) -> str:
    """Return a name for `load_space` that does not depend on the current folder.

    That is the registered name of a space, or the absolute path of a user's file. Raises UnknownNameError if there is
    no such space.
    """
    path = Path(name_or_path)
    is_file = path.suffix == ".py"
    own = (path.stem if is_file else name_or_path).removeprefix(_PREFIX)
    shipped = not is_file or not path.exists() or path.resolve().parent == Path(__file__).resolve().parent
    if shipped and own in SPACES:
        return SPACES.spelling(own)
    if is_file:
        return str(path.resolve())
    raise UnknownNameError(
        SPACES.miss(name_or_path) + "; the path of a .py file that defines gen_search_space works as well"
    )


def random_walk(space: SearchSpace, rng: Random, shortest: int = 10, longest: int = 60) -> Structure:
    """Return the initial structure after a random number of mutations, from `shortest` to `longest`."""
    structure = space.initial()
    for _ in range(rng.randint(shortest, longest)):
        structure = space.mutate(structure, rng)
    return structure
