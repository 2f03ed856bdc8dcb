"""Trees and their text form."""

from __future__ import annotations

import re
from random import Random

import pytest

from ZeroShotProxy.programs.errors import WrongProgramError
from ZeroShotProxy.programs.statistics import STATISTICS
from ZeroShotProxy.programs.tree import DEEPEST, LONGEST, Call, Leaf, Tree, depth, nodes, parse, size, statistics_of

from .trees import random_tree

EZNAS_A = "frobenius(sigmoid(logdet(sign(grad_pre_data))))"


def test_random_trees_are_read_as_they_were_written() -> None:
    rng = Random(0)
    for _ in range(200):
        tree = random_tree(rng, 6)
        assert parse(str(tree)) == tree
        spaced = re.sub(r"(\W)", r"\n \1 \t", str(tree))
        assert parse(spaced) == tree
        assert hash(parse(spaced)) == hash(tree)


def test_a_tree_knows_its_parts() -> None:
    tree = parse("sub(log(pre_data), add(weight, abs(square(pre_data))))")
    assert tree == Call(
        "sub",
        (
            Call("log", (Leaf("pre_data"),)),
            Call("add", (Leaf("weight"), Call("abs", (Call("square", (Leaf("pre_data"),)),)))),
        ),
    )
    assert (size(tree), depth(tree)) == (8, 4)
    assert statistics_of(tree) == {"pre_data", "weight"}
    assert [str(node) for node in nodes(tree)][:3] == [str(tree), "log(pre_data)", "pre_data"]
    assert (size(Leaf("weight")), depth(Leaf("weight"))) == (1, 0)
    assert str(parse(EZNAS_A)) == EZNAS_A


def test_there_are_22_statistics() -> None:
    assert len(STATISTICS) == 22
    assert len(statistics_of(parse("add(weight, grad_weight_noise)"))) == 2
    assert sum(one.gradient for one in STATISTICS.values()) == 12


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected an operation or a statistic, but character 1 is the end"),
        ("frobenis(weight)", r"unknown operation 'frobenis' at character 1 \(did you mean frobenius"),
        ("log(grad_pre_date)", r"unknown statistic 'grad_pre_date' at character 5 \(did you mean grad_pre_data"),
        ("log(weight", r"expected , or \) after an argument of log, but character 11 is the end"),
        ("log(weight))", r"expected nothing after the program, but character 12 is '\)'"),
        ("log(weight) weight", "expected nothing after the program, but character 13 is 'weight'"),
        ("log()", r"expected an operation or a statistic, but character 5 is '\)'"),
        ("log(weight,)", r"expected an operation or a statistic, but character 12 is '\)'"),
        ("add(log, weight)", r"expected \( after the operation log, but character 8 is ','"),
        ("weight(pre_data)", r"expected no \( after the statistic weight, but character 7 is '\('"),
        ("exp(add(weight))", "add at character 5 has 1 argument, expected 2"),
        ("log(weight, weight)", "log at character 1 has 2 arguments, expected 1"),
        ("add(weight; weight)", r"expected , or \) after an argument of add, but character 11 is ';'"),
        ("__import__('os')", r"unknown operation '__import__' at character 1"),
        ("1", r"unknown statistic '1'"),
        ("abs(" * (DEEPEST + 1) + "weight" + ")" * (DEEPEST + 1), f"deeper than {DEEPEST} operations at character"),
        ("(" * 5000, "expected an operation or a statistic, but character 1"),
        ("a" * (LONGEST + 1), f"has {LONGEST + 1} characters, expected at most {LONGEST}"),
    ],
)
def test_bad_texts_say_what_is_wrong_and_where(text: str, says: str) -> None:
    with pytest.raises(WrongProgramError, match=says) as caught:
        parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800


def test_the_deepest_tree_is_read() -> None:
    text = "abs(" * DEEPEST + "weight" + ")" * DEEPEST
    assert depth(parse(text)) == DEEPEST


@pytest.mark.parametrize(
    "make",
    [
        lambda: Leaf("nothing"),
        lambda: Call("nothing", (Leaf("weight"),)),
        lambda: Call("add", (Leaf("weight"),)),
    ],
)
def test_there_are_no_invalid_trees(make: type[Tree]) -> None:
    with pytest.raises(WrongProgramError):
        make()  # type: ignore[call-arg]
