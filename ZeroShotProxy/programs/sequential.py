"""Sequential programs: instructions on addresses, one after the other, EZNAS's second form. It does not import torch.

    parse_sequential("d0 = sign(grad_pre_data); d0 = logdet(d0); s3 = frobenius(d0)")

There are 22 static addresses, the statistics by name, which are only read; 80 dynamic ones, d0 to d79; and 20 for
scalars, s0 to s19, which take what operations give that always give a number. The result is that of the last
instruction. An address can be written again, and nothing can be read from it before. Each program is a tree: it is
evaluated, costed and named as one. Instructions whose results nobody reads are not part of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from PlainNet.registry import did_you_mean, nearest_names
from ZeroShotProxy.programs.errors import WrongProgramError
from ZeroShotProxy.programs.operations import OPERATIONS
from ZeroShotProxy.programs.terminals import TERMINALS, unknown_statistic
from ZeroShotProxy.programs.tree import DEEPEST, LONGEST, Call, Leaf, Tree

DYNAMIC = tuple(f"d{i}" for i in range(80))
SCALAR = tuple(f"s{i}" for i in range(20))
NUMBERS = frozenset(
    {"frobenius", "eig_ratio_symmetric", "eig_ratio", "mean", "mean_abs", "hamming", "kl", "cosine", "numel"}
)
"""Operations that give a number, whatever the shapes of their arguments."""
MOST_NODES = 800
"""The largest number of nodes of the tree of a sequential program."""


@dataclass(frozen=True)
class Instruction:
    """address: what it writes to. operation: its name. arguments: addresses, or names of statistics.

    Raises WrongProgramError if there is no such address, operation or statistic, or the number of arguments is wrong.
    """

    address: str
    operation: str
    arguments: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            hint = did_you_mean(nearest_names(self.operation, OPERATIONS), f"known: {', '.join(OPERATIONS)}")
            raise WrongProgramError(f"unknown operation {self.operation[:80]!r} ({hint})")
        if self.address not in (*DYNAMIC, *SCALAR):
            raise WrongProgramError(f"it writes to {self.address[:80]!r}, expected d0 to d79, or s0 to s19 for numbers")
        if self.address in SCALAR and self.operation not in NUMBERS:
            raise WrongProgramError(
                f"{self.operation} writes to {self.address}, but need not give a number: expected d0 to d79"
            )
        arity = OPERATIONS[self.operation].arity
        if len(self.arguments) != arity:
            raise WrongProgramError(f"{self.operation} has {len(self.arguments)} arguments, expected {arity}")
        for argument in self.arguments:
            if argument not in (*DYNAMIC, *SCALAR) and argument not in TERMINALS:
                raise WrongProgramError(unknown_statistic(argument))

    def __str__(self) -> str:
        return f"{self.address} = {self.operation}({', '.join(self.arguments)})"


@dataclass(frozen=True)
class Sequential:
    """A sequential program.

    Raises WrongProgramError if it has no instruction, an address is read before it is written, or its tree is deeper
    than `DEEPEST` or larger than `MOST_NODES`.
    """

    instructions: tuple[Instruction, ...]

    def __post_init__(self) -> None:
        if not self.instructions:
            raise WrongProgramError("the program has no instruction")
        sizes = dict.fromkeys(TERMINALS, (1, 0))
        for number, one in enumerate(self.instructions, start=1):
            unread = next((argument for argument in one.arguments if argument not in sizes), None)
            if unread is not None:
                raise WrongProgramError(f"instruction {number} reads {unread}, to which nothing has been written")
            given = [sizes[argument] for argument in one.arguments]
            sizes[one.address] = 1 + sum(size for size, _ in given), 1 + max(depth for _, depth in given)
        size, depth = sizes[self.instructions[-1].address]
        if size > MOST_NODES or depth > DEEPEST:
            raise WrongProgramError(
                f"the program is a tree of {size} nodes and depth {depth}, expected at most {MOST_NODES} and {DEEPEST}"
            )

    @property
    def tree(self) -> Tree:
        """What the last instruction computes."""
        found: dict[str, Tree] = {name: Leaf(name) for name in TERMINALS}
        for one in self.instructions:
            found[one.address] = Call(one.operation, tuple(found[argument] for argument in one.arguments))
        return found[self.instructions[-1].address]

    def __str__(self) -> str:
        return "; ".join(map(str, self.instructions))


def is_sequential(text: str) -> bool:
    """Return whether a text is meant as a sequential program, not as a tree."""
    return "=" in text


def parse_sequential(text: str) -> Sequential:
    """Return the program of a text: instructions separated by semicolons or line breaks.

    Raises WrongProgramError, with the number of the instruction, if the text is not a program.
    """
    if len(text) > LONGEST:
        raise WrongProgramError(f"the program has {len(text)} characters, expected at most {LONGEST}")
    parts = [part.strip() for part in re.split(r"[;\n]", text)]
    return Sequential(tuple(_instruction(i, part) for i, part in enumerate(filter(None, parts), start=1)))


def _instruction(number: int, text: str) -> Instruction:
    match = re.fullmatch(r"(\w+)\s*=\s*(\w+)\s*\(([\w\s,]*)\)", text)
    if match is None:
        raise WrongProgramError(f"instruction {number} is {text[:80]!r}, expected such as d0 = add(weight, d1)")
    try:
        return Instruction(match[1], match[2], tuple(argument.strip() for argument in match[3].split(",")))
    except WrongProgramError as error:
        raise WrongProgramError(f"instruction {number}: {error}") from None
