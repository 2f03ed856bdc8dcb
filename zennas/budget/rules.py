"""Rules of the operators that a chip or a compiler takes, as settings; `obeying.py` checks them.

A rule is about the operators of the file (`PlainNet/deployed/`), not about blocks: the same rule holds for any space.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import lcm
from typing import Any

from zennas.common.errors import WrongSettingError
from zennas.common.limits import check_whole
from zennas.common.settings import check, setting

RULES = "Rules"
"""The panel of the flags."""
OPERATORS = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "MEAN",
    "MAX_POOL_2D",
    "AVERAGE_POOL_2D",
    "ADD",
    "MUL",
    "LOGISTIC",
    "RELU",
    "RELU6",
    "CONCATENATION",
    "RESHAPE",
    "SLICE",
)
"""The names that `Rules.operators` can have, as LiteRT spells them; RELU and RELU6 also within other operators."""


@dataclass(frozen=True)
class Rules:
    """What the operators of a network may be; the defaults allow everything.

    channel_multiple: of the channels of every value that has more than one position, without the image.
    kernels, strides: sides that convolutions may have besides 1. The kernel is that of the layer: a 3×3 at stride 2
        may stand in a LiteRT file as a 4×4 with zeros.
    most_channels: of inputs and outputs of convolutions and of the classifier, without the image's.
    most_pooled: positions that a mean or a pooling reads at once.

    Raises WrongSettingError if a value is out of range.
    """

    channel_multiple: int | None = setting(
        None, "Channels between layers are multiples of this, like 16.", least=1, most=256, panel=RULES, shown="any"
    )
    kernels: tuple[int, ...] = setting(
        (), "Kernels of convolutions besides 1x1, like 3,5.", panel=RULES, metavar="N,N", shown="any"
    )
    strides: tuple[int, ...] = setting(
        (), "Strides of convolutions besides 1, like 2,3; 1 for none.", panel=RULES, metavar="N,N", shown="any"
    )
    se: bool = setting(True, "Squeeze and excitation is allowed.", flag="--se", panel=RULES)
    groups: bool = setting(
        True, "Convolutions with groups, such as depthwise ones, are allowed.", flag="--groups", panel=RULES
    )
    operators: tuple[str, ...] = setting(
        (),
        "An operator of LiteRT that is allowed, like CONV_2D, if not all are. Repeatable.",
        flag="--operator",
        panel=RULES,
        metavar="NAME",
        shown="all",
    )
    most_channels: int | None = setting(
        None, "Most channels of a convolution or of the classifier's input.", least=1, panel=RULES, shown="any"
    )
    most_pooled: int | None = setting(
        None, "Most positions that a pooling reads at once, such as 256 for 16x16.", least=1, panel=RULES, shown="any"
    )

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
        for name in ("kernels", "strides"):
            for side in getattr(self, name):
                check_whole(name, side, WrongSettingError, most=256)
        unknown = [name for name in self.operators if name not in OPERATORS]
        if unknown:
            raise WrongSettingError(f"operators has {unknown[0]!r}, expected some of {', '.join(OPERATORS)}")

    def __bool__(self) -> bool:
        """Whether there is any rule."""
        return self != NO_RULES

    def __and__(self, other: Rules) -> Rules:
        """Return the rules that hold if both hold. Raises WrongSettingError if no kernel or operator is left."""
        multiples = [one for one in (self.channel_multiple, other.channel_multiple) if one is not None]
        return Rules(
            lcm(*multiples) if multiples else None,
            _common("kernels", self.kernels, other.kernels),
            _common("strides", self.strides, other.strides),
            self.se and other.se,
            self.groups and other.groups,
            _common("operators", self.operators, other.operators),
            _least(self.most_channels, other.most_channels),
            _least(self.most_pooled, other.most_pooled),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the rules that are not the defaults, for JSON."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value != getattr(NO_RULES, name)
        }

    def __str__(self) -> str:
        """The rules in one line; "no rules"."""
        words = []
        if self.channel_multiple is not None:
            words.append(f"channels in multiples of {self.channel_multiple}")
        if self.kernels:
            words.append(f"kernels {', '.join(map(str, sorted({1, *self.kernels})))}")
        if self.strides:
            words.append(f"strides {', '.join(map(str, sorted({1, *self.strides})))}")
        words += [] if self.se else ["no SE"]
        words += [] if self.groups else ["no groups"]
        words += [f"only {', '.join(self.operators)}"] if self.operators else []
        words += [f"at most {self.most_channels:,} channels"] if self.most_channels is not None else []
        words += [f"at most {self.most_pooled:,} positions pooled"] if self.most_pooled is not None else []
        return "; ".join(words) or "no rules"


NO_RULES = Rules()


def _common(name: str, ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> tuple[Any, ...]:
    if not ours or not theirs:
        return ours or theirs
    found = tuple(one for one in ours if one in theirs)
    if found:
        return found
    if name == "operators":
        raise WrongSettingError(f"{name} {', '.join(ours)} and {', '.join(theirs)} have none in common: leave one out")
    return (1,)


def _least(ours: int | None, theirs: int | None) -> int | None:
    return min((one for one in (ours, theirs) if one is not None), default=None)
