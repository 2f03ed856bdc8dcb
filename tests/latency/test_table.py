"""Tables of kernels: what is read, what is refused, and what is held out."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from latency.kernels import CONV, DEPTHWISE, GLOBAL_POOL, GROUPED, Kernel, by_kind
from latency.predicting.table import COLUMNS, KernelTableError, held_out, read_table

HEADER = ",".join(COLUMNS)
GOOD = "regular,64,16,28,28,32,3,2,1"


def table(path: Path, *lines: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_rows_become_kernels(tmp_path: Path) -> None:
    found = read_table(
        table(
            tmp_path / "k.csv",
            GOOD,
            "depthwise,1,8,7,7,8,5,1,0",
            "global_pool,1,8,7,7,8,7,1,0",
            "depthwise,1,8,7,7,16,5,1,0",
        )
    )
    assert found.ms is None
    assert found.kernels == (
        Kernel(CONV, 64, 16, 32, 28, 14, 3, 2, 1, True),
        Kernel(DEPTHWISE, 1, 8, 8, 7, 7, 5, 1, 8, False),
        Kernel(GLOBAL_POOL, 1, 8, 8, 7, 1, 7, 1, 1, False),
        Kernel(GROUPED, 1, 8, 16, 7, 7, 5, 1, 8, False),
    )


def test_maps_need_not_be_square(tmp_path: Path) -> None:
    path = tmp_path / "k.csv"
    rows = [
        "conv,1,8,8,9,16,3,2,0,,",
        "conv,1,8,8,9,16,3,2,0,3,",
        "conv,1,8,8,9,16,3,2,0,3,4",
        "conv,1,8,8,8,16,3,2,0,3,",
    ]
    path.write_text("\n".join([f"{HEADER},out_height,out_width", *rows]) + "\n")
    sizes = [(kernel.size, kernel.out_size) for kernel in read_table(path).kernels]
    assert sizes == [((8, 9), (4, 5)), ((8, 9), (3, 5)), ((8, 9), (3, 4)), (8, 3)]


def test_times_heights_and_gzip_are_read(tmp_path: Path) -> None:
    path = tmp_path / "k.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER},groups,out_height,latency_ms\nconv,2,8,9,9,8,3,2,0,1,4,0.5\n".encode()))
    found = read_table(path, measured=True)
    assert found.kernels == (Kernel(CONV, 2, 8, 8, 9, 4, 3, 2),)  # a height that the default would make 5
    assert found.ms == (0.5,)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("convolution,1,8,8,8,8,3,1,0", "line 3: unknown kind 'convolution'"),
        ("regular,0,8,8,8,8,3,1,0", "line 3: batch is 0, expected 1 to"),
        ("regular,1,x,8,8,8,3,1,0", "line 3: in_channels is 'x', expected a whole number"),
        ("regular,1,8,8,8,8,3,1,2", "line 3: fused_add is 2, expected 0 or 1"),
        ("regular,1,8,8,8", "line 3: the number of cells differs from the number of columns"),
        ("regular,1048576,1048576,1048576,1048576,1048576,3,1,0", "line 3: the kernel is too large"),
        ("depthwise,1,1048576,65536,65536,1048576,1,65536,0", "line 3: the kernel is too large"),
        ("regular,1,8,1,1,8,2,1,0", "line 3: a window of 2×2 does not fit"),
        ("regular,1,8,4,1,8,2,1,0", "line 3: a window of 2×2 does not fit an input of 4×1"),
    ],
)
def test_bad_rows_are_refused_with_their_place(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(KernelTableError) as caught:
        read_table(table(tmp_path / "k.csv", GOOD, line))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KernelTableError, match="has no column stride"):
        read_table(table(tmp_path / "k.csv", GOOD, header=HEADER.replace("stride", "strid")))
    with pytest.raises(KernelTableError, match="has no rows"):
        read_table(table(tmp_path / "k.csv"))
    with pytest.raises(KernelTableError, match="has no column latency_ms"):
        read_table(table(tmp_path / "k.csv", GOOD), measured=True)
    with pytest.raises(KernelTableError, match="expected milliseconds above 0"):
        read_table(table(tmp_path / "k.csv", f"{GOOD},nan", header=f"{HEADER},latency_ms"))
    (tmp_path / "k.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(KernelTableError, match="cannot be read as a table"):
        read_table(tmp_path / "k.csv.gz")
    with pytest.raises(KernelTableError, match="cannot be read as a table"):
        read_table(tmp_path / "missing.csv")


def test_a_shape_is_held_out_with_all_its_batches_and_with_its_addition() -> None:
    shapes = [Kernel(CONV, 1, 8 * i, 8 * j, 14, 14, 3) for i in range(1, 30) for j in range(1, 30)]
    share = sum(held_out(shape) for shape in shapes) / len(shapes)
    assert 0.05 < share < 0.15
    for shape in shapes:
        assert held_out(shape) == held_out(shape._replace(batch=64)) == held_out(shape._replace(added=True))


def test_by_kind_keeps_rows_apart_and_loses_none() -> None:
    kernels = [Kernel(CONV, 1, 8, 8, 4, 4, 3), Kernel("add", 1, 8, 8, 4, 4), Kernel(CONV, 2, 16, 8, 4, 4, 3)]
    found = {kernel.kind: (rows, kernel.in_channels.tolist()) for rows, kernel in by_kind(kernels)}
    assert found == {CONV: ([0, 2], [8, 16]), "add": ([1], [8])}
