"""Tabular benchmarks: CSV files, NATS-Bench through its package, and what is wrong with files."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.conftest import data_folder
from zennas.accuracy.tables import AccuracyTable, Column, TableError, read
from zennas.accuracy.tables.csvfile import column_named, read_csv, write_csv

CELLS = (
    "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|",
    "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
)
TEXT = f"index,arch_str,c10_val,c10_test,c10_val12,params_M\n0,{CELLS[0]},90.5,91.25,60,0.5\n1,{CELLS[1]},40,,30,0.1\n"


def test_a_small_table(tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text(TEXT)
    (tmp_path / "packed.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    for name in ("plain.csv", "packed.csv.gz"):
        table = read(tmp_path / name)
        assert (table.name, table.architectures, len(table)) == (name, CELLS, 2)
        assert table.datasets == ("cifar10",)
        assert table.epochs == (12, 200)
        assert table.accuracy(CELLS[0]) == 91.25
        assert table.accuracy(CELLS[0], split="val") == 90.5
        assert table.accuracy(CELLS[1], "CIFAR10", "val", 12) == 30
        assert table.params is not None
        assert table.params.tolist() == [0.5, 0.1]
        with pytest.raises(TableError, match="has no cifar10 test accuracy after 200 epochs for"):
            table.accuracy(CELLS[1])


def test_what_a_table_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TEXT)
    table = read(tmp_path / "t.csv")
    with pytest.raises(TableError, match=r"t.csv has no cifar100 test accuracy; it has .*cifar10 val 12"):
        table.accuracy(CELLS[0], "cifar100")
    with pytest.raises(TableError, match=r"'nonsense' is not among the 2 architectures of t.csv"):
        table.accuracy("nonsense")


def test_columns_by_name() -> None:
    assert column_named("c100_test12") == Column("cifar100", "test", 12)
    assert column_named("in16_val") == Column("ImageNet16-120", "val", 200)
    assert column_named("my_flowers_valid_90") == Column("my_flowers", "val", 90)
    assert column_named("accuracy") == Column("accuracy", "test", 200)
    assert column_named("c10_val_acc") == column_named("c10_val")
    assert column_named("c10_test_accuracy_12") == column_named("c10_test_12")
    for name in ("acc", "Top1", "mean", "mean_acc", "acc_mean"):
        found = column_named(name)
        assert found == Column(name)
        assert found.unnamed
    assert not Column("cifar10").unnamed
    assert [column_named(name) for name in ("acc0", "std", "mean_latency", "accurate")] == [None] * 4
    assert [column_named(name) for name in ("index", "params_M", "flops", "arch", "test")] == [None] * 5


def test_the_only_accuracy_is_the_one_that_is_meant(tmp_path: Path) -> None:
    """A table that has one column, and does not tell what it is of, is not asked for a data set."""
    path = tmp_path / "t.csv"
    path.write_text("genotype,acc0,mean\na,1,90\nb,2,91\n")
    assert read_csv(path).column("cifar10").tolist() == [90, 91]
    assert read_csv(path).column("mean").tolist() == [90, 91]
    path.write_text("arch,acc,mean\na,1,90\n")
    with pytest.raises(TableError, match=r"has no cifar10 test accuracy; .* acc test 200, mean test 200"):
        read_csv(path).column("cifar10")


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_a_table_that_is_written_reads_the_same(tmp_path: Path, name: str) -> None:
    values = np.random.default_rng(0).random((3, 2)) * 100
    values[1, 1] = np.nan
    columns = dict(zip([Column("cifar10"), Column("a-b", "val", 7), Column("accuracy")], values, strict=True))
    table = AccuracyTable(name, CELLS, columns, values[2], steps_per_epoch=195)
    write_csv(table, tmp_path / name)
    again = read_csv(tmp_path / name)
    assert again.architectures == table.architectures
    assert list(again.columns) == list(columns)
    for column, numbers in columns.items():
        assert np.array_equal(again.columns[column], numbers, equal_nan=True)
    assert again.params is not None
    assert np.array_equal(again.params, values[2])
    assert [again.steps(column) for column in columns] == [200 * 195, 7 * 195, 200 * 195]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no architecture column, expected one named arch or .*it has no columns"),
        ("name,accuracy\na,1\n", "has no architecture column"),
        ("arch,params\na,1\n", "has no accuracy column, expected a name like cifar10_test"),
        ("arch,accuracy\n", "has no architectures after its header line"),
        ("arch,accuracy\na,1\nb\n", "line 3 has 1 cells, expected 2"),
        ("arch,accuracy\na,1\n\na,2\n", "line 4 repeats 'a' of line 2, expected"),
        ("arch,accuracy\n ,1\n", "line 2 has no architecture"),
        ("arch,accuracy\na,good\n", "line 2: accuracy is 'good', expected a number"),
        ("arch,accuracy\na,inf\n", "line 2: accuracy is 'inf', expected a number"),
        ("arch,c10_test,cifar10_test_200\na,1,2\n", "two columns for the same accuracy"),
        ("arch,accuracy,steps_per_epoch\na,1,3\nb,2,4\n", "steps_per_epoch has to be one whole number above 0"),
        ("arch,accuracy,steps_per_epoch\na,1,\n", "steps_per_epoch has to be one whole number above 0"),
        ("arch,accuracy,steps_per_epoch\na,1,2.5\n", "steps_per_epoch has to be one whole number above 0"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(TableError, match=message) as caught:
        read(tmp_path / "t.csv")
    assert "\n" not in str(caught.value)


def test_files_that_are_nothing(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"table .* cannot be read: No such file"):
        read(tmp_path / "missing.csv")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(TEXT.encode())[:-9])
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\x01")
    for name in ("cut.csv.gz", "bytes.csv"):
        with pytest.raises(TableError, match="is not a CSV file, plain or gzip"):
            read(tmp_path / name)


class FakeBenchmark:
    """NATS-Bench's interface, as its documentation and code have it, over two architectures."""

    def __init__(self) -> None:
        self.arch2infos_dict: dict[int, str] = {}
        self.most = 0

    def __len__(self) -> int:
        return len(CELLS)

    def arch(self, index: int) -> str:
        return CELLS[index]

    def get_more_info(self, index: int, dataset: str, *, hp: str, is_random: bool) -> dict[str, Any]:
        assert is_random is False
        self.arch2infos_dict[index] = "gigabytes"
        self.most = max(self.most, len(self.arch2infos_dict))
        if dataset == "ImageNet16-120":
            raise ValueError("not trained")
        found = {"test-accuracy": 90.0 + index + int(hp) / 1000}
        return found if dataset == "cifar10" else {**found, "valid-accuracy": 50.0 + index}


def test_nats_bench_through_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = FakeBenchmark()
    calls = []

    def create(path: str, space: str, *, fast_mode: bool, verbose: bool) -> FakeBenchmark:
        calls.append((path, space, fast_mode, verbose))
        return benchmark

    module = ModuleType("nats_bench")
    module.create = create  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nats_bench", module)
    table = read(tmp_path)
    assert calls == [(str(tmp_path), "tss", True, False)]
    assert benchmark.most == 1  # what was read is let go
    assert table.architectures == CELLS
    assert table.accuracy(CELLS[1]) == 91.2
    assert table.accuracy(CELLS[1], "cifar10", "val") == 51
    assert table.accuracy(CELLS[0], "cifar100", "val", 12) == 50
    assert table.datasets == ("cifar10", "cifar100")
    (tmp_path / "all.pickle.pbz2").write_text("")
    read(tmp_path / "all.pickle.pbz2")
    assert calls[-1][2] is False

    def broken(*arguments: Any, **named: Any) -> SimpleNamespace:
        raise EOFError("Compressed file ended")

    module.create = broken  # type: ignore[attr-defined]
    with pytest.raises(TableError, match="cannot be read as NATS-Bench's topology benchmark: EOFError"):
        read(tmp_path)


def test_nats_bench_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nats_bench", None)
    with pytest.raises(TableError, match=r"needs the package nats_bench .*: pip install 'zennas\[nats-bench\]'"):
        read(tmp_path)
    with pytest.raises(TableError, match="does not exist, expected NATS-Bench's folder"):
        read(tmp_path / "NATS-tss.pickle.pbz2")


def test_the_published_accuracies() -> None:
    table = read(data_folder() / "nb201_accuracy.csv.gz")
    assert len(table) == 15_625
    assert table.datasets == ("cifar10", "cifar100")
    best = int(np.argmax(table.column("cifar10")))
    assert best == 6111
    assert table.accuracy(table.architectures[best]) == pytest.approx(94.37, abs=0.005)
    assert table.column("cifar100").max() == pytest.approx(73.51, abs=0.005)
