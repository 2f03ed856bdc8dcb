"""From settings to everything that a search needs: strategy, objective, meters; and what must not change in a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from random import Random

from latency.base import LatencyError
from PlainNet import Options, parse
from PlainNet.blocktype import in_channels
from PlainNet.cost import CostModel
from PlainNet.edit import for_channels
from PlainNet.registry import UnknownNameError
from SearchSpace import SPACES, SearchSpace, lasting_space, load_space
from SearchSpace.base import SearchSpaceError
from zennas.budget.meters import Device, completed_latency, devices, digests
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.common.progress import WorkProgress, unwatched
from zennas.runs import programs
from zennas.runs.candidate import Candidate
from zennas.searching.fronts.front import chosen_point, grid_of, points_of
from zennas.searching.fronts.goals import check_goals
from zennas.searching.fronts.grid import Grid
from zennas.searching.fronts.tradeoff import balanced_point, tradeoff_points
from zennas.searching.guides.guide import guide_column, guide_of, guided, scoring_settings
from zennas.searching.objectives.base import Objective, VectorObjective, kind_of, objective_of
from zennas.searching.scoring import confirmer, reported
from zennas.searching.settings import SearchSettings
from zennas.searching.simulations.tables import completed_training, refuse_changed_tables, table_digests
from zennas.searching.strategies.base import STRATEGIES, Problem, Search, Strategy, all_options, options_of
from zennas.searching.targeting import obeying_space
from zennas.searching.trust import split_strategy
from ZeroShotProxy import ensembles

AHEAD = 16
"""Candidates evaluated at the same time if networks are run: enough to keep several workers busy."""
REHEARSAL = 50
"""Steps of the walk through a user's search space before a run begins; each also tries a mutation of its beginning."""


@dataclass(frozen=True)
class Prepared:
    """The parts that a run works with. grid: that of a front over costs."""

    space: SearchSpace
    search: Search
    objective: Objective
    meters: list[Device]
    grid: Grid | None = None

    @property
    def has_points(self) -> bool:
        """Whether the result is a front: over costs, or of several goals."""
        return self.grid is not None or isinstance(self.objective, VectorObjective)

    def points(self) -> list[Candidate]:
        """Return the points of a front so far, in their order; none for another search."""
        if self.grid is not None:
            return points_of(self.grid, self.objective, self.search.kept)
        return tradeoff_points(self.objective, self.search.kept) if isinstance(self.objective, VectorObjective) else []

    def chosen(self, points: Sequence[Candidate]) -> Candidate:
        """Return the point that stands for all: the best over costs, or a balanced one of several goals."""
        if self.grid is None and isinstance(self.objective, VectorObjective):
            return balanced_point(self.objective, points)
        return points[-1] if self.grid is None else chosen_point(self.grid, self.objective, points)


def completed(settings: SearchSettings) -> SearchSettings:
    """Return complete settings with absolute paths and one device, which mean the same in any folder and on any
    machine.

    Raises UnknownNameError, WrongSettingError, SettingsError or DeviceError if a setting is not valid, and what
    `completed_latency` raises.
    """
    reported(settings)  # raises if there is no such proxy, like the next lines
    confirmer(settings)
    settings = _for_channels(_with_lasting_programs(settings))
    strategy, name = _strategy(settings.strategy)
    chosen = replace(
        settings,
        strategy=name,
        strategy_options=all_options(strategy, settings.strategy_options),
        search_space=lasting_space(settings.search_space),
        budget=completed_latency(settings.budget),
    )
    check_goals(chosen)
    chosen = completed_training(chosen, strategy.draws, strategy.moves, strategy.repeats)
    kind = kind_of(chosen)
    chosen = chosen if kind.complete is None else kind.complete(chosen)
    if chosen.training is not None and not kind.trains:
        raise WrongSettingError(
            f"--dataset {chosen.training.dataset} is for trainings, but the objective is {chosen.objective}: add "
            "--objective train"
        )
    objective = objective_of(chosen)
    ahead = settings.ahead or (AHEAD if objective.torch else 1)
    device = settings.device
    if runs_networks(settings, objective):
        from PlainNet.device import device_of  # torch takes seconds to import

        device = str(device_of(settings.device))
    return replace(chosen, ahead=ahead, device=device)


def _for_channels(settings: SearchSettings) -> SearchSettings:
    """Settings whose initial structure takes the images that are asked for.

    Raises WrongSettingError if the space has no such networks, SearchSpaceError or ParseError.
    """
    if settings.in_channels is None:
        return settings
    start = None if settings.initial is None else parse(settings.initial)
    structure = load_space(settings.search_space, start).initial()
    own = in_channels(structure.blocks[0])
    if own == settings.in_channels:
        return settings
    changed = for_channels(structure, settings.in_channels)
    try:
        load_space(settings.search_space, changed)
    except SearchSpaceError:
        raise WrongSettingError(
            f"the networks of search space {settings.search_space} take images of {own} channels, not of "
            f"{settings.in_channels}: leave out --in-channels"
        ) from None
    return replace(settings, initial=str(changed))


def prepare(settings: SearchSettings, model: CostModel | None = None, watch: WorkProgress = unwatched) -> Prepared:
    """Return strategy, objective and meters for settings from `completed`.

    model: a cost model for the same networks, whose known blocks save time; None for a new one. watch: follows the
    search for a first network within the budget.

    Raises what `completed` raises, ParseError if the initial structure is not valid, and ProfileError if a latency
    profile cannot be read.
    """
    initial = None if settings.initial is None else parse(settings.initial)
    space: SearchSpace = load_space(settings.search_space, initial)
    if model is None:
        model = CostModel(settings.resolution, settings.num_classes, Options(use_se=settings.use_se))
    space = obeying_space(space, model, settings.rules)
    meters = devices(settings.budget, settings.network)
    objective = objective_of(settings)
    problem = Problem(
        space,
        model,
        settings.budget,
        meters,
        objective,
        settings.iterations,
        settings.seed,
        settings.budget_evaluations,
        settings.duplicates == "charged",
        guide_of(settings, model, objective),
        initial,
        settings.rules,
        watch,
    )
    strategy, _ = _strategy(settings.strategy)
    search = strategy.make(problem, options_of(strategy, settings.strategy_options))
    return Prepared(space, search, objective, meters, grid_of(settings))


def rehearse(settings: SearchSettings, space: SearchSpace) -> None:
    """Take a walk through a search space in a user's file, so that most of its errors show before a run exists.

    Raises SearchSpaceError.
    """
    if settings.search_space in SPACES:
        return
    structure, rng = space.initial(), Random(settings.seed)
    for _ in range(REHEARSAL):
        structure = space.mutate(structure, rng)
        space.mutate(space.initial(), rng)


def fingerprints(settings: SearchSettings) -> dict[str, object]:
    """Return digests of everything outside the settings that affects a search: files of the user and latency profiles.

    Raises SettingsError if a file cannot be read, and LatencyError if a profile cannot be read.
    """
    return {
        "space_digest": _space_digest(settings),
        "strategy_digest": _strategy_digest(settings),
        "profile_digests": digests(settings.budget),
        "table_digests": table_digests(settings),
        "objective_digest": _objective_digest(settings),
        "program_digests": programs.digests(_scores(settings)),
    }


def extended(folder: Path, settings: SearchSettings, iterations: int) -> SearchSettings:
    """Return the settings of the run in `folder` with more iterations.

    Raises WrongSettingError if they are not more, or if the strategy does not go on after its last iteration.
    """
    if iterations <= settings.iterations:
        raise WrongSettingError(
            f"iterations is {iterations:,}, expected more than {settings.iterations:,}, which the run in {folder} has"
        )
    if settings.budget_evaluations is not None:
        raise WrongSettingError(
            f"the run in {folder} ends after {settings.budget_evaluations:,} evaluations, however many iterations it "
            "has: start a new run with more --budget-evaluations"
        )
    strategy, _ = _strategy(settings.strategy)
    if not strategy.extensible:
        raise WrongSettingError(
            f"the strategy {strategy.name} does not go on after its last iteration: start a new run with "
            f"--iterations {iterations}"
        )
    return replace(settings, iterations=iterations)


def refuse_changed(folder: Path, settings: SearchSettings, known: dict[str, object]) -> None:
    """Raise SettingsError if a file or a profile has changed since the run in `folder` began.

    known: the `fingerprints` of the run; None for those that an older run has not stored.
    """
    began = f"has changed since the run in {folder} began"
    if known.get("space_digest") != _space_digest(settings):
        raise SettingsError(f"the search space {settings.search_space} {began}")
    if known.get("strategy_digest") != _strategy_digest(settings):
        raise SettingsError(f"the strategy {settings.strategy} {began}")
    refuse_changed_tables(folder, settings, known.get("table_digests"))
    if known.get("objective_digest") != _objective_digest(settings):
        raise SettingsError(f"what the objective {settings.objective} reads {began}")
    programs.refuse_changed(folder, _scores(settings), known.get("program_digests"))
    way_out = "restore the profile, or start a new run in another folder"
    try:
        now = digests(settings.budget)
    except LatencyError as error:
        raise SettingsError(f"the run in {folder} cannot be continued: {error}; {way_out}") from None
    before = known.get("profile_digests")
    for source, digest in now.items():
        if not isinstance(before, dict) or before.get(source) != digest:
            raise SettingsError(f"the latency profile of {source} {began}: {way_out}")


def _scores(settings: SearchSettings) -> list[str]:
    """The names of everything that a search maximises, minimises, confirms by, is guided by, or reports."""
    alone = (settings.proxy, settings.confirm_by, settings.warm_up_proxy)
    return [name for name in (*alone, *settings.report, *settings.maximise, *settings.minimise) if name is not None]


def _with_lasting_programs(settings: SearchSettings) -> SearchSettings:
    """Settings that name the files of programs by absolute paths. Raises what `programs.lasting` raises."""
    lasting = programs.lasting
    return replace(
        settings,
        proxy=lasting(settings.proxy),
        confirm_by=None if settings.confirm_by is None else lasting(settings.confirm_by),
        warm_up_proxy=None if settings.warm_up_proxy is None else lasting(settings.warm_up_proxy),
        report=tuple(map(lasting, settings.report)),
        maximise=tuple(map(lasting, settings.maximise)),
        minimise=tuple(map(lasting, settings.minimise)),
    )


def _strategy(text: str) -> tuple[Strategy, str]:
    """The strategy with this name or in this file, and its name from any folder. Raises UnknownNameError."""
    file, name = split_strategy(text)
    if file is None:
        return STRATEGIES.get(text), STRATEGIES.spelling(text)
    if not file.is_file():
        raise UnknownNameError(f"strategy {text}: there is no file {file}; known: {', '.join(STRATEGIES.names())}")
    made = STRATEGIES.load_file(file)
    wanted = name or (made[0] if len(made) == 1 else "")
    if wanted not in made:
        asked = f" and not {name!r}" if name else ""
        raise UnknownNameError(f"{file} registers {', '.join(made)}{asked}: choose one with {file}:NAME")
    return STRATEGIES.get(wanted), f"{file}:{wanted}"


def runs_networks(settings: SearchSettings, objective: Objective) -> bool:
    """Return whether a search for `objective`, its confirmation or its report needs torch and a device."""
    if guided(settings) and guide_column(settings) is None and objective_of(scoring_settings(settings)).torch:
        return True
    again = confirmer(settings)
    if objective.torch or (again is not None and again.torch):
        return True
    return any(ensembles.find(name).info.torch for name in settings.report)


def _space_digest(settings: SearchSettings) -> str | None:
    return _digest("search space", settings.search_space, settings.search_space in SPACES)


def _strategy_digest(settings: SearchSettings) -> str | None:
    file, name = split_strategy(settings.strategy)
    return _digest("strategy", str(file or name), settings.strategy in STRATEGIES)


def _objective_digest(settings: SearchSettings) -> str | None:
    digest = kind_of(settings).digest
    return None if digest is None else digest(settings)


def _digest(what: str, path: str, shipped: bool) -> str | None:
    """A digest of a file of the user; None for parts of this project and of installed packages."""
    if shipped:
        return None
    try:
        return sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise SettingsError(f"{what} {path} cannot be read: {error.strerror}") from None
