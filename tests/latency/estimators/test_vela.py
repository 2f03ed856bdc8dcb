"""Vela's estimates: read from what it writes, refused where it is not, and limits of a search."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from latency.base import ESTIMATORS, Estimate, LatencyError
from latency.estimators import vela
from latency.kernels import Fusion
from latency.measuring.subject import of_structure
from PlainNet import parse
from zennas.budget.budgets import LatencyLimit
from zennas.budget.meters import estimating
from zennas.budget.sources import Compiler, estimator_source, settled_limit
from zennas.cli.app import app
from zennas.common.errors import WrongSettingError
from zennas.named.settings import NetworkSettings

NETWORK = "SuperConvK3BNRELU(3,16,2,1)ConvDW(16,5,4)BN(16)RELU(16)"
GOOD = Estimate(2.5, 1_250_000, 5e8, 1000, (), 3, "made up", "nothing")

here = pytest.mark.skipif(vela.Vela().available() is not None, reason="ethos-u-vela is not installed")


class MadeUp:
    name = "made_up"
    configurations: tuple[str, ...] = ("a-128", "b-256")

    def __init__(self, estimate: Estimate, missing: str | None = None) -> None:
        self.made, self.missing, self.asked = estimate, missing, 0

    def available(self) -> str | None:
        return self.missing

    def fusion(self, configuration: str) -> Fusion:
        return Fusion()

    def estimate(self, graph: object, build: object, configuration: str) -> Estimate:
        self.asked += 1
        return self.made


@here
def test_the_command_says_cycles_and_what_is_elsewhere() -> None:
    found = CliRunner().invoke(app, ["latency", "estimate", NETWORK, "--json"], catch_exceptions=False)
    said = json.loads(found.stdout)
    assert said["elsewhere"] == ["DepthwiseConv2D v2"] and said["device"] == "ethos-u55-128"
    assert said["cycles"] > 1000 and said["ms"] == pytest.approx(1e3 * said["cycles"] / said["clock_hz"])


@here
@pytest.mark.parametrize("text", ["ConvKX(3,16,3,2)BN(16)Swish(16)", "ConvKX(3,16,3,2)SuperResIDWE1K3(16,16,1,16,1)"])
def test_layers_add_up_and_belong_to_nodes(text: str) -> None:
    subject = of_structure(parse(text), 16, 4, use_se=True)
    made = vela.Vela().estimate(subject.graph, subject.build, "ethos-u55-128")
    assert sum(layer.ms for layer in made.layers) == pytest.approx(made.ms)
    assert all(layer.nodes for layer in made.layers)
    assert "layers" not in made.to_json()


@here
def test_more_channels_take_more_cycles() -> None:
    def cycles(channels: int) -> int:
        subject = of_structure(parse(f"SuperConvK3BNRELU(3,{channels},1,1)"), 16, 4)
        made = vela.Vela().estimate(subject.graph, subject.build, "ethos-u55-256")
        assert not made.elsewhere and made.sram_bytes >= 16 * 16 * channels
        return made.cycles

    assert cycles(16) < cycles(64)


@here
def test_a_file_that_it_cannot_read_is_refused() -> None:
    with pytest.raises(LatencyError, match="vela cannot compile"):
        vela.compiled(b"no file", "ethos-u55-128")


def test_what_it_writes_is_read(tmp_path: Path) -> None:
    columns = {
        "system_config": "S", "memory_mode": "M", "inference_time": "0.002", "cycles_total": "1000000.0",
        "core_clock": "500000000.0", "sram_memory_used": "1.5",
    }  # fmt: skip
    (tmp_path / "s.csv").write_text(f"{','.join(columns)}\n{','.join(columns.values())}\n")
    layers = (
        "Original Operator,NNG Operator,Target,Op Cycles,Name\nConv2D,Conv2D,NPU,1000000.0,v1\n"
        "Conv2D,Relu,NPU,0.0,v1\nPad,Pass,CPU,0,v2\n"
    )
    (tmp_path / "l.csv").write_text(layers)
    if vela.Vela().available() is None:
        made = vela._read(tmp_path / "s.csv", tmp_path / "l.csv")
        assert (made.ms, made.cycles, made.sram_bytes, made.elsewhere, made.operators) == (
            2,
            10**6,
            1536,
            ("Pad v2",),
            2,
        )
    (tmp_path / "l.csv").write_text("Name\nx\n")
    with pytest.raises(LatencyError, match="cannot be read"):
        vela._read(tmp_path / "s.csv", tmp_path / "l.csv")


def test_a_meter_asks_once_and_refuses_what_runs_elsewhere() -> None:
    compiler = MadeUp(GOOD)
    meter = estimating(LatencyLimit(3, "made_up:a-128"), NetworkSettings(16, 4, False), Compiler(compiler, "a-128"))
    structure = parse("SuperConvK3BNRELU(3,8,2,1)")
    assert meter(structure).ms == meter(structure).ms == 2.5
    assert compiler.asked == 1 and "no device was timed" in str(meter.how())
    other = MadeUp(replace(GOOD, elsewhere=("Pad v2",)))
    with pytest.raises(LatencyError, match="Pad v2 does not run on a-128"):
        estimating(meter.limit, NetworkSettings(16, 4, False), Compiler(other, "a-128"))(structure)


def test_sources_name_devices() -> None:
    assert estimator_source("onnxruntime:int8") is None
    found = estimator_source("vela:ethos-u65-256")
    assert found is not None and found[0] is ESTIMATORS.get("vela") and found[1] == "ethos-u65-256"
    with pytest.raises(WrongSettingError, match="did you mean ethos-u55-128"):
        estimator_source("vela:ethos-u55-12")


@here
def test_a_limit_is_complete() -> None:
    assert settled_limit(LatencyLimit(1, "vela")) == LatencyLimit(1, "vela:ethos-u55-128", 1)
    with pytest.raises(WrongSettingError, match="batches of 1"):
        settled_limit(LatencyLimit(1, "vela:ethos-u55-128", 8))
