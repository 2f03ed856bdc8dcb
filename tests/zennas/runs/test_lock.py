"""One process at a time works in a folder, whatever lies there under the name of the lock."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from PlainNet import lock as locks
from zennas.runs.lock import LOCK, in_use, leave_lock, take_lock
from zennas.runs.store import RunInUseError, StoreError
from zennas.training.held import held


def test_the_lock_names_its_owner(tmp_path: Path) -> None:
    with take_lock(tmp_path):
        assert in_use(tmp_path)
        with pytest.raises(RunInUseError, match=f"the run in .* is in use by process {os.getpid()}"):
            take_lock(tmp_path)
        with pytest.raises(RunInUseError, match="the training in"), held(tmp_path, leads=True):
            pass
    assert not in_use(tmp_path)
    take_lock(tmp_path).close()


def test_an_unreadable_owner_is_another_process(tmp_path: Path) -> None:
    with take_lock(tmp_path):
        (tmp_path / LOCK).write_bytes(b"\x1b[2J nonsense")
        with pytest.raises(RunInUseError, match="in use by another process; wait"):
            take_lock(tmp_path)


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "pipe", "folder"])
def test_what_is_no_file_of_its_own_is_no_lock(tmp_path: Path, kind: str) -> None:
    mine, place = tmp_path / "mine.txt", tmp_path / "run" / LOCK
    mine.write_text("mine")
    place.parent.mkdir()
    if kind == "link":
        place.symlink_to(mine)
    elif kind == "dangling link":
        place.symlink_to(tmp_path / "made by the lock")
    elif kind == "hard link":
        place.hardlink_to(mine)
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    assert not in_use(place.parent)
    with pytest.raises(StoreError, match=r"\.lock is not a regular file"):
        take_lock(place.parent)
    assert mine.read_text() == "mine"
    assert not (tmp_path / "made by the lock").exists()


def test_a_lock_that_was_removed_while_it_was_taken_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking, the owner leaves and a third process takes the new file."""
    first, third = take_lock(tmp_path), []
    whole = locks._lock_exclusively

    def overtaken(lock: object) -> None:
        monkeypatch.undo()
        leave_lock(tmp_path, first)
        third.append(take_lock(tmp_path))
        whole(lock)  # type: ignore[arg-type]

    monkeypatch.setattr(locks, "_lock_exclusively", overtaken)
    with pytest.raises(RunInUseError):
        take_lock(tmp_path)
    assert in_use(tmp_path)
    third[0].close()


def test_a_lock_that_others_keep_removing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_lock_exclusively", lambda lock: (tmp_path / LOCK).unlink())
    with pytest.raises(StoreError, match="cannot be locked: other processes keep removing"):
        take_lock(tmp_path)


def test_never_two_inside(tmp_path: Path) -> None:
    """Many threads come and go, each removing the file of the lock when it leaves; there is never more than one."""
    inside, most, entered = [], [], []
    barrier = threading.Barrier(4)

    def visit(number: int) -> None:
        barrier.wait()
        for _ in range(150):
            try:
                lock = take_lock(tmp_path)
            except RunInUseError:
                continue
            inside.append(number)
            most.append(len(inside))
            entered.append(number)
            inside.remove(number)
            leave_lock(tmp_path, lock)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(visit, range(4)))
    assert entered
    assert max(most) == 1
