"""RAM and flash of networks as reports show them."""

from __future__ import annotations

import json

import pytest

from PlainNet import lower, parse
from PlainNet.cost import CostModel
from PlainNet.flash import FlashModel
from PlainNet.ops import HEAD
from PlainNet.ram import RamModel
from tests.conftest import SMALL
from tests.zennas.conftest import Run
from zennas.report.analysis import analyze_network
from zennas.report.memories import memory_use


def test_the_whole_is_that_of_budgets() -> None:
    model = CostModel(32, 10)
    found = memory_use(lower(parse(SMALL), resolution=32, num_classes=10))
    assert not isinstance(found, str)
    assert found.ram_bytes == RamModel(model)(parse(SMALL)) == max(found.live_bytes.values())
    assert found.flash_bytes == FlashModel(model)(parse(SMALL))
    assert found.ram_bytes_planner >= found.ram_bytes
    assert found.live_bytes[found.peak_block] == found.ram_bytes and set(found.live_bytes) == {*range(5), HEAD}


def test_an_analysis_shows_the_profile(run: Run) -> None:
    code, out, _ = run("analyze", SMALL, "--resolution", "32", "--no-check", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["ram_bytes"] == max(block["live_bytes"] for block in found["blocks"])
    assert found["peak_block"] in {block["block"] for block in found["blocks"]}
    assert found["ram_bytes_planner"] >= found["ram_bytes"] and found["flash_bytes"] > 8 * found["layers"]
    code, out, _ = run("analyze", SMALL, "--resolution", "32", "--no-check")
    text = " ".join(out.split())
    assert f"RAM {found['ram_bytes']:,} bytes, with its peak at " in text and "peak " in out
    assert f"flash {found['flash_bytes']:,} bytes" in text


def test_a_block_whose_operations_belong_to_another_has_no_bytes_of_its_own() -> None:
    found = analyze_network(parse("ConvKX(3,8,3,1)BN(8)RELU(8)"), resolution=8, num_classes=10, check=False)
    first, *folded, head = (found.live(part) for part in found.parts)
    assert first == (3 + 8) * 64 and folded == [None, None] and head is not None


@pytest.mark.parametrize("block", ["MaxPool(3,4,1)", "AdaptiveAvgPool(3,3)"])
def test_networks_without_such_a_file_are_analysed_all_the_same(block: str, run: Run) -> None:
    code, out, _ = run("analyze", f"{block}ConvKX(3,8,1,1)", "--resolution", "16", "--no-check", "--json")
    found = json.loads(out)
    assert code == 0 and "ram_bytes" not in found and "no form in an INT8 LiteRT file" in found["no_memory"]
    code, out, _ = run("analyze", f"{block}ConvKX(3,8,1,1)", "--resolution", "16", "--no-check")
    assert code == 0 and "RAM and flash are not known: " in out
