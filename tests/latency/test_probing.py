"""Looking up what libraries fuse, in the graphs that they run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latency.base import BACKENDS, LatencyError, MeasureSettings
from latency.fitting.campaign import FUSION_FILE, read_fusion
from latency.fitting.probes import ACTIVATIONS, probes
from latency.fitting.probing import SIZE, looked_up
from latency.kernels import Fusion, Observed, group, guest_name
from latency.measuring.subject import of_module
from latency.predicting.profile import Profile, ProfileError, load_profile


def test_probes_have_every_pattern() -> None:
    graph = of_module("probes", probes(), (3, SIZE, SIZE)).graph
    groups = group(graph, Fusion())
    patterns = {(one.kernel.kind, guest_name(graph.nodes[i].op)) for one in groups for i in one.nodes}
    for kind in ("conv", "depthwise", "add"):
        assert len({guest for of, guest in patterns if of == kind} - {None, "norm", "add"}) >= len(ACTIVATIONS)
    assert {kind for kind, _ in patterns} >= {"grouped", "linear", "norm", "mul", "copy", "avg_pool", "max_pool"}


@pytest.mark.parametrize(
    ("backend", "precision"),
    [
        ("torch", "fp32"),
        pytest.param("onnxruntime", "fp32", marks=pytest.mark.slow),
        pytest.param("onnxruntime", "int8", marks=pytest.mark.slow),
        pytest.param("openvino", "fp32", marks=pytest.mark.slow),
        pytest.param("openvino", "int8", marks=pytest.mark.slow),
    ],
)
def test_what_a_library_fuses_is_looked_up(backend: str, precision: str) -> None:
    reason = BACKENDS.get(backend).available(precision)
    if reason is not None:
        pytest.skip(reason)
    found = looked_up(MeasureSettings(backend, precision))
    assert found.library == f"{backend} {BACKENDS.get(backend).versions()[backend]}"
    assert found.fuses("conv", "norm")
    assert found.fuses("depthwise", "norm")
    eager = backend == "torch"
    assert found.fuses("conv", "relu") != eager
    assert found.fuses("linear", "relu") != eager
    assert not found.fuses("max_pool", "add")
    if (backend, precision) == ("onnxruntime", "fp32"):
        assert not found.fuses("conv", "swish")


def test_profiles_keep_what_was_seen() -> None:
    stored = json.loads(json.dumps(load_profile("this-machine-fp32").to_json()))
    stored["fusion"] |= {"observed": [["conv", "add", False]], "library": "onnxruntime 1.0"}
    found = Profile.from_json(json.loads(json.dumps(stored)), "x.json")
    assert found.fusion.observed == (Observed("conv", "add", False),)
    assert not found.fusion.fuses("conv", "add")
    assert json.loads(json.dumps(found.to_json())) == stored


@pytest.mark.parametrize(
    "observed", [[["conv", "add"]], [["conv", "add", "yes"]], [[1, "add", True]], 3, [["", "a", True]]]
)
def test_profiles_with_other_observations_are_refused(observed: object) -> None:
    stored = load_profile("this-machine-fp32").to_json()
    stored["fusion"] |= {"observed": observed}
    with pytest.raises(ProfileError, match=r"x\.json is damaged"):
        Profile.from_json(stored, "x.json")


@pytest.mark.parametrize("rule", ["norm", "activation", "addition", "swish"])
def test_profiles_with_other_rules_are_refused(rule: str) -> None:
    stored = load_profile("this-machine-fp32").to_json()
    stored["fusion"] |= {rule: "sometimes"}
    with pytest.raises(ProfileError, match=rf"fusion\.{rule} is 'sometimes', expected True or False"):
        Profile.from_json(stored, "x.json")


def test_samples_from_before_follow_the_rules_of_the_back_end(tmp_path: Path) -> None:
    assert read_fusion(tmp_path, MeasureSettings("onnxruntime")) == BACKENDS.get("onnxruntime").fusion
    (tmp_path / FUSION_FILE).write_text('{"observed": [1]}')
    with pytest.raises(LatencyError, match=r"fusion.json cannot be read: .*; measure again in another folder"):
        read_fusion(tmp_path, MeasureSettings("onnxruntime"))
