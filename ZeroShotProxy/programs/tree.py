"""Expression trees: what a program computes on each unit, and their text form.

    parse("frobenius(sigmoid(logdet(sign(grad_pre_data))))")

A leaf is a statistic (`terminals.py`), every other node a call of an operation (`operations.py`). Trees are frozen and
can be compared and hashed; `parse(str(tree)) == tree`. This file does not import torch.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from PlainNet.registry import did_you_mean, nearest_names
from ZeroShotProxy.programs.errors import WrongProgramError
from ZeroShotProxy.programs.operations import OPERATIONS
from ZeroShotProxy.programs.terminals import TERMINALS, unknown_statistic

DEEPEST = 100
"""The largest depth of a tree in a text."""
LONGEST = 20_000
"""The longest text of a tree, in characters."""


@dataclass(frozen=True)
class Leaf:
    """A statistic, by name. Raises WrongProgramError if there is none of this name."""

    statistic: str

    def __post_init__(self) -> None:
        if self.statistic not in TERMINALS:
            raise WrongProgramError(unknown_statistic(self.statistic))

    def __str__(self) -> str:
        return self.statistic


@dataclass(frozen=True)
class Call:
    """A call of an operation, by name. Raises WrongProgramError for an unknown one or a wrong number of arguments."""

    operation: str
    arguments: tuple[Tree, ...]

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise WrongProgramError(f"unknown operation {self.operation[:80]!r} ({_hint(self.operation, OPERATIONS)})")
        arity, given = OPERATIONS[self.operation].arity, len(self.arguments)
        if given != arity:
            raise WrongProgramError(f"{self.operation} has {_arguments(given)}, expected {arity}")

    def __str__(self) -> str:
        return f"{self.operation}({', '.join(map(str, self.arguments))})"


Tree: TypeAlias = Leaf | Call


def nodes(tree: Tree) -> Iterator[Tree]:
    """Yield all nodes of a tree, each before its arguments, from left to right."""
    yield tree
    if isinstance(tree, Call):
        for argument in tree.arguments:
            yield from nodes(argument)


def size(tree: Tree) -> int:
    """Return the number of nodes."""
    return sum(1 for _ in nodes(tree))


def depth(tree: Tree) -> int:
    """Return how many operations are on top of each other; a leaf alone has depth 0."""
    return 0 if isinstance(tree, Leaf) else 1 + max(map(depth, tree.arguments))


def statistics_of(tree: Tree) -> frozenset[str]:
    """Return the names of the statistics that a tree reads."""
    return frozenset(node.statistic for node in nodes(tree) if isinstance(node, Leaf))


def parse(text: str) -> Tree:
    """Return the tree of a text such as `mean(add(pre_data, weight))`; spaces and line breaks do not matter.

    Raises WrongProgramError, with the place, if the text is not a tree or is deeper than `DEEPEST`.
    """
    if len(text) > LONGEST:
        raise WrongProgramError(f"the program has {len(text)} characters, expected at most {LONGEST}")
    reader = _Reader(text)
    tree = reader.tree(0)
    reader.end()
    return tree


@dataclass(frozen=True)
class _Token:
    """A name, a bracket, a comma, or any other character. place: of its first character, from 1."""

    text: str
    place: int

    def __str__(self) -> str:
        return repr(self.text[:80]) if self.text else "the end"


class _Reader:
    """Reads a tree from left to right."""

    def __init__(self, text: str) -> None:
        found = [_Token(match[0], match.start() + 1) for match in re.finditer(r"\w+|\S", text)]
        self._tokens = iter([*found, _Token("", len(text) + 1)])
        self._next = next(self._tokens)

    def tree(self, above: int) -> Tree:
        """Read a tree below `above` operations."""
        name = self._next
        if not re.fullmatch(r"\w+", name.text):
            raise self._expected("an operation or a statistic")
        if above > DEEPEST:
            raise WrongProgramError(f"the program is deeper than {DEEPEST} operations at character {name.place}")
        self._advance()
        if self._next.text != "(":
            if name.text in OPERATIONS:
                raise self._expected(f"( after the operation {name.text}")
            if name.text not in TERMINALS:
                raise self._unknown("statistic", name, TERMINALS)
            return Leaf(name.text)
        if name.text in TERMINALS:
            raise self._expected(f"no ( after the statistic {name.text}")
        if name.text not in OPERATIONS:
            raise self._unknown("operation", name, OPERATIONS)
        arguments: list[Tree] = []
        while not arguments or self._next.text == ",":
            self._advance()
            arguments.append(self.tree(above + 1))
        if self._next.text != ")":
            raise self._expected(f", or ) after an argument of {name.text}")
        self._advance()
        arity = OPERATIONS[name.text].arity
        if len(arguments) != arity:
            raise WrongProgramError(
                f"{name.text} at character {name.place} has {_arguments(len(arguments))}, expected {arity}"
            )
        return Call(name.text, tuple(arguments))

    def end(self) -> None:
        """Raise WrongProgramError if something follows."""
        if self._next.text:
            raise self._expected("nothing after the program")

    def _advance(self) -> None:
        self._next = next(self._tokens)

    def _unknown(self, noun: str, name: _Token, known: Collection[str]) -> WrongProgramError:
        return WrongProgramError(f"unknown {noun} {name} at character {name.place} ({_hint(name.text, known)})")

    def _expected(self, what: str) -> WrongProgramError:
        return WrongProgramError(f"expected {what}, but character {self._next.place} is {self._next}")


def _arguments(count: int) -> str:
    return f"{count} argument{'' if count == 1 else 's'}"


def _hint(name: str, known: Collection[str]) -> str:
    near = nearest_names(name, known)
    return did_you_mean(near, f"known: {', '.join(known)}")
