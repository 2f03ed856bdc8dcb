"""From settings to everything that a search needs: strategy, objective, meters; and what has to stay as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from latency.base import LatencyError
from PlainNet import Options, parse
from PlainNet.cost import CostModel
from SearchSpace import SPACES, SearchSpace, lasting_space, load_space
from zennas.budget.meters import Device, devices, digests, settled_latency
from zennas.common.errors import SettingsError
from zennas.searching.objectives.base import Objective, objective_of
from zennas.searching.scoring import is_confirmed, reported
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import STRATEGIES, Problem, Search, Strategy, all_options, options_of
from ZeroShotProxy import ensembles

AHEAD = 16
"""Candidates that are out at once where networks are run: enough to keep some workers busy."""


@dataclass(frozen=True)
class Prepared:
    """What a run works with."""

    search: Search
    objective: Objective
    meters: list[Device]


def settled(settings: SearchSettings) -> SearchSettings:
    """The settings that say the same from another folder and on another machine: in full, with paths and one device.

    Raises UnknownNameError, WrongSettingError, SettingsError, DeviceError, and what `settled_latency` raises.
    """
    reported(settings)  # raises where there is no such proxy
    strategy, name = _strategy(settings.strategy)
    chosen = replace(
        settings,
        strategy=name,
        strategy_options=all_options(strategy, settings.strategy_options),
        search_space=lasting_space(settings.search_space),
        budget=settled_latency(settings.budget),
    )
    objective = objective_of(chosen)
    ahead = settings.ahead or (AHEAD if objective.torch else 1)
    device = settings.device
    if _runs_networks(settings, objective):
        from PlainNet.device import device_of  # torch takes seconds to import

        device = str(device_of(settings.device))
    return replace(chosen, ahead=ahead, device=device)


def prepare(settings: SearchSettings) -> Prepared:
    """Strategy, objective and meters of settled settings. Raises what `settled` raises, ParseError, ProfileError."""
    initial = None if settings.initial is None else parse(settings.initial)
    space: SearchSpace = load_space(settings.search_space, initial)
    model = CostModel(settings.resolution, settings.num_classes, Options(use_se=settings.use_se))
    meters = devices(settings.budget, settings.network)
    objective = objective_of(settings)
    problem = Problem(space, model, settings.budget, meters, objective, settings.iterations, settings.seed)
    strategy, _ = _strategy(settings.strategy)
    return Prepared(strategy.make(problem, options_of(strategy, settings.strategy_options)), objective, meters)


def fingerprints(settings: SearchSettings) -> dict[str, object]:
    """Of everything outside the settings that decides a search: the user's space and strategy, latency profiles.

    Raises SettingsError for a file that cannot be read, LatencyError for a profile.
    """
    return {
        "space_digest": _digest("search space", settings.search_space, settings.search_space in SPACES),
        "strategy_digest": _digest("strategy", _file_of(settings.strategy), settings.strategy in STRATEGIES),
        "profile_digests": digests(settings.budget),
    }


def refuse_changed(folder: Path, settings: SearchSettings, known: dict[str, object]) -> None:
    """Raise SettingsError where a file or a profile is no longer what the run in `folder` began with.

    known: the run's `fingerprints`; None for what an older run has not recorded.
    """
    began = f"has changed since the run in {folder} began"
    if known.get("space_digest") != _digest("search space", settings.search_space, settings.search_space in SPACES):
        raise SettingsError(f"the search space {settings.search_space} {began}")
    strategy = _digest("strategy", _file_of(settings.strategy), settings.strategy in STRATEGIES)
    if known.get("strategy_digest") != strategy:
        raise SettingsError(f"the strategy {settings.strategy} {began}")
    way_out = "restore the profile, or begin anew in another folder"
    try:
        now = digests(settings.budget)
    except LatencyError as error:
        raise SettingsError(f"the run in {folder} cannot go on: {error}; {way_out}") from None
    before = known.get("profile_digests")
    for source, digest in now.items():
        if not isinstance(before, dict) or before.get(source) != digest:
            raise SettingsError(f"the latency profile of {source} {began}: {way_out}")


def _strategy(text: str) -> tuple[Strategy, str]:
    """The strategy of that name, or of a file, and how to name it from any folder. Raises UnknownNameError."""
    path, _, name = text.partition(".py:")
    if not name and not text.endswith(".py"):
        return STRATEGIES.get(text), STRATEGIES.spelling(text)
    file = Path(f"{path}.py" if name else path).resolve()
    if not file.is_file():
        raise SettingsError(f"strategy {text}: there is no file {file}; known: {', '.join(STRATEGIES.names())}")
    made = STRATEGIES.load_file(file)
    wanted = name or (made[0] if len(made) == 1 else "")
    if wanted not in made:
        raise SettingsError(f"{file} registers {', '.join(made) or 'no strategy'}: name one, as {file}:NAME")
    return STRATEGIES.get(wanted), f"{file}:{wanted}"


def _file_of(strategy: str) -> str:
    path, _, name = strategy.partition(".py:")
    return f"{path}.py" if name else strategy


def _runs_networks(settings: SearchSettings, objective: Objective) -> bool:
    """Whether the search, its confirmation or its report needs torch and a device."""
    return is_confirmed(settings) or objective.torch or any(ensembles.find(name).info.torch for name in settings.report)


def _digest(what: str, path: str, shipped: bool) -> str | None:
    """A fingerprint of a user's file; None for a part of this project or of an installed package."""
    if shipped:
        return None
    try:
        return sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise SettingsError(f"{what} {path} cannot be read: {error.strerror}") from None
