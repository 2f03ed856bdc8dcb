"""Designs from folder to file: whole, and interrupted at every part."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import zennas
from tests.zennas.conftest import Run
from zennas.common.numbers import counted
from zennas.designing.errors import DesignError
from zennas.designing.planning import Plan
from zennas.designing.record import Design, read_design
from zennas.designing.running import continue_design, start_design
from zennas.designing.settings import DesignSettings
from zennas.designing.watching import NoWatcher
from zennas.exporting.litert.running import why_not
from zennas.exporting.targets import target_of
from zennas.named.structures import resolve
from zennas.report.designs import rows_of
from zennas.report.kind import kind_name
from zennas.report.listing import list_runs
from zennas.runs.designs import DESIGN_FILE
from zennas.training.recipe import TrainingError

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

CHIP = """
name = "chip"
title = "A chip"
ram = {ram}
sources = ["its data sheet"]
"""


class _KilledError(Exception):
    """In the place of a signal."""


class _Killing(NoWatcher):
    """Ends a design when it comes to a part."""

    def __init__(self, part: str) -> None:
        self.part = part

    def searching(self) -> Any:
        return self._end("search", super().searching)

    def training(self, epochs: int, batch_size: int) -> Any:
        found = super().training(epochs, batch_size)
        if self.part == "training":
            found.epoch = self._raise  # type: ignore[method-assign]  # after the first checkpoint
        return found

    def exporting(self) -> Any:
        return self._end("export", super().exporting)

    def _end(self, part: str, otherwise: Callable[[], Any]) -> Any:
        return self._raise() if part == self.part else otherwise()

    def _raise(self, *_: object) -> None:
        raise _KilledError


@pytest.fixture(scope="module")
def planned(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a design that was interrupted before its search, so that all others have the same plan."""
    folder = tmp_path_factory.mktemp("designs") / "planned"
    asked = DesignSettings("stm32f746", str(pictures), minutes=1, iterations=120, epochs=2)
    with pytest.raises(_KilledError):
        start_design(asked, folder, _Killing("search"))
    return folder


@pytest.fixture(scope="module")
def whole(planned: Path) -> Design:
    """A finished design; tests leave it as it is."""
    folder = planned.with_name("lamps")
    shutil.copytree(planned, folder)
    return zennas.continue_design(folder)


def test_a_design_ends_with_a_file_that_fits(whole: Design) -> None:
    one = whole.result
    assert one is not None
    assert (one.format, one.precision, one.test_images) == ("litert-int8", "int8", 8)
    assert one.file.stat().st_size == one.bytes < 1 << 20
    assert one.ram_bytes is not None and one.ram_bytes < 256 << 10
    assert one.fits.startswith("fits stm32f746")
    assert (whole.plan.iterations, whole.plan.epochs, whole.status) == (120, 2, "finished")
    assert (one.epochs, one.training, dict(rows_of(whole))["training"]) == (2, "training", "2 epochs")
    assert read_design(whole.folder) == replace(whole, created=read_design(whole.folder).created)
    assert continue_design(whole.folder, NoWatcher()) == read_design(whole.folder)


@pytest.mark.parametrize("part", ["training", "export"])
def test_a_design_that_is_interrupted_ends_the_same(part: str, planned: Path, whole: Design, tmp_path: Path) -> None:
    folder = tmp_path / "lamps"
    shutil.copytree(planned, folder)
    with pytest.raises(_KilledError):
        continue_design(folder, _Killing(part))
    assert read_design(folder).status == "interrupted"
    assert zennas.page(folder).sections[0] == "question"
    made = continue_design(folder, NoWatcher())
    assert made.result is not None and whole.result is not None
    assert made.result.file.read_bytes() == whole.result.file.read_bytes()
    assert made.result.file_top1 == whole.result.file_top1


def test_the_script_needs_only_the_file_and_its_sidecar(
    whole: Design, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = whole.result
    assert one is not None and one.script is not None
    for path in (one.script, one.file, one.file.with_name(f"{one.file.name}.json")):
        shutil.copy(path, tmp_path)
    chosen = sorted(map(str, pictures.glob("*/*.png")))
    monkeypatch.setattr(sys, "argv", ["classify.py", str(tmp_path / one.file.name), *chosen])
    for name in ("zennas", "PlainNet", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    runpy.run_path(str(tmp_path / "classify.py"), run_name="__main__")
    answers = dict(line.rsplit(" ", 1) for line in capsys.readouterr().out.splitlines())
    monkeypatch.undo()
    assert sorted(answers) == chosen
    assert set(answers.values()) <= {"dark", "bright"}


def test_the_command_lists_shows_and_resumes(run: Run, whole: Design) -> None:
    code, out, err = run("design", "--resume", str(whole.folder))
    assert (code, err) == (0, "")
    assert "top-1, the file in int8" in out and "fits stm32f746" in out and "classify.py" in out
    code, out, _ = run("design", "--resume", str(whole.folder), "--json")
    assert json.loads(out)["result"]["bytes"] == whole.result.bytes  # type: ignore[union-attr]
    _, out, _ = run("runs", str(whole.folder.parent), "--json")
    assert {"design", "export"} <= {one["kind"] for one in json.loads(out)}
    _, out, _ = run("runs", str(whole.folder), "--json")
    assert sorted(one["kind"] for one in json.loads(out)) == ["design", "export", "search", "train"]
    page = (whole.folder / "report.html").read_text()
    assert "recognises the 2 classes of lamps" in page and "STM32F746" in page
    code, _, err = run("design", "--resume", str(whole.folder), "--minutes", "3")
    assert code == 2 and "keeps its own settings" in err


def test_errors_are_one_line_and_leave_nothing(run: Run, pictures: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "new")
    (tmp_path / "tiny.toml").write_text(CHIP.format(ram=300))
    for arguments, code, words in (
        (("--target", "stm32f746"), 2, "which folder of images?"),
        (("--data", str(pictures)), 2, "which chip?"),
        (("--target", "stm32f746", "--data", str(pictures), "--minutes", "0.01"), 2, "minutes is 0.01, too few"),
        (("--target", "stm32f74", "--data", str(pictures)), 2, "did you mean stm32f746"),
        (("--target", str(tmp_path / "tiny.toml"), "--data", str(pictures)), 3, "ram ≤ 300"),
        (("--target", "stm32f746", "--data", str(tmp_path / "absent")), 2, "there is no data set"),
    ):
        found, out, err = run("design", *arguments, "--save-dir", place)
        assert (found, out) == (code, ""), err
        assert words in err and len(err.splitlines()[-1:]) == 1 and "Traceback" not in err
        assert not Path(place).exists()


def test_a_design_stands_for_its_network(whole: Design, run: Run, tmp_path: Path) -> None:
    target = resolve(str(whole.folder))
    assert target == replace(resolve(str(whole.folder / "search")), source=str(whole.folder))
    assert (target.resolution, target.num_classes, target.in_channels) == (16, 2, 3)
    assert target_of(str(whole.folder)) == target_of(str(whole.folder / "training")) == "stm32f746"
    written = resolve(str(whole.folder / "search" / "best_structure.txt"))
    assert replace(written, source="") == replace(target, source="")
    edited = shutil.copytree(whole.folder / "search", tmp_path / "search") / "best_structure.txt"
    edited.write_text(f"{target.structure}SuperConvK1BNRELU({target.structure.blocks[-1].args[1]},8,1,1)")
    other = resolve(str(edited))
    assert (other.resolution, other.in_channels, other.run) == (16, 3, None)
    assert str(other.structure) == edited.read_text()
    code, out, _ = run("eval", str(whole.folder), "--json")
    assert code == 0 and whole.result is not None
    assert json.loads(out)["top1"] == whole.result.top1


def test_wrong_folders_are_named(settings: DesignSettings, whole: Design, tmp_path: Path) -> None:
    with pytest.raises(DesignError, match="already contains a design: continue it with"):
        start_design(settings, whole.folder, NoWatcher())
    with pytest.raises(DesignError, match="contains no design"):
        continue_design(tmp_path, NoWatcher())
    (tmp_path / DESIGN_FILE).write_text('{"version": 1}')
    with pytest.raises(DesignError, match="cannot be read"):
        read_design(tmp_path)
    with pytest.raises(TypeError, match="no setting speed"):
        zennas.design(target="stm32f746", dataset="digits", minutes=1, speed=3)


def test_a_file_that_loses_accuracy_is_trained_with_rounding(
    planned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zennas.designing import exporting

    class Ending(_Killing):
        """Ends the quantisation-aware training, which is the second one."""

        def training(self, epochs: int, batch_size: int) -> Any:
            self.part = "training" if (folder / "training" / "weights.pt").is_file() else ""
            return super().training(epochs, batch_size)

    monkeypatch.setattr(exporting, "MOST_LOSS", -101)
    folder = tmp_path / "lamps"
    shutil.copytree(planned, folder)
    with pytest.raises(_KilledError):
        continue_design(folder, Ending(""))
    made = continue_design(folder, NoWatcher())
    one = made.result
    assert one is not None and one.untuned_top1 is not None and one.file_top1 >= one.untuned_top1
    assert (made.plan.tuning, made.result) == (2, read_design(folder).result)
    assert [kind_name(run) for run in list_runs(folder)].count("train") == 2
    card = json.loads((folder / "tuning" / "train.json").read_text())
    assert (card["recipe"]["quantise_aware"], card["recipe"]["epochs"]) == (2, 2)
    assert "quantisation-aware training" in dict(rows_of(made))
    assert one.training == ("tuning" if one.file_top1 > one.untuned_top1 else "training")
    for chosen in ("training", "tuning"):  # whichever was kept, the design stands for it
        found = json.loads((folder / DESIGN_FILE).read_text())
        found["result"]["training"] = chosen
        (folder / DESIGN_FILE).write_text(json.dumps(found))
        assert zennas.evaluate(folder).model == str(folder / chosen)


def test_a_training_with_rounding_that_fails_costs_no_file(
    planned: Path, whole: Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zennas.designing import exporting
    from zennas.training import runner

    folder, lines, train = tmp_path / "lamps", list[str](), runner.train_structure

    class Listening(NoWatcher):
        def told(self, line: str) -> None:
            lines.append(line)

    def failing(job: Any, place: Path, *more: Any) -> Any:
        if place.name == "tuning":
            raise TrainingError("the loss is nan")
        return train(job, place, *more)

    monkeypatch.setattr(exporting, "MOST_LOSS", -101)
    monkeypatch.setattr(runner, "train_structure", failing)
    shutil.copytree(planned, folder)
    made = continue_design(folder, Listening())
    assert made.result is not None and whole.result is not None
    assert made.result == replace(whole.result, file=made.result.file, script=made.result.script)
    assert "the file before the quantisation-aware training is kept: the loss is nan" in lines


def test_a_training_ends_when_its_time_is_over(planned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, lines = tmp_path / "run", list[str]()
    shutil.copytree(planned, folder)

    class Listening(NoWatcher):
        def told(self, line: str) -> None:
            lines.append(line)

    monkeypatch.setattr("zennas.designing.running.with_training", _hurried)
    made = continue_design(folder, Listening())
    assert (made.plan.epochs, made.plan.training_seconds) == (100_000, 1.5)
    done = len((folder / "training" / "history.csv").read_text().splitlines()) - 1
    assert 1 <= done < 100_000
    assert any(line.startswith(f"trained for {counted(done, 'epoch')}: top-1") for line in lines)
    assert made.result is not None and made.result.file.is_file()


def _hurried(plan: Plan, *_: object, **__: object) -> Plan:
    """A plan for a training that never reaches its epochs."""
    return replace(plan, epochs=100_000, training_seconds=1.5, file_seconds=1.0)
