"""Expected costs: known figures of the look-up table, gradients, and sums that equal whole networks'."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

import pytest
import torch
from torch import nn

import latency
import PlainNet
import ZenNet
from PlainNet import parse
from PlainNet.sizes import Sides, Size
from SearchSpace.mobile import mobile
from tests.conftest import data_folder
from tests.zennas.supernet.searches import decisions_of
from zennas.supernet.choices import LayerChoice
from zennas.supernet.cost import CostLoss, CostTable, Penalty
from zennas.supernet.decisions import Decisions
from zennas.supernet.errors import SupernetError
from zennas.supernet.spaces import Cells, Choices, open_space
from zennas.supernet.tables import counted, looked_up, predicted


@pytest.fixture(scope="module")
def lut() -> CostTable:
    path = data_folder() / "proxyless_mobile_block_lut.csv.gz"
    if not path.is_file():
        pytest.skip(f"no table: {path} is not there")
    return looked_up(open_space("mobile"), path, resolution=224, num_classes=1000)


def test_the_figures_of_the_phone(lut: CostTable) -> None:
    space = mobile()
    decisions = decisions_of(open_space("mobile").options)

    def everywhere(pick: int) -> float:
        return lut.of({decision.name: (min(pick, len(decision.options) - 1),) for decision in space.decisions()})

    published = str(parse(ZenNet.model_info("proxylessnas_mobile")["structure"]))
    searched = published.replace("(16,32,", "(16,24,").replace("MBConv(32,32,", "MBConv(24,24,")
    picks = space.encode(parse(searched.replace("MBConv(32,40,", "MBConv(24,40,")))
    keys = list(lut.candidates)
    assert lut.fixed == pytest.approx(11.3642, abs=1e-3)
    assert float(lut.expected(decisions).detach()) == pytest.approx(113.9881, abs=1e-3)
    nothing = {key: (len(costs) - 1 if len(costs) == 7 else 0,) for key, costs in lut.candidates.items()}
    assert lut.of(nothing) == pytest.approx(29.6088, abs=1e-3)
    assert lut.fixed + sum(map(max, lut.candidates.values())) == pytest.approx(191.0299, abs=1e-3)
    assert everywhere(0) == pytest.approx(76.0481, abs=1e-3)
    assert everywhere(3) == pytest.approx(136.4663, abs=1e-3)
    assert lut.of({key: (pick,) for key, pick in zip(keys, picks, strict=True)}) == pytest.approx(82.5239, abs=1e-3)


def test_the_gradient_of_an_expectation(lut: CostTable) -> None:
    decisions = decisions_of(open_space("mobile").options)
    decisions.initialise("normal", 1.0, torch.Generator().manual_seed(0))
    found = torch.autograd.grad(lut.expected(decisions), decisions.parameters())
    for decision, gradient in zip(decisions, found, strict=True):
        p = decision.shares().detach()
        costs = torch.tensor(lut.candidates[decision.key], dtype=torch.float64)
        assert torch.allclose(gradient, p * (costs - (p * costs).sum()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["mobile", "nas-bench-macro"])
@pytest.mark.parametrize("what", ["flops", "params", "activations"])
@pytest.mark.parametrize("size", [64, Sides(64, 96)])
def test_counts_add_up_to_those_of_whole_networks(name: str, what: str, size: Size) -> None:
    space = open_space(name)
    table = counted(space, what, resolution=size, num_classes=7)
    rng = Random(0)
    for _ in range(10):
        picks = {key: (rng.randrange(len(options)),) for key, options in space.options.items()}
        whole = PlainNet.cost(space.network(picks), resolution=size, num_classes=7)
        assert table.of(picks) == getattr(whole, what)


@pytest.mark.parametrize("what", ["flops", "params"])
def test_counts_of_cells_add_up(what: str) -> None:
    space, rng = Cells(channels=4, cells=2), Random(0)
    table = counted(space, what, resolution=17, num_classes=3)
    for _ in range(20):
        picks = {key: (rng.randrange(5),) for key in space.keys}
        whole = PlainNet.cost(space.network(picks), resolution=17, num_classes=3)
        assert table.of(picks) == getattr(whole, what)


@pytest.mark.parametrize("name", ["mobile", "nas-bench-macro"])
@pytest.mark.parametrize("profile", ["v100-pytorch-fp16", "this-machine-fp32"])
def test_predictions_add_up_to_those_of_whole_networks(name: str, profile: str) -> None:
    space, rng = open_space(name), Random(1)
    table = predicted(space, profile, resolution=64, num_classes=7)
    assert table.unit == "ms"
    for _ in range(5):
        picks = {key: (rng.randrange(len(options)),) for key, options in space.options.items()}
        whole = latency.predict(space.network(picks), profile, resolution=64, num_classes=7)
        assert table.of(picks) == pytest.approx(whole, rel=1e-9)


def test_an_operation_that_a_profile_does_not_know() -> None:
    with pytest.raises(SupernetError, match=r"profile pi5-onnxruntime has no kernels of kind depthwise, only"):
        predicted(open_space("mobile"), "pi5-onnxruntime", resolution=224, num_classes=1000)
    space = Choices("mine", parse("ConvKX(3,8,3,1)Choice{a|ConvKX(8,8,3,1);MaxPool(8,3,1)}"))
    with pytest.raises(
        SupernetError, match=r"MaxPool\(8,3,1\) cannot be predicted: profile \S+ has no kernels of kind"
    ):
        predicted(space, "pixel3", resolution=32, num_classes=10)


def test_rows_that_a_look_up_table_lacks(tmp_path: Path) -> None:
    file = tmp_path / "lut.csv"
    header = "op,inp,outp,expand,kernel,stride,idskip,se,hs,count,mean,var\n"
    file.write_text(header + "Conv,32x32x3,32x32x8,,,,,,,9,1.5,0\nLogits,32x32x8,10,,,,,,,9,0.25,0\n")
    space = Choices("mine", parse("ConvKX(3,8,3,1)BN(8)Choice{a|MBConv(8,8,3,3,1);Identity(8)}"))
    message = r"no row for MBConv\(8,8,3,3,1\) on 32×32 pixels: expanded_conv from 32x32x8 to 32x32x8 with expansion 3"
    with pytest.raises(SupernetError, match=message):
        looked_up(space, file, resolution=32, num_classes=10)
    with file.open("a") as out:
        out.write("expanded_conv,32x32x8,32x32x8,3,3,1,1,,,9,2.0,0\n")
    table = looked_up(space, file, resolution=32, num_classes=10)
    assert (table.fixed, table.candidates) == (1.75, {"a": (2.0, 0.0)})
    with pytest.raises(SupernetError, match="no row for the classifier of 12 classes"):
        looked_up(space, file, resolution=32, num_classes=12)
    other = Choices("mine", parse("ConvKX(3,8,3,1)Choice{a|AvgPool(8,3,1);Identity(8)}"))
    with pytest.raises(SupernetError, match=r"no rows for the block AvgPool\(8,3,1\)"):
        looked_up(other, file, resolution=32, num_classes=10)
    file.write_text(header + "Conv,32x32x3,32x32x8,,,,,,,9,fast,0\n")
    with pytest.raises(SupernetError, match=r"line 2 is no row"):
        looked_up(space, file, resolution=32, num_classes=10)
    with pytest.raises(SupernetError, match="cannot be read"):
        looked_up(space, tmp_path / "absent.csv", resolution=32, num_classes=10)


def simple(fixed: float = 1.0, costs: tuple[float, ...] = (2.0, 6.0)) -> tuple[Decisions, CostTable]:
    layer = LayerChoice([nn.Identity() for _ in costs], key="a")
    return Decisions(layer), CostTable("latency", "ms", fixed, {"a": costs})


def test_forms_of_costs_in_the_loss() -> None:
    decisions, table = simple()  # E = 1 + 4
    entropy = torch.tensor(2.0)
    values = {
        form: float(
            CostLoss((Penalty(table, 4.0),), form, weight=0.1, power=0.3, scale=0.2)(entropy, decisions).detach()
        )
        for form in ("add", "mul", "mul#log")
    }
    assert values["add"] == pytest.approx(2 + 0.1 * (5 - 4) / 4)
    assert values["mul"] == pytest.approx(2 * (5 / 4) ** 0.3)
    assert values["mul#log"] == pytest.approx(0.2 * 2 * (math.log(5) / math.log(4)) ** 0.3)
    both = CostLoss((Penalty(table, 4.0), Penalty(CostTable("FLOPs", "", 0.0, {"a": (10.0, 30.0)}), 40.0)), weight=0.1)
    assert float(both(entropy, decisions).detach()) == pytest.approx(2 + 0.1 * (1 / 4 + (20 - 40) / 40))
    assert float(CostLoss()(entropy, decisions)) == 2


def test_the_form_with_logarithms_is_refused_where_it_does_not_exist() -> None:
    decisions, table = simple(fixed=0.1, costs=(0.2, 0.6))
    with pytest.raises(SupernetError, match=r"mul#log needs costs above 1 ms, but latency is 0\.8: use the form mul"):
        CostLoss((Penalty(table, 0.8),), "mul#log")
    with pytest.raises(SupernetError, match=r"but latency is 0\.5"):
        CostLoss((Penalty(table, 2.0),), "mul#log")(torch.tensor(1.0), decisions)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda table, decisions: CostLoss((), "sum"), "the form of costs in the loss is 'sum', expected add, mul"),
        (lambda table, decisions: Penalty(table, 0.0), "the reference of latency is 0.0, expected a number above 0"),
        (
            lambda table, decisions: CostTable("x", "ms", 0.0, {"b": (1.0,)}).check(decisions),
            "the costs x are of a decision b, which the model does not have",
        ),
        (
            lambda table, decisions: CostTable("x", "ms", 0.0, {"a": (1.0,)}).check(decisions),
            "1 numbers for a, expected 2",
        ),
        (
            lambda table, decisions: CostTable("x", "ms", 0.0, {"a": (1.0, math.nan)}).check(decisions),
            "a number that is not finite",
        ),
    ],
)
def test_costs_that_do_not_fit(make: object, message: str) -> None:
    decisions, table = simple()
    table.check(decisions)
    with pytest.raises(SupernetError, match=message):
        make(table, decisions)  # type: ignore[operator]
