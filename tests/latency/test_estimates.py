"""Profiles of a compiler's estimates: the sample, what is left out, the fit, and how a search checks its winner."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer import BadParameter

from latency.base import ESTIMATORS, Estimate, LatencyError, LayerTime
from latency.estimators.vela import Vela, computed
from latency.fitting import sampling
from latency.fitting.campaign import LEFT_OUT, Campaign, EstimateSettings, measure_sample, read_campaign, read_sample
from latency.fitting.making import fit_folder, write_profile
from latency.fitting.sampling import sampled
from latency.kernels import WEIGHTED, Fusion, group
from latency.predicting.profile import load_profile, profile_names
from PlainNet import Options, lower, parse
from PlainNet.blocktype import in_channels
from PlainNet.deployed.deploy import deploy
from PlainNet.ops import OpGraph, Swish
from PlainNet.sizes import Sides
from zennas.budget.budgets import LatencyLimit
from zennas.budget.meters import checked, here
from zennas.budget.sources import Compiler, compiler_of, profile_compiler
from zennas.cli.app import app
from zennas.common.errors import ZennasError
from zennas.named.settings import NetworkSettings
from zennas.report.profile_errors import measured_as
from zennas.searching.result import read_result
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings
from zennas.searching.telling.latency_report import ESTIMATED

MINE = EstimateSettings("abacus", "a-1")
SMALL = Campaign(MINE, networks=14)
KERNELS_A_MS = 100


class Abacus:
    """A compiler for which each kernel takes a microsecond for each channel that it makes, and each 10 µs more."""

    name = "abacus"
    configurations: tuple[str, ...] = ("a-1", "a-2")

    def __init__(self) -> None:
        self.missing: str | None = None
        self.elsewhere: Callable[[OpGraph], bool] = lambda graph: False

    def available(self) -> str | None:
        return self.missing

    def fusion(self, configuration: str) -> Fusion:
        return Fusion(addition=False, zeros="removed", swish=False)

    def estimate(self, graph: OpGraph, build: object, configuration: str) -> Estimate:
        layers = tuple(
            LayerTime(kernel.kind, nodes, 0.01 + kernel.out_channels / 1000)
            for kernel, nodes in group(graph, self.fusion(configuration))
        )
        whole = sum(layer.ms for layer in layers)
        elsewhere = ("Pad v1",) if self.elsewhere(graph) else ()
        return Estimate(whole, round(1e6 * whole), 1e9, 0, elsewhere, len(layers), "abacus 1", "beads", layers)


@pytest.fixture
def abacus(monkeypatch: pytest.MonkeyPatch) -> Abacus:
    ESTIMATORS.names()  # loads the others
    monkeypatch.setattr(ESTIMATORS, "_items", dict(ESTIMATORS._items))
    monkeypatch.setattr(sampling, "SMALL_FLOPS", (1e5, 5e6))
    made = Abacus()
    ESTIMATORS.add(made.name, made)
    return made


def test_samples_for_small_chips_are_small_and_not_all_square() -> None:
    drawn = [sampled(0, index, small=True) for index in range(60)]
    assert drawn[7] == sampled(0, 7, small=True) != sampled(0, 7)
    sizes = [one.resolution for one in drawn]
    assert any(isinstance(size, Sides) for size in sizes) and any(isinstance(size, int) for size in sizes)
    assert {in_channels(one.structure.blocks[0]) for one in drawn} == {1, 3}
    text = " ".join(str(one.structure) for one in drawn)
    assert all(kind in text for kind in ("MaxPool", "MBConv", "BasicBlock", "SuperResIDWE", "NB201Cell"))


def test_a_swish_may_be_a_kernel_of_its_own() -> None:
    graph = lower(parse("ConvKX(3,8,3,2)BN(8)Swish(8)ConvKX(8,8,1,1)BN(8)RELU(8)"), resolution=16)
    kinds = [[kernel.kind for kernel, _ in group(graph, Fusion(swish=swish))] for swish in (True, False)]
    assert kinds == [["conv", "conv"], ["conv", "activation", "conv"]]


@pytest.mark.parametrize("use_se", [False, True])
def test_every_node_belongs_to_an_operator(use_se: bool) -> None:
    structure = parse("SuperConvK3BNRELU(3,8,2,1)SuperResIDWE2K3(8,16,2,8,1)MaxPool(16,2,2)ConvKX(16,8,3,1)Swish(8)")
    graph = lower(structure, resolution=32, num_classes=4, options=Options(use_se))
    deployed = deploy(graph)
    found = computed(deployed, graph, range(1, len(deployed.operators) + 1))
    assert {node for nodes in found.values() for node in nodes} == set(range(len(graph.nodes)))
    swish = next(i for i, node in enumerate(graph.nodes) if isinstance(node.op, Swish))
    assert sum(swish in nodes for nodes in found.values()) == 2  # the sigmoid and the product
    merged = computed(deployed, graph, [value for value in found if value != 1])  # the first is in one that reads it
    assert set(found[1]) <= set(merged[2])


def test_a_sample_of_estimates_goes_on_and_is_read(abacus: Abacus, tmp_path: Path) -> None:
    abacus.elsewhere = lambda graph: graph.input.size in (32, 64)
    measure_sample(tmp_path, SMALL)
    assert read_campaign(tmp_path) == SMALL
    files = sorted((tmp_path / "samples").iterdir())
    assert len(files) == SMALL.networks
    left_out = [json.loads(file.read_text()) for file in files if LEFT_OUT in file.read_text()]
    table, networks, conditions = read_sample(tmp_path)
    assert len(networks) == SMALL.networks - len(left_out)
    assert all("Pad v1 does not run on a-1" in one[LEFT_OUT] for one in left_out)
    assert conditions == {"compiler": "abacus 1", "system": "beads", "clock_hz": 1e9}
    assert {kernel.kind for kernel in table.kernels} & set(WEIGHTED)
    assert all(abs(sum(one.times) - one.ms) < 1e-9 for one in networks)
    before = [file.read_text() for file in files]
    files[3].unlink()
    measure_sample(tmp_path, replace(SMALL, networks=15))
    assert [file.read_text() for file in files] == before
    with pytest.raises(LatencyError, match="other settings"):
        measure_sample(tmp_path, replace(SMALL, measure=EstimateSettings("abacus", "a-2")))


def test_a_compiler_that_is_missing_says_what_to_install(abacus: Abacus, tmp_path: Path) -> None:
    abacus.missing = "no beads: buy some"
    with pytest.raises(LatencyError, match="abacus cannot run here: no beads: buy some"):
        measure_sample(tmp_path, SMALL)
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.usefixtures("abacus")
def test_settings_of_a_back_end_are_refused(tmp_path: Path) -> None:
    command = ["latency", "profile", "--backend", "abacus:a-2", "--save-dir", str(tmp_path / "run"), "--networks", "2"]
    with pytest.raises(BadParameter, match="estimates batches of 1 in int8; leave out --threads"):
        app([*command, "--threads", "2"], standalone_mode=False)
    app(command, standalone_mode=False)
    assert read_campaign(tmp_path / "run") == Campaign(EstimateSettings("abacus", "a-2"), networks=2)


@pytest.fixture
def profile(abacus: Abacus, tmp_path: Path) -> Path:
    """The file of a profile of the compiler's estimates."""
    measure_sample(tmp_path / "sample", replace(SMALL, networks=24))
    made = fit_folder(tmp_path / "sample", "beads", "", 300, 0, lambda done, total, what: None)
    return write_profile(tmp_path / "beads.json", made)


def test_a_fit_says_its_error_on_networks_that_it_has_not_seen(profile: Path) -> None:
    made = load_profile(profile)
    assert (made.backend, made.device, made.precision, made.batch) == ("abacus", "a-1", "int8", 1)
    held = made.about["held_out"]
    assert next(iter(held)) == "networks that were not fitted"
    assert held["networks that were not fitted"]["count"] == 3 and held["networks that were fitted"]["count"] == 21
    assert held["networks that were fitted"]["spearman"] > 0.8  # of rates, as there are few kernels
    card = profile.with_suffix(".md").read_text()
    assert "as abacus 1 estimates them for beads at 1000 MHz" in card and "No device was timed" in card


def test_the_compiler_checks_the_winner(profile: Path, abacus: Abacus, tmp_path: Path) -> None:
    made = load_profile(profile)
    compiler = profile_compiler(made)
    assert compiler == compiler_of(f"predictor:{profile}") == Compiler(abacus, "a-1") == here(made, 1)
    structure, network = parse("SuperConvK3BNRELU(3,8,2,1)"), NetworkSettings(32, 4, False)
    latency, conditions = checked(structure, network, compiler, 0.5)
    assert latency.predicted == 0.5 and latency.measured == pytest.approx(0.01 + 0.008 + 0.01 + 0.008 + 0.01 + 0.004)
    assert conditions == {"compiler": "abacus 1", "system": "beads"}
    settings = SearchSettings(
        search_space="XXBL",
        budget=replace(SearchSettings().budget, layers=9, latency=(LatencyLimit(1.0, f"predictor:{profile}"),)),
        iterations=300,
        strategy_options={"population_size": 10},
        resolution=16,
        proxy="zen_expected",
        top=2,
        device="cpu",
    )
    start(tmp_path / "run", settings)
    (report,) = read_result(tmp_path / "run").latency
    assert report.check == ESTIMATED and report.found.measured is not None and report.found.predicted is not None
    assert any("no device was timed, abacus 1 compiled the best networks for beads" in note for note in report.notes)
    abacus.missing = "no beads: buy some"
    assert here(made, 1) == "abacus cannot run here: no beads: buy some"


def test_estimates_are_not_measured(profile: Path) -> None:
    with pytest.raises(LatencyError, match="compare with zennas latency estimate NETWORK --backend abacus:a-1"):
        measured_as(load_profile(profile))


def test_a_network_that_the_compiler_leaves_to_a_processor_has_no_latency(abacus: Abacus) -> None:
    abacus.elsewhere = lambda graph: True
    with pytest.raises(ZennasError, match="Pad v1 does not run on a-1"):
        checked(parse("SuperConvK3BNRELU(3,8,2,1)"), NetworkSettings(32, 4, False), Compiler(abacus, "a-1"), None)


@pytest.mark.parametrize("name", [name for name in profile_names() if name.startswith("ethos-")])
def test_shipped_profiles_of_npus_name_their_compiler(name: str) -> None:
    compiler = profile_compiler(load_profile(name))
    assert compiler is not None and compiler.configuration == name and isinstance(compiler.estimator, Vela)
    trust = load_profile(name).trust
    assert trust is not None and trust.share >= 90
