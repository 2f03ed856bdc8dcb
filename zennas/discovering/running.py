"""A search for programs in a folder, which can be continued. This file does not import torch by itself.

    discovery.json      the settings, and digests of the tasks
    generations.jsonl   a line for each generation
    finalists.json      the programs to compare, once the evolution has ended
    result.json         the best programs on held-out networks, beside published ones and costs
    best.toml           the best of them, for `--proxy program:FILE`
    costs.json          with NSGA-II: what operations cost, see `costs.py`
    front-1.toml …      with NSGA-II: the programs of which none is better than another in tau and cost

Each file is replaced as a whole. A search that is killed continues after its last complete generation and finds the
same programs, because what is random depends on nothing but the seed and the number of the generation.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PlainNet.errors import reason
from PlainNet.files import write_text
from PlainNet.lock import locked
from zennas.common.progress import WorkProgress, unwatched
from zennas.common.settings_text import differences
from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.costs import COSTS, stored_costs
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.evolution import ORIGINS, Generation, Member, next_generation
from zennas.discovering.files import BEST, CONTINUE, FINALISTS, GENERATIONS, HEAD, RESULT, read_json
from zennas.discovering.finals import Final, compared, finalists, references, with_costs
from zennas.discovering.fitness import Task
from zennas.discovering.grammar import Grammar
from zennas.discovering.registers import Registers
from zennas.discovering.settings import CollectingSettings
from zennas.discovering.tasks import check_tasks, digest_of_tasks
from zennas.discovering.workers import evaluating
from zennas.searching.executors.base import ExecutorSettings
from ZeroShotProxy.programs.files import text_of
from ZeroShotProxy.programs.running import Program
from ZeroShotProxy.programs.sequential import parse_sequential
from ZeroShotProxy.programs.tree import Tree, parse

FORMAT = 1


@dataclass(frozen=True)
class Discovery:
    """The result of a search.

    programs: those found, from the best on held-out networks to the worst; those that are not valid there are the last.
    references: the published programs, FLOPs and parameters. best: the file of the best program, or None if none is
    valid on the held-out networks.
    """

    generations: tuple[Generation, ...]
    programs: tuple[Final, ...]
    references: tuple[Final, ...]
    best: Path | None


def discover(
    settings: EvolutionSettings,
    tasks: Sequence[Task],
    held_out: Sequence[Task],
    folder: Path,
    go_on: bool = False,
    progress: WorkProgress = unwatched,
    executor: ExecutorSettings = ExecutorSettings(),
) -> Discovery:
    """Search for programs that rank the networks of all tasks, and compare the best ones on other networks.

    held_out: for each task, one of the same name with other networks. go_on: whether to continue the search in the
    folder. progress: called with the generations done, their total, and the best fitness of the last one.
    executor: where programs are evaluated, which the result does not depend on.

    Raises DiscoveryError if the tasks do not suit, DEAP is not installed, no program is valid, the folder has a search
    and `go_on` is not set, or it has none like this one and it is; CacheError if a file is damaged; LockError if
    another process searches in the folder; and OSError if it cannot be written.
    """
    collected = check_tasks(tasks, held_out)
    for network in {network.path: network for task in (*tasks, *held_out) for network in task.networks}.values():
        network.verify()
    grammar = (Registers if settings.form == "sequential" else Grammar)(settings, collected.statistics)
    head = {
        "format": FORMAT,
        "settings": settings.to_json(),
        "tasks": digest_of_tasks(tasks),
        "held_out": digest_of_tasks(held_out),
    }
    with locked(folder, "the search for programs"):
        _begin(folder, head, go_on)
        _remove_drafts(folder)
        generations = _stored(folder / GENERATIONS, tasks, settings)
        costs = stored_costs(folder) if settings.select == "nsga2" else None
        networks = [network for task in (*tasks, *held_out) for network in task.networks]
        left = (settings.generations - len(generations)) * settings.offspring
        with evaluating(networks, settings.scalar, executor, left) as evaluate:
            while len(generations) < settings.generations:
                progress(len(generations), settings.generations, _note(generations))
                before = generations[-1] if generations else None
                generations.append(next_generation(before, tasks, grammar, evaluate, costs))
                lines = (json.dumps(_to_json(generation)) + "\n" for generation in generations)
                write_text(folder / GENERATIONS, "".join(lines))
            progress(len(generations), settings.generations, _note(generations))
            if not (folder / FINALISTS).exists():
                found = finalists(generations, tasks, settings, evaluate, costs)
                write_text(folder / FINALISTS, json.dumps({"programs": list(map(str, found))}, indent=1) + "\n")
            programs = compared(_finalists(folder / FINALISTS), held_out, settings, evaluate)
        beside = references(held_out, settings, collected)
        if costs is not None:
            programs = with_costs(programs, costs)
            for one in programs:
                if one.point is not None:
                    write_text(folder / f"front-{one.point}.toml", _file(one, settings, collected))
        best = folder / BEST if programs[0].reason is None else None
        if best is not None:
            write_text(best, _file(programs[0], settings, collected))
        result = {
            "tasks": [task.name for task in tasks],
            "held_out": [
                {"accuracies": list(task.accuracies), "networks": [str(network.structure) for network in task.networks]}
                for task in held_out
            ],
            "evaluated": sum(generation.evaluated for generation in generations),
            "programs": [one.to_json() for one in programs],
            "references": [one.to_json() for one in beside],
        }
        write_text(folder / RESULT, json.dumps(result, indent=1) + "\n")
    return Discovery(tuple(generations), tuple(programs), tuple(beside), best)


def front_file(folder: Path, found: Discovery, point: int) -> Path:
    """Return the file of a point of the front. Raises DiscoveryError if there is none of this number."""
    points = [one.point for one in found.programs if one.point is not None]
    if point not in points:
        known = f"1 to {max(points)}" if points else "none: search with --select nsga2"
        raise DiscoveryError(f"there is no point {point} of the front, which has the points {known}")
    return folder / f"front-{point}.toml"


def _begin(folder: Path, head: dict[str, Any], go_on: bool) -> None:
    """Write the head, or compare it with that of the search that is continued."""
    path = folder / HEAD
    if not path.exists():
        if go_on:
            raise DiscoveryError(f"{folder} has no search to continue: it has no {HEAD}")
        write_text(path, json.dumps(head, indent=1) + "\n")
        return
    if not go_on:
        raise DiscoveryError(f"{folder} has a search already: continue it, or choose another folder")
    stored = read_json(path, CONTINUE)
    if stored.get("format") != FORMAT:
        raise DiscoveryError(f"{path} has format {stored.get('format')!r:.80}, expected {FORMAT}")
    found = differences(stored, head)
    if found:
        raise DiscoveryError(f"the search in {folder} has other settings or tasks: {found[0]}")


def _remove_drafts(folder: Path) -> None:
    """Remove the unfinished files of a process that was killed; the lock says that no other one is at work."""
    for name in (HEAD, GENERATIONS, FINALISTS, RESULT, BEST, COSTS, "front-*.toml"):
        for draft in folder.glob(f".{name}.????????"):
            draft.unlink(missing_ok=True)


def _stored(path: Path, tasks: Sequence[Task], settings: EvolutionSettings) -> list[Generation]:
    """The generations that are complete. Raises DiscoveryError if the file is damaged."""
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [_from_json(json.loads(line), tasks, settings.form == "sequential") for line in lines]
        if [generation.number for generation in found] != list(range(1, len(found) + 1)):
            raise ValueError("the generations are not numbered one by one")
        if len(found) > settings.generations:
            raise ValueError(f"there are {len(found)} generations, expected at most {settings.generations}")
    except (ValueError, TypeError, KeyError, RecursionError) as error:  # also of a program
        raise DiscoveryError(f"{path} is damaged: {reason(error)}; {CONTINUE}, which evolves again") from None
    return found


def _finalists(path: Path) -> list[Tree]:
    """The programs to compare. Raises DiscoveryError if the file is damaged."""
    try:
        found = [parse(text) for text in read_json(path, CONTINUE)["programs"]]
        if not found:
            raise ValueError("there are no programs")
    except (ValueError, TypeError, KeyError, RecursionError) as error:  # also of a program
        raise DiscoveryError(f"{path} is damaged: {reason(error)}; {CONTINUE}, which ranks again") from None
    return found


def _to_json(generation: Generation) -> dict[str, Any]:
    members = [
        {
            "program": str(member.tree),
            "origin": member.origin,
            "taus": list(member.taus),
            **({} if member.lines is None else {"lines": str(member.lines)}),
        }
        for member in generation.members
    ]
    return {**asdict(generation), "members": members}


def _from_json(stored: Any, tasks: Sequence[Task], sequential: bool) -> Generation:
    members = [_member(one, tasks) for one in stored["members"]]
    if not members or any(member.origin not in ORIGINS for member in members):
        raise ValueError("a generation has no programs, or some of unknown origin")
    if any((member.lines is not None) != sequential for member in members):
        raise ValueError("a generation has programs of another form")
    draws = tuple(tuple(positions) for positions in stored["draws"])
    counts = {name: int(stored[name]) for name in ("number", "evaluated", "constant", "failing", "lacking")}
    return Generation(draws=draws, members=tuple(members), **counts)


def _member(stored: Any, tasks: Sequence[Task]) -> Member:
    lines = parse_sequential(stored["lines"]) if "lines" in stored else None
    tree = parse(stored["program"])
    if lines is not None and lines.tree != tree:
        raise ValueError(f"the program {tree!s:.80} is not the tree of its lines")
    return Member(tree, stored["origin"], _taus(stored["taus"], tasks), lines)


def _taus(stored: Any, tasks: Sequence[Task]) -> tuple[float, ...]:
    found = tuple(float(tau) for tau in stored)
    if len(found) != len(tasks) or not all(-1.001 <= tau <= 1.001 for tau in found):
        raise ValueError(f"the taus of a program are {stored!r:.80}")
    return found


def _note(generations: Sequence[Generation]) -> str:
    return f"best {max(member.value for member in generations[-1].members):.3f}" if generations else ""


def _file(best: Final, settings: EvolutionSettings, collected: CollectingSettings) -> str:
    program = Program(parse(best.name), settings.scalar, collected.perturbed, collected.batch, collected.units)
    return text_of(program, "discovered program", f"a search with seed {settings.seed}", collected.initialisation)
