"""What the tests of correlations share: a small table, settings for it, images in files, runs cut short."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zennas.accuracy.tables import AccuracyTable, Column
from zennas.accuracy.tables.csvfile import write_csv
from zennas.correlation.runner import NoWatcher
from zennas.correlation.settings import CorrelateSettings
from zennas.runs.store import FILE
from zennas.searching.executors.base import ExecutorSettings

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


def scorings(folder: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / FILE)) as db:
        return db.execute("SELECT * FROM scores ORDER BY candidate, name, repeat").fetchall()


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
