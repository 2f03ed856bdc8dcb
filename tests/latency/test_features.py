"""Kernels in numbers: one formula for one kernel and for columns of them, and a roofline that bounds what can be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency.kernels import CONV, DEPTHWISE, KINDS, WEIGHTED, Kernel, by_kind
from latency.predicting.features import Hardware, baseline, columns, features, names, work
from latency.predicting.hardware import V100, named, processor
from PlainNet.cost import op_cost
from PlainNet.ops import Conv, Shape
from PlainNet.registry import UnknownNameError
from PlainNet.sizes import each_side, size_of, transposed

SHEETS = [*V100.values(), processor("fp32"), processor("int8", 4)]
channels = st.integers(1, 64).map(lambda n: 8 * n)


@st.composite
def kernels(draw: st.DrawFn) -> Kernel:
    kind = draw(st.sampled_from(KINDS))
    ci = draw(channels)
    co = draw(channels) if kind in (CONV, "linear") else ci
    stride, k = draw(st.sampled_from((1, 2))), draw(st.sampled_from((1, 3, 5, 7)))
    size = size_of(draw(st.integers(1, 64)), draw(st.integers(1, 64)))
    out = each_side(lambda side: (side - 1) // stride + 1, size)
    groups = ci if kind == DEPTHWISE else 1
    return Kernel(kind, draw(st.sampled_from((1, 16, 64))), ci, co, size, out, k, stride, groups, draw(st.booleans()))


@given(st.lists(kernels(), min_size=1, max_size=5), st.sampled_from(SHEETS))
def test_columns_of_kernels_have_the_features_of_each(some: list[Kernel], sheet: Hardware) -> None:
    for kind in {kernel.kind for kernel in some}:
        same = [kernel for kernel in some if kernel.kind == kind]
        ((_, together),) = by_kind(same)
        base, found = features(together, sheet, KINDS, columns())
        rows = np.stack([np.broadcast_to(one, base.shape) for one in found], axis=1)
        for i, kernel in enumerate(same):
            own_base, own = features(kernel, sheet, KINDS)
            assert base[i] == pytest.approx(own_base)
            np.testing.assert_allclose(rows[i], own, rtol=1e-9, atol=1e-9)


@given(kernels(), st.sampled_from(SHEETS))
def test_features_are_named_finite_and_relative_to_the_roofline(kernel: Kernel, sheet: Hardware) -> None:
    base, found = features(kernel, sheet, KINDS)
    assert len(found) == len(names(sheet, KINDS))
    assert all(map(math.isfinite, found))
    assert base == baseline(kernel, sheet)
    done = work(kernel, sheet)
    assert base > max(done.bytes / sheet.bytes_per_ms, done.macs / sheet.macs_per_ms)


@given(kernels(), st.sampled_from(SHEETS))
def test_turned_maps_have_the_same_features(kernel: Kernel, sheet: Hardware) -> None:
    turned = kernel._replace(size=transposed(kernel.size), out_size=transposed(kernel.out_size))
    assert features(turned, sheet, KINDS) == features(kernel, sheet, KINDS)


@given(channels, channels, st.integers(1, 64), st.sampled_from((1, 3, 5, 7)), st.sampled_from((1, 2)))
def test_work_is_what_cost_counts(ci: int, co: int, size: int, k: int, stride: int) -> None:
    out = (size - 1) // stride + 1
    done = work(Kernel(CONV, 1, ci, co, size, out, k, stride), V100["fp32"])
    counted = op_cost(Conv(ci, co, k, stride), Shape(co, out))
    assert (done.macs, done.weight_bytes) == (counted.flops, 4 * counted.params)
    assert done.bytes == 4 * (ci * size * size + co * out * out + counted.params)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in WEIGHTED])
def test_kernels_without_weights_move_memory_only(kind: str) -> None:
    kernel = Kernel(kind, 2, 16, 16, 8, 8)
    done = work(kernel, V100["fp16"])
    assert done.weight_bytes == 0
    assert done.bytes >= 2 * 2 * 2 * 16 * 64


def test_a_fused_addition_reads_its_second_operand() -> None:
    kernel = Kernel(CONV, 4, 16, 32, 8, 8, 3)
    more = work(kernel._replace(added=True), V100["fp16"]).bytes - work(kernel, V100["fp16"]).bytes
    assert more == 2 * 4 * 32 * 64


def test_unknown_hardware_names_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match="v100-fp16"):
        named("v100", "fp61", 1)
