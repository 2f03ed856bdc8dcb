"""Processes that are killed while they add, replace or remove a model of the user's zoo, at every step."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from pretrained import userzoo
from pretrained.exchanging import exchange
from pretrained.leftovers import draft_of
from tests.conftest import SMALL

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import os, shutil, sys
from pathlib import Path
from pretrained import adding, exchanging, userzoo

can_exchange, what = sys.argv[1] == "True", sys.argv[2]
done = 0

def counted(call):
    def step(*arguments, **named):
        global done
        if done == kill_at:
            os._exit(9)  # as kill -9: nothing is tidied up
        done += 1
        return call(*arguments, **named)
    return step

adding._check_weights = lambda *arguments: None  # which needs torch
swap = exchanging.exchange if can_exchange else lambda one, other: False
adding.exchange = counted(swap)
for name in ("rename", "mkdir", "unlink", "rmdir", "open", "replace", "chmod"):
    setattr(os, name, counted(getattr(os, name)))
shutil.copyfile = counted(shutil.copyfile)
shutil._use_fd_functions = False  # with descriptors, deleting calls nothing that is counted

def work():
    if what == "remove":
        adding.remove("mine")
        return
    facts = {"structure": sys.argv[3], "num_classes": 3, "resolution": 16, "use_se": False, "top1": 2.0,
             "normalisation": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    adding.add("mine", facts, Path(sys.argv[4]), replace=True, taken=())

for line in sys.stdin:
    kill_at = int(line)
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Reads at which step to kill, and prints how a process that was killed there ended. A fork is quicker than a start."""


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZENNAS_ZOO", str(tmp_path / "zoo"))
    return tmp_path / "zoo"


def put(zoo: Path, top1: float) -> None:
    place = zoo / "mine"
    place.mkdir(parents=True, exist_ok=True)
    (place / "weights.pt").write_bytes(b"old")
    facts = {"structure": SMALL, "num_classes": 3, "resolution": 16, "use_se": False, "top1": top1}
    facts |= {"normalisation": {"mean": [0.5] * 3, "std": [0.5] * 3}, "weights": {"file": "weights.pt"}}
    (place / "model.json").write_text(json.dumps(facts))


@contextmanager
def killing(tmp_path: Path, can_exchange: bool, what: str) -> Iterator[Callable[[int], bool]]:
    """A function that says of a step whether the process that was killed there had not ended."""
    new = tmp_path / "new.pt"
    command = [sys.executable, "-c", CHILD, str(can_exchange), what, SMALL, str(new)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        steps, codes = process.stdin, process.stdout
        assert steps is not None
        assert codes is not None

        def killed(step: int) -> bool:
            new.write_bytes(b"new")
            print(step, file=steps, flush=True)
            code = int(codes.readline())
            assert code in (0, 9)
            return code == 9

        yield killed
        steps.close()
    assert process.returncode == 0


@pytest.mark.parametrize("can_exchange", [True, False])
def test_replacing_leaves_the_old_model_or_the_new_one(tmp_path: Path, zoo: Path, can_exchange: bool) -> None:
    found = []
    with killing(tmp_path, can_exchange, "add") as killed:
        for step in count():
            put(zoo, 1.0)
            more = killed(step)
            assert userzoo.names() == ["mine"]
            entry = userzoo.read("mine")
            assert entry.weights.file is not None
            found.append((entry.top1, entry.weights.file.read_bytes()))
            assert os.listdir(zoo) == ["mine"]
            if not more:
                break
    assert step > 5
    assert set(found) == {(1.0, b"old"), (2.0, b"new")}
    assert found == sorted(found)  # once it is new it stays new


def test_removing_leaves_the_model_or_nothing(tmp_path: Path, zoo: Path) -> None:
    with killing(tmp_path, True, "remove") as killed:
        for step in count():
            put(zoo, 1.0)
            more = killed(step)
            names = userzoo.names()
            assert names in (["mine"], [])
            if names:
                assert userzoo.read("mine").top1 == 1.0
            assert os.listdir(zoo) == names
            if not more:
                break
    assert step > 1
    assert names == []


def test_what_a_living_process_uses_stays(zoo: Path) -> None:
    put(zoo, 1.0)
    with draft_of("mine", zoo) as draft:
        assert userzoo.names() == ["mine"]
        assert draft.is_dir()
    assert not draft.exists()
    draft.mkdir()
    handle = os.open(draft, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert userzoo.names() == ["mine"]
    assert draft.is_dir()
    os.close(handle)
    assert userzoo.names() == ["mine"]
    assert not draft.exists()


def test_other_hidden_folders_stay(zoo: Path) -> None:
    put(zoo, 1.0)
    for name in (".git", ".mine", ".notes.d"):
        (zoo / name).mkdir()
    assert userzoo.names() == ["mine"]
    assert sorted(os.listdir(zoo)) == [".git", ".mine", ".notes.d", "mine"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="renameat2 is Linux's")
def test_folders_are_exchanged(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot exchange")
    assert (tmp_path / "a" / "b").exists()
    assert (tmp_path / "b" / "a").exists()
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "a", tmp_path / "none")
