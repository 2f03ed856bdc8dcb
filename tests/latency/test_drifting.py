"""Recalibration: factors of computing, memory and launches are found again, and predictions follow them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from latency.base import LatencyError
from latency.fitting.drifting import PROBE_CLASSES, PROBES, Timed, drift_of
from latency.kernels import Kernel, group
from latency.predicting.drift import Drift, shares
from latency.predicting.features import work
from latency.predicting.predictor import Predictor
from latency.predicting.profile import Profile, ProfileError, load_profile
from latency.predicting.table import predict_kernels
from PlainNet import Options, lower, parse

from .test_arrays import check

HERE = load_profile("this-machine-fp32")
SLOWER = Drift(1.3, 1.05, 1.0, "2026-01-01T00:00:00+00:00")
KERNELS = [
    Kernel("conv", 1, 256, 256, 14, 14, 3),
    Kernel("depthwise", 1, 64, 64, 112, 112, 3, groups=64),
    Kernel("add", 1, 64, 64, 56, 56),
    Kernel("conv", 1, 8, 8, 4, 4),
]


def probes(drift: Drift, noise: float = 0.0) -> list[Timed]:
    rng, found = np.random.default_rng(0), []
    for text, resolution in PROBES:
        graph = lower(parse(text), resolution=resolution, num_classes=PROBE_CLASSES)
        kernels = [kernel for kernel, _ in group(graph, HERE.fusion)]
        before, now = (sum(one.kernel_ms(kernel) for kernel in kernels) for one in (HERE, replace(HERE, drift=drift)))
        found.append(Timed(kernels, before, now * float(np.exp(rng.normal(0, noise)))))
    return found


def test_shares_add_up_and_say_what_limits_a_kernel() -> None:
    found = [shares(kernel, HERE.hardware) for kernel in KERNELS]
    assert all(sum(one) == pytest.approx(1) for one in found)
    assert [max(range(3), key=lambda i, one=one: one[i]) for one in found] == [0, 1, 1, 2]


def test_the_probes_differ_in_what_limits_them() -> None:
    kinds = set()
    for one in probes(SLOWER):
        parts = sum(HERE.kernel_ms(kernel) * np.array(shares(kernel, HERE.hardware)) for kernel in one.kernels)
        kinds.add(int(np.argmax(parts)))
    assert kinds == {0, 1, 2}


@pytest.mark.parametrize("drift", [SLOWER, Drift(1.0, 1.0, 1.0, "now"), Drift(1.1, 1.3, 1.2, "now")])
def test_the_factors_are_found_again(drift: Drift) -> None:
    found = drift_of(HERE, probes(drift))
    for name in ("computing", "memory", "launches"):
        assert getattr(found, name) == pytest.approx(getattr(drift, name), rel=0.06)
    noisy = drift_of(HERE, probes(drift, noise=0.03))
    assert noisy.computing == pytest.approx(drift.computing, rel=0.1)


def test_a_disturbed_reference_does_not_decide() -> None:
    timed = probes(SLOWER)
    timed[0] = timed[0]._replace(now=3 * timed[0].now)
    assert drift_of(HERE, timed).computing == pytest.approx(1.3, rel=0.1)


def test_without_references_there_is_a_way_out() -> None:
    with pytest.raises(LatencyError, match="has no reference networks"):
        drift_of(load_profile("pixel3"), [])


def test_predictions_are_as_of_now_everywhere() -> None:
    now = replace(HERE, drift=SLOWER)
    for kernel in KERNELS:
        ratio = now.kernel_ms(kernel) / HERE.kernel_ms(kernel)
        assert ratio == pytest.approx(SLOWER.factor(kernel, HERE.hardware))
        assert 1.0 <= ratio <= 1.3
    assert predict_kernels(now, KERNELS) == pytest.approx([now.kernel_ms(kernel) for kernel in KERNELS])
    text = "SuperConvK3BNRELU(3,16,2,1)SuperResK1K5K1(16,40,2,24,2)SuperConvK1BNRELU(40,64,1,1)"
    before, after = (Predictor(one, resolution=64, num_classes=10)(parse(text)) for one in (HERE, now))
    assert 1.0 < after / before < 1.3
    check(now, "XXBL", 32, Options())
    check(replace(load_profile("pixel3"), drift=SLOWER), "XXBL", 32, Options())


def test_a_recalibrated_profile_is_stored_and_checked() -> None:
    stored = json.loads(json.dumps(replace(HERE, drift=SLOWER).to_json()))
    assert Profile.from_json(stored, "now.json").drift == SLOWER
    for wrong in ({**asdict(SLOWER), "memory": -1.0}, {**asdict(SLOWER), "at": "\x1b"}, {"at": "now"}, 3):
        with pytest.raises(ProfileError, match="is damaged"):
            Profile.from_json({**stored, "drift": wrong}, "now.json")


def test_columns_of_kernels_have_the_same_factors() -> None:
    kernels = [Kernel("conv", 1, c, c, 14, 14, 3) for c in (8, 32, 256)]
    together = Kernel("conv", 1, np.array([8, 32, 256]), np.array([8, 32, 256]), 14, 14, 3)  # type: ignore[arg-type]
    assert SLOWER.factor(together, HERE.hardware).tolist() == [SLOWER.factor(one, HERE.hardware) for one in kernels]
    assert work(together, HERE.hardware).macs.tolist() == [work(one, HERE.hardware).macs for one in kernels]
