"""Expressions as pages show them: names with arguments."""

from __future__ import annotations

from dataclasses import dataclass

from ZeroShotProxy.programs.errors import WrongProgramError
from ZeroShotProxy.programs.tree import Leaf, Tree, parse


@dataclass(frozen=True)
class Expression:
    """An operation with its arguments, or without arguments something that is read."""

    name: str
    arguments: tuple[Expression, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})" if self.arguments else self.name


def expression_of(program: str) -> Expression | None:
    """Return the expression of a program's text, or None if it is no tree."""
    try:
        return _of_tree(parse(program))
    except WrongProgramError:
        return None


def _of_tree(tree: Tree) -> Expression:
    if isinstance(tree, Leaf):
        return Expression(tree.statistic)
    return Expression(tree.operation, tuple(map(_of_tree, tree.arguments)))
