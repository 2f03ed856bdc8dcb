"""Tables that lose nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from zennas.common.layout import Rows, lines_of

words = st.text("ab界-/[]:é ", max_size=12)


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    columns = ("run", *draw(st.lists(st.sampled_from(["n", "what it is", ""]), max_size=4)))
    right = tuple(name for name in set(columns) if name == "n")
    table = Rows(columns, right, ("what it is",))
    for _ in range(draw(st.integers(0, 4))):
        table.add_row(*draw(st.lists(words, min_size=len(columns), max_size=len(columns))), bold=draw(st.booleans()))
    return table


def text_of(table: Rows, room: int | None) -> list[str]:
    return [line for line, _ in lines_of(table, room)]


@given(tables(), st.none() | st.integers(1, 100))
def test_no_value_is_lost_and_no_name_is_broken(table: Rows, room: int | None) -> None:
    lines = text_of(table, room)
    for row in table.rows:
        for name, cell in zip(table.columns, row, strict=True):
            parts = cell.split() if name == "what it is" else [cell.strip()]
            assert all(any(part in line for line in lines) for part in parts)


@given(tables(), st.integers(1, 100))
def test_a_table_that_fits_is_not_changed_and_another_is_narrowed_or_listed(table: Rows, room: int) -> None:
    lines, natural = text_of(table, room), text_of(table, None)
    width = sum(max(map(cell_len, column)) + 2 for column in zip(table.columns, *table.rows, strict=True)) - 2
    if width <= room:
        assert lines == natural
    elif any(cell_len(line) > room for line in lines) and len(table.columns) != 2:
        assert all(line.startswith(("run: ", "  ")) for line in lines)


def test_folding_and_listing() -> None:
    table = Rows(("run", "tried", "what it is"), ("tried",), ("what it is",))
    table.add_row("runs/mine[v2]", "1,000", "a sentence that is long")
    assert text_of(table, None) == [
        "run            tried  what it is",
        "runs/mine[v2]  1,000  a sentence that is long",
    ]
    assert text_of(table, 34) == [
        "run            tried  what it is",
        "runs/mine[v2]  1,000  a sentence",
        "                      that is long",
    ]
    assert text_of(table, 20) == [
        "run: runs/mine[v2]",
        "  tried: 1,000",
        "  what it is: a sentence that is long",
    ]


def test_titles_are_folded_before_a_table_becomes_a_list() -> None:
    table = Rows(("name", "within ten"), ("within ten",))
    table.add_row("mine", "10 %")
    assert text_of(table, 12) == ["name  within", "         ten", "mine    10 %"]
    assert text_of(table, 8) == ["name: within ten", "mine: 10 %"]
