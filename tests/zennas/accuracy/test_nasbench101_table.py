"""NAS-Bench-101's files: what is read, and what is wrong with broken ones."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from PlainNet import cost
from SearchSpace import load_space
from SearchSpace.nasbench101 import Cell101, cell_of, nasbench101, network, parameters
from tests.zennas.nasbench101_file import CELLS, checksum, crc_by_bits, file_of, framed, metrics, row, varint
from zennas.accuracy.tables import TableError, is_csv, read
from zennas.accuracy.tables.base import Column
from zennas.accuracy.tables.csvfile import column_named, read_csv, write_csv
from zennas.accuracy.tables.nasbench101 import MAX_TRAININGS
from zennas.accuracy.tables.tfrecord import MAX_RECORD, crc32c, crc32c_of, read_records

EPOCHS = (4, 108)


def accuracies(seed: int = 0) -> dict[tuple[str, int], list[tuple[float, float]]]:
    """Three trainings of each cell and number of epochs, each a validation and a test accuracy."""
    rng = Random(seed)
    return {(cell, epochs): [(rng.random(), rng.random()) for _ in range(3)] for cell in CELLS for epochs in EPOCHS}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    rows = [row(cell, epochs, *each) for (cell, epochs), found in accuracies().items() for each in found]
    Random(1).shuffle(rows)
    path = tmp_path / "nasbench_full.tfrecord"
    path.write_bytes(file_of(rows))
    return path


# -- what is read -----------------------------------------------------------------------------


def test_every_training_and_their_means(whole: Path) -> None:
    table = read(whole)
    assert sorted(table.architectures) == sorted(CELLS)
    assert (table.name, table.epochs, table.datasets) == (whole.name, EPOCHS, ("cifar10",))
    for (cell, epochs), found in accuracies().items():
        for place, split in enumerate(("val", "test")):
            expected = [100 * each[place] for each in found]
            assert table.accuracy(cell, split=split, epochs=epochs) == pytest.approx(np.mean(expected))
            runs = [table.accuracy(cell, "cifar10", split, epochs, training) for training in (1, 2, 3)]
            assert sorted(runs) == pytest.approx(sorted(expected))
    assert table.column().tolist() == table.column(epochs=108).tolist()  # the most
    assert table.params is not None
    for cell, millions in zip(table.architectures, table.params, strict=True):
        assert millions == cost(network(Cell101.parse(cell))).params / 1e6


def test_trainings_are_in_the_order_of_the_file_and_may_be_missing(tmp_path: Path) -> None:
    rows = [row(CELLS[0], 108, 0.5, 0.25), row(CELLS[1], 108, 0.9, 0.8), row(CELLS[0], 108, 0.75, 0.5)]
    (tmp_path / "t.tfrecord.gz").write_bytes(gzip.compress(file_of(rows)))
    table = read(tmp_path / "t.tfrecord.gz")
    assert [table.accuracy(CELLS[0], training=i) for i in (1, 2)] == [25, 50]
    assert table.accuracy(CELLS[0]) == 37.5
    assert table.accuracy(CELLS[1]) == pytest.approx(80)
    with pytest.raises(TableError, match=r"has no cifar10 test accuracy after 108 epochs, training 2 for 'maxpool"):
        table.accuracy(CELLS[1], training=2)
    with pytest.raises(TableError, match=r"after 200 epochs; it has .* test 108, each also for trainings 1 to 2"):
        table.column(epochs=200)


def test_a_table_written_as_csv_reads_the_same(whole: Path, tmp_path: Path) -> None:
    table = read(whole)
    write_csv(table, tmp_path / "t.csv.gz")
    again = read_csv(tmp_path / "t.csv.gz")
    assert list(again.columns) == list(table.columns)
    for column, values in table.columns.items():
        assert again.columns[column].tolist() == values.tolist()
    assert column_named("cifar10_val_108_run2") == Column("cifar10", "val", 108, 2)
    assert is_csv(tmp_path / "t.csv.gz")
    assert not is_csv(whole)


def test_vertices_on_no_path_are_left_out(tmp_path: Path) -> None:
    """As in the benchmark, which trains what is left."""
    more = row(CELLS[2], 108, 0.5, 0.5, adjacency="011000000", operations="input,maxpool3x3,output")
    (tmp_path / "t.tfrecord").write_bytes(file_of([more]))
    assert read(tmp_path / "t.tfrecord").architectures == (CELLS[2],)


def test_the_formula_of_parameters_is_the_cost() -> None:
    space, rng = nasbench101(), Random(0)
    for _ in range(60):
        structure = space.sample(rng)
        assert parameters(cell_of(structure), 7) == cost(structure, num_classes=7).params


def test_unknown_fields_are_skipped(tmp_path: Path) -> None:
    """A later version of the message may have more fields of any type."""
    params = parameters(Cell101.parse(CELLS[0]))
    more = varint(9 * 8) + varint(300) + varint(10 * 8 + 5) + b"1234" + varint(11 * 8 + 2) + varint(2) + b"ab"
    message = more + metrics(params, 108, 0.5, 0.75) + more
    (tmp_path / "t.tfrecord").write_bytes(file_of([row(CELLS[0], 108, 0, 0, message=message)]))
    assert read(tmp_path / "t.tfrecord").accuracy(CELLS[0]) == 75


# -- checksums --------------------------------------------------------------------------------


def test_checksums_are_those_of_the_standard() -> None:
    """RFC 3720, appendix B.4, and the check value of CRC-32C."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43


def test_checksums_of_many_are_those_of_each() -> None:
    rng = Random(0)
    contents = [rng.randbytes(rng.choice((0, 1, 2, 3, 4, 5, 40, 333))) for _ in range(100)]
    assert crc32c_of(contents).tolist() == [crc_by_bits(one) for one in contents] == [crc32c(one) for one in contents]


def test_records_of_many_batches(tmp_path: Path) -> None:
    contents = [str(i).encode() * (i % 7) for i in range(9_000)]
    (tmp_path / "t").write_bytes(b"".join(map(framed, contents)))
    assert list(read_records(tmp_path / "t")) == contents


@pytest.mark.parametrize("place", ["length", "checksum of length", "content", "checksum"])
def test_any_flipped_bit_is_found(whole: Path, place: str) -> None:
    content = whole.read_bytes()
    (first,) = struct.unpack("<Q", content[:8])
    at = {"length": 0, "checksum of length": 9, "content": 40, "checksum": -1}[place]
    start = first + 16  # of the second record
    (second,) = struct.unpack("<Q", content[start : start + 8])
    at = start + (at if at >= 0 else second + 16 + at)
    broken = bytearray(content)
    broken[at] ^= 4
    whole.write_bytes(broken)
    with pytest.raises(TableError, match=r"nasbench_full.tfrecord, record 2: .*checksum .* the file is damaged"):
        read(whole)


def test_a_file_that_is_cut_short(whole: Path) -> None:
    content = whole.read_bytes()
    (first,) = struct.unpack("<Q", content[:8])
    for size in (first + 17, first + 30, first + 60, len(content) - 1):
        whole.write_bytes(content[:size])
        with pytest.raises(TableError, match=r"ends within record [0-9]+: download it again"):
            read(whole)
    whole.write_bytes(gzip.compress(content)[:-20])
    with pytest.raises(TableError, match="is damaged, its compression cannot be undone"):
        read(whole)


# -- other files ------------------------------------------------------------------------------


def test_files_that_are_something_else(tmp_path: Path) -> None:
    path = tmp_path / "t.tfrecord"
    for content in (b"arch,accuracy\na,1\n", b"x", pickle.dumps({"a": 1})):
        path.write_bytes(content)
        with pytest.raises(TableError, match="is not a TFRecord file"):
            read(path)
    path.write_bytes(b"")
    with pytest.raises(TableError, match="has no records"):
        read(path)
    with pytest.raises(TableError, match=r"table .* cannot be read: No such file"):
        read(tmp_path / "missing.tfrecord")
    length = struct.pack("<Q", 2**40)
    path.write_bytes(length + checksum(length) + b"abc")
    with pytest.raises(TableError, match=f"record 1 has 1,099,511,627,776 bytes, expected at most {MAX_RECORD:,}"):
        read(path)


def test_pickles_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nasbench_only108.pkl").write_bytes(pickle.dumps({"a": 1}))
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, None)
    with pytest.raises(TableError, match="is a pickle, which can run code when it is opened: expected a CSV file"):
        read(tmp_path / "nasbench_only108.pkl")


SHORT = metrics(parameters(Cell101.parse(CELLS[0])), 108, 0.5, 0.5)


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (b"{", "its content is not valid JSON"),
        (b"\xff", "its content is not valid JSON"),
        (b"[" * 20_000, "its content is not valid JSON"),
        ({"a": 1}, "expected a list of module hash, epochs, adjacency"),
        ([1, 2], "expected a list of module hash"),
        (row(CELLS[0], 108, 0.5, 0.5, epochs="108"), "epochs is '108', expected a whole number"),
        (row(CELLS[0], 108, 0.5, 0.5, epochs=0), "epochs is 0, expected"),
        (row(CELLS[0], 108, 0.5, 0.5, adjacency=7), "adjacency is 7, expected text"),
        (row(CELLS[0], 108, 0.5, 0.5, adjacency="0110"), "expected 3×3 zeros and ones"),
        (row(CELLS[0], 108, 0.5, 0.5, adjacency="012000000"), "expected 3×3 zeros and ones"),
        (row(CELLS[0], 108, 0.5, 0.5, adjacency="011001100"), "a 1 on or before the diagonal"),
        (row(CELLS[0], 108, 0.5, 0.5, adjacency="000000000"), "no path leads from the input to the output"),
        (row(CELLS[0], 108, 0.5, 0.5, operations="input,conv5x5,output"), "unknown operation 'conv5x5'"),
        (row(CELLS[0], 108, 0.5, 0.5, operations="conv3x3-bn-relu"), "operations is 'conv3x3-bn-relu', expected"),
        (row(CELLS[0], 108, 0.5, 0.5, metrics="?"), r"its metrics are '\?', expected base64"),
        (row(CELLS[0], 108, 0.5, 0.5, metrics="ä"), "expected base64"),
        (row(CELLS[0], 108, 0.5, 1.5), "its test accuracy is 1.5, expected 0 to 1"),
        (row(CELLS[0], 108, float("nan"), 0.5), "its validation accuracy is nan, expected 0 to 1"),
        (row(CELLS[0], 108, 0, 0, message=b""), "its metrics lack trainable_parameters"),
        (row(CELLS[0], 108, 0, 0, message=b"\x10\x05"), "its metrics lack evaluation_data"),
        (row(CELLS[0], 108, 0, 0, message=b"\x10\x05\x0a\x00"), "lacks current_epoch or an accuracy"),
        (row(CELLS[0], 108, 0, 0, message=SHORT[:60]), "its metrics end within a field"),
        (row(CELLS[0], 108, 0, 0, message=b"\x10\x85"), "its metrics end within a number"),
        (row(CELLS[0], 108, 0, 0, message=b"\x10" + b"\xff" * 12), "a number of more than 10 bytes"),
        (row(CELLS[0], 108, 0, 0, message=b"\x0b"), "no protocol buffer, a field has type 3"),
        (
            row(CELLS[0], 108, 0, 0, message=metrics(1234, 108, 0.5, 0.5)),
            r"the file says 1,234 parameters, but conv3x3-bn-relu~0\|output~0,1 has",
        ),
    ],
)
def test_records_that_are_wrong(tmp_path: Path, record: Any, says: str) -> None:
    good = file_of([row(CELLS[1], 108, 0.5, 0.5)])
    content = record if isinstance(record, bytes) else json.dumps(record).encode()
    (tmp_path / "t.tfrecord").write_bytes(good + framed(content))
    with pytest.raises(TableError, match=says) as caught:
        read(tmp_path / "t.tfrecord")
    assert "t.tfrecord, record 2: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cell_with_too_many_trainings(tmp_path: Path) -> None:
    path = tmp_path / "t.tfrecord"
    path.write_bytes(file_of([row(CELLS[0], 108, 0.5, 0.5)] * (MAX_TRAININGS + 1)))
    with pytest.raises(TableError, match="10 trainings of 108 epochs, expected at most 9"):
        read(path)


def test_the_space_reads_every_architecture(whole: Path) -> None:
    space = load_space("nasbench101")
    for notation in read(whole).architectures:
        assert space.contains(space.read(notation))  # type: ignore[attr-defined]
