"""Measuring kernels for a profile: what is drawn, what kernels get of the back end's times, and carrying on."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from latency.base import LatencyError, LatencyStats, LayerTime, MeasureSettings, Subject
from latency.fitting import campaign, sampling
from latency.fitting.attributing import kernel_times
from latency.fitting.campaign import PROBES_FILE, Campaign, measure_sample, read_sample, references
from latency.fitting.drifting import PROBES
from latency.fitting.making import fit_folder
from latency.fitting.sampling import sampled
from latency.kernels import KINDS, WEIGHTED, Fusion, group
from latency.measuring.measure import Breakdown
from PlainNet import Options, cost, lower, parse
from PlainNet.lock import LOCK, FolderInUseError, locked

QUICK = Campaign(MeasureSettings("torch", seconds=0.2, relative_error=0.3), networks=3, repeats=3)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "FLOPS", (1e5, 2e7))
    monkeypatch.setattr(sampling, "LARGE", (16,))


def test_the_sample_is_the_same_whenever_asked_and_of_moderate_size() -> None:
    for index in range(30):
        one = sampled(3, index)
        assert one == sampled(3, index)
        flops = cost(one.structure, resolution=one.resolution, num_classes=one.num_classes, use_se=one.use_se).flops
        assert sampling.FLOPS[0] <= flops <= sampling.FLOPS[1]
    assert sampled(3, 0) != sampled(4, 0)


def test_the_sample_has_networks_whose_weights_leave_the_caches() -> None:
    """Kernels take longer in them than in small ones, above all in INT8."""
    params = []
    for index in range(60):
        one = sampled(0, index)
        params.append(cost(one.structure, resolution=one.resolution, use_se=one.use_se).params)
    assert sum(count > 4e6 for count in params) >= 10
    assert max(params) <= sampling.PARAMS


def test_the_sample_covers_every_kind_of_kernel() -> None:
    kinds = set()
    for index in range(120):
        one = sampled(0, index)
        graph = lower(
            one.structure, resolution=one.resolution, num_classes=one.num_classes, options=Options(one.use_se)
        )
        kinds |= {kernel.kind for kernel, _ in group(graph, Fusion())}
    assert kinds >= set(KINDS) - {
        "grouped",
        "copy",
        "norm",
    }  # no back end of ours leaves a norm behind a convolution alone


def breakdown(whole_ms: float, layers: list[LayerTime]) -> Breakdown:
    stats = LatencyStats("n", MeasureSettings(), (whole_ms,) * 9, True, 0.0, resolution=32)
    return Breakdown(stats, (), sum(layer.ms for layer in layers), tuple(layers))


def test_kernels_get_the_times_of_their_nodes_less_what_the_profiler_adds() -> None:
    graph = lower(parse("SuperConvK3BNRELU(3,8,2,1)SuperConvK1BNRELU(8,16,1,1)"), resolution=16, num_classes=10)
    groups = group(graph, Fusion())
    assert [one.kernel.kind for one in groups] == ["conv", "conv", "global_pool", "linear"]
    first, second, pool, linear = (one.nodes for one in groups)
    layers = [
        LayerTime("reorder", (), 0.5),
        LayerTime("conv", first, 3.0),
        LayerTime("conv", second, 2.0),
        LayerTime("pool", pool, 1.0),
        LayerTime("layout", (), 0.5),
        LayerTime("gemm", linear, 1.0),
    ]
    found = kernel_times(graph, Fusion(), 1, layers, 8.0)
    assert [kernel for kernel, _ in found] == [one.kernel for one in groups]
    assert [ms for _, ms in found] == [3.5, 2.0, 1.5, 1.0]  # layouts count to a neighbour, one without weights first
    found = kernel_times(graph, Fusion(), 1, layers, 7.4)
    assert sum(ms for _, ms in found) == pytest.approx(7.4)


def test_kernels_that_the_back_end_did_not_run_are_left_out() -> None:
    graph = lower(parse("SuperConvK3BNRELU(3,8,2,1)"), resolution=16, num_classes=None)
    assert kernel_times(graph, Fusion(), 1, [], 1.0) == []


@pytest.mark.usefixtures("small")
def test_a_sample_is_measured_carried_on_and_fitted(tmp_path: Path) -> None:
    told: list[int] = []
    measure_sample(tmp_path, replace(QUICK, networks=3), lambda done, total, name: told.append(done))
    assert told == [0, 1, 2, 3]
    files = sorted((tmp_path / "samples").iterdir())
    before = [file.read_text() for file in files]
    files[1].unlink()
    measure_sample(tmp_path, QUICK, lambda done, total, name: told.append(done))
    assert told[4:] == [1, 3]
    assert [file.read_text() for file in files][::2] == before[::2]
    table, networks, conditions = read_sample(tmp_path)
    assert len(networks) == 3
    assert table.ms is not None
    assert min(table.ms) > 0
    assert sum(kernel.kind in WEIGHTED for kernel in table.kernels) >= 3
    assert conditions["processor"]
    made = fit_folder(tmp_path, "t", "", 100, 0, lambda done, total, what: None)
    assert (made.backend, made.precision, made.batch) == ("torch", "fp32", 1)
    assert "3 random networks" in made.about["source"]
    assert [one["structure"] for one in made.about["reference"]] == [text for text, _ in PROBES]
    (tmp_path / PROBES_FILE).unlink()  # as in samples that were measured before there were references
    measure_sample(tmp_path, QUICK, lambda done, total, name: None)
    assert not (tmp_path / PROBES_FILE).exists()
    assert len(references(tmp_path)) <= 3  # those that take long enough to be timed well


@pytest.mark.usefixtures("small")
def test_networks_that_are_refused_are_left_out_unless_they_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def picky(subject: Subject, settings: MeasureSettings, repeats: int) -> Breakdown:
        asked.append(subject.name)
        if len(asked) in (2, 21, 22):
            raise LatencyError("its logits are off")
        return breakdown(1.0, [LayerTime("all", tuple(range(len(subject.graph.nodes))), 1.0)])

    monkeypatch.setattr(campaign, "measure_blocks", picky)
    monkeypatch.setattr(campaign, "looked_up", lambda settings: Fusion())
    monkeypatch.setattr(campaign, "measure", lambda subject, settings: breakdown(1.0, []).whole)
    measure_sample(tmp_path, replace(QUICK, networks=20))
    assert len(asked) == 20
    assert len(read_sample(tmp_path)[1]) == 19
    measure_sample(tmp_path, replace(QUICK, networks=20))
    assert len(asked) == 20  # it is not asked again
    with pytest.raises(LatencyError, match=r"3 of 22 networks of the sample were refused; the last, number 21, .*off"):
        measure_sample(tmp_path, replace(QUICK, networks=22))


@pytest.mark.usefixtures("small")
def test_other_settings_are_refused_in_the_same_folder(tmp_path: Path) -> None:
    measure_sample(tmp_path, replace(QUICK, networks=1))
    with pytest.raises(LatencyError, match="other settings"):
        measure_sample(tmp_path, replace(QUICK, seed=1))
    with locked(tmp_path), pytest.raises(FolderInUseError, match=r"the sample in .* is in use by process"):
        measure_sample(tmp_path, replace(QUICK, networks=2))
    measure_sample(tmp_path, replace(QUICK, networks=2))  # a larger sample goes on
    assert not (tmp_path / LOCK).exists()
    assert len(read_sample(tmp_path)[1]) == 2


@pytest.mark.usefixtures("small")
def test_a_resumed_sample_may_be_made_larger(tmp_path: Path) -> None:
    from typer import BadParameter

    from zennas.cli.app import app

    measure_sample(tmp_path, replace(QUICK, networks=2))
    resume = ["latency", "profile", "--resume", str(tmp_path), "--networks"]
    app([*resume, "3"], standalone_mode=False)
    assert len(read_sample(tmp_path)[1]) == 3
    with pytest.raises(BadParameter, match="less than the sample already has, expected at least 3"):
        app([*resume, "2"], standalone_mode=False)


def test_folders_without_a_sample_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LatencyError, match="has no measured kernels"):
        read_sample(tmp_path)
    (tmp_path / "profile.json").write_text(json.dumps(QUICK.to_json()))
    with pytest.raises(LatencyError, match="has no measured kernels yet"):
        read_sample(tmp_path)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "0000.json").write_text("{")
    with pytest.raises(LatencyError, match="delete it to measure it again"):
        read_sample(tmp_path)


GOOD = ["conv", 1, 8, 8, 4, 4, 3, 1, 1, False, 0.5]


@pytest.mark.parametrize(
    ("whole_ms", "kernel", "message"),
    [
        (math.nan, GOOD, "whole_ms is nan, expected milliseconds above 0"),
        ("a", GOOD, "whole_ms is 'a'"),
        (0, GOOD, "whole_ms is 0"),
        (1.0, [*GOOD[:-1], None], "the time of a kernel is None"),
        (1.0, [*GOOD[:-1], -1.0], "the time of a kernel is -1.0"),
        (1.0, ["convolution", *GOOD[1:]], "the kind of a kernel is 'convolution', expected conv, "),
        (1.0, ["conv", 0, *GOOD[2:]], "the shape of a kernel is "),
        (1.0, GOOD[5:], "a kernel has 5 fields, expected 10"),
    ],
)
def test_bad_samples_are_refused_by_their_file(tmp_path: Path, whole_ms: object, kernel: object, message: str) -> None:
    stored = {"whole_ms": whole_ms, "kernels": [GOOD, kernel], "conditions": {}}
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "0000.json").write_text(json.dumps(stored))
    (tmp_path / "profile.json").write_text(json.dumps(QUICK.to_json()))
    with pytest.raises(LatencyError, match=f"0000.json cannot be read: {message}.*; delete it to measure it again"):
        read_sample(tmp_path)


def test_settings_that_lack_something_are_refused(tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text("{}")
    with pytest.raises(LatencyError, match=r"profile.json cannot be read: it lacks 'measure'; measure again in"):
        read_sample(tmp_path)


def test_settings_with_an_unknown_precision_are_refused(tmp_path: Path) -> None:
    stored = replace(QUICK, measure=MeasureSettings("torch", precision="fp4")).to_json()
    (tmp_path / "profile.json").write_text(json.dumps(stored))
    with pytest.raises(LatencyError, match=r"profile.json cannot be read: precision is 'fp4', expected fp32 or"):
        read_sample(tmp_path)
