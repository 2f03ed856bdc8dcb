"""Determinants and their logarithms against numpy in double precision, and against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ZeroShotProxy.programs import determinants
from ZeroShotProxy.programs.determinants import det, logdet
from ZeroShotProxy.programs.errors import ProgramError

SIZES = (1, 2, 3, 4, 8, 32)


def drawn(n: int, count: int = 200, seed: int = 0) -> Tensor:
    return torch.randn(count, n, n, generator=torch.Generator().manual_seed(seed))


def plain(x: Tensor) -> tuple[Any, Any]:
    return np.linalg.slogdet(x.double().numpy())


def exact(matrix: list[list[Fraction]]) -> Fraction:
    """By elimination without rounding."""
    if not matrix:
        return Fraction(1)
    pivot = next((i for i, row in enumerate(matrix) if row[0]), None)
    if pivot is None:
        return Fraction(0)
    first = matrix[pivot]
    rest = [row for i, row in enumerate(matrix) if i != pivot]
    left = [[b - row[0] / first[0] * a for a, b in zip(first[1:], row[1:], strict=True)] for row in rest]
    return (-1) ** pivot * first[0] * exact(left)


def exact_logdet(x: Tensor) -> float:
    found = exact([[Fraction(float(value)) for value in row] for row in x])
    if found <= 0:
        return 0.0 if found else -math.inf
    return math.log(found.numerator) - math.log(found.denominator)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", SIZES)
def test_random_matrices(n: int, dtype: torch.dtype) -> None:
    x = drawn(n).to(dtype)
    signs, wanted = plain(x)
    np.testing.assert_allclose(logdet(x).numpy(), np.where(signs > 0, wanted, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(det(x).numpy(), signs * np.exp(wanted), rtol=1e-3)
    assert logdet(x.reshape(10, 20, n, n)).shape == (10, 20)


@pytest.mark.parametrize("n", SIZES)
def test_badly_scaled_matrices_are_regular(n: int) -> None:
    rows, columns = (
        10.0 ** torch.randint(-9, 10, (200, n), generator=torch.Generator().manual_seed(i)) for i in (1, 2)
    )
    x = rows[:, :, None] * drawn(n) * columns[:, None]
    signs, wanted = plain(x)
    np.testing.assert_allclose(logdet(x).numpy(), np.where(signs > 0, wanted, 0), rtol=1e-5, atol=1e-4)
    diagonal = torch.diag_embed(rows)
    np.testing.assert_allclose(logdet(diagonal).numpy(), plain(diagonal)[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n", [2, 3, 4, 8, 32])
def test_singular_matrices_have_a_logarithm_of_minus_infinity(n: int) -> None:
    x = drawn(n)
    twice, zero = x.clone(), x.clone()
    twice[:, 1] = 4 * x[:, 0]
    zero[:, :, n - 1] = 0
    whole = torch.randint(-1, 2, x.shape, generator=torch.Generator().manual_seed(3)).float()
    whole[:, :, 0] = whole[:, :, 1:].sum(-1)
    for singular in (twice, zero, whole, torch.full((5, n, n), 0.1), torch.zeros(1, n, n)):
        assert logdet(singular).tolist() == [-math.inf] * len(singular)
        assert logdet(2.0**-40 * singular).tolist() == [-math.inf] * len(singular)


@pytest.mark.parametrize("n", [2, 3, 4, 6])
def test_signs_and_nearly_singular_matrices_are_exact(n: int) -> None:
    signs = torch.randint(-1, 2, (300, n, n), generator=torch.Generator().manual_seed(4)).float()
    near = drawn(n, 100)
    near[:, -1] = near[:, 0] + 1e-6 * near[:, -1]  # rounding to single precision leaves them regular
    for x in (signs, near):
        found = logdet(x)
        for one, wanted in zip(found.tolist(), map(exact_logdet, x), strict=True):
            assert one == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_nan_and_no_square() -> None:
    for n in SIZES:
        x = drawn(n, 3)
        x[0, 0, 0] = math.nan
        assert float(logdet(x)[0]) == 0
    for function in (det, logdet):
        with pytest.raises(ProgramError, match="it needs square matrices"):
            function(torch.ones(2, 3))
        with pytest.raises(ProgramError, match="it needs square matrices"):
            function(torch.ones(3))


@pytest.mark.parametrize("n", [3, 4])
def test_parts_are_the_whole(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = drawn(n)
    wanted = logdet(x)
    monkeypatch.setattr(determinants, "_PART", 7)
    assert torch.equal(logdet(x), wanted)
