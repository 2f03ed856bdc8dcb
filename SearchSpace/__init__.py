"""Search spaces: which structures a search can reach. Start reading at `base.py`, then `search_space_XXBL.py`."""

from SearchSpace.base import (
    SPACES,
    ArraySpace,
    CellSpace,
    SearchSpace,
    SearchSpaceError,
    SpaceArrays,
    lasting_space,
    load_space,
)
from SearchSpace.decisions import Decision, DecisionSpace, neighbours
from SearchSpace.graphs import Graph, GraphSpace, graphs_of

__all__ = [
    "SPACES",
    "ArraySpace",
    "CellSpace",
    "Decision",
    "DecisionSpace",
    "Graph",
    "GraphSpace",
    "SearchSpace",
    "SearchSpaceError",
    "SpaceArrays",
    "graphs_of",
    "lasting_space",
    "load_space",
    "neighbours",
]
