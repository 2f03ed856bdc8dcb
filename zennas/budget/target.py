"""Targets: the chip or board that a network is designed for, as a file of settings in `targets/`.

A target limits RAM and flash, has rules for operators, and says how files for it are exported. `TARGETS` has those of
this project and of installed packages; `find_target` also reads a file by its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

from PlainNet.deployed.deploy import DeployError, deploy
from PlainNet.deployed.flash import flash_bytes
from PlainNet.deployed.memory import memory_of
from PlainNet.deployed.operators import Conv2D, DepthwiseConv2D, FullyConnected
from PlainNet.deployed.startup import startup_bytes
from PlainNet.ops import OpGraph
from PlainNet.registry import Registry, UnknownNameError
from zennas.budget.budgets import Budget
from zennas.budget.memories import MEMORIES
from zennas.budget.obeying import broken_rules
from zennas.budget.rules import Rules
from zennas.common.config import ConfigError, read_config
from zennas.common.errors import WrongSettingError
from zennas.common.settings import Setting, check, from_values, setting

ENDING = ".toml"


@dataclass(frozen=True)
class TargetExport:
    """How files for a target are exported. Raises WrongSettingError if a value is out of range."""

    format: str = setting("litert-int8", "Export format, as in zennas export.", flag="")
    options: Mapping[str, Any] = field(
        default_factory=dict, metadata=Setting("Options of the format, such as weights or opset.", flag="").metadata
    )

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


@dataclass(frozen=True)
class Target:
    """A chip or board. The help text of each field describes it. Sizes are in bytes.

    Raises WrongSettingError if a value is out of range, or if firmware leaves nothing of a memory.
    """

    name: str = field(metadata=Setting("Name on the command line.", flag="").metadata)
    title: str = field(metadata=Setting("Name in full.", flag="").metadata)
    sources: tuple[str, ...] = field(metadata=Setting("Documents that the facts come from.", flag="").metadata)
    ram: int | None = setting(None, "RAM in bytes, if a network has to fit it.", least=1, flag="")
    ram_reserved: int = setting(0, "Bytes of it for firmware, stack and the interpreter's tables.", least=0, flag="")
    flash: int | None = setting(None, "Flash in bytes, if a file has to fit it.", least=1, flag="")
    flash_reserved: int = setting(0, "Bytes of it for firmware, the interpreter included.", least=0, flag="")
    weights: int | None = setting(None, "Bytes of a memory for weights alone, one byte each in INT8.", least=1, flag="")
    precision: str = setting("int8", "Precision of the network on it.", choices=("int8", "fp16", "fp32"), flag="")
    search_space: str = setting("XXBL", "Search space that suits it, if none is named.", flag="")
    latency: str | None = setting(
        None, "Source of its latency without the device, such as predictor:ethos-u55-128.", flag=""
    )
    notes: tuple[str, ...] = setting((), "What is not known, or not checked, in sentences.", flag="")
    rules: Rules = field(default_factory=Rules)
    export: TargetExport = field(default_factory=TargetExport)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
        if not self.sources:
            raise WrongSettingError(f"target {self.name} has no sources, expected the documents of its facts")
        for memory in ("ram", "flash"):
            size, reserved = getattr(self, memory), getattr(self, f"{memory}_reserved")
            if size is not None and reserved >= size:
                raise WrongSettingError(
                    f"target {self.name} reserves {reserved:,} of {size:,} bytes of {memory}, expected less than all"
                )

    def budget(self) -> Budget:
        """Return what the memories leave for a network: RAM and flash without what firmware needs, and weights."""
        return Budget(
            params=self.weights,
            ram=None if self.ram is None else self.ram - self.ram_reserved,
            flash=None if self.flash is None else self.flash - self.flash_reserved,
        )

    def within(self, budget: Budget) -> Budget:
        """Return a budget with the limits of this target as well; of two limits, the lower one."""
        own = self.budget()
        limits = {**own.limits(), **own.memories()}
        asked = {**budget.limits(), **budget.memories()}
        merged: dict[str, Any] = {name: min(limit, asked.get(name, limit)) for name, limit in limits.items()}
        return replace(budget, **merged)

    def to_json(self) -> dict[str, Any]:
        """Return the target for JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "ram_bytes": self.ram,
            "ram_reserved": self.ram_reserved,
            "flash_bytes": self.flash,
            "flash_reserved": self.flash_reserved,
            "weights_bytes": self.weights,
            "budget": self.budget().to_json(),
            "precision": self.precision,
            "search_space": self.search_space,
            "rules": self.rules.to_json(),
            "export": {"format": self.export.format, "options": dict(self.export.options)},
            "latency": self.latency,
            "sources": list(self.sources),
            "notes": list(self.notes),
        }


TARGETS: Registry[Target] = Registry("target", "zennas.budget.targets", "zennas.targets", lambda target: (target.name,))
"""The targets by name; the files of `targets/` and entry points add theirs."""


def find_target(text: str) -> Target:
    """Return the target with this name, or that of a file whose name ends in .toml.

    Raises UnknownNameError with similar names, or ConfigError if the file cannot be read or says something wrong.
    """
    if text.endswith(ENDING):
        return read_target(Path(text))
    if text not in TARGETS:
        raise UnknownNameError(f"{TARGETS.miss(text)}; the path of a {ENDING} file works as well")
    return TARGETS.get(text)


def lasting_target(text: str) -> str:
    """Return a text for `find_target` that does not depend on the current folder. Raises what that raises."""
    found = find_target(text)
    return str(Path(text).resolve()) if text.endswith(ENDING) else found.name


def latency_source(text: str | None) -> str | None:
    """Return the source of latencies of a target, if it is named and has one. Raises what `find_target` raises."""
    return None if text is None else find_target(text).latency


def read_target(path: Path) -> Target:
    """Read a target from a file. Raises ConfigError naming the file, the setting, and what was expected."""
    values = read_config(path, Target)
    missing = [name for name in ("name", "title", "sources") if name not in values]
    if missing:
        raise ConfigError(f"{path} has no {missing[0]}, expected name, title and sources in every target")
    try:
        return from_values(Target, values)
    except WrongSettingError as error:
        raise ConfigError(f"{path}: {error}") from None


def add_files(folder: Path) -> None:
    """Register the target of each .toml file in a folder. Raises ConfigError, or RegistryError for a name twice."""
    for path in sorted(folder.glob(f"*{ENDING}")):
        target = read_target(path)
        TARGETS.add(target.name, target)


_WEIGHTED = (Conv2D, DepthwiseConv2D, FullyConnected)
TITLES = {**{name: memory.title for name, memory in MEMORIES.items()}, "weights": "weights"}
"""How messages call a memory."""


# -- whether a network fits ------------------------------------------------------------------


@dataclass(frozen=True)
class Fit:
    """How a network fits a target. used, limits: bytes of "ram", "flash" and "weights", as far as they are limited.

    broken: what is wrong, in one line each; nothing if it fits. arena: the bytes with which TensorFlow Lite Micro
    starts, with its own tables, on a 64-bit build; None if the network has no form in a file.
    """

    target: str
    used: Mapping[str, int]
    limits: Mapping[str, int]
    broken: tuple[str, ...]
    arena: int | None = None

    def __str__(self) -> str:
        """Whether it fits, in one line, and why not."""
        if self.broken:
            more = f", and {len(self.broken) - 1} more" if len(self.broken) > 1 else ""
            return f"does not fit {self.target}: {self.broken[0]}{more}"
        parts = [
            f"{self.used[memory]:,} of {limit:,} bytes of {TITLES[memory]}" for memory, limit in self.limits.items()
        ]
        starts = [] if self.arena is None else [f"TensorFlow Lite Micro starts with {self.arena:,}"]
        return f"fits {self.target}: {', '.join([*parts, *starts, 'all operators are allowed'])}"

    def to_json(self) -> dict[str, Any]:
        """Return the fit for JSON."""
        return {
            "target": self.target,
            "fits": not self.broken,
            "used": dict(self.used),
            "limits": dict(self.limits),
            "broken": list(self.broken),
            "arena_bytes": self.arena,
        }


def fit(graph: OpGraph, target: Target) -> Fit:
    """Return how a network fits a target: the arena with our plan, the file, and every operator, all in INT8."""
    limits = {**target.budget().memories(), **({} if target.weights is None else {"weights": target.weights})}
    found = fit_limits(graph, target.name, limits, target.rules)
    if target.ram is None or found.arena is None or found.arena <= target.ram:
        return found
    starts = f"TensorFlow Lite Micro starts with {found.arena:,} bytes of RAM, the chip has {target.ram:,}"
    return replace(found, broken=(*found.broken, starts))


def fit_limits(graph: OpGraph, name: str, limits: Mapping[str, int], rules: Rules) -> Fit:
    """Return how a network fits rules, and limits of "ram", "flash" and "weights" in bytes. name: whose they are."""
    try:
        deployed = deploy(graph)
    except DeployError as error:
        return Fit(name, {}, limits, (error.message,))
    kinds = [one.kind for one in deployed.operators]
    sizes = {
        "ram": memory_of(deployed).ram_bytes,
        "flash": flash_bytes(deployed),
        "weights": sum(prod(kind.weight_shape) for kind in kinds if isinstance(kind, _WEIGHTED)),
    }
    broken = [
        f"{TITLES[memory]} takes {sizes[memory]:,} bytes, {limit:,} are free"
        for memory, limit in limits.items()
        if sizes[memory] > limit
    ]
    used = {memory: sizes[memory] for memory in limits}
    broken += dict.fromkeys(broken_rules(deployed, rules))
    return Fit(name, used, limits, tuple(broken), startup_bytes(deployed, sizes["ram"]))
