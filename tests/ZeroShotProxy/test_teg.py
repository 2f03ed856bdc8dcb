"""TEG-NAS's indicators against slow and plain forms of their definitions."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from PlainNet import Structure, ops, parse
from PlainNet.modules import op_function
from PlainNet.ops import OpGraph
from SearchSpace import load_space
from SearchSpace.nasbench201 import Cell201, network
from ZeroShotProxy import ProxyError
from ZeroShotProxy.teg.evaluator import Evaluator, TegImages
from ZeroShotProxy.teg.forward import BN_EPS, forward, pruned
from ZeroShotProxy.teg.kernels import NoValue, condition_number, kernel, regression_error
from ZeroShotProxy.teg.regions import count_regions
from ZeroShotProxy.teg.rows import gradient_rows
from ZeroShotProxy.teg.supernets import CELLS, SUPERNETS, architecture_of
from ZeroShotProxy.teg.weights import Weights

CPU = torch.device("cpu")
CONV3, CONV1, POOL, SKIP, NONE = 3, 2, 4, 1, 0


def images(count: int = 6, side: int = 8) -> TegImages:
    rng = np.random.default_rng(0)

    def noise(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return rng.standard_normal(shape, dtype=np.float32)

    labels = np.arange(count) % 3
    return TegImages(
        noise(count, 3, side, side), labels, noise(count, 3, side, side), labels[::-1].copy(), noise(2, 300, 1, 3, 3), 3
    )


def cell(*edges: int) -> Structure:
    return network(Cell201(edges), channels=4, cells=1)


def some(space: str, count: int) -> list[Structure]:
    rng, loaded = Random(1), load_space(space)
    return [loaded.sample(rng) for _ in range(count)]


EVERY_OPERATION = [
    parse(
        "CellStack4(3,4,2,0," + ",".join(f"{a},{i % 2},{b},{(i + 1) % 2}" for i, (a, b) in enumerate(pairs)) + ",15,"
        + ",".join(f"{a},{i % 2},{b},{i + 1 if i else 1}" for i, (a, b) in enumerate(pairs[::-1])) + ",15)"
    )
    for pairs in ([(1, 2), (3, 4), (5, 6), (7, 3)], [(3, 1), (2, 7), (6, 5), (4, 0)])
]  # fmt: skip
"""DARTS networks that have each operation in both cells, `none` among them."""
CELLS_201 = [
    cell(CONV3, CONV1, POOL, SKIP, NONE, CONV3),
    cell(CONV3, NONE, CONV3, NONE, CONV3, NONE),  # node 2 leads nowhere
    cell(NONE, POOL, CONV3, SKIP, CONV1, CONV1),  # node 1 is zero
    *some("nasbench201", 3),
]


def plainly(graph: OpGraph, x: Tensor, weights: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The last value of a graph, and the outputs of its ReLUs, by torch's own layers; unpruned."""
    values, rectified = [x], list[Tensor]()
    for node in graph.nodes:
        op, inputs = node.op, [values[i] for i in node.inputs]
        if isinstance(op, ops.Conv):
            y = F.conv2d(inputs[0], weights[node.path], None, op.stride, op.padding, op.dilation, op.groups)
        elif isinstance(op, ops.BatchNorm):
            y = F.batch_norm(inputs[0], None, None, weights[node.path], None, training=True, eps=BN_EPS)
        elif isinstance(op, ops.Linear):
            y = F.linear(inputs[0], weights[node.path])
        elif isinstance(op, ops.Concat):
            y = torch.cat(inputs, 1)
        else:
            function, constants = op_function(op)
            y = function(*inputs, *constants)
        if isinstance(op, ops.Relu):
            rectified.append(y.flatten(1))
        values.append(y)
    return values[-1], rectified


def parameters(graph: OpGraph, weights: Weights) -> dict[str, Tensor]:
    """The weights of a supernet that a graph has, with scales of batch-norms, to differentiate by."""
    found = {}
    for node in graph.nodes:
        op = node.op
        if isinstance(op, ops.Conv):
            found[node.path] = weights(
                node.path, (op.out_channels, op.in_channels // op.groups, op.kernel, op.kernel)
            ).clone()
        elif isinstance(op, ops.BatchNorm):
            found[node.path] = torch.ones(op.channels)
        elif isinstance(op, ops.Linear):
            found[node.path] = weights(node.path, (op.out_features, op.in_features)).clone()
    return {name: value.requires_grad_() for name, value in found.items()}


def slow_rows(graph: OpGraph, x: Tensor, weights: Weights, cells_only: bool) -> Tensor:
    """One backward pass for each image."""
    by = parameters(graph, weights)
    chosen = [one for name, one in by.items() if name.startswith(CELLS) or not cells_only]
    logits = plainly(graph, x, by)[0].sum(1)
    rows = []
    for one in logits:
        found = torch.autograd.grad(one, chosen, retain_graph=True, allow_unused=True)
        each = zip(found, chosen, strict=True)
        rows.append(torch.cat([torch.zeros(p.numel()) if g is None else g.ravel() for g, p in each]))
    return torch.stack(rows)


@pytest.mark.parametrize("structure", [*CELLS_201, *EVERY_OPERATION, *some("darts", 2)], ids=lambda s: str(s)[-60:])
def test_kernels_are_those_of_one_backward_pass_for_each_image(structure: Structure) -> None:
    supernet, architecture = architecture_of(structure)
    graph, weights = supernet.full_graph(architecture, 8, 3), Weights(0, "test", CPU)
    x = torch.from_numpy(images().known)
    lean = pruned(graph)
    head = lean.nodes[-1]
    readout = weights(head.path, (3, graph.shape_of(graph.nodes[-1].inputs[0]).channels))
    fast = gradient_rows(forward(lean, x, weights), readout)
    for cells_only in (False, True):
        slow = slow_rows(graph, x, weights, cells_only)
        expected = kernel(slow, slow)
        found = kernel(fast.cells, fast.cells)
        if cells_only:
            alone = gradient_rows(forward(lean, x, weights), readout, cells_only=True)
            assert torch.equal(alone.cells, fast.cells) and not alone.others.numel()
        else:
            found = found + kernel(fast.others, fast.others)
        assert torch.allclose(found, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max() + 1e-9))


@pytest.mark.parametrize("structure", [*CELLS_201, *EVERY_OPERATION], ids=lambda s: str(s)[-60:])
def test_regions_are_the_different_patterns_of_all_relus(structure: Structure) -> None:
    supernet, architecture = architecture_of(structure)
    graph, weights = supernet.thin_graph(architecture, 3), Weights(0, "thin", CPU)
    crops = torch.from_numpy(images().crops)
    by, seen = parameters(graph, weights), set[tuple[bool, ...]]()
    for batch in crops:
        _, rectified = plainly(graph, batch, by)
        seen |= {tuple(row) for row in torch.cat([x > 0 for x in rectified], 1).tolist()}
    assert count_regions(graph, crops, weights) == len(seen)


def test_the_indicators_are_means_over_networks() -> None:
    data, structure = images(), CELLS_201[0]
    both = Evaluator(data, seed=3, networks=2)(structure)
    supernet, architecture = architecture_of(structure)
    graph = supernet.full_graph(architecture, 8, 3)
    condition, error = [], []
    for number in range(2):
        weights = Weights(3, f"full {number}", CPU)
        x, y = torch.from_numpy(data.known), torch.from_numpy(data.held_out)
        everything, cells, held_out = (
            slow_rows(graph, images, weights, only) for images, only in ((x, False), (x, True), (y, True))
        )
        eigenvalues = torch.linalg.eigvalsh(everything.double() @ everything.double().T)
        condition.append(float(eigenvalues[-1] / eigenvalues[0]))
        targets, wanted = (
            torch.eye(3, dtype=torch.float64)[torch.from_numpy(labels)]
            for labels in (data.known_labels, data.held_out_labels)
        )
        inverse = torch.linalg.inv(kernel(cells, cells))
        predicted = kernel(held_out, cells) @ inverse @ (targets - targets.mean(0))
        error.append(float((predicted - (wanted - wanted.mean(0))).square().sum(1).mean()))
    assert both.trainability == pytest.approx(sum(condition) / 2, rel=1e-2)
    assert both.generalisation == pytest.approx(sum(error) / 2, rel=1e-2)
    assert isinstance(both.expressivity, float) and 1 <= both.expressivity <= 600


def test_indicators_depend_neither_on_the_order_nor_on_what_was_evaluated_before() -> None:
    chosen = [*CELLS_201, *EVERY_OPERATION]
    forwards, backwards = Evaluator(images(), networks=2), Evaluator(images(), networks=2)
    found = [forwards(one) for one in chosen]
    assert [backwards(one) for one in chosen[::-1]][::-1] == found
    assert Evaluator(images(), networks=2)(chosen[2]) == found[2]
    assert Evaluator(images(), seed=1, networks=2)(chosen[0]) != found[0]


def test_an_operation_of_an_edge_has_the_same_weights_in_all_architectures() -> None:
    weights = Weights(0, "test", CPU)
    ours, others = (
        parameters(SUPERNETS.get("nasbench201").full_graph(edges, 8, 3), weights)
        for edges in ((CONV3, CONV1, NONE, CONV3, POOL, CONV1), (CONV3, CONV3, CONV1, NONE, CONV1, CONV1))
    )
    same = "cells.cell0.edge10.conv"
    assert torch.equal(ours[same], others[same])
    assert ours["cells.cell0.edge20.conv"].shape != others["cells.cell0.edge20.conv"].shape
    assert not torch.equal(ours[same], ours["cells.cell0.edge30.conv"])


def test_operations_without_effect_change_nothing_but_the_regions() -> None:
    dead, none = (cell(CONV3, NONE, middle, SKIP, NONE, NONE) for middle in (CONV3, NONE))
    evaluate = Evaluator(images(), networks=1)
    one, other = evaluate(dead), evaluate(none)
    assert (one.trainability, one.generalisation) == (other.trainability, other.generalisation)
    assert one.expressivity != other.expressivity


def test_the_order_of_the_edges_of_a_genotype_has_no_meaning() -> None:
    swapped = "CellStack4(3,4,2,0,{},15,{},15)"
    cells = ["4,0,5,1,3,1,2,0,6,0,7,1,1,0,3,1", "5,1,4,0,2,0,3,1,7,1,6,0,3,1,1,0"]
    first, second = (parse(swapped.format(one, cells[0])) for one in cells)
    evaluate = Evaluator(images(), networks=1)
    assert evaluate(first) == evaluate(second)


@pytest.mark.parametrize("edges", [(NONE,) * 6, (CONV3, CONV3, NONE, NONE, NONE, NONE)])
def test_a_network_whose_output_does_not_depend_on_the_image_has_no_kernel(edges: tuple[int, ...]) -> None:
    found = Evaluator(images(), networks=2)(cell(*edges))
    assert found.trainability == NoValue("network 1 of 2: the logits do not depend on the weights")
    assert isinstance(found.generalisation, NoValue) and isinstance(found.expressivity, float)


def test_a_kernel_of_too_few_weights_is_singular_and_not_the_best() -> None:
    few = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    found = condition_number(kernel(few, few))
    assert isinstance(found, NoValue) and "8 images is singular" in found.reason
    labels = torch.arange(8) % 2
    assert regression_error(kernel(few, few), kernel(few, few), labels, labels, 2) == found


def test_kernel_regression_that_knows_the_images_has_no_error() -> None:
    many = torch.randn(8, 50, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(8) % 2
    same = kernel(many, many)
    assert regression_error(same, same, labels, labels, 2) == pytest.approx(0, abs=1e-12)


def test_a_space_without_a_supernet_is_refused_by_name() -> None:
    with pytest.raises(ProxyError, match=r"no space with a supernet.*nasbench201, darts"):
        Evaluator(images())(load_space("XXBL").initial())
