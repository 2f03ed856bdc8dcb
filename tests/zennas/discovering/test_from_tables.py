"""Searches on networks from tables: what is drawn, stored and continued, and the command."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import zennas
from PlainNet.blocktype import in_channels
from PlainNet.sizes import size_of
from tests.zennas.conftest import Run
from zennas.common.errors import WrongSettingError
from zennas.common.settings_text import to_json
from zennas.discovering import from_tables
from zennas.discovering.cache import Cache
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.evaluation import values
from zennas.discovering.files import BEST, GENERATIONS, RESULT, STATISTICS, TASKS
from zennas.discovering.from_tables import carry_out, opened, prepare
from zennas.discovering.source_settings import SourceSettings
from zennas.discovering.sources import images_of
from ZeroShotProxy import ScoreSettings, score
from ZeroShotProxy.programs.files import load

from .tables import EVOLUTION, closed_form, write_table

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of two accuracies."""
    return write_table(tmp_path_factory.mktemp("table") / "nb201.csv")


@pytest.fixture
def settings(table: Path) -> SourceSettings:
    return SourceSettings(
        (str(table),),
        datasets=("cifar10", "cifar100"),
        networks=4,
        held_out=3,
        statistics=("weight", "pre_noise"),
        resolution=8,
    )


def content(folder: Path) -> dict[str, bytes]:
    """The content of all files, without where and when the search was begun."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    tasks = json.loads(found[TASKS])
    assert {"python", "command"} <= tasks.pop("environment").keys()
    assert tasks.pop("created") > 1e9
    return {**found, TASKS: json.dumps(tasks).encode()}


@pytest.mark.long
def test_a_search_is_prepared_killed_continued_and_the_same(settings: SourceSettings, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    prepared = prepare(settings, EVOLUTION, whole)
    found = carry_out(prepared, whole)
    assert found.best == whole / BEST
    assert load(str(found.best)).program.batch == 1
    caches = [Cache(whole / STATISTICS / number) for number in ("1", "2")]
    assert [cache.settings.num_classes for cache in caches] == [10, 100]
    assert [len(cache.networks()) for cache in caches] == [7, 7]
    written = sum(path.stat().st_size for path in whole.rglob("*.f32"))
    assert written <= prepared.size
    missing = any(network.missing for cache in caches for network in cache.networks())
    assert (written == prepared.size) is not missing
    code = f"""
import os, signal
from pathlib import Path
from tests.zennas.discovering.tables import EVOLUTION
from zennas.discovering import from_tables
from zennas.discovering.source_settings import SourceSettings
def killed(done, total, note):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)
prepared = from_tables.prepare({settings!r}, EVOLUTION, Path({str(part)!r}))
from_tables.carry_out(prepared, Path({str(part)!r}), killed)
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(Cache(part / STATISTICS / "1").networks()) == 3
    assert not (part / GENERATIONS).exists()
    carry_out(opened(part), part)
    assert content(part) == content(whole)
    with pytest.raises(DiscoveryError, match="has a search already"):
        prepare(settings, EVOLUTION, part)


def test_programs_of_closed_forms_are_found_without_weights(settings: SourceSettings, tmp_path: Path) -> None:
    chosen = closed_form(Path(settings.tables[0]))
    prepared = prepare(chosen, replace(EVOLUTION, to_scalar="sum"), tmp_path)
    found = carry_out(prepared, tmp_path)
    assert prepared.size < 1e6
    beside = {one.name: one for one in found.references}
    assert beside["mean_field"].value is not None
    assert beside["eznas_a"].reason == "it reads grad_pre_data, which has not been collected"
    assert found.best is not None
    program = load(str(found.best))
    assert program.closed_form
    assert program.program.to_scalar == "sum"
    stored = Cache(tmp_path / STATISTICS / "1").networks()
    seen = values(program.program.tree, stored, "sum")
    name, alone = f"program:{found.best}", ScoreSettings(resolution=8)
    for network, value in zip(stored, seen, strict=True):
        if network.missing is None:
            assert score(network.structure, [name], alone)[name].value == pytest.approx(value, rel=1e-4)
    with pytest.raises(WrongSettingError, match=r"unknown statistic 'weight' \(.*\), with closed-form"):
        replace(chosen, statistics=("weight",))
    for name, value in (("units", "conv-bn-relu"), ("perturbed", "value"), ("data", "cifar10"), ("batch_size", 2)):
        with pytest.raises(WrongSettingError, match=f"{name} is {value}, but closed forms need no units and no images"):
            replace(chosen, **{name: value})


@pytest.mark.parametrize("kind", ["closed-form", pytest.param("tensors", marks=pytest.mark.long)])
def test_images_need_not_be_square(settings: SourceSettings, tmp_path: Path, kind: str) -> None:
    chosen = closed_form(Path(settings.tables[0])) if kind == "closed-form" else settings
    prepared = prepare(replace(chosen, resolution=size_of(8, 12)), EVOLUTION, tmp_path)
    assert carry_out(prepared, tmp_path).best is not None
    assert Cache(tmp_path / STATISTICS / "1").head["images"]["shape"] == [1, 3, 8, 12]


def test_images_may_be_grey(settings: SourceSettings, tmp_path: Path) -> None:
    grey = replace(settings, in_channels=1)
    prepared = prepare(grey, EVOLUTION, tmp_path)
    assert {in_channels(one.blocks[0]) for source in prepared.sources for one in source.structures} == {1}
    assert opened(tmp_path) == prepared
    assert images_of(prepared.settings, prepared.sources[0], seed=0).shape == (2, 1, 8, 8)


def test_what_is_refused_leaves_no_folder(run: Run, table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for more, why in (
        (("--point", "1"), "only searches with --select nsga2 have a front"),
        (("--executor", "nowhere"), "unknown executor 'nowhere'"),
    ):
        code, _, err = run("discover", "--table", str(table), *more, "--save-dir", str(folder))
        assert (code, why in err) == (2, True)
        assert not folder.exists()


def test_the_function_takes_an_executor(table: Path, tmp_path: Path) -> None:
    chosen = closed_form(table)
    found = zennas.discover(**{**to_json(chosen), **EVOLUTION.to_json()}, save_dir=tmp_path, executor="serial")
    assert found.outcome is not None
    with pytest.raises(WrongSettingError, match="but the executor serial has only one"):
        zennas.discover(tables=table, save_dir=tmp_path / "other", executor="serial", workers=2)


def test_networks_are_drawn_by_the_seed_and_stored(settings: SourceSettings, tmp_path: Path) -> None:
    prepared = prepare(settings, EVOLUTION, tmp_path)
    assert opened(tmp_path) == prepared
    assert [source.name for source in prepared.sources] == ["1-nasbench201-cifar10", "2-nasbench201-cifar100"]
    assert [len(set(source.structures)) for source in prepared.sources] == [7, 7]
    assert prepared.sources[0].structures == prepared.sources[1].structures
    assert prepared.sources[0].accuracies != prepared.sources[1].accuracies
    other = prepare(settings, replace(EVOLUTION, seed=9), tmp_path / "other")
    assert other.sources[0].structures != prepared.sources[0].structures


def test_what_cannot_be_prepared_leaves_nothing(
    settings: SourceSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(WrongSettingError, match=r"different networks in \d+, expected 83: choose fewer networks"):
        prepare(replace(settings, networks=80), EVOLUTION, folder)
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(from_tables.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiscoveryError, match=r"take up to 0\.\d\d GB, but .* has 0\.00 GB left"):
        prepare(settings, EVOLUTION, folder)
    assert not folder.exists()


def test_folders_that_cannot_be_opened(settings: SourceSettings, tmp_path: Path) -> None:
    with pytest.raises(DiscoveryError, match=r"has no search for programs: it has no tasks\.json"):
        opened(tmp_path)
    prepare(settings, EVOLUTION, tmp_path)
    good = json.loads((tmp_path / TASKS).read_text())
    task = good["tasks"][0]
    for changes in (
        {"tasks": 3},
        {"tasks": [{**task, "accuracies": [1]}]},
        {"tasks": [{**task, "structures": ["SuperConv("]}]},
        {"tasks": [{"name": "a"}]},
        {"evolution": {"population": -1}},
        {"settings": {"colour": 1}},
    ):
        (tmp_path / TASKS).write_text(json.dumps({**good, **changes}))
        with pytest.raises(DiscoveryError, match=r"tasks\.json is damaged: ") as error:
            opened(tmp_path)
        assert "\n" not in str(error.value)
    (tmp_path / TASKS).write_text(json.dumps({**good, "format": 2}))
    with pytest.raises(DiscoveryError, match="has format 2, expected 1"):
        opened(tmp_path)


def test_wrong_sources() -> None:
    with pytest.raises(WrongSettingError, match="which table"):
        SourceSettings()
    with pytest.raises(WrongSettingError, match="there are 2 spaces, but 3 tasks: give one, or one for each"):
        SourceSettings(("a", "b", "c"), spaces=("x", "y"))
    with pytest.raises(WrongSettingError, match=r"unknown statistic 'wight' \(did you mean weight\?\)"):
        SourceSettings(("a",), statistics=("wight",))
    with pytest.raises(WrongSettingError, match="expected none twice"):
        SourceSettings(("a",), statistics=("weight", "weight"))
    assert SourceSettings(("a", "b"), datasets=("c", "d")).triples == [
        ("a", "nasbench201", "c"),
        ("b", "nasbench201", "d"),
    ]


@pytest.mark.long
def test_the_command(run: Run, table: Path, tmp_path: Path) -> None:
    folder, best = tmp_path / "run", tmp_path / "mine.toml"
    sizes = "--networks 4 --held-out 3 --subset 3 --population 4 --offspring 4 --mu 2 --generations 2 --deepest 3"
    arguments = ["--table", str(table), "--statistic", "weight", "--statistic", "pre_noise", "--resolution", "8"]
    code, out, err = run(
        "discover", *arguments, *sizes.split(), "--save-dir", str(folder), "--export", str(best), "--json"
    )
    assert code == 0, err
    found = json.loads(out)
    assert found == {**json.loads((folder / RESULT).read_text()), "folder": str(folder)}
    assert "statistics of 7 networks take up to" in err
    assert best.read_text() == (folder / BEST).read_text()
    code, out, _ = run("discover", "--resume", str(folder))
    assert code == 0
    assert found["programs"][0]["name"][:40] in out
    assert "flops" in out
    code, _, err = run("discover", "--resume", str(folder), "--generations", "3")
    assert (code, "the run keeps its own settings; leave out --generations" in err) == (2, True)
    code, _, err = run("discover")
    assert (code, "which table?" in err) == (2, True)
    cell = table.read_text().splitlines()[-1].partition(",")[0]
    code, out, _ = run("score", cell, "--proxy", f"program:{best}", "--json")
    assert code == 0
