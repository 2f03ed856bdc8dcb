"""Code that a stored run or a file of settings names: search spaces and strategies in `.py` files, which are executed.

Both can come from anybody and name what they like. So whoever continues a run or repeats one with `--config` names its
files again, or says that they trust whatever it names. Nothing is executed before that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from SearchSpace import SPACES, lasting_space
from zennas.common.errors import WrongSettingError
from zennas.searching.settings import SearchSettings


class UntrustedError(WrongSettingError):
    """A stored run or a file of settings would execute a file that its user has not named."""


@dataclass(frozen=True)
class Trust:
    """What a run that is continued may execute and open.

    search_space, strategy, table: the files, named again; None if they are not.
    everything: whether it may use whatever files it names.
    """

    search_space: str | None = None
    strategy: str | None = None
    table: str | None = None
    everything: bool = False


def trusted(folder: Path, settings: SearchSettings, trust: Trust) -> SearchSettings:
    """Return the settings of the run in `folder` with the files of code that its user has named. Executes nothing.

    Raises UntrustedError if a file is not named, WrongSettingError if something else is named than the run has.
    """
    space = trusted_space(folder, settings.search_space, trust, "--search-space")
    return replace(settings, search_space=space, strategy=_trusted_strategy(folder, settings.strategy, trust))


def trusted_space(folder: Path, space: str, trust: Trust, flag: str) -> str:
    """Return the search space of a run: a registered name, or the file that its user has named. Raises as `trusted`."""
    ours = lasting_space(space)
    named = None if trust.search_space is None else lasting_space(trust.search_space)
    if ours in SPACES:
        if named not in (None, ours):
            raise WrongSettingError(f"the run in {folder} has the search space {ours}, not {named}: leave out {flag}")
        return ours
    if named is not None and named not in SPACES:
        return named
    if named is None and trust.everything:
        return ours
    raise _untrusted(folder, f"the search space {ours}", flag)


def trusted_table(folder: Path, table: str, trust: Trust) -> str:
    """Return the table of a run, as its user has named it. Raises UntrustedError if it is not named."""
    if trust.table is None and not trust.everything:
        raise UntrustedError(
            f"the run in {folder} reads the table {table}: name it again with --table FILE, or trust whatever files "
            "the run names with --trust"
        )
    return table if trust.table is None else str(Path(trust.table).resolve())


def _trusted_strategy(folder: Path, strategy: str, trust: Trust) -> str:
    file, name = split_strategy(strategy)
    named = None if trust.strategy is None else split_strategy(trust.strategy)
    if file is None:
        if named is not None and (named[0] is not None or named[1].casefold() != name.casefold()):
            raise WrongSettingError(
                f"the run in {folder} has the strategy {name}, not {trust.strategy}: leave out --strategy"
            )
        return strategy
    if named is not None and named[0] is not None:
        return f"{named[0]}:{named[1] or name}"
    if named is None and trust.everything:
        return strategy
    raise _untrusted(folder, f"the strategy {file}", "--strategy")


def _untrusted(folder: Path, what: str, flag: str) -> UntrustedError:
    return UntrustedError(
        f"the run in {folder} would execute {what}: name this file again with {flag} FILE, or trust whatever files the "
        "run names with --trust"
    )


def split_strategy(strategy: str) -> tuple[Path | None, str]:
    """Return the file and the name of a strategy like "evolution", "mine.py" or "mine.py:NAME"; None for no file, ""
    for no name.
    """
    path, _, name = strategy.partition(".py:")
    if name:
        return Path(f"{path}.py").resolve(), name
    return (Path(strategy).resolve(), "") if strategy.endswith(".py") else (None, strategy)


def code_of(settings: SearchSettings) -> dict[str, Path]:
    """Return the files that a search with these settings executes, by what they are. Executes nothing."""
    space, (strategy, _) = lasting_space(settings.search_space), split_strategy(settings.strategy)
    found = {} if space in SPACES else {"search space": Path(space)}
    return found if strategy is None else {**found, "strategy": strategy}


def check_named(code: Mapping[str, Path], named: Collection[str], trust: bool) -> None:
    """Check files of code that a file of settings names, which can come from anybody, too. Executes nothing.

    code: the files, by their flags. named: the flags that the user has given, which name files of their own.
    trust: whether whatever files are named may be executed.

    Raises UntrustedError if one may not.
    """
    for flag, file in code.items():
        if flag not in named and not trust:
            raise UntrustedError(
                f"the file of --config would execute {file}: name this file again with {flag} FILE, or trust whatever "
                "files it names with --trust"
            )
