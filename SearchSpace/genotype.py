"""Genotypes, the notation of DARTS: `Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=range(2, 6), reduce=…)`.

Each node has two edges, written (operation, source). Sources 0 and 1 are the outputs of the two preceding cells, and
source 2 is the first node. `concat` lists the states that are concatenated to the cell's output. Text is only parsed,
never executed. `darts.py` turns genotypes into networks.
"""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from PlainNet.blocks.darts import NODES, OPERATIONS
from PlainNet.registry import nearest_names
from SearchSpace.base import SearchSpaceError

Edge = tuple[str, int]

MAX_TEXT = 10_000
_MAX_DEPTH = 16
_FORM = "Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=range(2, 6), reduce=[…], reduce_concat=range(2, 6))"


@dataclass(frozen=True)
class Genotype:
    """A normal and a reduction cell, as edges (operation, source) and the states in the output, which are sorted.

    Raises SearchSpaceError if a value is not allowed.
    """

    normal: tuple[Edge, ...]
    normal_concat: tuple[int, ...]
    reduce: tuple[Edge, ...]
    reduce_concat: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_edges("normal", self.normal)
        _check_edges("reduce", self.reduce)
        if len(self.normal) != len(self.reduce):
            raise SearchSpaceError(
                f"normal has {len(self.normal)} edges and reduce has {len(self.reduce)}, expected equal numbers"
            )
        for name in ("normal_concat", "reduce_concat"):
            object.__setattr__(self, name, _checked_concat(name, getattr(self, name), self.nodes))

    @property
    def nodes(self) -> int:
        """The number of nodes in each cell."""
        return len(self.normal) // 2

    @classmethod
    def parse(cls, text: str) -> Genotype:
        """Read `Genotype(…)`, a JSON object with the four lists, or a name in `PUBLISHED`.

        Raises SearchSpaceError for any other text.
        """
        if text.lstrip().startswith("{"):
            return from_lists(read_json(text))
        return from_syntax(read_syntax(text))

    def __str__(self) -> str:
        return (
            f"Genotype(normal={list(self.normal)}, normal_concat={_concat_text(self.normal_concat)}, "
            f"reduce={list(self.reduce)}, reduce_concat={_concat_text(self.reduce_concat)})"
        )


_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


def from_lists(found: Any) -> Genotype:
    """Return the genotype of a dictionary with its four lists, the form of NDS's files. Raises SearchSpaceError."""
    if not isinstance(found, dict) or not set(_FIELDS) <= set(found):
        raise SearchSpaceError(f"expected an object with {', '.join(_FIELDS)}, got {_short(found)}")
    return _made(lambda name: found[name])


def from_syntax(node: ast.expr) -> Genotype:
    """Return the genotype that a syntax tree represents. Raises SearchSpaceError if it does not represent one."""
    if isinstance(node, ast.Name) and node.id in PUBLISHED:
        return PUBLISHED[node.id]
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Genotype"):
        raise SearchSpaceError(f"expected {_FORM}, or {' or '.join(PUBLISHED)}, got {_short(ast.unparse(node))}")
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    if node.args or len(given) != len(node.keywords) or set(given) != set(_FIELDS):
        raise SearchSpaceError(f"Genotype takes {', '.join(_FIELDS)}, each once and by name, as in {_FORM}")
    return _made(lambda name: literal(given[name], name))


def _made(value: Callable[[str], Any]) -> Genotype:
    normal, reduce = (_edges(name, value(name)) for name in ("normal", "reduce"))
    normal_concat, reduce_concat = (_numbers(name, value(name)) for name in ("normal_concat", "reduce_concat"))
    return Genotype(normal, normal_concat, reduce, reduce_concat)


# -- text to values --------------------------------------------------------------------------


def read_json(text: str) -> Any:
    """Return the content of JSON text. Raises SearchSpaceError if it is too long or not JSON."""
    _limit(text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SearchSpaceError(f"{_short(text)} is not valid JSON: {error}") from None


def read_syntax(text: str) -> ast.expr:
    """Return the syntax tree of one expression. Nothing is evaluated. Raises SearchSpaceError if it is not valid."""
    _limit(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler warns about unusual literals
            tree: ast.expr = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error) or "it is nested too deeply"
        raise SearchSpaceError(f"{_short(text)} cannot be read ({reason}), expected {_FORM}") from None
    level: list[ast.AST] = [tree]
    for _ in range(_MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise SearchSpaceError(f"{_short(text)} is nested more than {_MAX_DEPTH} levels deep, expected {_FORM}")
    return tree


def literal(node: ast.expr, name: str) -> Any:
    """Return the list, number or range that a syntax tree represents. Raises SearchSpaceError for anything else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range" and not node.keywords:
        bounds = [literal(bound, name) for bound in node.args]
        if len(bounds) in (1, 2) and all(type(bound) is int and abs(bound) < 100 for bound in bounds):
            return list(range(*bounds))
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise SearchSpaceError(f"{name} is {_short(ast.unparse(node))}, expected a list or range(2, 6)") from None


def _limit(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise SearchSpaceError(f"the architecture has {len(text)} characters, more than {MAX_TEXT}")


def _short(value: object) -> str:
    return repr(" ".join((value if isinstance(value, str) else repr(value)).split())[:80])


# -- values to cells -------------------------------------------------------------------------


def _edges(name: str, value: Any) -> tuple[Edge, ...]:
    if not isinstance(value, (list, tuple)):
        raise SearchSpaceError(f"{name} is {_short(value)}, expected a list of (operation, source)")
    for edge in value:
        if not isinstance(edge, (list, tuple)) or len(edge) != 2:
            raise SearchSpaceError(f"{name} has {_short(edge)}, expected (operation, source)")
    return tuple((edge[0], edge[1]) for edge in value)


def _numbers(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)):
        raise SearchSpaceError(f"{name} is {_short(value)}, expected a list or range(2, 6)")
    return tuple(value)


def _check_edges(name: str, edges: tuple[Edge, ...]) -> None:
    if len(edges) % 2 or len(edges) // 2 not in NODES:
        counts = ", ".join(str(2 * nodes) for nodes in NODES)
        raise SearchSpaceError(f"{name} has {len(edges)} edges, expected two for each node: {counts}")
    for i, (operation, source) in enumerate(edges):
        if operation not in OPERATIONS:
            near = nearest_names(str(operation), OPERATIONS) or OPERATIONS
            raise SearchSpaceError(f"edge {i} of {name} is {_short(operation)}, expected {' or '.join(near)}")
        if type(source) is not int or not 0 <= source < i // 2 + 2:
            raise SearchSpaceError(f"source of edge {i} of {name} is {_short(source)}, expected 0 to {i // 2 + 1}")


def _checked_concat(name: str, states: Iterable[int], nodes: int) -> tuple[int, ...]:
    found = tuple(states)
    if not found or any(type(state) is not int or not 2 <= state < nodes + 2 for state in found):
        raise SearchSpaceError(f"{name} is {_short(list(found))}, expected numbers from 2 to {nodes + 1}")
    if len(set(found)) != len(found):
        raise SearchSpaceError(f"{name} is {_short(list(found))}, expected each number once")
    return tuple(sorted(found))  # the order only changes the order of channels


def _concat_text(states: tuple[int, ...]) -> str:
    run = range(states[0], states[-1] + 1)
    return repr(run) if tuple(run) == states and len(run) > 1 else repr(list(states))


_REDUCE_1 = (
    ("max_pool_3x3", 0),
    ("max_pool_3x3", 1),
    ("skip_connect", 2),
    ("max_pool_3x3", 0),
    ("max_pool_3x3", 0),
    ("skip_connect", 2),
    ("skip_connect", 2),
    ("avg_pool_3x3", 0),
)
_REDUCE_2 = (
    ("max_pool_3x3", 0),
    ("max_pool_3x3", 1),
    ("skip_connect", 2),
    ("max_pool_3x3", 1),
    ("max_pool_3x3", 0),
    ("skip_connect", 2),
    ("skip_connect", 2),
    ("max_pool_3x3", 1),
)
_NORMAL_1 = (
    ("sep_conv_3x3", 1),
    ("sep_conv_3x3", 0),
    ("skip_connect", 0),
    ("sep_conv_3x3", 1),
    ("skip_connect", 0),
    ("sep_conv_3x3", 1),
    ("sep_conv_3x3", 0),
    ("skip_connect", 2),
)
_NORMAL_2 = (
    ("sep_conv_3x3", 0),
    ("sep_conv_3x3", 1),
    ("sep_conv_3x3", 0),
    ("sep_conv_3x3", 1),
    ("sep_conv_3x3", 1),
    ("skip_connect", 0),
    ("skip_connect", 0),
    ("dil_conv_3x3", 2),
)
PUBLISHED = {
    "DARTS_V1": Genotype(_NORMAL_1, (2, 3, 4, 5), _REDUCE_1, (2, 3, 4, 5)),
    "DARTS_V2": Genotype(_NORMAL_2, (2, 3, 4, 5), _REDUCE_2, (2, 3, 4, 5)),
}
"""The cells that DARTS found with first-order (V1) and second-order (V2) gradients."""
