"""Predictions: blocks in a cache, the whole graph, and columns of kernels say the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from random import Random

import pytest

from latency.kernels import KINDS, UNFUSED, Fusion, Kernel
from latency.predicting.features import baseline
from latency.predicting.hardware import V100
from latency.predicting.models import Learned, Linear, traffic
from latency.predicting.predictor import Predictor
from latency.predicting.profile import Profile, ProfileError, load_profile, profile_names
from latency.predicting.table import predict_kernels
from PlainNet import Options, parse
from SearchSpace import SPACES, load_space

ROOFLINE = Linear(tuple((kind, 0, 0.01, 1e-9, 1e-9) for kind in KINDS))


def profile(fusion: Fusion = Fusion(), models: tuple[Linear, ...] = (ROOFLINE,)) -> Profile:
    return Profile("test", "none", "none", "fp16", 4, V100["fp16"], fusion, models, scale=1.5, overhead_ms=0.25)


@pytest.mark.parametrize("space_name", SPACES.names())
@pytest.mark.parametrize("fusion", [Fusion(), UNFUSED], ids=["fused", "unfused"])
@pytest.mark.parametrize("use_se", [False, True])
def test_blocks_sum_up_to_the_graph(space_name: str, fusion: Fusion, use_se: bool) -> None:
    space, rng = load_space(space_name), Random(1)
    predictor = Predictor(profile(fusion), resolution=64, num_classes=10, options=Options(use_se))
    for _ in range(4):
        structure = space.sample(rng)
        assert predictor(structure) == pytest.approx(predictor.graph_ms(predictor.lowered(structure)), rel=1e-9)
        blocks = predictor.blocks_ms(predictor.lowered(structure))
        assert sum(blocks.values()) + 0.25 / 4 == pytest.approx(predictor(structure))


@pytest.mark.parametrize(
    "text",
    [
        "ConvKX(3,16,7,2)BN(16)RELU(16)MaxPool(16,3,2)ConvKX(16,32,3,1)BN(32)",
        "ConvKX(3,8,3,1)Swish(8)ResBlock(8,1,ConvKX(8,8,3,1)BN(8))RELU(8)ConvDW(8,3,2)BN(8)",
    ],
)
def test_basic_blocks_fuse_across_their_borders(text: str) -> None:
    structure = parse(text)
    predictor = Predictor(profile(), resolution=32, num_classes=None)
    graph = predictor.lowered(structure)
    assert predictor(structure) == pytest.approx(predictor.graph_ms(graph))
    assert "norm" not in {kernel.kind for kernel in predictor.kernels(graph)}


@pytest.mark.parametrize("name", [name for name in profile_names() if name.startswith("v100")])
def test_learned_models_say_the_same_for_one_and_for_many(name: str) -> None:
    found = load_profile(name)
    kernels = [
        Kernel("conv", 64, 24, 96, 56, 28, 3, 2),
        Kernel("linear", 64, 512, 1000, 1, 1),
        Kernel("depthwise", 1, 64, 64, 14, 14, 7, 1, 64),
        Kernel("add", 64, 64, 64, 14, 14),
        Kernel("conv", 32, 24, 96, 56, 28, 3, 2, 1, True),
    ]
    assert predict_kernels(found, kernels) == pytest.approx([found.kernel_ms(kernel) for kernel in kernels], rel=1e-4)


def test_batches_scale_and_latency_is_of_one_image() -> None:
    structure = parse("SuperConvK3BNRELU(3,8,2,1)")
    ms = {
        batch: Predictor(profile(), resolution=32, num_classes=10, batch_size=batch)(structure)
        for batch in (None, 4, 8)
    }
    assert ms[None] == ms[4]
    assert ms[8] < ms[4]  # launches and the overhead are shared by more images


def test_without_a_head_nothing_is_asked_for_it() -> None:
    structure = parse("SuperConvK3BNRELU(3,8,2,1)")
    with_head, without = (Predictor(profile(), resolution=32, num_classes=n)(structure) for n in (10, None))
    assert 0 < without < with_head


def test_unknown_kinds_name_the_profile_and_the_way_out() -> None:
    only = profile(models=(traffic(1e6, 0.0),))
    with pytest.raises(ProfileError, match=r"profile test has no kernels of kind conv, only .*fit one of your own"):
        Predictor(only, resolution=32, num_classes=10)(parse("SuperConvK3BNRELU(3,8,2,1)"))


def test_what_is_extrapolated_is_said() -> None:
    known = dataclasses.replace(
        profile(),
        models=(Linear((("conv", 0, 0.0, 1.0, 0.0),)), traffic(1e6, 0.0)),
        ranges={"conv": {n: [1, 64] for n in ("batch", "in_channels", "out_channels", "size", "kernel", "stride")}},
    )
    inside, outside = Kernel("conv", 1, 8, 8, 8, 8, 3), Kernel("conv", 1, 8, 96, 8, 8, 3)
    assert known.outside([inside]) == []
    notes = known.outside([inside, outside, Kernel("linear", 1, 8, 8, 1, 1), Kernel("add", 1, 8, 8, 4, 4)])
    assert notes == [
        "conv with out channels 96, measured: 1 to 64",
        "linear: not measured, treated as a convolution",
        "add: not measured, estimated from the bytes moved",
    ]


def test_no_kernel_is_faster_than_half_its_roofline() -> None:
    found = load_profile("v100-tensorrt-fp16")
    rng = Random(0)
    for _ in range(50):
        ci, co, size, k = 8 * rng.randint(1, 64), 8 * rng.randint(1, 64), rng.randint(7, 112), rng.choice((1, 3, 5))
        kernel = Kernel("conv", 64, ci, co, size, size, k)
        assert found.kernel_ms(kernel) > 0.4 * (baseline(kernel, found.hardware) - found.hardware.launch_ms)


def test_a_missing_profile_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="did you mean v100-pytorch-fp16"):
        load_profile("v100-pytorch-fp61")
    with pytest.raises(ProfileError, match="no latency profile"):
        load_profile(tmp_path / "none.json")


@pytest.mark.parametrize("name", [name for name in profile_names() if name.startswith("v100-tensorrt")])
def test_between_the_measured_widths_nothing_jumps(name: str) -> None:
    found, rng = load_profile(name), Random(0)
    for _ in range(40):
        size, k, ci = rng.choice((7, 14, 28, 56)), rng.choice((1, 3, 5)), 8 * rng.randint(1, 32)
        times = [found.kernel_ms(Kernel("conv", 64, ci, co, size, size, k)) for co in range(64, 400, 8)]
        # Measured widths may jump: kernels are written for some of them. Those in between lie in between.
        known = {64, 96, 128, 160, 192, 256, 384}
        for i, co in enumerate(range(64, 392, 8)):
            if co not in known and co + 8 not in known:
                assert 0.85 < times[i + 1] / times[i] < 1.25


def test_widths_that_were_measured_are_not_touched() -> None:
    found = load_profile("v100-tensorrt-fp16")
    (learned,) = (model for model in found.models if isinstance(model, Learned))
    plain = dataclasses.replace(learned, widths={})
    kernel = Kernel("conv", 64, 96, 128, 28, 28, 3)
    assert learned.ms(kernel, found.hardware) == pytest.approx(plain.ms(kernel, found.hardware))
    between = kernel._replace(out_channels=136)
    assert learned.ms(between, found.hardware) != pytest.approx(plain.ms(between, found.hardware))


@pytest.mark.parametrize("name", profile_names())
def test_images_that_are_not_square_lie_between_squares(name: str) -> None:
    chosen = load_profile(name)
    structure = parse("SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,32,1,1)")
    least, wide, high, most = (
        Predictor(chosen, resolution=size, num_classes=10)(structure) for size in (48, "48x112", (112, 48), 112)
    )
    assert wide == high
    assert least < wide < most
