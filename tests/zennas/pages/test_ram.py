"""RAM in INT8 on pages: where it is shown, and that it is that of analyses and searches."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from PlainNet import lower, parse
from PlainNet.liveness import BYTES, peak_elements
from tests.conftest import SMALL
from zennas.budget.budgets import Budget
from zennas.exporting.record import find_exports, read_export
from zennas.named.settings import NetworkSettings
from zennas.pages import draughtsman as draughtsman_module
from zennas.pages.draughtsman import Draughtsman
from zennas.pages.microcontrollers import in_int8, ram_limit
from zennas.pages.parts import Table
from zennas.pages.record import Record, read_record
from zennas.pages.sections import export
from zennas.report.memories import MemoryUse, memory_use
from zennas.searching.result import SearchResult

from .conftest import write_sidecar
from .test_pages import page_of

SETTINGS = NetworkSettings(32, 10, use_se=False)
FOLDED = "ConvKX(3,8,3,1)BN(8)RELU(8)SuperConvK1BNRELU(8,16,1,1)"


def used(text: str) -> MemoryUse:
    found = memory_use(lower(parse(text), resolution=32, num_classes=10))
    assert isinstance(found, MemoryUse)
    return found


@pytest.mark.parametrize("text", [SMALL, FOLDED])
def test_a_drawing_has_the_ram_of_an_analysis(text: str) -> None:
    drawn, use = Draughtsman(SETTINGS, None, int8=True).drawn(0, "", parse(text), ()), used(text)
    arena = drawn.arena
    assert arena is not None and arena.each
    assert (arena.ram_bytes, arena.ram_bytes_planner) == (use.ram_bytes, use.ram_bytes_planner)
    assert [one.live_bytes for one in arena.operators] == [one.live_bytes for one in use.operators]
    most = {one.block: 0 for one in arena.operators}
    for one in arena.operators:
        most[one.block] = max(most[one.block], one.live_bytes)
    assert [block.memory for block in drawn.blocks] == [most.get(i) for i in range(len(drawn.blocks))]
    assert max(most.values()) <= arena.ram_bytes <= arena.ram_bytes_planner


def test_facts_are_added_and_not_said_twice() -> None:
    use, pencil = used(SMALL), Draughtsman(SETTINGS, None, int8=True)
    facts = dict(pencil.drawn(0, "", parse(SMALL), [("RAM", "as it was")]).facts)
    assert facts == {
        "RAM": "as it was",
        "flash": f"{use.flash_bytes:,} bytes",
        "RAM, without the plan in the file": f"{use.ram_bytes_planner:,} bytes",
    }


def test_without_int8_memory_is_that_of_float32() -> None:
    drawn = Draughtsman(SETTINGS, None).drawn(0, "", parse(SMALL), [("a", "b")])
    assert drawn.arena is None and drawn.facts == (("a", "b"),)
    graph = lower(parse(SMALL), resolution=32, num_classes=10)
    assert max(block.memory or 0 for block in drawn.blocks) == BYTES * max(peak_elements(graph).values())


def test_networks_without_an_int8_file_say_why() -> None:
    drawn = Draughtsman(SETTINGS, None, int8=True).drawn(0, "", parse("MaxPool(3,4,1)ConvKX(3,8,1,1)"), ())
    assert drawn.arena is None and all(block.memory is None for block in drawn.blocks)
    ((name, why),) = drawn.facts
    assert name == "RAM and flash" and why.startswith("not known: ")


def test_of_very_many_operators_the_fullest_of_each_block_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draughtsman_module, "MOST_OPERATORS", 4)
    drawn, use = Draughtsman(SETTINGS, None, int8=True).drawn(0, "", parse(SMALL), ()), used(SMALL)
    assert drawn.arena is not None and not drawn.arena.each
    assert [one.block for one in drawn.arena.operators] == list(range(len(drawn.blocks)))
    assert sorted(one.live_bytes for one in drawn.arena.operators) == sorted(use.live_bytes.values())
    monkeypatch.setattr(draughtsman_module, "MOST_BLOCKS", 3)
    drawn = Draughtsman(SETTINGS, None, int8=True).drawn(0, "", parse(SMALL), ())
    assert drawn.arena is not None and {one.block for one in drawn.arena.operators} == set(range(len(drawn.blocks)))


def searched_with(found: Record, **more: object) -> Record:
    assert isinstance(found.search, SearchResult)
    return replace(found, search=replace(found.search, settings=replace(found.search.settings, **more)))  # type: ignore[arg-type]


def test_it_is_shown_for_budgets_goals_chips_and_files_in_int8(searched: Path) -> None:
    found = read_record(searched)
    assert not in_int8(found) and ram_limit(found) is None
    limited = searched_with(found, budget=Budget(layers=8, ram=50_000))
    assert in_int8(limited) and ram_limit(limited) == ("budget", 50_000)
    assert in_int8(searched_with(found, minimise=("ram",)))
    assert in_int8(searched_with(found, target="stm32f746"))
    assert not in_int8(searched_with(found, target="rk3588"))
    assert not in_int8(searched_with(found, target="a-chip-of-another-package"))


def test_a_run_with_a_file_in_int8_has_it_on_its_page(trained: Path, tmp_path: Path) -> None:
    data = json.loads(page_of(trained, tmp_path).scripts[0])
    (networks,) = (part for part in data["parts"] if part["kind"] == "networks")
    assert networks["int8"] and networks["ram"] is None
    planned, unplanned, operators, each = networks["networks"][0]["arena"]
    assert planned <= unplanned and each and max(one[2] for one in operators) <= planned


def test_a_supernet_with_ram_in_its_loss_has_its_aim(supernet: Path) -> None:
    found = read_record(supernet)
    assert in_int8(found) and ram_limit(found) == ("aim", 2000)


def test_files_for_microcontrollers_tell_their_ram(searched: Path, tmp_path: Path) -> None:
    write_sidecar(tmp_path / "export" / "net.int8.tflite.json", 97.5)
    path = tmp_path / "export" / "net.int8.tflite.json"
    sidecar = json.loads(path.read_text())
    path.write_text(json.dumps({**sidecar, "memory": {"plan": "offline", "ram_bytes": 2048, "arena_bytes": 4096}}))
    write_sidecar(tmp_path / "export" / "net.onnx.json", None)
    record = replace(read_record(searched), exports=tuple(map(read_export, find_exports(tmp_path))))
    (table,) = (part for part in export.parts(record) if isinstance(part, Table))
    assert table.columns[4:6] == ("RAM, activations", "RAM, arena")
    assert [row[4:6] for row in table.rows] == [("2.05k bytes", "4.1k bytes"), ("–", "–")]
