"""Operations in NumPy against those in torch, and programs on vectors by both."""

from __future__ import annotations

import itertools
from random import Random

import numpy as np
import pytest
import torch

from ZeroShotProxy.programs import operations, vectors
from ZeroShotProxy.programs.closed_form import CLOSED_FORMS
from ZeroShotProxy.programs.convolutions import Vector
from ZeroShotProxy.programs.errors import ProgramError
from ZeroShotProxy.programs.operations import OPERATIONS
from ZeroShotProxy.programs.running import Program, ToScalar
from ZeroShotProxy.programs.together import Value
from ZeroShotProxy.programs.tree import Tree, parse
from ZeroShotProxy.programs.vectors import FUNCTIONS, value_of

from .trees import random_tree


def vector(*values: float) -> Vector:
    return np.array(values, dtype=np.float32)


GIVEN = {
    "drawn": np.random.default_rng(0).standard_normal(7).astype(np.float32),
    "other": np.random.default_rng(1).standard_normal(7).astype(np.float32),
    "signs": vector(1, 0, -1, 0, 1, 1, -1),
    "constant": np.full(7, 0.1, dtype=np.float32),
    "zeros": np.zeros(7, dtype=np.float32),
    "large": vector(1e18, 2e15, 1e17, 1, 2, 3, 1e12),
    "small": vector(*(1e-30 * k for k in range(1, 8))),
    "infinite": vector(np.inf, 1, 2, 3, 4, 5, -6),
    "unknown": vector(np.nan, 1, 2, 3, 4, 5, -6),
    "one": vector(2.5),
    "scalar": np.asarray(1.5, dtype=np.float32),
    "negative": np.asarray(-1.5, dtype=np.float32),
}


def in_torch(name: str, *given: Vector) -> torch.Tensor | None:
    try:
        return operations.apply(name, [torch.from_numpy(x) for x in given])
    except ProgramError:
        return None


def in_numpy(name: str, *given: Vector) -> Vector | None:
    with np.errstate(all="ignore"):
        try:
            return vectors.apply(name, *given)
        except ProgramError as error:
            assert str(error).startswith(f"{name} of ")
            return None


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_those_of_torch(name: str) -> None:
    for given in itertools.product(GIVEN.values(), repeat=OPERATIONS[name].arity):
        expected, found = in_torch(name, *given), in_numpy(name, *given)
        if expected is None or found is None:
            assert expected is found is None, given
            continue
        assert found.dtype == np.float32
        assert found.shape == tuple(expected.shape)
        np.testing.assert_allclose(found, expected.numpy(), rtol=2e-5, atol=1e-6, err_msg=str(given))


def test_there_is_one_for_each_operation() -> None:
    assert list(FUNCTIONS) == list(OPERATIONS)


def statistics(seed: int) -> dict[str, Vector]:
    rng = np.random.default_rng(seed)
    return {
        name: rng.lognormal(0, 2, size=() if one.whole else 9).astype(np.float32) for name, one in CLOSED_FORMS.items()
    }


def seen(tree: Tree, to_scalar: ToScalar, given: dict[str, Vector]) -> Value:
    try:
        return Program(tree, to_scalar).of_unit({name: torch.from_numpy(x) for name, x in given.items()})
    except ProgramError as error:
        return str(error)


def alone(tree: Tree, to_scalar: ToScalar, given: dict[str, Vector]) -> Value:
    try:
        return value_of(Program(tree, to_scalar), given)
    except ProgramError as error:
        return str(error)


@pytest.mark.parametrize("to_scalar", ["mean", "sum", "l2"])
def test_a_search_sees_what_a_score_is(to_scalar: ToScalar) -> None:
    rng, same = Random(1), 0
    trees = [random_tree(rng, 3, tuple(CLOSED_FORMS)) for _ in range(300)]
    for seed in range(2):
        given = statistics(seed)
        for tree in trees:
            value, found = seen(tree, to_scalar, given), alone(tree, to_scalar, given)
            if isinstance(value, str) or isinstance(found, str):
                assert isinstance(value, str), tree
                assert isinstance(found, str), tree
                continue
            assert found == pytest.approx(value, rel=1e-3, abs=1e-4), tree
            same += 1
    assert same > 200


def test_reductions_over_the_network_are_within_reach() -> None:
    given = {"flops": vector(1, 10, 100), "share": vector(0.2, 0.3, 0.5)}
    for text, to_scalar, expected in (
        ("log(flops)", "sum", np.log(1000)),
        ("mul(numel(flops), mean(log(flops)))", "mean", np.log(1000)),
        ("log(mul(numel(flops), mean(flops)))", "mean", np.log(111)),
        ("matmul(share, log(flops))", "mean", 0.3 * np.log(10) + 0.5 * np.log(100)),
        ("flops", "l2", np.sqrt(10101)),
    ):
        assert value_of(Program(parse(text), to_scalar), given) == pytest.approx(expected, rel=1e-6)  # type: ignore[arg-type]


def test_what_fails_says_so() -> None:
    given = statistics(0)
    with pytest.raises(ProgramError, match=r"logdet of \(9,\) is not possible: it needs square matrices"):
        value_of(Program(parse("logdet(flops)")), given)
    with pytest.raises(ProgramError, match="the program gives inf"):
        value_of(Program(parse("inverse(zeros(flops))")), given)
