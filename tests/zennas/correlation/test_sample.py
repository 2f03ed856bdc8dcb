"""The networks of a table that a correlation draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from SearchSpace import load_space
from tests.conftest import SMALL
from zennas.accuracy.tables import AccuracyTable, TableError, read
from zennas.accuracy.tables.csvfile import write_csv
from zennas.common.errors import WrongSettingError
from zennas.correlation.sample import draw

from .conftest import CELLS, tiny


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
    with pytest.raises(WrongSettingError, match="expected from 2 to 6, the number of architectures with this accuracy"):
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


def test_a_table_without_two_accuracies_has_no_sample(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text(f"arch,cifar10_test_200\n{CELLS[0]},90\n{CELLS[1]},nan\n")
    with pytest.raises(TableError, match=r"has 1 network with cifar10 test accuracy after .* expected at least 2"):
        draw(tiny(path), read(path), load_space("nasbench201"))
