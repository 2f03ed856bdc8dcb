"""The arena of `benchmarks/design_proof.py`: who fits a budget, what is left to train, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from benchmarks import design_proof
from benchmarks._design_proof import files, report
from benchmarks._design_proof.budgets import RESNET_8, budgets, costs_of
from benchmarks._design_proof.contestants import OURS, Contestant, drawn, largest, read_list, widened
from benchmarks._design_proof.files import Measured, Trained, add, read_measured, read_trained
from benchmarks._designs.peers import mobilenet_v2
from benchmarks._intervals import difference, half_width
from PlainNet import parse

TINY, _, LATENCY = budgets()
SMALL = "SuperConvK3BNRELU(3,8,1,1)BasicBlock(8,16,3,2)"


def contestant(text: str, kind: str = "hand", budget: str = "tiny") -> Contestant:
    return Contestant(budget, kind, f"{kind} {text[-4:]}", text)


def trained(text: str, seed: int, top1: float) -> Trained:
    return Trained(text, seed, 30, 0.1, top1, 60.0, 1000.0, "cpu")


def test_resnet_8_is_the_first_budget() -> None:
    costs = costs_of(parse(RESNET_8))
    assert (costs.params, costs.flops, costs.ram) == (78_042, 12_501_632, 49_152)
    biases, statistics, shortcuts = 336, 2 * 240, 2 * 96  # those of Keras, and batch-norms that it has not
    assert costs.params + biases + statistics - shortcuts == 78_666
    assert TINY.beyond(costs) == ()
    assert TINY.beyond(costs_of(mobilenet_v2(1.0, 32))) == ("params", "flops", "ram", "ms")
    assert LATENCY.beyond(costs_of(mobilenet_v2(0.25, 32))) == ()


def test_widths_are_multiplied() -> None:
    rng = Random(0)
    for one in [contestant(RESNET_8), *read_list()]:
        factor = rng.uniform(0.1, 3)
        found = widened(one.structure, factor)
        assert widened(one.structure, 1.0, multiple=1) == one.structure
        assert found.blocks[0].args[0] == 3
        assert [spec.kind for spec in found.blocks] == [spec.kind for spec in one.structure.blocks]
        costs_of(found)  # raises if it is not a network
        assert all(value % 4 == 0 for value in (spec.args[1] for spec in found.blocks))


def test_the_largest_that_fits_does() -> None:
    found = largest(TINY, lambda factor: widened(parse(SMALL), factor))
    assert found is not None
    assert TINY.beyond(costs_of(found[1])) == ()
    assert largest(TINY, lambda factor: mobilenet_v2(4 + factor, 32)) is None
    one = drawn(TINY, count=3, seed=1)
    assert TINY.beyond(costs_of(one)) == ()
    assert drawn(TINY, count=3, seed=1) == one


def test_those_who_were_chosen_are_within_their_budgets() -> None:
    limits = {one.name: one for one in budgets()}
    for one in read_list():
        assert bool(limits[one.budget].beyond(one.costs)) == (one.kind == report.OUTSIDE), one.name


def test_what_is_left_is_trained_once_a_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "TRAINED", tmp_path / "trained.csv")
    group = [contestant(RESNET_8), contestant(SMALL, OURS), contestant(RESNET_8, "scaled", "quarter")]
    left = design_proof.jobs(group, 30, 2)
    assert [(one.text, seed) for one, seed in left] == [(RESNET_8, 0), (SMALL, 0), (RESNET_8, 1), (SMALL, 1)]
    add(files.TRAINED, [trained(RESNET_8, 0, 85.5)])
    add(files.TRAINED, [trained(SMALL, 1, 84.0)])
    assert read_trained() == [trained(RESNET_8, 0, 85.5), trained(SMALL, 1, 84.0)]
    assert [(one.text, seed) for one, seed in design_proof.jobs(group, 30, 2)] == [(SMALL, 0), (RESNET_8, 1)]
    assert len(design_proof.jobs(group, 60, 2)) == 4


def test_the_report_counts_and_compares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(files, "TRAINED", tmp_path / "trained.csv")
    monkeypatch.setattr(files, "MEASURED", tmp_path / "measured.csv")
    monkeypatch.setattr(report, "draw", lambda *_: None)
    outside = contestant(str(mobilenet_v2(1.0, 32)), report.OUTSIDE)
    group = [contestant(RESNET_8), contestant(SMALL, OURS), outside]
    report.report(group, 30, 2)
    said = capsys.readouterr().out
    assert "0 of 6 trainings" in said
    assert "not trained so far" in said
    assert "no comparison so far" in said
    assert "beyond params and flops and ram and ms" in said
    add(files.TRAINED, [trained(RESNET_8, 0, 85.0), trained(SMALL, 0, 86.5), trained(outside.text, 0, 99.0)])
    add(files.MEASURED, [Measured(SMALL, 0.5, 0.4, True), Measured(SMALL, 0.3, 0.25, False)])
    assert read_measured() == {SMALL: Measured(SMALL, 0.3, 0.25, False)}
    report.report(group, 30, 2)
    said = capsys.readouterr().out
    assert "3 of 6 trainings" in said
    assert "measured 0.300 (not settled)" in said
    assert f"{group[1].name} minus {group[0].name}: +1.50 points (no interval" in said
    add(files.TRAINED, [trained(RESNET_8, 1, 85.2), trained(SMALL, 1, 86.9)])
    report.report(group, 30, 2)
    assert ": +1.60 points (+" in capsys.readouterr().out


def test_intervals_are_student_s() -> None:
    assert half_width([1.0, 2.0, 3.0]) == pytest.approx(4.302653 / 3**0.5)
    value, half = difference([3.0, 4.0, 5.0], [1.0, 2.0, 3.0])
    assert value == 2
    assert half == pytest.approx(2.776445 * (2 / 3) ** 0.5)  # four degrees of freedom, where the variances are equal
    assert difference([1.0, 1.0], [0.0, 0.0]) == (1.0, 0.0)
