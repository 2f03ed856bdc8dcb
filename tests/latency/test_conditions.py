"""What is told of the processor."""

from __future__ import annotations

import pytest

from latency.measuring import conditions


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx512f avx512_bf16", True),
        ("fpu amx_bf16 amx_tile", True),
        ("fpu avx512f avx512_fp16", False),
        (None, False),
    ],
)
def test_bfloat16_is_one_of_the_processor_s_flags(
    flags: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "_cpuinfo", {"flags": flags}.get)
    assert conditions.computes_bf16() is expected
