"""`reinforce_launch.py` and `evolution_launch.py`: TEG-NAS's flags for `api.search` with the objective `teg`.

Their settings are those of TEG-NAS's code; flags that its launchers hide in other files are flags here.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zennas.cli.console import OUT
from zennas.common.errors import WrongSettingError
from zennas.legacy.arguments import above_zero, count, folder
from zennas.legacy.derived import add_flags, taken
from zennas.searching.teg_images import TegOptions

if TYPE_CHECKING:
    from zennas.searching.result import SearchResult

SPACES = {"nas-bench-201": "nasbench201", "darts": "darts"}
LEARNING_RATES = {"nas-bench-201": 0.04, "darts": 0.07}
REINFORCE_STEPS, EVOLUTION_STEPS = 500, 1000
POOL, TOURNAMENT = 256, 64
_SIZES = {"--batch_size": "images", "--repeat": "networks", "--crops": "crops"}
"""Flags that set a field of `TegOptions`; the first two have TEG-NAS's names."""


def parser(description: str | None, steps: int) -> ArgumentParser:
    """Return a parser with the flags of both programs."""
    made = ArgumentParser(description=description, allow_abbrev=False)
    add = made.add_argument
    add("--space", choices=tuple(SPACES), default="nas-bench-201", help="search space; default: nas-bench-201")
    add("--dataset", default="cifar10", help="cifar10 (default), cifar100, digits, a folder, an .npz, or noise")
    add("--data_path", type=folder, help="folder or .npz of the images; default: the usual place of the data set")
    add("--table", type=Path, help="table of accuracies in which the found network is looked up (nas-bench-201)")
    add("--gpu", type=count(0), help="number of the CUDA device; default: the first, or the CPU")
    add("--seed", type=count(0), default=0, help="seed of all randomness; default: 0")
    add("--save_dir", type=folder, help="folder of the run; default: a folder in output/ named by the search")
    add("--steps", type=count(), default=steps, help=f"steps of the search; default: {steps:,}")
    add_flags(add, TegOptions, _SIZES)
    return made


def add_reinforce(made: ArgumentParser) -> None:
    rates = ", ".join(f"{rate:g} in {space}" for space, rate in LEARNING_RATES.items())
    made.add_argument("--learning_rate", type=above_zero, help=f"learning rate of Adam; default: {rates}")


def add_evolution(made: ArgumentParser) -> None:
    made.add_argument("--pool", type=count(2), default=POOL, help=f"members of the pool; default: {POOL}")
    made.add_argument("--tournament", type=count(), default=TOURNAMENT, help=f"sample size; default: {TOURNAMENT}")


def reinforce(options: Namespace) -> dict[str, Any]:
    """Return the settings of the strategy that the flags stand for."""
    rate = options.learning_rate or LEARNING_RATES[options.space]
    return {
        "strategy": "reinforce",
        "strategy_options": {"reward": "difference", "learning_rate": rate},
        "iterations": options.steps,
    }


def evolution(options: Namespace) -> dict[str, Any]:
    """Return the settings of the strategy that the flags stand for. The steps come after those that fill the pool."""
    return {
        "strategy": "aging",
        "strategy_options": {"pool": options.pool, "tournament": options.tournament},
        "iterations": options.pool + options.steps,
    }


def launch(options: Namespace, method: str, strategy: Mapping[str, Any]) -> None:
    """Search, or continue a search, and print what was found.

    method: for the name of the folder. Raises WrongSettingError if flags do not go together, and what `api.search`
    raises.
    """
    if options.table is not None and options.space != "nas-bench-201":
        raise WrongSettingError(f"--table is for nas-bench-201, but --space is {options.space}: leave out --table")
    from zennas.api import search
    from zennas.cli.options import chosen_device
    from zennas.cli.progress import search_progress
    from zennas.cli.render import print_search

    sizes = ",".join(f"{name}={value}" for name, value in taken(options, _SIZES).items())
    images = options.dataset if options.data_path is None else options.data_path
    named = Path(options.dataset).stem
    place = options.save_dir or Path(f"output/search-cell-{options.space}/{method}-{named}/seed{options.seed}")
    table = _table(options)
    with search_progress(place) as watcher, chosen_device(options.gpu) as device:
        result = search(
            search_space=SPACES[options.space],
            objective=f"teg:{images},{sizes}",
            duplicates="charged",
            ahead=1,
            executor="serial",
            seed=options.seed,
            device=device,
            save_dir=place,
            go_on=True,
            watcher=watcher,
            **strategy,
        )
    print_search(result)
    _print_found(result, options, table)


def _table(options: Namespace) -> Any:
    """The table and its column of test accuracies, which are read first, as a search takes long; None without one."""
    if options.table is None:
        return None
    from zennas.searching.objectives.table import trained

    table = trained(str(options.table), SPACES[options.space])
    column, values = table.column(f"{Path(options.dataset).stem}_test")
    return table, column, values


def _print_found(result: SearchResult, options: Namespace, table: Any) -> None:
    """Print the architecture in its space's notation, and its accuracy in the table."""
    from SearchSpace.base import CellSpace, load_space

    space = load_space(SPACES[options.space])
    assert isinstance(space, CellSpace)
    likely = result.learned.get("policy_argmax")
    found = [] if result.best is None else [("found", result.best.structure)]
    if likely is not None:
        from PlainNet import parse

        found.append(("most probable of the policy", parse(str(likely))))
    for name, structure in found:
        OUT.print(f"{name}: {space.write(structure)}", markup=False, soft_wrap=True)
        if table is not None:
            lines, column, values = table
            OUT.print(f"  {column} {values[lines.lines.line(structure)]:.2f} %")
    if table is None and options.space == "nas-bench-201":
        OUT.print("  --table FILE looks its accuracy up in a table of NAS-Bench-201")
