"""Fits: what a device's law gives back, what is held out, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from latency.base import LatencyError
from latency.fitting.errors import errors
from latency.fitting.fit import Recipe, fit, held_out_errors, non_negative, rates, scaled
from latency.fitting.making import fit_table, write_profile
from latency.kernels import Fusion, Kernel
from latency.predicting.features import baseline, work
from latency.predicting.hardware import processor
from latency.predicting.models import Learned, Linear
from latency.predicting.profile import Profile, ProfileError, load_profile
from latency.predicting.table import LATENCY, KernelTable, held_out

SHEET = processor("fp32")
TARGET = Profile("test", "a law", "none", "fp32", 1, SHEET, Fusion(), models=())
QUICK = Recipe(width=32, hidden=2, steps=1500, batch=128)


def convolutions(count: int, seed: int = 0) -> list[Kernel]:
    rng = Random(seed)
    found = []
    for _ in range(count):
        size, stride = rng.randint(4, 64), rng.choice((1, 2))
        k, ci, co = rng.choice((1, 3, 5)), 8 * rng.randint(1, 32), 8 * rng.randint(1, 32)
        found.append(Kernel("conv", rng.choice((1, 8)), ci, co, size, (size - 1) // stride + 1, k, stride))
    return found


def law(kernel: Kernel) -> float:
    """A device that needs twice the roofline, and more where channels do not fill its vectors."""
    return 2 * baseline(kernel, SHEET) * (1 + 0.5 * (-kernel.out_channels % 16) / 16)


def test_a_learned_model_finds_a_law_that_it_did_not_see() -> None:
    kernels = convolutions(3000)
    table = KernelTable(tuple(kernels), tuple(map(law, kernels)))
    profile, found = fit(table, TARGET, QUICK)
    assert isinstance(profile.models[0], Learned)
    assert found["all"].mape < 5
    assert found["all"].count == sum(map(held_out, kernels))
    assert held_out_errors(profile, table) == found
    assert profile.ranges["conv"]["kernel"] == [1, 5]


def test_few_kernels_get_rates() -> None:
    kernels = convolutions(60)
    profile, _ = fit(KernelTable(tuple(kernels), tuple(map(law, kernels))), TARGET, QUICK)
    assert isinstance(profile.models[0], Linear)
    assert all(profile.kernel_ms(kernel) > 0 for kernel in kernels)


def test_rates_give_back_a_linear_device() -> None:
    kernels = convolutions(80) + [k._replace(kind="add", out_channels=k.in_channels) for k in convolutions(40, 1)]

    def ms(kernel: Kernel) -> float:
        done = work(kernel, SHEET)
        return 0.01 + 3e-9 * done.macs * (kernel.kind == "conv") + 2e-8 * done.bytes

    model = rates(KernelTable(tuple(kernels), tuple(map(ms, kernels))), SHEET)
    assert [model.ms(kernel, SHEET) for kernel in kernels] == pytest.approx(
        [ms(kernel) for kernel in kernels], rel=1e-3
    )


def test_coefficients_are_never_negative() -> None:
    terms = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    assert min(non_negative(terms, np.array([3.0, 2.0, 1.0]))) >= 0


def test_whole_networks_set_scale_and_overhead() -> None:
    kernels = convolutions(60)
    profile, _ = fit(KernelTable(tuple(kernels), tuple(map(law, kernels))), TARGET, QUICK)
    networks = [kernels[i : i + 5] for i in range(0, 60, 5)]
    ms = [1.25 * sum(map(profile.kernel_ms, network)) + 0.5 for network in networks]
    found = scaled(profile, networks, ms)
    assert (found.scale, found.overhead_ms) == (pytest.approx(1.25), pytest.approx(0.5))


def test_too_little_is_refused() -> None:
    kernels = convolutions(4)
    with pytest.raises(LatencyError, match="too few for a fit"):
        fit(KernelTable(tuple(kernels), (1.0,) * 4), TARGET)
    with pytest.raises(LatencyError, match="no measured latencies"):
        fit(KernelTable(tuple(kernels), None), TARGET)


def row_of(kernel: Kernel, ms: float) -> dict[str, Any]:
    """The kernel as a line of a table."""
    return {
        "kind": kernel.kind,
        "batch": kernel.batch,
        "in_channels": kernel.in_channels,
        "in_height": kernel.size,
        "in_width": kernel.size,
        "out_channels": kernel.out_channels,
        "kernel": kernel.kernel,
        "stride": kernel.stride,
        "fused_add": int(kernel.added),
        "groups": kernel.groups,
        "out_height": kernel.out_size,
        LATENCY: ms,
    }


def test_a_table_becomes_a_file_with_a_card(tmp_path: Path) -> None:
    rows = [row_of(kernel, law(kernel)) for kernel in convolutions(60)]
    table = tmp_path / "k.csv"
    table.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]) + "\n")
    blank = replace(TARGET, name="mine")
    made = fit_table(table, blank, "This test.", 100, 0, lambda done, total, what: None)
    path = write_profile(tmp_path / "mine.json", made)
    found = load_profile(path)
    kernel = Kernel("conv", 1, 64, 64, 14, 14, 3)
    assert found.kernel_ms(kernel) == made.kernel_ms(kernel)
    assert found.kernel_ms(kernel._replace(kind="add")) > 0  # from its bytes
    text = path.with_suffix(".md").read_text()
    assert "This test." in text
    assert f"MAPE {made.about['held_out']['all']['mape']:.2f} %" in text
    assert LATENCY not in text


def changed(stored: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a dotted place."""
    made = json.loads(json.dumps(stored))
    *parents, last = place.split(".")
    inner = made
    for parent in parents:
        inner = inner[int(parent)] if isinstance(inner, list) else inner[parent]
    inner[int(last) if isinstance(inner, list) else last] = value
    return made  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("format", "x"),
        ("version", 99),
        ("name", None),
        ("batch", 0),
        ("batch", "x"),
        ("scale", float("nan")),
        ("scale", -1),
        ("overhead_ms", float("inf")),
        ("hardware", {}),
        ("hardware.units", 0),
        ("hardware.macs_per_ms", "fast"),
        ("hardware.bytes_per_ms", -5),
        ("hardware.tiles", []),
        ("hardware.tiles.0", [0, 64]),
        ("fusion.zeros", "zzz"),
        ("fusion.norm", "yes"),
        ("ranges", {"conv": {}}),
        ("ranges.conv.batch", ["a", "b"]),
        ("about", "x"),
        ("models", []),
        ("models", [{"model": "x"}]),
        ("models.0.kinds", ["conv"]),
        ("models.0.widths", {"conv": [[64, 8], [8]]}),
        ("models.1.rates.0", ["add", 0, float("nan"), 0, 0]),
    ],
)
def test_damaged_files_are_refused_in_a_line(tmp_path: Path, place: str, value: Any) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(changed(load_profile("v100-pytorch-fp16").to_json(), place, value)))
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert "\n" not in str(caught.value)
    assert "bad.json" in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[" * 200_000, "", "[]", "\x00"])
def test_what_is_no_profile_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ProfileError, match=r"bad\.json"):
        load_profile(path)


def test_errors_are_relative_to_what_was_measured() -> None:
    found = errors([1.0, 2.09, 4.6], [1.0, 2.0, 4.0])
    assert (found.within5, found.within10) == (pytest.approx(200 / 3), pytest.approx(200 / 3))
    assert found.mape == pytest.approx(100 * (0.045 + 0.15) / 3)
    assert found.spearman == 1
    assert errors([1.0], [2.0]).spearman is None
    with pytest.raises(ValueError, match="at least one value"):
        errors([], [])
