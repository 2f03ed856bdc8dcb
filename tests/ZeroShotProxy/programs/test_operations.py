"""Each of the 34 operations against a plain reference in numpy or loops, in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ZeroShotProxy.programs.errors import ProgramError
from ZeroShotProxy.programs.operations import OPERATIONS, apply, apply_to_stacks, shape_of

Array = Any


def plain_standardise(x: Array) -> Array:
    flat = [float(value) for value in x.flatten()]
    mean = math.fsum(flat) / len(flat)
    squares = math.fsum((value - mean) ** 2 for value in flat)
    if len(flat) < 2 or len(set(flat)) == 1:
        return np.zeros_like(x)
    return (x - mean) / math.sqrt(squares / (len(flat) - 1))


def determinant(matrix: list[list[float]]) -> float:
    """By expansion along the first row, which is exact for small whole numbers."""
    if not matrix:
        return 1.0
    return sum(
        (-1) ** j * value * determinant([[*row[:j], *row[j + 1 :]] for row in matrix[1:]])
        for j, value in enumerate(matrix[0])
    )


def plain_det(x: Array) -> Array:
    found = [determinant(matrix.tolist()) for matrix in x.reshape(-1, *x.shape[-2:])]
    return np.array(found).reshape(x.shape[:-2])


def plain_logdet(x: Array) -> Array:
    values = [0.0 if d < 0 else math.log(d) if d > 0 else -math.inf for d in plain_det(x).flatten()]
    return np.array(values).reshape(x.shape[:-2])


def plain_eig_ratio(x: Array) -> Array:
    """The squares of the largest and the smallest singular value."""
    rows = x.reshape(len(x), -1)
    singular = np.linalg.svd(rows, compute_uv=False)
    smallest = singular.min() if rows.shape[0] <= rows.shape[1] else 0.0
    if smallest < 1e-7 * singular.max():
        smallest = 0.0
    return singular.max() ** 2 / smallest**2


def plain_hamming(x: Array, y: Array) -> Array:
    return np.array(float(sum((a > 0) != (b > 0) for a, b in zip(x.flatten(), y.flatten(), strict=True))))


def plain_kl(x: Array, y: Array) -> Array:
    terms = []
    for log_q, p in zip(x.flatten(), y.flatten(), strict=True):
        terms.append(math.nan if p < 0 else (p * math.log(p) if p else 0.0) - p * log_q)
    return np.array(sum(terms) / len(x))


def plain_cosine(x: Array, y: Array) -> Array:
    cosines = []
    for a, b in zip(x.reshape(len(x), -1), y.reshape(len(y), -1), strict=True):
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        cosines.append(a @ b / lengths if lengths else 0.0)
    return np.array(sum(cosines))


def plain_softmax(x: Array) -> Array:
    axis = 0 if x.ndim in (1, 3) else 1
    raised = np.exp(x - x.max(axis, keepdims=True))
    return raised / raised.sum(axis, keepdims=True)


def each(function: Callable[[float], float]) -> Callable[[Array], Array]:
    return lambda x: np.array([function(float(value)) for value in x.flatten()]).reshape(x.shape)


def pairs(function: Callable[[float, float], float]) -> Callable[[Array, Array], Array]:
    return lambda x, y: np.array(
        [function(float(a), float(b)) for a, b in zip(x.flatten(), y.flatten(), strict=True)]
    ).reshape(x.shape)


PLAIN: dict[str, Callable[..., Array]] = {
    "add": pairs(lambda a, b: a + b),
    "sub": pairs(lambda a, b: a - b),
    "mul": pairs(lambda a, b: a * b),
    "matmul": lambda x, y: np.einsum("i,i" if x.ndim == 1 else "...ij,...jk->...ik", x, y),
    "less": pairs(lambda a, b: float(a < b)),
    "greater": pairs(lambda a, b: float(a > b)),
    "equal": pairs(lambda a, b: float(a == b)),
    "log": each(lambda a: math.log(a) if a > 0 else 0.0),
    "log_abs": each(lambda a: math.log(abs(a)) if a else 0.0),
    "abs": each(abs),
    "square": each(lambda a: a * a),
    "exp": each(math.exp),
    "standardise": plain_standardise,
    "relu": each(lambda a: max(a, 0.0)),
    "sign": each(lambda a: float((a > 0) - (a < 0))),
    "heaviside": each(lambda a: float(a > 0)),
    "inverse": each(lambda a: 1 / a if a else math.inf),
    "frobenius": lambda x: np.array(math.sqrt(sum(float(value) ** 2 for value in x.flatten()))),
    "det": plain_det,
    "logdet": plain_logdet,
    "eig_ratio_symmetric": plain_eig_ratio,
    "eig_ratio": plain_eig_ratio,
    "mean": lambda x: np.array(math.fsum(x.flatten()) / x.size),
    "mean_abs": lambda x: np.array(math.fsum(abs(x.flatten())) / x.size),
    "hamming": plain_hamming,
    "kl": plain_kl,
    "cosine": plain_cosine,
    "softmax": plain_softmax,
    "sigmoid": each(lambda a: 1 / (1 + math.exp(-a))),
    "ones": lambda x: np.ones(x.shape),
    "zeros": lambda x: np.zeros(x.shape),
    "positive": each(lambda a: float(a > 0)),
    "negative": each(lambda a: float(a < 0)),
    "numel": lambda x: np.array(float(x.size)),
}


def drawn(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def whole(shape: tuple[int, ...], seed: int) -> Tensor:
    """−1, 0 and 1: many zeros, equal elements and singular matrices."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-1, 2, shape, generator=generator).double()


TENSORS = {
    "random": drawn((4, 3, 3, 3), 0),
    "another": drawn((4, 3, 3, 3), 1),
    "signs": whole((6, 2, 3, 3), 2),
    "singular": torch.ones(2, 3, 3, dtype=torch.float64),
    "zero": torch.zeros(3, 2, 2, 2, dtype=torch.float64),
    "constant": torch.full((2, 5, 3, 3), 0.1, dtype=torch.float64),
    "negative": -drawn((3, 2, 2), 3).abs(),
    "identity": torch.eye(3, dtype=torch.float64),
    "small": 1e-9 * drawn((3, 4, 4), 4),
    "matrix": drawn((5, 7), 5),
    "tall": drawn((7, 5), 6),
    "one": drawn((1, 1, 1, 1), 7),
    "wide": drawn((2, 3, 4, 5), 8),
    "vector": drawn((6,), 9),
    "scalar": drawn((), 10),
}


def expected(name: str, *given: Tensor) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(PLAIN[name](*(x.numpy() for x in given)))


def check(name: str, *given: Tensor) -> None:
    """An operation gives what its reference does, in the shape that it has, and leaves its arguments alone."""
    before = [x.clone() for x in given]
    found = apply(name, given)
    assert all(torch.equal(x, y) for x, y in zip(given, before, strict=True))
    wanted = expected(name, *before)
    assert tuple(found.shape) == wanted.shape
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-7, atol=1e-12)


NEED = {
    **dict.fromkeys(("det", "logdet"), lambda x: x.dim() >= 2 and x.shape[-1] == x.shape[-2]),
    **dict.fromkeys(("eig_ratio", "eig_ratio_symmetric", "kl", "cosine"), lambda x: x.dim() >= 1),
    "matmul": lambda x: x.dim() == 1 or (x.dim() >= 2 and x.shape[-1] == x.shape[-2]),
}
UNARY = [name for name, operation in OPERATIONS.items() if operation.arity == 1]
BINARY = [name for name, operation in OPERATIONS.items() if operation.arity == 2]


def takes(name: str, x: Tensor) -> bool:
    return name not in NEED or bool(NEED[name](x))  # type: ignore[no-untyped-call]


def test_the_table_has_all_operations_in_order() -> None:
    assert [operation.number for operation in OPERATIONS.values()] == list(range(34))
    assert list(PLAIN) == list(OPERATIONS)
    assert BINARY == ["add", "sub", "mul", "matmul", "less", "greater", "equal", "hamming", "kl", "cosine"]


@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, kind: str) -> None:
    x = TENSORS[kind]
    if kind == "scalar" and name == "softmax":
        assert float(apply(name, [x])) == 1
    elif takes(name, x):
        check(name, x)
    else:
        with pytest.raises(ProgramError, match=f"{name} of .* is not possible: "):
            apply(name, [x])


@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str, kind: str) -> None:
    x = TENSORS[kind]
    for y in (drawn(x.shape, 11), whole(x.shape, 12), x):
        if takes(name, x):
            check(name, x, y)
            check(name, y, x)
        else:
            with pytest.raises(ProgramError, match=f"{name} of .* and .* is not possible: "):
                apply(name, [x, y])


def test_matrix_products_of_other_shapes() -> None:
    check("matmul", TENSORS["matrix"], TENSORS["tall"])
    check("matmul", TENSORS["wide"], drawn((2, 3, 5, 2), 13))


def test_shapes_are_broadcast_or_refused() -> None:
    x, scalar = TENSORS["wide"], TENSORS["scalar"]
    assert torch.equal(apply("add", [x, scalar]), x + scalar.item())
    assert torch.equal(apply("less", [scalar, x]), (x > scalar.item()).double())
    for name in BINARY:
        with pytest.raises(ProgramError, match=rf"{name} of \(2, 3, 4, 5\) and \(3, 7\) is not possible"):
            apply(name, [x, drawn((3, 7), 17)])


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("log", [0.0, -3.0, 1.0, math.inf, math.nan], [0.0, 0.0, 0.0, math.inf, math.nan]),
        ("log_abs", [0.0, -math.e, -math.inf, math.nan], [0.0, 1.0, math.inf, math.nan]),
        ("heaviside", [0.0, -0.0, 1e-45, -1.0], [0.0, 0.0, 1.0, 0.0]),
        ("inverse", [0.0, -0.0, 2.0], [math.inf, -math.inf, 0.5]),
        ("standardise", [3.0], [0.0]),
        ("standardise", [math.nan, 1.0], [0.0, 0.0]),
        ("standardise", [0.1] * 7, [0.0] * 7),
        ("exp", [1000.0, -1000.0], [math.inf, 0.0]),
    ],
)
def test_edge_cases(name: str, given: list[float], wanted: list[float]) -> None:
    torch.testing.assert_close(apply(name, [torch.tensor(given)]), torch.tensor(wanted), equal_nan=True)


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e10, 1e30])
def test_standardising_does_not_depend_on_the_scale(scale: float) -> None:
    x = drawn((4, 5), 40).float()
    torch.testing.assert_close(apply("standardise", [scale * x]), apply("standardise", [x]), rtol=1e-5, atol=1e-5)


def test_determinants_without_a_logarithm() -> None:
    singular = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    negative = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    unknown = torch.tensor([[math.nan, 1.0], [1.0, 0.0]])
    found = apply("logdet", [torch.stack([singular, negative, unknown, 2 * torch.eye(2)])])
    assert found.tolist() == pytest.approx([-math.inf, 0, 0, math.log(4)])


def test_eigenvalues_of_singular_matrices_have_no_ratio() -> None:
    rows = torch.ones(2, 3)
    for name in ("eig_ratio", "eig_ratio_symmetric"):
        assert float(apply(name, [rows])) == math.inf
        assert math.isnan(float(apply(name, [0 * rows])))
        with pytest.raises(ProgramError, match=f"{name} of .* is not possible: it needs finite products of rows"):
            apply(name, [torch.full((1, 1), math.inf)])


def test_kl_divergence_is_torchs() -> None:
    x, y = drawn((3, 4, 2), 14), drawn((3, 4, 2), 15).abs()
    wanted = torch.nn.functional.kl_div(x, y, reduction="batchmean")
    torch.testing.assert_close(apply("kl", [x, y]), wanted)
    assert math.isnan(float(apply("kl", [x, -y])))


def test_single_precision_stays_single() -> None:
    x = drawn((2, 3, 3), 16).float()
    for name, operation in OPERATIONS.items():
        assert apply(name, [x] * operation.arity).dtype == torch.float32, name


SHAPES: tuple[tuple[int, ...], ...] = (
    *(
        (),
        (6,),
        (16,),
        (5, 7),
        (1, 16, 8, 8),
        (1, 3, 7, 7),
        (4, 3, 3, 3),
        (2, 3, 1, 1),
        (2, 5, 5),
        (1, 1),
        (3, 2, 4, 5),
    ),
)


def outcome(name: str, given: list[Tensor]) -> Tensor | str:
    try:
        return apply(name, given)
    except ProgramError as error:
        return str(error)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_unit_has_the_same_result_in_every_stack(name: str) -> None:
    """Bit by bit, on random and on whole numbers, in single precision."""
    for number, shape in enumerate(SHAPES):
        for draw in (drawn, whole):
            stacks = [draw((7, *shape), 20 + 2 * number + i).float() for i in range(OPERATIONS[name].arity)]
            wanted = [outcome(name, [x[i].clone() for x in stacks]) for i in range(7)]
            if any(isinstance(one, str) for one in wanted):
                assert len({str(one) for one in wanted}) == 1
                continue
            for start, end in ((0, 7), (0, 2), (1, 4), (3, 6)):
                found = apply_to_stacks(name, [x[start:end].clone() for x in stacks])
                for i, one in enumerate(found, start=start):
                    torch.testing.assert_close(one, wanted[i], rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", OPERATIONS)
def test_shapes_of_results_are_known_before(name: str) -> None:
    """And what the shapes do not allow, torch does not either."""
    possible = 0
    operation = OPERATIONS[name]
    for shapes in product(SHAPES, repeat=operation.arity):
        given = [drawn(shape, i).float() for i, shape in enumerate(shapes)]
        try:
            known = shape_of(name, shapes)
        except ProgramError as error:
            assert str(error).startswith(f"{name} of {' and '.join(map(str, shapes))} is not possible: ")
            if name not in ("kl", "matmul"):  # which take more on stacks
                with pytest.raises((RuntimeError, IndexError, ProgramError)):
                    operation.function(*(x[None] for x in given))
            continue
        found = apply(name, given)
        assert tuple(found.shape) == known
        if operation.fill is not None:
            assert torch.equal(found, torch.full(known, operation.fill(shapes[0])))
        possible += 1
    assert possible >= 5


def test_more_rows_than_columns_are_singular() -> None:
    for shape in ((7, 5), (9, 2, 2, 2)):
        x = drawn(shape, 30)
        assert float(apply("eig_ratio", [x])) == float(apply("eig_ratio_symmetric", [x])) == math.inf
    assert math.isnan(float(apply("eig_ratio", [torch.zeros(3, 2)])))
    x = drawn((64, 64, 3, 3), 31).float()
    gram = (lambda rows: rows @ rows.T)(x.reshape(64, -1).double())
    values = torch.linalg.eigvals(gram).real
    assert float(apply("eig_ratio", [x])) == pytest.approx(float(values.max() / values.min()), rel=1e-4)
