"""The settings of tasks whose networks are from tables of accuracies. This file does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat

from PlainNet.sizes import Size
from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting
from zennas.common.shared_settings import in_channels_setting, resolution_setting
from zennas.correlation.settings import NOISE
from ZeroShotProxy.programs.statistics import UNIT_KINDS, Perturbed, UnitKind
from ZeroShotProxy.programs.terminals import KINDS, unknown_statistic


@dataclass(frozen=True)
class SourceSettings:
    """Where the networks of the tasks are from, and what is collected of them. Raises WrongSettingError."""

    tables: tuple[str, ...] = setting(
        (), "Accuracies, as for zennas correlate; repeatable, one for each task.", flag="--table", metavar="FILE"
    )
    spaces: tuple[str, ...] = setting(
        ("nasbench201",), "Search space of each table, or one for all; repeatable.", flag="--space", metavar="NAME"
    )
    datasets: tuple[str, ...] = setting(
        ("cifar10",),
        "Data set of the accuracy: one for each table, one for all, or several of one table; repeatable.",
        flag="--dataset",
        metavar="NAME",
    )
    split: str = setting("test", "Images of the accuracy.", choices=("val", "test"))
    networks: int = setting(80, "Networks of each task, drawn at random; as in EZNAS.", least=2)
    held_out: int = setting(80, "Further networks of each task, on which the best programs are compared.", least=2)
    terminals: str = setting(
        "tensors",
        "Statistics that programs read, of tensors as in EZNAS, or in closed form, without weights and images.",
        choices=tuple(KINDS),
    )
    statistics: tuple[str, ...] = setting(
        (), "Statistic that programs may read; repeatable.", flag="--statistic", metavar="NAME", shown="all of these"
    )
    units: str = setting(
        "relu-conv-bn", "Order of a unit's operations; the first one is that of EZNAS.", choices=UNIT_KINDS
    )
    perturbed: str = setting(
        "difference",
        "Perturbed statistics as differences to those of the images, as in EZNAS, or as values.",
        choices=("difference", "value"),
    )
    data: str = setting(NOISE, "Images that networks see: noise, cifar10, cifar100, a folder, or an .npz file.")
    resolution: Size = resolution_setting()
    in_channels: int | None = in_channels_setting("those that the networks of the tables take")
    batch_size: int = setting(1, "Number of images that networks see, as in EZNAS.", least=1, most=1024)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
        if not self.tables:
            raise WrongSettingError("which table? expected a file of accuracies")
        count = max(len(self.tables), len(self.spaces), len(self.datasets))
        for name in ("tables", "spaces", "datasets"):
            given = len(getattr(self, name))
            if given not in (1, count):
                raise WrongSettingError(f"there are {given} {name}, but {count} tasks: give one, or one for each")
        for name in self.statistics:
            if name not in self.known_statistics:
                raise WrongSettingError(f"{unknown_statistic(name, self.known_statistics)}, with {self.terminals}")
        if self.terminals == "closed-form":
            for name in ("units", "perturbed", "data", "batch_size"):
                value, default = getattr(self, name), getattr(SourceSettings, name)
                if value != default:
                    raise WrongSettingError(
                        f"{name} is {value}, but closed forms need no units and no images: leave it out"
                    )
        if len(set(self.statistics)) < len(self.statistics):
            raise WrongSettingError(f"the statistics are {', '.join(self.statistics)}, expected none twice")

    @property
    def chosen_statistics(self) -> tuple[str, ...]:
        return self.statistics or self.known_statistics

    @property
    def unit_kind(self) -> UnitKind:
        """`units`, which has been checked."""
        return next(kind for kind in UNIT_KINDS if kind == self.units)

    @property
    def perturbation(self) -> Perturbed:
        """`perturbed`, which has been checked."""
        return "value" if self.perturbed == "value" else "difference"

    @property
    def known_statistics(self) -> tuple[str, ...]:
        """The names of all statistics of the chosen kind."""
        return next(names for kind, names in KINDS.items() if kind == self.terminals)

    @property
    def triples(self) -> list[tuple[str, str, str]]:
        """The table, space and data set of each task."""
        count = max(len(self.tables), len(self.spaces), len(self.datasets))
        each = [one if len(one) > 1 else repeat(one[0], count) for one in (self.tables, self.spaces, self.datasets)]
        return list(zip(*each, strict=True))
