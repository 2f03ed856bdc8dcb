"""Searches for programs in a folder: the result, resuming after a kill, and damaged folders."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from PlainNet.files import write_text
from PlainNet.lock import LockError, locked
from zennas.discovering.collecting import collect
from zennas.discovering.costs import COSTS, stored_costs
from zennas.discovering.errors import CacheError, DiscoveryError
from zennas.discovering.evaluation import values
from zennas.discovering.evolution import Generation, Member
from zennas.discovering.finals import finalists
from zennas.discovering.fitness import Task, fitness, kendall
from zennas.discovering.running import BEST, FINALISTS, GENERATIONS, HEAD, RESULT, discover, front_file
from zennas.discovering.settings import CollectingSettings
from zennas.discovering.tasks import with_statistics
from ZeroShotProxy.programs.files import load, published
from ZeroShotProxy.programs.operations import OPERATIONS
from ZeroShotProxy.programs.tree import Tree, parse

from .networks import WITHOUT_UNITS, images, networks
from .tasks import SMALL, STATISTICS
from .tasks import tasks as small_tasks

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def statistics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("statistics")


@pytest.fixture(scope="module")
def tasks(statistics: Path) -> tuple[list[Task], list[Task]]:
    return small_tasks(statistics)


@pytest.fixture(scope="module")
def whole(tasks: tuple[list[Task], list[Task]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished search."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    discover(SMALL, *tasks, folder)
    return folder


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_search_has_a_result(tasks: tuple[list[Task], list[Task]], whole: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    random.seed(5)
    state = random.getstate()
    found = discover(
        SMALL, *tasks, tmp_path / "run", progress=lambda done, total, note: seen.append((done, total, note))
    )
    assert random.getstate() == state
    assert content(tmp_path / "run") == content(whole)
    assert set(content(whole)) == {HEAD, GENERATIONS, FINALISTS, RESULT, BEST}
    assert [(done, total) for done, total, _ in seen] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert seen[1][2] == f"best {max(member.value for member in found.generations[0].members):.3f}"
    assert [generation.number for generation in found.generations] == [1, 2, 3]
    stored = json.loads((whole / RESULT).read_text())
    assert stored["programs"] == [one.to_json() for one in found.programs]
    assert stored["references"] == [one.to_json() for one in found.references]
    assert stored["evaluated"] == sum(generation.evaluated for generation in found.generations)


def test_finals_are_ranked_on_held_out_networks(tasks: tuple[list[Task], list[Task]], whole: Path) -> None:
    found = discover(SMALL, *tasks, whole, go_on=True)
    held_out = tasks[1]
    assert 1 <= len(found.programs) <= 6
    assert {parse(one.name) for one in found.programs} == set(finalists(found.generations, tasks[0], SMALL))
    ranked = [one.value for one in found.programs if one.value is not None]
    assert ranked == sorted(ranked, reverse=True)
    for one in found.programs:
        if one.reason is None:
            wanted = [kendall(values(parse(one.name), task.networks), task.accuracies) for task in held_out]
            assert [tau.value for tau in one.taus] == pytest.approx(wanted)
            assert one.value == min(tau.value for tau in one.taus)
            assert all(tau.low <= tau.value <= tau.high for tau in one.taus)
    assert [one.name for one in found.references] == [*published(), "flops", "params"]
    beside = {one.name: one for one in found.references}
    assert beside["flops"].value is not None
    assert beside["topprog"].value is not None
    assert beside["eznas_a_weight"].reason == "it reads grad_weight_noise, which has not been collected"


def test_finalists_are_the_best_of_the_last_and_of_all_generations() -> None:
    names = ("weight", "pre_noise", "pre_data", "output_data", "input_data")
    a, b, c, d, e = (parse(f"square(exp({name}))") for name in names)
    longer = parse("abs(square(exp(weight)))")

    def generation(number: int, *members: tuple[Tree, float]) -> Generation:
        return Generation(number, (), tuple(Member(tree, "random", (tau, 0.9)) for tree, tau in members), 5, 0, 0, 0)

    first = generation(1, (longer, 0.8), (a, 0.8), (b, 0.7), (c, 0.6))
    last = generation(2, (a, 0.1), (c, 0.3), (d, 0.5), (e, 0.5), (b, 0.2))

    def chosen(generations: list[Generation], count: int) -> list[Tree]:
        return finalists(generations, [], replace(SMALL, finals=count, candidates=0))

    assert chosen([first, last], 2) == [d, c, a, b]  # `longer` ranks as `a` does, and `e` as `d`
    assert chosen([first, last], 1) == [d, a]
    assert chosen([first], 9) == [a, b, c]


def test_finalists_are_ranked_again_on_all_networks(tasks: tuple[list[Task], list[Task]]) -> None:
    trees = [parse(f"{name}(pre_{images})") for name in ("exp", "abs", "square") for images in ("noise", "perturbed")]
    members = tuple(Member(tree, "random", (1 - i / 100, 0.9)) for i, tree in enumerate(trees))
    generations = [Generation(1, (), members, 6, 0, 0, 0)]
    found = finalists(generations, tasks[0], replace(SMALL, finals=1, candidates=6))
    best = sorted(zip(fitness(trees, tasks[0]), trees, strict=True), key=lambda one: -(one[0].value or -1))
    assert [one.value for one in fitness(found, tasks[0])] == [one.value for one, _ in best[:2]]
    fewer = finalists(generations, tasks[0], replace(SMALL, finals=1, candidates=2))
    assert set(fewer) == set(trees[:2])
    wrong = tuple(replace(member, tree=parse("frobenius(numel(zeros(weight)))")) for member in members[:1])
    assert len(finalists([Generation(1, (), wrong, 6, 0, 0, 0)], tasks[0], SMALL)) == 1


def test_damaged_statistics_are_found_before_the_search(
    tasks: tuple[list[Task], list[Task]], statistics: Path, tmp_path: Path
) -> None:
    path = tasks[1][0].networks[0].path
    good = path.read_bytes()
    middle = len(good) // 2
    path.write_bytes(good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :])
    try:
        with pytest.raises(CacheError, match=r"its checksum differs; remove .*\.json and collect again"):
            discover(SMALL, *tasks, tmp_path / "run")
    finally:
        path.write_bytes(good)
    assert not (tmp_path / "run").exists()


def test_the_best_is_a_file_that_proxies_take(tasks: tuple[list[Task], list[Task]], whole: Path) -> None:
    found = discover(SMALL, *tasks, whole, go_on=True)
    assert found.best == whole / BEST
    best = load(str(found.best))
    assert best.program.tree == parse(found.programs[0].name)
    assert (best.program.batch, best.program.perturbed, best.initialisation) == (1, "difference", "kaiming_fan_out")


def test_a_search_for_a_front(tasks: tuple[list[Task], list[Task]], tmp_path: Path) -> None:
    settings, folder = replace(SMALL, select="nsga2"), tmp_path / "run"
    stored_costs(folder)
    write_text(folder / COSTS, json.dumps(dict.fromkeys(OPERATIONS, 2.0)))
    found = discover(settings, *tasks, folder)
    before = content(folder)
    assert discover(settings, *tasks, folder, go_on=True) == found
    assert content(folder) == before
    valid = [one for one in found.programs if one.reason is None]
    points = sorted((one for one in valid if one.point is not None), key=lambda one: one.point or 0)
    assert [one.point for one in points] == list(range(1, len(points) + 1))
    goals = [(one.value or 0, one.microseconds or 0) for one in valid]
    for one in points:
        mine = (one.value or 0, one.microseconds or 0)
        assert not any(other[0] >= mine[0] and other[1] <= mine[1] and other != mine for other in goals)
        assert str(load(str(front_file(folder, found, one.point or 0))).program.tree) == one.name
    assert points[-1].value == found.programs[0].value
    stored = json.loads((folder / RESULT).read_text())["programs"]
    assert [one["us"] for one in stored] == [one.microseconds for one in found.programs]
    with pytest.raises(
        DiscoveryError, match=f"there is no point 99 of the front, which has the points 1 to {len(points)}"
    ):
        front_file(folder, found, 99)


def test_a_search_for_sequential_programs(tasks: tuple[list[Task], list[Task]], tmp_path: Path) -> None:
    settings, folder = replace(SMALL, form="sequential", instructions=8), tmp_path / "run"
    found = discover(settings, *tasks, folder)
    members = [member for generation in found.generations for member in generation.members]
    assert all(member.lines is not None and member.lines.tree == member.tree for member in members)
    assert {"crossover", "mutation"} <= {member.origin for member in members}
    before = content(folder)
    assert discover(settings, *tasks, folder, go_on=True) == found
    assert content(folder) == before
    path = folder / GENERATIONS
    path.write_text(path.read_text().replace('"lines"', '"line"'))
    with pytest.raises(DiscoveryError, match="is damaged: a generation has programs of another form"):
        discover(settings, *tasks, folder, go_on=True)


def test_without_a_front_there_are_no_points(tasks: tuple[list[Task], list[Task]], whole: Path) -> None:
    found = discover(SMALL, *tasks, whole, go_on=True)
    with pytest.raises(DiscoveryError, match="which has the points none: search with --select nsga2"):
        front_file(whole, found, 1)


@pytest.mark.long
@pytest.mark.parametrize("file", [HEAD, GENERATIONS, RESULT])
def test_a_killed_search_ends_as_one_that_was_not(
    tasks: tuple[list[Task], list[Task]], statistics: Path, whole: Path, tmp_path: Path, file: str
) -> None:
    folder = tmp_path / "run"
    code = f"""
import os, signal
from pathlib import Path
from tests.zennas.discovering.tasks import SMALL, tasks
from zennas.discovering import running
write, count = running.write_text, 0
def killed(path, text):
    global count
    write(path, text)
    count += path.name == {file!r}
    if count == {2 if file == GENERATIONS else 1}:
        os.kill(os.getpid(), signal.SIGKILL)
running.write_text = killed
running.discover(SMALL, *tasks(Path({str(statistics)!r})), Path({str(folder)!r}))
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    if file == GENERATIONS:
        assert len((folder / GENERATIONS).read_text().splitlines()) == 2
        (folder / f".{GENERATIONS}.0123abcd").write_text("what was being written")
    discover(SMALL, *tasks, folder, go_on=True)
    assert content(folder) == content(whole)


def test_searches_that_cannot_be_continued(tasks: tuple[list[Task], list[Task]], whole: Path, tmp_path: Path) -> None:
    before = content(whole)
    with pytest.raises(DiscoveryError, match="has a search already: continue it, or choose another folder"):
        discover(SMALL, *tasks, whole)
    with pytest.raises(DiscoveryError, match="has no search to continue"):
        discover(SMALL, *tasks, tmp_path / "none", go_on=True)
    assert not (tmp_path / "none").exists()
    with pytest.raises(DiscoveryError, match="has other settings or tasks: seed 5, not 6"):
        discover(replace(SMALL, seed=6), *tasks, whole, go_on=True)
    one, other = tasks
    changed = [Task("a", one[0].networks, tuple(reversed(one[0].accuracies))), one[1]]
    with pytest.raises(DiscoveryError, match=r"has other settings or tasks: tasks\.a [0-9a-f]{64}, not "):
        discover(SMALL, changed, other, whole, go_on=True)
    assert content(whole) == before


def test_damaged_generations(tasks: tuple[list[Task], list[Task]], whole: Path, tmp_path: Path) -> None:
    for name, text in content(whole).items():
        (tmp_path / name).write_text(text)
    path = tmp_path / GENERATIONS
    good = path.read_text().splitlines()
    first = json.loads(good[0])
    member = first["members"][0]
    for lines in (
        good[1:],
        [*good, good[-1]],
        [good[0][:-5]],
        ["3"],
        [json.dumps({**first, "members": []})],
        [json.dumps({**first, "members": [{**member, "program": "exec(weight)"}]})],
        [json.dumps({**first, "members": [{**member, "taus": [0.1]}]})],
        [json.dumps({**first, "members": [{**member, "taus": [0.1, 7]}]})],
        [json.dumps({**first, "members": [{**member, "origin": "heaven"}]})],
    ):
        path.write_text("\n".join(lines))
        with pytest.raises(DiscoveryError, match=r"generations\.jsonl is damaged: ") as error:
            discover(SMALL, *tasks, tmp_path, go_on=True)
        assert "\n" not in str(error.value)


def test_finalists_are_stored(tasks: tuple[list[Task], list[Task]], whole: Path, tmp_path: Path) -> None:
    for name, text in content(whole).items():
        (tmp_path / name).write_text(text)
    path = tmp_path / FINALISTS
    good = json.loads(path.read_text())["programs"]
    path.write_text(json.dumps({"programs": good[:1]}))
    assert [one.name for one in discover(SMALL, *tasks, tmp_path, go_on=True).programs] == good[:1]
    for text in ('{"programs": []}', '{"programs": ["exec(weight)"]}', '{"programs": 3}', "{}"):
        path.write_text(text)
        with pytest.raises(DiscoveryError, match=r"finalists\.json is damaged: .* remove it and continue"):
            discover(SMALL, *tasks, tmp_path, go_on=True)
    path.unlink()
    discover(SMALL, *tasks, tmp_path, go_on=True)
    assert content(tmp_path) == content(whole)


def test_tasks_that_do_not_suit(tasks: tuple[list[Task], list[Task]], tmp_path: Path) -> None:
    seen, held_out = tasks
    run = tmp_path / "run"
    with pytest.raises(DiscoveryError, match="the tasks are none, expected at least one"):
        discover(SMALL, [], [], run)
    with pytest.raises(DiscoveryError, match="the tasks are a, a, expected"):
        discover(SMALL, [seen[0]] * 2, held_out, run)
    with pytest.raises(DiscoveryError, match="other names than those that are held out"):
        discover(SMALL, seen, held_out[:1], run)
    with pytest.raises(DiscoveryError, match="task a has 7 of its networks among those that are held out"):
        discover(SMALL, seen, [seen[0], held_out[1]], run)
    structures = [*networks(3), WITHOUT_UNITS]
    cache = collect(structures, images(side=8), tmp_path / "other", CollectingSettings(STATISTICS, batch=2))
    stored = [cache.network(structure) for structure in structures]
    other = Task("c", tuple(stored[:2]), (1, 2)), Task("c", tuple(stored[2:]), (1, 2))
    with pytest.raises(DiscoveryError, match="task c has a network without statistics: the network has no convolution"):
        discover(SMALL, [other[0]], [other[1]], run)
    with pytest.raises(DiscoveryError, match="were collected with different values of batch"):
        discover(SMALL, [seen[0], other[0]], [held_out[0], Task("c", (stored[2], stored[2]), (1, 2))], run)
    assert len(with_statistics("d", stored, [1, 2, 3, 4]).networks) == 3
    with pytest.raises(DiscoveryError, match="task d has 4 networks, but 1 accuracies"):
        with_statistics("d", stored, [1])
    assert not run.exists()


def test_one_search_at_a_time(tasks: tuple[list[Task], list[Task]], tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(LockError, match="the search for programs in"):
        discover(SMALL, *tasks, tmp_path)
