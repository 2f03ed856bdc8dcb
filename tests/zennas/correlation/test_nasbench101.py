"""Correlations on NAS-Bench-101's own files: which accuracy is meant, and continuing such a run."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from SearchSpace.nasbench101 import cell_of, nasbench101
from tests.zennas.nasbench101_file import file_of, row
from zennas.accuracy.tables import TableError
from zennas.api import continue_correlate, correlate
from zennas.common.errors import SettingsError


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve cells, each trained twice for 4 epochs and for 108; accuracies say which training it was."""
    space, rng = nasbench101(), Random(0)
    cells = sorted({str(cell_of(space.sample(rng))) for _ in range(20)})[:12]
    rows = [
        row(cell, epochs, 0.5, 0.1 * training + 0.01 * number + epochs / 1000)
        for epochs in (4, 108)
        for training in (1, 2)
        for number, cell in enumerate(cells)
    ]
    path = tmp_path_factory.mktemp("tables") / "nasbench_full.tfrecord"
    path.write_bytes(file_of(rows))
    return path


def test_the_most_epochs_and_the_mean_unless_others_are_named(table: Path, tmp_path: Path) -> None:
    run = {"table": str(table), "space": "nasbench101", "proxies": ("zen_expected",), "sample": 12, "resamples": 10}
    whole = correlate(**run, save_dir=tmp_path / "whole")
    assert (whole.settings.epochs, whole.settings.training) == (108, None)
    assert min(whole.sample.accuracies) == pytest.approx(15 + 10.8)
    assert correlate(**run, save_dir=tmp_path / "whole", go_on=True).settings == whole.settings
    assert continue_correlate(tmp_path / "whole").settings == whole.settings
    second = correlate(**run, epochs=4, training=2, save_dir=tmp_path / "second")
    assert min(second.sample.accuracies) == pytest.approx(20 + 0.4)
    text = (tmp_path / "second" / "report.md").read_text()
    assert "cifar10 test after 4 epochs, training 2, from nasbench_full.tfrecord" in text
    with pytest.raises(SettingsError, match="was started with epochs"):
        correlate(**run, epochs=4, save_dir=tmp_path / "whole", go_on=True)


def test_what_the_table_does_not_have_leaves_no_run(table: Path, tmp_path: Path) -> None:
    for wrong, says in (
        ({"training": 3}, "no cifar10 test accuracy, training 3; it has .*, each also for trainings 1 to 2"),
        ({"epochs": 36}, "no cifar10 test accuracy after 36 epochs; it has .* cifar10 test 108"),
        ({"space": "nasbench201"}, "is nasbench201 the space of this table"),
        ({"score_columns": ("mine",)}, "the table, which is not a CSV file"),
    ):
        run = {"table": str(table), "space": "nasbench101", "sample": 12, "proxies": ("zen_expected",), **wrong}
        with pytest.raises(TableError, match=says):
            correlate(**run, save_dir=tmp_path / "run")
        assert not (tmp_path / "run").exists()
