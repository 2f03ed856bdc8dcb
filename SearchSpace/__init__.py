"""Which structures a search may reach. Start reading at `base.py`, then `search_space_XXBL.py`."""

from SearchSpace.base import SPACES, CellSpace, SearchSpace, SearchSpaceError, lasting_space, load_space

__all__ = ["SPACES", "CellSpace", "SearchSpace", "SearchSpaceError", "lasting_space", "load_space"]
