"""Every shipped profile: it loads, its card says what it is worth, and it predicts what it should be able to."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from random import Random
from typing import Any

import pytest

from latency.kernels import Fusion, Kernel
from latency.predicting.models import Linear, model_from_json
from latency.predicting.predictor import Predictor
from latency.predicting.profile import (
    FOLDER,
    Profile,
    ProfileError,
    UnknownProfileError,
    load_profile,
    profile_names,
)
from latency.predicting.table import predict_kernels
from PlainNet import Structure, parse
from SearchSpace import load_space
from SearchSpace.nasbench201 import Cell201, network

NAMES = profile_names()
DEVICES = ("pixel3", "raspi4", "edgegpu", "edgetpu", "pi5-onnxruntime", "pi5-litert")
LARGEST = 5_000_000
"""Bytes of a profile's file."""


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.json"


def linear(profile: Profile) -> bool:
    return all(isinstance(model, Linear) for model in profile.models)


def networks(profile: Profile) -> list[Structure]:
    """Networks of the kinds of kernels that the profile knows, at 32 × 32."""
    rng, known = Random(0), {kind for model in profile.models for kind in model.kinds}
    cells = load_space("nasbench201")
    found = [cells.sample(rng) for _ in range(10)] if "activation" in known else []
    if "depthwise" in known:
        found += [load_space("XXBL").sample(rng), load_space("IDW_fixfc").sample(rng)]
    assert found
    return found


def predictor(profile: Profile) -> Predictor:
    return Predictor(profile, resolution=32, num_classes=10)


def test_the_public_devices_are_there() -> None:
    assert set(DEVICES) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_small_and_says_what_it_is_of(name: str) -> None:
    profile = load_profile(name)
    assert path_of(name).stat().st_size <= LARGEST
    assert profile.name == name
    assert all((profile.device, profile.backend, profile.precision, profile.ranges))
    assert profile.batch >= 1
    assert profile.about["source"]
    assert profile.about["method"]
    assert profile.about["held_out"]


@pytest.mark.parametrize("name", NAMES)
def test_the_card_names_source_and_error(name: str) -> None:
    profile = load_profile(name)
    text = path_of(name).with_suffix(".md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert len(text.splitlines()) <= 45
    assert profile.about["source"] in text
    for held_out in profile.about["held_out"].values():
        assert f"within ±10 % {held_out['within10']:.1f} %" in text


@pytest.mark.parametrize("name", DEVICES)
def test_cards_of_devices_say_how_far_they_are_to_be_trusted(name: str) -> None:
    limits = load_profile(name).about["limits"]
    assert "Reliable only for networks like those of NAS-Bench-201" in limits
    assert "noisy" in limits or "noise" in limits
    assert limits in path_of(name).with_suffix(".md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_predictions_are_latencies(name: str) -> None:
    profile = load_profile(name)
    ask = predictor(profile)
    for structure in networks(profile):
        ms = ask(structure)
        assert math.isfinite(ms)
        assert ms > 0
        assert ms == pytest.approx(ask.graph_ms(ask.lowered(structure)), rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_written_and_read(name: str, tmp_path: Path) -> None:
    profile = load_profile(name)
    path = tmp_path / "again.json"
    path.write_text(json.dumps(profile.to_json()), encoding="utf-8")
    again = load_profile(path)
    assert again.to_json() == profile.to_json()
    structures = networks(profile)
    assert [predictor(again)(one) for one in structures] == [predictor(profile)(one) for one in structures]


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_refused_in_a_line(name: str, tmp_path: Path) -> None:
    whole = load_profile(name).to_json()
    path = tmp_path / "damaged.json"

    def refused(text: str) -> None:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ProfileError) as caught:
            load_profile(path)
        assert "\n" not in str(caught.value)
        assert "damaged.json" in str(caught.value)

    text = json.dumps(whole)
    for broken in ("", "[]", text[: len(text) // 2], json.dumps(whole | {"version": 99})):
        refused(broken)
    for key in ("hardware", "fusion", "models", "ranges"):
        without: dict[str, Any] = copy.deepcopy(whole)
        del without[key]
        refused(json.dumps(without))
    refused(json.dumps(whole | {"models": [{"model": "linear", "rates": [["nonsense", 0, 1, 1, 1]]}]}))
    refused(json.dumps(whole | {"models": [{"model": "linear", "rates": [], "large": [["conv", 3]]}]}))
    refused(json.dumps(whole | {"fusion": {"nonsense": True}}))


@pytest.mark.parametrize("name", [name for name in NAMES if linear(load_profile(name))])
def test_more_work_takes_no_less_where_that_follows(name: str) -> None:
    """Rates are not negative: wider, longer and larger networks take as long at least."""
    profile = load_profile(name)
    cell = Cell201((3, 4, 2, 1, 3, 2))
    by_width = [predictor(profile)(network(cell, channels=channels)) for channels in (8, 16, 32, 64)]
    by_depth = [predictor(profile)(network(cell, cells=cells)) for cells in (1, 2, 5, 8)]
    by_size = [Predictor(profile, resolution=size, num_classes=10)(network(cell)) for size in (16, 32, 64)]
    for ms in (by_width, by_depth, by_size):
        assert ms == sorted(ms)
    assert by_depth[0] < by_depth[-1]


@pytest.mark.parametrize("name", DEVICES)
def test_devices_refuse_what_nobody_measured_on_them(name: str) -> None:
    profile = load_profile(name)
    with pytest.raises(ProfileError, match="has no kernels of kind depthwise"):
        predictor(profile)(parse("SuperResIDWE2K3(3,16,2,8,1)"))
    ask = Predictor(profile, resolution=32, num_classes=100)
    assert not profile.outside(ask.kernels(ask.lowered(network(Cell201((3, 4, 0, 1, 2, 3))))))
    wide = ask.kernels(ask.lowered(network(Cell201((3, 4, 0, 1, 2, 3)), channels=128)))
    assert any("out channels" in line for line in profile.outside(wide))


def test_large_inputs_may_cost_more_a_mac() -> None:
    model = Linear((("conv", 1, 0.0, 1.0, 0.0), ("conv", 3, 0.0, 1.0, 0.0)), (("conv", 3, 65_536, 2.0),))
    profile = Profile("test", "none", "none", "fp32", 1, load_profile("raspi4").hardware, Fusion(), (model,))
    small, large = Kernel("conv", 1, 16, 16, 31, 31, 3), Kernel("conv", 1, 16, 16, 32, 32, 3)
    assert profile.kernel_ms(small) == 31 * 31 * 16 * 16 * 9
    assert profile.kernel_ms(large) == 3 * 32 * 32 * 16 * 16 * 9
    assert profile.kernel_ms(large._replace(kernel=1)) == 32 * 32 * 16 * 16
    assert predict_kernels(profile, [small, large]) == [profile.kernel_ms(small), profile.kernel_ms(large)]
    assert model_from_json(json.loads(json.dumps(model.to_json()))) == model
    assert "large" not in Linear(model.rates).to_json()


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("rpi5", "pi5-litert or pi5-onnxruntime"),
        ("Raspberry-Pi-5", "pi5-litert or pi5-onnxruntime"),
        ("rpi4", "raspi4"),
        ("raspberrypi4", "raspi4"),
        ("jetson", "edgegpu"),
        ("coral", "edgetpu"),
        ("edge-tpu", "edgetpu"),
        ("V100-TensorRT", "v100-tensorrt-fp16 or v100-tensorrt-fp32 or v100-tensorrt-int8"),
        ("v100-pytroch-fp16", "v100-pytorch-fp16"),
    ],
)
def test_suggestions_know_families_and_aliases(asked: str, meant: str) -> None:
    with pytest.raises(UnknownProfileError, match=rf"did you mean {meant}"):
        load_profile(asked)
