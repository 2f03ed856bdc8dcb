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
from SearchSpace.views import PolicyView, view_of
from SearchSpace.walks import Walks

__all__ = [
    "SPACES",
    "ArraySpace",
    "CellSpace",
    "Decision",
    "DecisionSpace",
    "Graph",
    "GraphSpace",
    "PolicyView",
    "SearchSpace",
    "SearchSpaceError",
    "SpaceArrays",
    "Walks",
    "graphs_of",
    "lasting_space",
    "load_space",
    "neighbours",
    "view_of",
]
