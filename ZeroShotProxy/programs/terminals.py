"""What programs can read: tensors of units (`statistics.py`), or numbers in closed form (`closed_form.py`).

A program reads one kind only, as the kinds have other units. This file imports neither torch nor NumPy.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias

from PlainNet.registry import did_you_mean, nearest_names
from ZeroShotProxy.programs.closed_form import CLOSED_FORMS
from ZeroShotProxy.programs.errors import WrongProgramError
from ZeroShotProxy.programs.operations import OPERATIONS, Operation
from ZeroShotProxy.programs.statistics import STATISTICS

Kind: TypeAlias = Literal["tensors", "closed-form"]
KINDS: dict[Kind, tuple[str, ...]] = {"tensors": tuple(STATISTICS), "closed-form": tuple(CLOSED_FORMS)}
"""The names of the statistics of each kind."""
_OF_MATRICES = ("det", "logdet", "eig_ratio_symmetric", "eig_ratio")
"""Operations that give no number for vectors."""
TERMINALS = tuple(name for names in KINDS.values() for name in names)


def kind_of(names: Collection[str]) -> Kind:
    """Return the kind of statistics with these names. Raises WrongProgramError if there are some of both kinds."""
    read = {kind: [name for name in names if name in known] for kind, known in KINDS.items()}
    if read["tensors"] and read["closed-form"]:
        raise WrongProgramError(
            f"{read['tensors'][0]} is a tensor of a unit, but {read['closed-form'][0]} is in closed form: use one kind"
        )
    return "closed-form" if read["closed-form"] else "tensors"


def operations_on(kind: Kind) -> list[Operation]:
    """Return the operations that can give numbers for statistics of a kind; a search draws from these."""
    return [one for one in OPERATIONS.values() if kind == "tensors" or one.name not in _OF_MATRICES]


def unknown_statistic(name: str, known: Collection[str] = TERMINALS) -> str:
    """Return the message for a name that is not a known statistic."""
    hint = did_you_mean(nearest_names(name, known), f"known: {', '.join(known)}")
    return f"unknown statistic {name[:80]!r} ({hint})"
