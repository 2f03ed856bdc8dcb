"""A run can be read by whoever may read its file, and reading changes nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from zennas.named.structures import resolve
from zennas.report.listing import list_runs
from zennas.runs.store import FILE, LOCK, Store, StoreError
from zennas.searching.result import SearchResult, read_result
from zennas.searching.runner import resume, start

from .helpers import SETTINGS, change, read_only


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    start(tmp_path / "run", SETTINGS)
    return tmp_path / "run"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_run_is_one_file_without_a_log(finished: Path) -> None:
    assert (finished / FILE).read_bytes()[18:20] == b"\1\1"  # not in WAL mode
    assert names(finished) == sorted([LOCK, "best_structure.txt", FILE, "settings.toml"])


@pytest.mark.parametrize("wal", [False, True])
def test_a_finished_run_in_a_read_only_folder_is_read(finished: Path, wal: bool) -> None:
    if wal:  # as earlier versions left it
        change(finished, "PRAGMA journal_mode = WAL")
    before = read_result(finished)
    with read_only(finished) as copy:
        assert not os.access(copy, os.W_OK, effective_ids=True)
        found = read_result(copy)
        assert (found.best, found.status) == (before.best, "finished")
        (listed,) = list_runs(copy.parent)
        assert isinstance(listed, SearchResult)
        resume(copy)  # finished: nothing to do
        assert before.best is not None
        assert resolve(str(copy)).structure == before.best.structure
        with pytest.raises(StoreError, match="cannot be written to"):
            Store.open(copy)


@pytest.mark.parametrize("shared", [False, True])
def test_a_killed_run_in_a_read_only_folder_shows_its_last_checkpoint(tmp_path: Path, shared: bool) -> None:
    folder, killed = tmp_path / "run", tmp_path / "killed"
    with Store.create(folder, {"status": "searching"}) as store:
        store.put({"seconds": 2.5})
        shutil.copytree(folder, killed, ignore=None if shared else shutil.ignore_patterns("*-shm"))
    assert (killed / f"{FILE}-wal").stat().st_size
    with read_only(killed) as copy, Store.read(copy) as reader:
        assert reader.get("seconds") == 2.5


@pytest.mark.parametrize("wal", [False, True])
def test_reading_leaves_no_files(finished: Path, wal: bool) -> None:
    if wal:
        change(finished, "PRAGMA journal_mode = WAL")
    before = names(finished), (finished / FILE).read_bytes()
    read_result(finished)
    assert (names(finished), (finished / FILE).read_bytes()) == before


def test_readers_see_what_a_writer_has_saved_while_it_writes(tmp_path: Path) -> None:
    with Store.create(tmp_path / "a?b#c%20", {"status": "new"}) as store, Store.read(store.folder) as reader:
        for seconds in (1.0, 2.0):
            store.put({"seconds": seconds})
            assert reader.get("seconds") == seconds
    # The reader was there when the writer left, so the file stayed in WAL mode; the next writer leaves it.
    with Store.open(tmp_path / "a?b#c%20"):
        pass
    assert (tmp_path / "a?b#c%20" / FILE).read_bytes()[18:20] == b"\1\1"


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_links_next_to_the_file_are_not_followed(finished: Path, tmp_path: Path, end: str) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (finished / f"{FILE}{end}").symlink_to(tmp_path / "mine.txt")
    for opening in (Store.read, Store.open):
        with pytest.raises(StoreError, match="is not a regular file"):
            opening(finished)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_link_to_another_run_is_read_and_not_continued(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / FILE).symlink_to(finished / FILE)
    assert read_result(tmp_path / "link").best == read_result(finished).best
    with pytest.raises(StoreError, match="is not a regular file"):
        Store.open(tmp_path / "link")
    with closing(sqlite3.connect(finished / FILE)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
