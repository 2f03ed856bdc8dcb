"""Random sequential programs and their variation. This file does not import torch.

Draws are from Python's global generator, as those of DEAP (`grammar.py`): call the methods within `grammar.drawing`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.errors import DiscoveryError
from ZeroShotProxy.programs.errors import WrongProgramError
from ZeroShotProxy.programs.operations import OPERATIONS
from ZeroShotProxy.programs.sequential import DYNAMIC, NUMBERS, SCALAR, Instruction, Sequential
from ZeroShotProxy.programs.terminals import kind_of, operations_on
from ZeroShotProxy.programs.tree import depth, size

_DRAWS = 1000
"""So many random programs in a row may not be allowed."""


class Registers:
    """How sequential programs are drawn and varied. statistics: those that they may read."""

    def __init__(self, settings: EvolutionSettings, statistics: Sequence[str]) -> None:
        self.settings = settings
        self._statistics = tuple(statistics)
        self._operations = tuple(one.name for one in operations_on(kind_of(statistics)))

    def random(self) -> Sequential:
        """Return a random program whose tree has an allowed depth and size.

        Its number of instructions is drawn first. Each reads statistics and what has been written, as often.

        Raises DiscoveryError if many in a row are not allowed.
        """
        for _ in range(_DRAWS):
            drafts: list[Instruction] = []
            for _ in range(random.randint(self.settings.shallowest, self.settings.instructions)):
                drafts.append(self._drawn([one.address for one in drafts]))
            found = self._allowed(drafts)
            if found is not None:
                return found
        raise DiscoveryError(
            f"{_DRAWS} random programs in a row are too deep, too flat, or have more than {self.settings.nodes} nodes: "
            "allow more instructions, nodes or depth"
        )

    def crossed(self, first: Sequential, second: Sequential) -> Sequential:
        """Return the beginning of the first program with an end of the second, or the first if that is not allowed."""
        start, end = first.instructions, second.instructions
        child = (*start[: random.randint(1, len(start))], *end[random.randrange(len(end)) :])
        return self._or_parent(child, first)

    def mutated(self, program: Sequential) -> Sequential:
        """Return the program with an instruction more, one less, or a new one instead of one; or the program if that is
        not allowed.
        """
        lines = list(program.instructions)
        place = random.randrange(len(lines))
        drawn = self._drawn([one.address for one in lines[:place]])
        kind = random.randrange(3)
        if kind == 0:
            lines.insert(place, drawn)
        elif kind == 1 and len(lines) > 1:
            del lines[place]
        else:
            lines[place] = drawn
        return self._or_parent(lines, program)

    def _drawn(self, written: Sequence[str]) -> Instruction:
        name = random.choice(self._operations)
        address = random.choice(SCALAR if name in NUMBERS else DYNAMIC)
        return Instruction(address, name, tuple(self._argument(written) for _ in range(OPERATIONS[name].arity)))

    def _argument(self, written: Sequence[str]) -> str:
        return random.choice(written if written and random.random() < 0.5 else self._statistics)

    def _or_parent(self, lines: Iterable[Instruction], parent: Sequential) -> Sequential:
        """The program of these instructions, in which reads of what is not written become reads of others."""
        written: list[str] = []
        repaired = []
        for one in lines:
            arguments = tuple(
                argument if argument in self._statistics or argument in written else self._argument(written)
                for argument in one.arguments
            )
            repaired.append(Instruction(one.address, one.operation, arguments))
            written.append(one.address)
        return self._allowed(repaired) or parent

    def _allowed(self, lines: Sequence[Instruction]) -> Sequential | None:
        chosen = self.settings
        if len(lines) > chosen.instructions:
            return None
        try:
            found = Sequential(tuple(lines))
        except WrongProgramError:  # its tree is too large
            return None
        tree = found.tree
        return found if chosen.shallowest <= depth(tree) <= chosen.deepest and size(tree) <= chosen.nodes else None
