"""Correlations: their statistics, samples, images; whole runs, cut short and resumed; the command."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zennas
from PlainNet import parse
from SearchSpace import load_space
from SearchSpace.nasbench201 import all_cells
from tests.conftest import SMALL, data_folder
from tests.zennas.conftest import Run
from zennas.accuracy.tables import AccuracyTable, Column, TableError, read
from zennas.accuracy.tables.csvfile import write_csv
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.correlation import statistics as stats
from zennas.correlation.data import draw_batches
from zennas.correlation.overview import FINISHED, read_overview
from zennas.correlation.result import read_result
from zennas.correlation.runner import NoWatcher, resume, start
from zennas.correlation.sample import draw
from zennas.correlation.scoring import ScoringWork, Task, scored
from zennas.correlation.settings import CorrelateError, CorrelateSettings
from zennas.data import DataError
from zennas.report.listing import list_runs
from zennas.runs.store import FILE, Store, StoreError
from zennas.searching.executors.base import ExecutorSettings, open_executor
from zennas.searching.result import read_result as read_search

NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
CELLS = (
    "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|",
    "|nor_conv_1x1~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
    "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_1x1~1|none~2|",  # the one before, the other way round
    NOTHING,
    "|avg_pool_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|skip_connect~2|",
    "|skip_connect~0|+|skip_connect~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
)
ACCURACIES = (94.0, 88.5, 88.0, 10.0, 85.0, 91.0)
PROXIES = ("snip", "naswot", "zen_expected", "vote(snip+zen_expected)")

ONE = ExecutorSettings(workers=1)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of six cells; one is no network at all, and two are the same."""
    path = tmp_path / "table.csv"
    write_csv(AccuracyTable("table.csv", CELLS, {Column("cifar10"): np.array(ACCURACIES)}), path)
    return path


def tiny(path: Path, **changes: object) -> CorrelateSettings:
    chosen = CorrelateSettings(
        table=str(path), proxies=PROXIES, sample=6, resolution=8, batch_size=4, resamples=50, device="cpu"
    )
    return replace(chosen, **changes)  # type: ignore[arg-type]


# -- statistics ----------------------------------------------------------------------------------

VALUES = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=3, max_size=40)


@given(VALUES)
@settings(deadline=None, max_examples=40, derandomize=True)
def test_statistics_are_those_of_scipy_and_sklearn(pairs: list[tuple[int, int]]) -> None:
    from scipy.stats import kendalltau, rankdata, spearmanr
    from sklearn.metrics import ndcg_score

    x, y = np.array(pairs, dtype=float).T
    found = stats.statistics_of(x, y, resamples=5, seed=0)
    if not np.ptp(x) or not np.ptp(y):
        assert found.spearman is found.kendall is found.ndcg is None
        return
    if found.spearman is not None:  # None where no resample has one
        assert found.spearman.value == pytest.approx(spearmanr(x, y).statistic)
    if found.kendall is not None:
        assert found.kendall.value == pytest.approx(kendalltau(x, y).statistic)
    assert stats.kendall_rows(x[None], y[None])[0] == pytest.approx(kendalltau(x, y).statistic)
    gains = (rankdata(y) - 1) / (len(y) - 1)
    assert stats.ndcg_rows(x[None], y[None])[0] == pytest.approx(ndcg_score([gains], [x], k=stats.top_count(len(y))))


@pytest.mark.parametrize("count", [40, 700, 2300])
def test_statistics_of_every_size(count: int) -> None:
    from scipy.stats import kendalltau, spearmanr

    rng = np.random.default_rng(count)
    y = rng.normal(size=count).round(2)
    x = (y + rng.normal(size=count)).round(1)
    found = stats.statistics_of(x, y, resamples=20, seed=1)
    best = np.argsort(-y, kind="stable")[: stats.top_count(count)]
    for estimate, expected in (
        (found.spearman, spearmanr(x, y)),
        (found.kendall, kendalltau(x, y)),
        (found.spearman_top, spearmanr(x[best], y[best])),
        (found.kendall_top, kendalltau(x[best], y[best])),
    ):
        assert estimate is not None
        assert estimate.value == pytest.approx(expected.statistic)
        assert estimate.low < estimate.value < estimate.high
    assert found == stats.statistics_of(x, y, resamples=20, seed=1)
    assert found != stats.statistics_of(x, y, resamples=20, seed=2)
    assert stats.Statistics.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_intervals_are_of_the_resamples() -> None:
    from scipy.stats import kendalltau

    rng = np.random.default_rng(0)
    y = rng.integers(0, 9, 30).astype(float)
    x = y + rng.integers(0, 9, 30)
    draws = stats._draws(30, 60, 5)
    each = [kendalltau(x[row], y[row]).statistic for row in draws]
    found = stats.statistics_of(x, y, resamples=60, seed=5).kendall
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(each, [0.025, 0.975])))


def test_the_ends_of_the_scale() -> None:
    y = np.arange(50.0)
    best, worst = stats.statistics_of(y, y, resamples=10, seed=0), stats.statistics_of(-y, y, resamples=10, seed=0)
    assert best.spearman is not None
    assert best.ndcg is not None
    assert worst.kendall is not None
    assert best.spearman.value == best.ndcg.value == pytest.approx(1)
    assert worst.kendall.value == pytest.approx(-1)
    assert stats.statistics_of([1.0], [1.0], resamples=10, seed=0).spearman is None


# -- samples -------------------------------------------------------------------------------------


def test_a_table_without_two_accuracies_has_no_sample(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text(f"arch,cifar10_test_200\n{CELLS[0]},90\n{CELLS[1]},nan\n")
    with pytest.raises(TableError, match=r"has 1 network with cifar10 test accuracy after .* expected at least 2"):
        draw(tiny(path), read(path), load_space("nasbench201"))


def test_a_sample_is_drawn_once_each_and_begins_like_a_smaller_one(table: Path) -> None:
    found, space = read(table), load_space("nasbench201")
    whole, structures, costs = draw(tiny(table), found, space)
    assert sorted(whole.notations) == sorted(CELLS)
    assert [found.accuracy(notation) for notation in whole.notations] == list(whole.accuracies)
    assert draw(tiny(table, sample=3), found, space)[0].notations == whole.notations[:3]
    assert draw(tiny(table, seed=1), found, space)[0].notations != whole.notations
    assert len(structures) == len(costs) == whole.population == 6
    twins = {whole.notations.index(CELLS[1]), whole.notations.index(CELLS[2])}
    assert {i for i, first in enumerate(whole.same_as) if whole.same_as.count(first) > 1} == twins
    assert len(whole.distinct) == 5
    with pytest.raises(WrongSettingError, match="sample is 7, expected from 2 to 6, as many as have this accuracy"):
        draw(tiny(table, sample=7), found, space)
    with pytest.raises(TableError, match=r"table.csv: .*is XXBL the space of this table") as caught:
        draw(tiny(table), found, load_space("XXBL"))
    assert "\n" not in str(caught.value)


def test_a_table_of_structure_strings(tmp_path: Path) -> None:
    write_csv(
        AccuracyTable("", (SMALL, SMALL.replace("8,1,1", "16,1,1").replace("(8,", "(16,", 1)), {}), tmp_path / "t"
    )
    (tmp_path / "t").write_text(f'arch,accuracy\n"{SMALL}",70\n"{SMALL}SuperConvK1BNRELU(32,64,1,1)",80\n')
    chosen = tiny(tmp_path / "t", space="XXBL", dataset="accuracy", sample=2)
    sample, structures, _ = draw(chosen, read(tmp_path / "t"), load_space("XXBL"))
    assert [str(structure) for structure in structures] == list(sample.notations)


# -- images --------------------------------------------------------------------------------------


def jpeg(shade: int, side: int = 8) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), shade, dtype=np.uint8)).save(content, format="JPEG")
    return content.getvalue()


def npz(path: Path, **changes: object) -> Path:
    files = [jpeg(20 * i) for i in range(10)]
    arrays: dict[str, object] = {
        "jpeg": np.frombuffer(b"".join(files), dtype=np.uint8),
        "offsets": np.cumsum([0, *map(len, files)]),
        "labels": np.arange(10, dtype=np.uint8),
    }
    np.savez(path, **{name: value for name, value in {**arrays, **changes}.items() if value is not None})  # type: ignore[arg-type]
    return path


def test_noise(table: Path) -> None:
    found = draw_batches(tiny(table, seeds=2))
    assert [batch.images.shape for batch in found.batches] == [(4, 3, 8, 8)] * 2
    assert found.note == "noise from N(0, 1), labels at random"
    again, other = draw_batches(tiny(table, seeds=2)), draw_batches(tiny(table, seeds=2, seed=1))
    assert found.digest == again.digest != other.digest
    assert np.array_equal(found.batches[1].images, other.batches[0].images)  # seed 1, both


def test_jpegs_in_a_file(table: Path, tmp_path: Path) -> None:
    path = npz(tmp_path / "images.npz")
    found = draw_batches(tiny(table, data=str(path), batch_size=10))
    batch = found.batches[0]
    assert batch.images.shape == (10, 3, 8, 8)
    assert found.note == "images.npz, labels its own"
    # Shades grow with the labels, and all images together are normalised.
    shades = batch.images.mean((1, 2, 3))
    assert np.array_equal(np.argsort(shades), np.argsort(batch.labels))
    assert abs(float(shades.mean())) < 1e-5
    assert draw_batches(tiny(table, data=str(path), resolution=12)).batches[0].images.shape[2:] == (12, 12)
    other = draw_batches(tiny(table, data=str(path), num_classes=100))
    assert other.note == "images.npz, labels at random (it has 10 classes, not 100)"


def test_a_folder_of_images(table: Path, tmp_path: Path) -> None:
    for label in ("cats", "dogs"):
        for place in (tmp_path / "flat" / label, tmp_path / "split" / "train" / label):
            place.mkdir(parents=True)
            for i in range(3):
                (place / f"{i}.jpg").write_bytes(jpeg(30 * i, side=20))
    for name in ("flat", "split"):
        found = draw_batches(tiny(table, data=str(tmp_path / name), num_classes=2))
        assert found.batches[0].images.shape == (4, 3, 8, 8)
        assert found.batches[0].images.dtype == np.float32
        assert found.note.endswith("labels its own")
    with pytest.raises(DataError, match="has 6 images, fewer than a batch of 7"):
        draw_batches(tiny(table, data=str(tmp_path / "flat"), batch_size=7))


def test_images_that_cannot_be_had(table: Path, tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "empty").mkdir()
    broken = np.zeros(100, dtype=np.uint8)
    for data, message in (
        ("nowhere", "there is no data '.*nowhere', expected noise, digits, cifar10, cifar100, imagenet, a folder"),
        ("text.npz", "text.npz cannot be read as an .npz file"),
        ("empty", "empty is not a folder of classes"),
        (npz(tmp_path / "a.npz", labels=None).name, "a.npz has no labels, expected the arrays jpeg, offsets, labels"),
        (npz(tmp_path / "b.npz", offsets=np.arange(5)).name, "b.npz is damaged"),
        (npz(tmp_path / "c.npz", jpeg=broken, offsets=np.arange(11)).name, "image . of .*c.npz cannot be decoded"),
        (npz(tmp_path / "d.npz", labels=np.array([{}] * 10)).name, "d.npz cannot be read as an .npz file"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            draw_batches(tiny(table, data=str(tmp_path / data)))
        assert "\n" not in str(caught.value)


def test_the_shared_images(table: Path) -> None:
    found = draw_batches(tiny(table, data=str(data_folder() / "cifar10_jpeg_test.npz"), batch_size=64, resolution=32))
    images = found.batches[0].images
    assert images.shape == (64, 3, 32, 32)
    assert abs(float(images.mean())) < 0.3
    assert 0.7 < float(images.std()) < 1.3
    assert set(found.batches[0].labels) <= set(range(10))


# -- runs ----------------------------------------------------------------------------------------


def scorings(folder: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / FILE)) as db:
        return db.execute("SELECT * FROM scores ORDER BY candidate, name, repeat").fetchall()


def test_a_run_that_calls_the_layers_depth_is_read(table: Path, tmp_path: Path) -> None:
    """Earlier versions did; a finished run's statistics are not worked out again."""
    folder = tmp_path / "run"
    start(folder, tiny(table), executor=ONE)
    with Store.open(folder) as store:
        known = store.get("statistics")
        known["depth"] = {**known["params"]}
        del known["layers"]
        store.put({"statistics": known})
    found = read_result(folder)
    assert found.row("layers").statistics == found.row("params").statistics
    assert found.scores["layers"].tolist() == [cost.layers for cost in found.costs]


def test_a_run_from_beginning_to_end(table: Path, tmp_path: Path) -> None:
    from scipy.stats import spearmanr

    folder = tmp_path / "run"
    start(folder, tiny(table), executor=ONE)
    result = read_result(folder)
    assert result.status == FINISHED
    assert [row.name for row in result.rows[:3]] != list(PROXIES[:3])
    assert {row.name for row in result.rows[:3]} == {"flops", "params", "layers"}
    assert set(result.scores) == {"flops", "params", "layers", *PROXIES}
    # The network that lets nothing through fails, is counted, and is no number; so is it in the vote.
    lost = result.sample.notations.index(NOTHING)
    for name in ("snip", "zen_expected", "vote(snip+zen_expected)"):
        row = result.row(name)
        assert (row.count, row.failures) == (5, 1)
        assert row.error is not None
        assert np.flatnonzero(np.isnan(result.scores[name])).tolist() == [lost]
        last = np.nan_to_num(result.scores[name], nan=-np.inf)
        assert row.failures_last == pytest.approx(spearmanr(last, result.sample.accuracies).statistic)
    assert result.row("params").failures_last is None
    assert "the gradient of the loss is zero everywhere" in str(result.row("snip").error)
    # Cells that compute the same have the same scores; costs are each one's own.
    twins = [result.sample.notations.index(cell) for cell in CELLS[1:3]]
    assert len({float(result.scores["snip"][i]) for i in twins}) == 1
    assert [cost.params for cost in result.costs] == result.scores["params"].tolist()
    content = json.loads((folder / "report.json").read_text())
    assert content == json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert content["proxies"][0]["spearman"]["interval"]
    protocol = "\n".join(content["protocol"])
    for words in ("6 of 6 architectures", "batch of 4 from noise", "8×8 pixels", "seed 0", "own", "bootstrap"):
        assert words in protocol
    with (folder / "scores.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["arch"] for line in lines] == list(result.sample.notations)
    assert lines[lost]["snip"] == ""
    assert float(lines[twins[0]]["snip"]) == pytest.approx(result.scores["snip"][twins[0]])
    assert "| snip |" in (folder / "report.md").read_text()
    with pytest.raises(StoreError, match="already contains a run"):
        start(folder, tiny(table))


def test_pictures(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    start(
        tmp_path / "run",
        tiny(table, proxies=("synflow", "vote(snip+zen_expected)")),
        executor=ONE,
    )
    pictures = {path.name: path.read_bytes() for path in (tmp_path / "run" / "pictures").iterdir()}
    assert set(pictures) == {"flops.png", "params.png", "layers.png", "synflow.png", "vote-snip-zen_expected.png"}
    assert all(content.startswith(b"\x89PNG") for content in pictures.values())


class CutShort(Exception):  # noqa: N818
    """Raised in the middle of a run, as if it had been cut short."""


class Interrupter(NoWatcher):
    def __init__(self, after: int) -> None:
        self.left = after

    def scoring(self, done: int, total: int, failed: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise CutShort

    def comparing(self, done: int, total: int) -> None:
        self.scoring(0, 0, 0)


def test_cut_short_and_resumed_is_the_same(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = tiny(table, seeds=2)
    start(tmp_path / "whole", chosen, executor=ONE)
    monkeypatch.setattr("zennas.correlation.runner.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("zennas.correlation.runner.WATCH_SECONDS", 0.0)
    folder = tmp_path / "parts"
    with pytest.raises(CutShort):
        start(folder, chosen, executor=ONE, watcher=Interrupter(4))
    before = scorings(folder)
    assert 0 < len(before) < len(scorings(tmp_path / "whole"))
    part = read_result(folder)
    assert (part.status, part.done < 5) == ("interrupted", True)
    assert part.row("naswot").count < 6
    for after in (3, 9, 2):
        with pytest.raises(CutShort):
            resume(folder, executor=ONE, watcher=Interrupter(after))
    resume(folder, executor=ONE)
    assert scorings(folder) == scorings(tmp_path / "whole")
    whole = read_result(tmp_path / "whole")
    assert read_result(folder).rows == whole.rows
    assert len(whole.row("snip").by_seed) == 2
    assert whole.row("zen_expected").by_seed == ()  # it is not random
    assert (folder / "scores.csv").read_text() == (tmp_path / "whole" / "scores.csv").read_text()
    resume(folder)  # finished: nothing happens
    assert read_overview(folder).status == FINISHED


def test_the_number_of_processes_decides_nothing(table: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        start(tmp_path / str(workers), tiny(table, seeds=2), executor=ExecutorSettings(workers=workers))
    assert scorings(tmp_path / "1") == scorings(tmp_path / "2")


def test_a_fault_of_this_program_ends_the_run(table: Path) -> None:
    tasks = [Task(i, parse(SMALL), 0, ("zen",)) for i in range(3)]
    work = ScoringWork((), (), torch=True)  # settings that are not there: no fault of a network
    for executor in (ExecutorSettings("serial"), ExecutorSettings("pool", 2)):
        with (
            open_executor(work, executor, len(tasks)) as running,
            pytest.raises(CorrelateError, match=r"scoring SuperConvK3BNRELU.* fails: IndexError: tuple index out of"),
        ):
            list(scored(running, tasks))


def test_more_proxies_for_the_same_run(table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    start(folder, tiny(table, proxies=("params",)))
    assert scorings(folder) == []
    for proxies in (("naswot",), ("naswot", "snip")):
        resume(folder, ONE, expected=tiny(table, proxies=proxies))
        assert read_result(folder).row(proxies[-1]).count > 0
    assert {row[1] for row in scorings(folder)} == {"naswot", "snip"}
    with pytest.raises(SettingsError, match="was started with batch_size 4, not 5: choose another folder"):
        resume(folder, ONE, expected=tiny(table, batch_size=5))


def test_images_that_changed(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zennas.correlation.runner.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("zennas.correlation.runner.WATCH_SECONDS", 0.0)
    path = npz(tmp_path / "images.npz")
    with pytest.raises(CutShort):
        start(tmp_path / "run", tiny(table, data=str(path)), executor=ONE, watcher=Interrupter(3))
    npz(path, labels=np.arange(10)[::-1].copy())
    with pytest.raises(SettingsError, match=r"the images of .*images.npz have changed since the run"):
        resume(tmp_path / "run", executor=ONE)


def test_wrong_settings_leave_no_folder(table: Path, tmp_path: Path) -> None:
    for changes, message in (
        ({"proxies": ("snap",)}, "unknown proxy 'snap'"),
        ({"proxies": ()}, "proxies is .., expected at least one name"),
        ({"data": "nowhere"}, "there is no data"),
        ({"dataset": "cifar100"}, "has no cifar100 test accuracy"),
        ({"split": "train"}, "split is 'train', expected val or test"),
        ({"space": "nasbench999"}, "unknown search space"),
        ({"sample": 1}, "sample is 1, expected at least 2"),
        ({"table": str(tmp_path / "none.csv")}, "cannot be read"),
    ):
        with pytest.raises(ValueError if "data" not in changes else RuntimeError, match=message):
            start(tmp_path / "run", tiny(table, **changes))
    assert not (tmp_path / "run").exists()


def test_hopeless_runs_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zennas.correlation.runner.HOPELESS", 2)
    cells = [str(cell) for cell in all_cells() if set(cell.edges[3:]) == {0}][:4]
    table = AccuracyTable("", tuple(cells), {Column("cifar10"): np.arange(4.0)})
    write_csv(table, tmp_path / "t.csv")
    with pytest.raises(ValueError, match="none of 2 networks could be scored; last error: proxy snip"):
        start(
            tmp_path / "run",
            tiny(tmp_path / "t.csv", sample=4, proxies=("snip",)),
            executor=ONE,
        )


def test_a_few_networks_that_all_fail_are_an_error_too(tmp_path: Path) -> None:
    cells = [str(cell) for cell in all_cells() if set(cell.edges[3:]) == {0}][:3]
    write_csv(AccuracyTable("", tuple(cells), {Column("cifar10"): np.arange(3.0)}), tmp_path / "t.csv")
    with pytest.raises(ValueError, match="none of 2 networks could be scored; last error: proxy snip"):
        start(
            tmp_path / "run",
            tiny(tmp_path / "t.csv", sample=3, proxies=("snip",)),
            executor=ONE,
        )
    assert len(scorings(tmp_path / "run")) == 2  # two of the three cost the same; why they fail can be read


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cannot be read as an .npz file"),
        (b"PK nonsense", "cannot be read as an .npz file"),
        ({"jpeg": np.zeros(3, np.uint8), "offsets": np.array(1)}, "has no labels"),
        ({"jpeg": np.zeros(3, np.uint8), "offsets": np.array(1), "labels": np.zeros(1, int)}, "offsets in .* of shape"),
        (
            {"jpeg": np.zeros(3, np.uint8), "offsets": np.array([0.0, 3.0]), "labels": np.zeros(1, int)},
            "offsets in .* float64",
        ),
        (
            {"jpeg": np.zeros(3, np.uint8), "offsets": np.array([0, 3]), "labels": np.array(["a"])},
            "labels in .* expected a one-dimensional array of whole",
        ),
        ({"jpeg": np.zeros(3, np.uint8), "offsets": np.array([0, 3]), "labels": np.array([-1])}, "label -1"),
        ({"jpeg": np.zeros(3, np.uint8), "offsets": np.array([0, 9]), "labels": np.array([0])}, "is damaged"),
        (
            {"jpeg": np.zeros(3, np.uint8), "offsets": np.array([0, 3]), "labels": np.array([0])},
            "image 0 of .* is not a JPEG file",
        ),
    ],
)
def test_image_files_that_are_none(tmp_path: Path, content: bytes | dict[str, np.ndarray], says: str) -> None:
    path = tmp_path / "images.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **content)
    settings = CorrelateSettings(table="t.csv", data=str(path), batch_size=2, resolution=8)
    with pytest.raises(DataError, match=says) as caught:
        draw_batches(settings)
    assert "\n" not in str(caught.value)


def test_the_api(table: Path, tmp_path: Path) -> None:
    result = zennas.correlate(table=table, proxies=("params",), sample=6, save_dir=tmp_path / "run")
    assert result.row("params").count == 6
    again = zennas.correlate(table=table, proxies=("params",), sample=6, save_dir=tmp_path / "run", go_on=True)
    assert again.rows == result.rows
    found = list_runs(tmp_path)
    assert [one.to_json()["kind"] for one in found] == ["correlate"]
    with pytest.raises(StoreError, match="contains a run of zennas correlate, expected a run of zennas search"):
        read_search(tmp_path / "run")


def test_searches_of_the_first_format_are_read(tmp_path: Path) -> None:
    zennas.search(budget_params="60k", max_layers=8, iterations=100, proxy="params", save_dir=tmp_path / "run")
    before = read_search(tmp_path / "run")
    with closing(sqlite3.connect(tmp_path / "run" / FILE)) as db, db:
        db.execute("DROP TABLE scores")
        db.execute("ALTER TABLE candidates ADD COLUMN fitness REAL")
        db.execute("UPDATE candidates SET fitness = (SELECT value FROM measures WHERE candidate = id)")
        db.execute("DELETE FROM measures")
        db.execute("DELETE FROM facts WHERE name = 'progress'")
        db.execute("UPDATE facts SET value = '1' WHERE name = 'format'")
    assert read_search(tmp_path / "run") == before
    with Store.open(tmp_path / "run") as store:
        assert store.kind == "search"


# -- the command ---------------------------------------------------------------------------------


def test_the_command(table: Path, run: Run) -> None:
    options = ["--proxy", "naswot", "--sample", "6", "--resolution", "8", "--batch-size", "4", "--workers", "1"]
    code, out, err = run("correlate", "--table", str(table), *options, "--save-dir", "mine", "--resamples", "20")
    assert (code, err) == (0, "")
    for words in ("flops", "params", "layers", "naswot", "Spearman", "nDCG", "seed 0", "batch of 4 from noise"):
        assert words in out
    code, out, _ = run("correlate", "--resume", "mine", "--workers", "2", "--json")
    assert code == 0
    assert json.loads(out)["status"] == "finished"
    code, out, _ = run("runs", "mine", "--json")
    assert [row["proxy"] for row in json.loads(out)["proxies"]].count("naswot") == 1
    assert "naswot" in run("runs", "mine")[1]
    assert "correlate:" in run("runs", ".")[1]
    assert json.loads(run("runs", ".", "--json")[1])[0]["kind"] == "correlate"
    for command in (["analyze", "mine"], ["search", "--resume", "mine"]):
        code, out, err = run(*command)
        assert (code, out) == (1, "")
        assert err == "error: mine contains a run of zennas correlate, expected a run of zennas search\n"


def test_the_file_of_settings_repeats_a_run(table: Path, run: Run) -> None:
    options = ["--proxy", "naswot", "--proxy", "params", "--sample", "6", "--resolution", "8", "--batch-size", "4"]
    code, _, err = run("correlate", "--table", str(table), *options, "--resamples", "20", "--save-dir", "mine")
    assert (code, err) == (0, "")
    code, _, err = run("correlate", "--config", "mine/settings.toml", "--save-dir", "again")
    assert (code, err) == (0, "")
    assert Path("mine/settings.toml").read_text() == Path("again/settings.toml").read_text()
    mine, again = (read_result(Path(name)) for name in ("mine", "again"))
    assert mine.settings == again.settings
    assert mine.statistics_json() == again.statistics_json()
    code, out, _ = run("correlate", "--config", "mine/settings.toml", "--seed", "3", "--save-dir", "other", "--json")
    assert code == 0
    assert json.loads(out)["settings"]["seed"] == 3
    code, _, err = run("correlate", "--resume", "mine", "--config", "mine/settings.toml")
    assert code == 2
    assert "--config" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--table", "none.csv"], 1, "none.csv cannot be read: No such file or directory"),
        (["--dataset", "cifar100"], 1, "it has (data set, split, epochs): cifar10 test 200"),
        (["--proxy", "snap"], 2, "unknown proxy 'snap' (did you mean"),
        (["--proxy", "snap(a+b)"], 2, "unknown rank aggregation 'snap'"),
        (["--sample", "9"], 2, "sample is 9, expected from 2 to 6"),
        (["--data", "nowhere", "--sample", "6"], 1, "there is no data "),
        (["--space", "nasbench999"], 2, "unknown search space 'nasbench999'"),
        (["--split", "train"], 2, "split is 'train', expected val or test"),
        (["--initialisation", "ones"], 1, "initialisation is 'ones', expected one of own, kaiming_fan_in"),
        (["--device", "abacus", "--sample", "6"], 2, "unknown device 'abacus'"),
    ],
)
def test_errors_in_one_line(table: Path, run: Run, arguments: list[str], code: int, message: str) -> None:
    found, out, err = run("correlate", "--table", str(table), *arguments, "--save-dir", "mine")
    assert (found, out) == (code, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not Path("mine").exists()


def test_usage(table: Path, run: Run) -> None:
    code, _, err = run("correlate")
    assert code == 2
    assert "--table" in err
    code, _, err = run("correlate", "--resume", "mine", "--sample", "6")
    assert code == 2
    assert "--sample" in err


def test_random_order_is_a_half() -> None:
    rng = Random(0)
    y = np.arange(1000.0)
    found = [stats.ndcg_rows(np.array([rng.sample(range(1000), 1000)], dtype=float), y[None])[0] for _ in range(20)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)
