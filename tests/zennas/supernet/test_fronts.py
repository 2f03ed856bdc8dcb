"""Fronts of searches in a supernet: one warm-up, several strengths of the costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import zennas
from tests.zennas.conftest import Run
from tests.zennas.supernet.test_running import FLAGS, SHORT, SMALL
from zennas.named.structures import TargetError, resolve
from zennas.report.listing import list_runs
from zennas.supernet.errors import SupernetError
from zennas.supernet.front_record import front_of, read_front, read_front_record
from zennas.supernet.outcome import ProxylessResult

COST: dict[str, Any] = {"ref_flops": 50_000, "arch_optim_lr": 0.1}


def alphas(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(folder / "supernet.pt", weights_only=True)["alphas"]
    return found


def test_each_search_is_the_one_with_a_warm_up_of_its_own(tmp_path: Path) -> None:
    front = zennas.proxyless_front(**SMALL, **COST, strengths=(5.0, 0.0), save_dir=tmp_path / "front", device="cpu")
    alone = zennas.proxyless(**SMALL, **COST, cost_weight=5.0, save_dir=tmp_path / "alone", device="cpu")
    assert [one.strength for one in front.searches] == [0, 5]
    last = front.searches[1].result
    assert (last.structure, last.valid_top1, last.costs) == (alone.structure, alone.valid_top1, alone.costs)
    assert all(torch.equal(own, alphas(alone.folder)[key]) for key, own in alphas(last.folder).items())
    first, second = ((tmp_path / name / "history.jsonl").read_text() for name in ("alone", "front/strength-5"))
    assert [json.loads(line)["expected"] for line in first.splitlines()] == [
        json.loads(line)["expected"] for line in second.splitlines()
    ]


def test_a_front_is_continued_listed_and_its_points_are_networks(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ("--ref-flops", "50000", "--arch-optim-lr", "0.1", "--strength", "0", "--strength", "5")
    code, out, _ = run("proxyless", *FLAGS, *SHORT, *flags, "--save-dir", "whole", "--json")
    assert code == 0
    whole = json.loads(out)
    searches = 0

    def stop(strength: float, number: int, count: int) -> None:
        nonlocal searches
        searches += 1
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        zennas.proxyless_front(**SMALL, **COST, strengths=(0.0, 5.0), save_dir="part", device="cpu", announce=stop)
    record = read_front_record(Path("part"))
    assert (record.status, list(record.searches), record.found) == ("interrupted", [0], "1 of 2 searches so far")
    code, _, err = run("proxyless", *FLAGS, *SHORT, *flags, "--save-dir", "part")
    assert (code, "contains an unfinished front: continue it with zennas proxyless --resume part" in err) == (1, True)
    code, out, _ = run("proxyless", "--resume", "part", "--device", "cpu")
    assert (code, "part@1" in out) == (0, True)
    assert [str(one.result.structure) for one in read_front(Path("part")).searches] == [
        one["structure"] for one in whole["searches"]
    ]
    assert [one.folder.name for one in list_runs(Path())] == ["part", "whole"]
    assert "2 strengths of costs" in run("runs", ".")[1]
    target = resolve("whole@1")
    assert (str(target.structure), target.resolution) == (whole["points"][0]["structure"], 8)
    with pytest.raises(TargetError, match=r"the front in whole has no point 9, expected one from whole@1 to whole@"):
        resolve("whole@9")
    with pytest.raises(TargetError, match="whole contains a front and not a single network, expected one from whole@1"):
        resolve("whole")


def found(top1: float, flops: float) -> ProxylessResult:
    structure = zennas.named.structures.resolve("ConvKX(3,8,3,2)").structure
    costs = {"params": 1.0, "flops": flops}
    return ProxylessResult(Path("x"), structure, {}, 8, 10, top1, 0.5, costs, {"flops": flops}, 1.0)


def test_points_are_those_that_no_other_beats() -> None:
    results = [found(90, 50), found(80, 30), found(79, 40), found(80, 30), found(70, 10)]
    front = front_of(Path("x"), "flops", results, range(5))
    assert [one.strength for one in front.points] == [4, 1, 0]
    assert [one.better for one in front.searches] == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strengths": (), "ref_flops": 9}, r"there are no strengths of the costs, expected at least one"),
        ({"strengths": (1.0, 2.0)}, r"no cost is in the loss: name one, such as --ref-flops N"),
        ({"strengths": (1.0, 1.0), "ref_flops": 9}, r"strengths are 1.0, 1.0, expected different ones"),
    ],
)
def test_what_is_no_front(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(SupernetError, match=message):
        zennas.proxyless_front(**SMALL, **settings, save_dir=tmp_path / "front", device="cpu")
    assert not (tmp_path / "front").exists()


def test_a_warm_up_of_another_search(tmp_path: Path) -> None:
    first = tmp_path / "first"
    zennas.proxyless(**SMALL, save_dir=first, device="cpu")
    with pytest.raises(SupernetError, match=r"warm.pt belongs to a search with .*seed"):
        zennas.proxyless(**SMALL, seed=1, save_dir=tmp_path / "second", device="cpu", warm_from=first)
    with pytest.raises(SupernetError, match="contains no finished warm-up"):
        zennas.proxyless(**SMALL, save_dir=tmp_path / "second", device="cpu", warm_from=tmp_path)
    assert not (tmp_path / "second").exists()


def test_costs_of_other_images_than_those_that_are_looked_at(tmp_path: Path) -> None:
    result = zennas.proxyless(**SMALL, ref_ram=4000, cost_resolution=16, save_dir=tmp_path / "found", device="cpu")
    assert result.resolution == 16
    from PlainNet.cost import CostModel
    from PlainNet.ram import RamModel

    assert result.costs["ram"] == RamModel(CostModel(16, 10))(result.structure)
