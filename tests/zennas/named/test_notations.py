"""Notations of cells name networks wherever a structure does."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from SearchSpace import SPACES, CellSpace, load_space
from SearchSpace.base import SearchSpaceError
from SearchSpace.notation import read_notation
from tests.zennas.conftest import Run
from zennas.named.structures import TargetError, UnknownTargetError, resolve

CELL = "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
SPACES_OF_CELLS = [name for name in SPACES.names() if isinstance(load_space(name), CellSpace)]


@pytest.mark.parametrize("name", SPACES_OF_CELLS)
@pytest.mark.parametrize("seed", range(3))
def test_what_a_space_writes_is_read(name: str, seed: int, tmp_path: Path) -> None:
    space = load_space(name)
    assert isinstance(space, CellSpace)
    structure = space.sample(Random(seed))
    text = space.write(structure)
    file = tmp_path / "arch.txt"
    file.write_text(f"\n{text}\n")
    assert resolve(text).structure == resolve(str(file)).structure == resolve(str(structure)).structure == structure


def test_score_and_analyze_read_cells(run: Run) -> None:
    structure = str(load_space("nasbench201").read(CELL))  # type: ignore[attr-defined]
    for command in (
        ("analyze", "--no-check", "--json"),
        ("score", "--proxy", "params", "--proxy", "zen_expected", "--json"),
    ):
        code, out, err = run(command[0], CELL, *command[1:])
        assert (code, err) == (0, "")
        assert json.loads(out) == json.loads(run(command[0], structure, *command[1:])[1])
    code, out, _ = run("score", CELL, structure, "--proxy", "params", "--json")
    assert code == 0
    assert json.loads(out)[0]["network"] == CELL


@pytest.mark.parametrize(
    "text", [CELL[:-1], CELL.replace("none", "nane"), "|", "a~b", "{}", '{"matrix": 1}', "Genotype(1)", "{[("]
)
def test_what_is_no_cell_says_what_the_space_most_like_it_expects(text: str, tmp_path: Path, run: Run) -> None:
    with pytest.raises(SearchSpaceError, match="is not an architecture of any space; most like "):
        resolve(text)
    with pytest.raises(SearchSpaceError):
        read_notation(text)
    file = tmp_path / "arch.txt"
    file.write_text(text)
    with pytest.raises(TargetError, match=r"arch\.txt, "):
        resolve(str(file))
    code, out, err = run("analyze", text)
    assert (code, out, err.count("\n")) == (1, "", 1)


def test_names_are_still_names() -> None:
    with pytest.raises(UnknownTargetError, match="did you mean zennet_digits_params100k_res16"):
        resolve("zennet_digits_params100k")
