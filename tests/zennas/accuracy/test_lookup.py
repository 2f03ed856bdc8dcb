"""Networks are found in tables by their notation, or by what they compute."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from SearchSpace import load_space
from SearchSpace.nasbench201 import Cell201, all_cells, canonical, network
from tests.zennas.table_files import worth, write_scores, write_table
from zennas.accuracy.lookup import (
    ColumnName,
    Lines,
    Trained,
    column_name,
    finite,
    lasting,
    scored_lines,
    table_digest,
)
from zennas.accuracy.tables import TableError

SPACE = load_space("nasbench201")


def test_every_network_has_its_line(tmp_path: Path) -> None:
    trained = Trained(str(write_table(tmp_path / "t.csv")), SPACE)
    name, values = trained.column("c10_val")
    assert name == "c10_val"
    for cell in Random(0).sample(list(all_cells()), 200):
        assert finite(values, trained.lines.line(network(cell))) == pytest.approx(worth(cell))


def test_a_network_that_is_not_listed_is_found_by_what_it_computes() -> None:
    empty = [0, 0, 0, 0, 0, 0]
    one = Cell201((*empty[:3], 3, *empty[4:]))  # a convolution from the input to the output
    same = [cell for cell in all_cells() if canonical(cell) == canonical(one) and cell != one]
    lines = Lines(SPACE, [str(one), "not a cell"])
    assert same
    assert {lines.line(network(cell)) for cell in [one, *same]} == {0}
    other = Cell201((3, 3, 3, 3, 3, 3))
    assert lines.line(network(other)) is None


def test_the_notation_comes_before_what_a_network_computes() -> None:
    zeros = [cell for cell in all_cells() if not canonical(cell)][:3]
    lines = Lines(SPACE, [str(cell) for cell in zeros])
    assert [lines.line(network(cell)) for cell in zeros] == [0, 1, 2]


def test_spaces_without_a_notation_have_structure_strings() -> None:
    space = load_space("units")
    first = space.initial()
    assert Lines(space, [str(first)]).line(first) == 0
    assert Lines(space, ["other"]).line(first) is None


def test_columns_are_named_as_in_tables(tmp_path: Path) -> None:
    file = write_table(tmp_path / "t.csv")
    trained = Trained(str(file), SPACE)
    assert trained.column(None)[0] == "cifar10_val_200"  # the only validation accuracy
    assert (trained.column("cifar10_test")[1] == trained.column("c10_test_200")[1]).all()
    with pytest.raises(TableError, match="no accuracies 'c100_val'; it has cifar10_val_200, cifar10_test_200"):
        trained.column("c100_val")
    (tmp_path / "two.csv").write_text("arch,c10_val,c100_val\na,1,2\n")
    with pytest.raises(TableError, match=r"name one as FILE:COLUMN: cifar10_val_200, cifar100_val_200"):
        Trained(str(tmp_path / "two.csv"), SPACE).column(None)


def test_files_are_joined_by_index(tmp_path: Path) -> None:
    trained = Trained(str(write_table(tmp_path / "t.csv", share=0.1)), SPACE)
    good = trained.joined(ColumnName(str(write_scores(tmp_path / "s.csv")), "good"))
    assert good == pytest.approx(trained.column("c10_val")[1] - 50)
    own = trained.joined(ColumnName(str(tmp_path / "t.csv"), "cost"))
    assert len(own) == len(trained.lines)
    with pytest.raises(TableError, match="without a column"):
        trained.joined(ColumnName(str(tmp_path / "s.csv"), None))
    with pytest.raises(TableError, match="no column of architectures"):
        scored_lines(ColumnName(str(tmp_path / "s.csv"), "good"), SPACE)


def test_names_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_table(tmp_path / "a:b.csv", share=0.001)
    monkeypatch.chdir(tmp_path)
    assert column_name("a:b.csv") == ColumnName("a:b.csv", None)
    assert column_name("a:b.csv:c10_val") == ColumnName("a:b.csv", "c10_val")
    assert lasting(column_name("a:b.csv:c10_val")) == ColumnName(str(file), "c10_val")
    assert lasting(ColumnName("small-cifar10", None)) == ColumnName("small-cifar10", None)
    with pytest.raises(TableError, match="names no table"):
        column_name("")
    digest = table_digest(str(file))
    file.write_text("other")
    assert table_digest(str(file)) != digest


def test_pickles_are_refused(tmp_path: Path) -> None:
    (tmp_path / "NATS-tss").mkdir()
    with pytest.raises(TableError, match="pickles"):
        Trained(str(tmp_path / "NATS-tss"), SPACE)


def test_the_name_of_a_single_training_is_found_again(tmp_path: Path) -> None:
    file = write_table(tmp_path / "t.csv")
    lines = file.read_text().splitlines()
    place = lines[0].split(",").index("c10_val")
    alone = ["arch,cifar10_val_200_run2", *(f"{one.split(',')[0]},{one.split(',')[place]}" for one in lines[1:])]
    (tmp_path / "alone.csv").write_text("\n".join(alone))
    trained = Trained(str(tmp_path / "alone.csv"), SPACE)
    name, values = trained.column(None)
    assert name == "cifar10_val_200_run2"
    assert (trained.column(name)[1] == values).all()
