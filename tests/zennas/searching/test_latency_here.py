"""What a search says about costs that no budget limits, and about the winner's latency on this machine."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency import predict
from latency.base import LatencyError
from PlainNet import Cost, cost, parse
from tests.conftest import SMALL
from tests.zennas.conftest import Run
from zennas.budget.budgets import Budget, LatencyLimit
from zennas.runs.candidate import Candidate
from zennas.runs.store import Store, StoreError
from zennas.searching.result import read_result
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings
from zennas.searching.telling.latency_here import HERE_FACT, PROFILE, LatencyHere, Yardstick, latency_here
from zennas.searching.telling.resnets import CLOSE, resnet_of
from zennas.searching.telling.unlimited import unlimited_remark

SETTINGS = SearchSettings(
    budget=Budget(params=60_000),
    iterations=100,
    strategy_options={"population_size": 20},
    proxy="zen_expected",
    device="cpu",
)
limits = st.none() | st.integers(1, 10**12)


def candidate(structure: str = SMALL, resolution: int = 32) -> Candidate:
    network = parse(structure)
    return Candidate(1, network, None, cost(network, resolution=resolution), 1, 0)


@pytest.fixture
def epyc(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine of the shipped profile."""
    monkeypatch.setattr("latency.measuring.conditions.processor", lambda: "AMD EPYC 7B13")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latency.measuring.conditions.processor", lambda: "Abacus 3000")


@given(limits, limits, limits, st.booleans(), st.booleans())
def test_what_has_no_limit_is_named_with_what_the_best_has(
    params: int | None, flops: int | None, layers: int | None, latency: bool, any_depth: bool
) -> None:
    devices = (LatencyLimit(1.0),) if latency else ()
    budget = Budget(params, flops, layers, devices, any_depth and layers is None)
    found = unlimited_remark(budget, Candidate(1, parse(SMALL), None, Cost(981_234, 613_000_000, 4_100_000, 1), 1, 0))
    free = {"parameters": params is None, "FLOPs": flops is None, "latency": not latency}
    free["layers"] = layers is None and not budget.any_depth
    assert len(found) == any(free.values())
    for line in found:
        named, has = line.split(": the best has ")
        assert {name: name in named for name in free} == free
        assert has == "981k parameters, 613M FLOPs, 4.1M activations and 1 layer"


@given(st.floats(1e5, 1e12), st.sampled_from([1, 16, 32, 64, 96, 224]), st.sampled_from([10, 100, 1000]))
def test_a_resnet_of_equal_flops(flops: float, resolution: int, num_classes: int) -> None:
    found = resnet_of(flops, resolution, num_classes)
    if found is None:
        return
    assert found.cost == cost(found.structure, resolution=resolution, num_classes=num_classes)
    assert 1 / CLOSE <= found.cost.flops / flops <= CLOSE
    assert found.name in (("ResNet-10", "ResNet-18") if resolution >= 96 else ("ResNet-8", "ResNet-14", "ResNet-20"))


@pytest.mark.parametrize("flops", [5e6, 5.48e6, 12.5e6, 25e6, 160e6, 753e6, 3e9])
@pytest.mark.parametrize(("resolution", "factor"), [(32, 1), (224, 10)])
def test_there_is_one_for_usual_flops(flops: float, resolution: int, factor: float) -> None:
    assert resnet_of(factor * flops, resolution, 10) is not None
    for absurd in (0.0, 100.0, float(2**63)):
        assert resnet_of(absurd, resolution, 10) is None


def test_known_resnets() -> None:
    tiny, whole = resnet_of(12.5e6, 32, 10), resnet_of(1.82e9, 224, 1000)
    assert tiny is not None
    assert whole is not None
    assert (tiny.name, tiny.cost.params) == ("ResNet-8", 78_042)  # of MLPerf Tiny
    assert (whole.name, whole.cost.params) == ("ResNet-18", 11_689_512)  # of torchvision


@pytest.mark.usefixtures("epyc")
def test_a_profile_of_this_processor_predicts() -> None:
    best = candidate()
    found = latency_here(best, SETTINGS)
    resnet = resnet_of(best.cost.flops, 32, 10)
    assert found is not None
    assert resnet is not None
    assert found.way == "predicted"
    assert found.ms == pytest.approx(predict(best.structure, PROFILE))
    assert found.spread == "typical error 6 %"
    assert found.conditions == "onnxruntime fp32, 1 thread, batch 1"
    assert found.resnet == (resnet.name, resnet.cost.flops, pytest.approx(predict(resnet.structure, PROFILE)))
    assert LatencyHere.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.usefixtures("epyc")
def test_se_is_part_of_the_winner_and_extrapolation_is_told() -> None:
    plain, with_se = (latency_here(candidate(), replace(SETTINGS, use_se=use_se)) for use_se in (False, True))
    assert plain is not None
    assert with_se is not None
    assert with_se.ms > plain.ms
    assert with_se.resnet == plain.resnet
    wide = latency_here(candidate("SuperConvK3BNRELU(3,8,1,1)SuperConvK1BNRELU(8,9000,1,1)"), SETTINGS)
    assert wide is not None
    assert wide.spread == "extrapolated"


@pytest.mark.usefixtures("elsewhere")
def test_elsewhere_it_is_measured_if_torch_is_there_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    found = latency_here(candidate(), SETTINGS)
    assert found is not None
    assert (found.way, found.device) == ("measured", "Abacus 3000")
    assert found.conditions == "torch fp32, 1 thread, batch 1"
    assert found.ms > 0
    assert found.resnet is not None
    assert found.resnet.ms > 0
    assert latency_here(candidate(resolution=512), replace(SETTINGS, resolution=512)) is None  # it would take long
    monkeypatch.delitem(sys.modules, "torch")
    assert latency_here(candidate(), SETTINGS) is None


@pytest.mark.usefixtures("elsewhere")
def test_a_network_that_cannot_be_measured_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise LatencyError("out of order")

    pytest.importorskip("torch")
    monkeypatch.setattr("latency.measuring.measure.compare", fails)
    assert latency_here(candidate(), SETTINGS) is None


@pytest.mark.usefixtures("epyc")
def test_a_search_reports_both(run: Run, tmp_path: Path) -> None:
    start(tmp_path / "mine", SETTINGS)
    result = read_result(tmp_path / "mine")
    assert result.here is not None
    assert result.notes[-1].startswith("no budget limits FLOPs, latency and layers: the best has ")
    content = json.loads(run("runs", "mine", "--json")[1])
    assert content["latency_here"] == result.here.to_json()
    assert content["notes"] == list(result.notes)
    out = run("runs", "mine")[1]
    assert f"note: {result.notes[-1]}" in out
    assert f"  latency here, AMD EPYC: {result.here.ms:.3g} ms predicted (typical error 6 %; onnxruntime fp32" in out
    assert "FLOPs takes " in out


@pytest.mark.usefixtures("epyc")
def test_under_a_latency_budget_nothing_is_added(tmp_path: Path, abacus: str) -> None:
    start(tmp_path / "run", replace(SETTINGS, budget=Budget(layers=9, latency=(LatencyLimit(50.0, abacus),))))
    result = read_result(tmp_path / "run")
    assert result.here is None
    assert result.to_json()["latency_here"] is None
    assert result.notes[-1].startswith("no budget limits parameters and FLOPs: the best has ")


GOOD = LatencyHere(0.5, "predicted", "", "x", "y", Yardstick("ResNet-8", 5, 0.4)).to_json()


@pytest.mark.parametrize(
    "damage",
    [
        {"ms": -1.0},
        {"ms": "1"},
        {"ms": None},
        {"device": 3},
        {"more": 1},
        {"resnet": [1]},
        {"resnet": {"name": "r"}},
        {"resnet": {"name": "r", "flops": -1, "ms": 1.0}},
    ],
)
def test_a_damaged_fact_is_refused(tmp_path: Path, damage: dict[str, Any]) -> None:
    folder = tmp_path / "run"
    start(folder, replace(SETTINGS, iterations=20))
    for stored in (GOOD, {**GOOD, "resnet": None}, None):
        with Store.open(folder) as store:
            store.put({HERE_FACT: stored})
        assert (read_result(folder).here is None) == (stored is None)
    with Store.open(folder) as store:
        store.put({HERE_FACT: {**GOOD, **damage}})
    with pytest.raises(StoreError, match=r"latency_here is .*, expected a latency, how it is known"):
        read_result(folder)
