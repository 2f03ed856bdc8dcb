"""Search spaces: which structures a search can reach. Start reading at `base.py`, then `search_space_XXBL.py`."""

from SearchSpace.base import SPACES, CellSpace, SearchSpace, SearchSpaceError, lasting_space, load_space
from SearchSpace.decisions import Decision, DecisionSpace, neighbours

__all__ = [
    "SPACES",
    "CellSpace",
    "Decision",
    "DecisionSpace",
    "SearchSpace",
    "SearchSpaceError",
    "lasting_space",
    "load_space",
    "neighbours",
]
