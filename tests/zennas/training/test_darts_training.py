"""What DARTS's evaluations add to a training: cutout, drop-path and an auxiliary head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from PlainNet import Structure, build, parse
from PlainNet.blocks.darts import Stack
from PlainNet.checkpoint import load_checkpoint
from SearchSpace import load_space
from SearchSpace.darts import network as darts_network
from SearchSpace.genotype import PUBLISHED
from zennas.common.config import read_config
from zennas.named.card import CHECKPOINT_FILE
from zennas.training.augment import cut_out
from zennas.training.auxiliary import AuxiliaryHead, Tap, add_auxiliary
from zennas.training.distributed import Group
from zennas.training.drop_path import DropPath, Paths, with_drop_path
from zennas.training.insertion import graph_of
from zennas.training.job import RunOptions, TrainingJob, settings_of
from zennas.training.objectives.plain import Plain
from zennas.training.recipe import Recipe, RecipeError, TrainingError
from zennas.training.runner import train_structure

from .stopping import StopError, Until

GROUP = Group(torch.device("cpu"))
DARTS = darts_network(PUBLISHED["DARTS_V2"], channels=4, layers=3)
RESIDUAL = parse(
    "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,2)SuperResK3K3(16,16,1,8,1)SuperConvK1BNRELU(16,32,1,1)"
)
CHAIN = parse("SuperConvK3BNRELU(3,8,1,1)SuperConvK3BNRELU(8,8,2,1)")
CPU = RunOptions(device="cpu")


@pytest.mark.parametrize("side", [1, 4, 7, 40])
def test_cutout_sets_a_square_around_a_random_position_to_zero(side: int) -> None:
    draws = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    x = cut_out(torch.ones(200, 3, 10, 12), draws, side)
    for image, (row, column) in zip(x, (draws * torch.tensor([10, 12])).long().tolist(), strict=True):
        rows = [i for i in range(10) if row - side // 2 <= i < row - side // 2 + side]
        columns = [i for i in range(12) if column - side // 2 <= i < column - side // 2 + side]
        expected = torch.ones(3, 10, 12)
        expected[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 0
        assert torch.equal(image, expected)


def steps(recipe: Recipe, paths: Paths, epoch: int, step: int, images: int) -> None:
    paths.begin(recipe, GROUP, epoch, step)
    paths.next(images)


def test_drop_path_keeps_the_expectation_and_drops_whole_images() -> None:
    recipe = Recipe(epochs=10, batch_size=20_000, drop_path=0.5)
    paths = Paths(2)
    layer, other = DropPath(paths, 0).train(), DropPath(paths, 1).train()
    steps(recipe, paths, epoch=4, step=0, images=20_000)
    assert paths.probability == 0.2
    x = torch.ones(20_000, 2, 1, 1)
    y = layer(x)
    assert set(y.unique().tolist()) == {0.0, 1.25} and torch.equal(y[:, 0], y[:, 1])
    assert float(y.mean()) == pytest.approx(1, abs=0.02)
    assert not torch.equal(other(x), y)
    assert layer.eval()(x) is x
    steps(recipe, paths, epoch=0, step=0, images=20_000)
    assert layer.train()(x) is x


def test_what_is_dropped_depends_on_seed_epoch_step_and_image_alone() -> None:
    recipe = Recipe(epochs=2, batch_size=8, drop_path=0.5)
    whole, parts = Paths(3), Paths(3)
    steps(recipe, whole, 1, 5, 8)
    expected = torch.stack([whole.kept(path, 8) for path in range(3)])
    torch.rand(3)
    found = []
    parts.begin(recipe, GROUP, 1, 5)
    for count in (3, 5):  # the parts of a step with --accumulate 2
        parts.next(count)
        found.append(torch.stack([parts.kept(path, count) for path in range(3)]))
    assert torch.equal(torch.cat(found, 1), expected)
    for rank in range(2):  # each of two processes has every second image
        parts.begin(recipe, Group(torch.device("cpu"), rank, 2), 1, 5)
        parts.next(4)
        assert torch.equal(torch.stack([parts.kept(path, 4) for path in range(3)]), expected[:, rank::2])
    steps(recipe, parts, 1, 6, 8)
    assert not torch.equal(torch.stack([parts.kept(path, 8) for path in range(3)]), expected)


def test_the_paths_of_a_cell_are_its_operations_but_no_identity() -> None:
    stack = Stack.of_spec(DARTS.blocks[0])
    expected = 0
    for i in range(stack.cells):
        reduces = stack.is_reduction(i)
        cell = stack.reduction if reduces else stack.normal
        expected += sum(operation != 3 or (reduces and source < 2) for operation, source in cell.edges)
    assert with_drop_path(build(DARTS)).count == expected


@pytest.mark.parametrize("structure", [DARTS, RESIDUAL, load_space("nasbench201").initial()], ids=lambda s: str(s)[:12])
def test_a_network_with_drop_path_is_the_same_in_tests_and_for_its_weights(structure: Structure) -> None:
    torch.manual_seed(0)
    plain = build(structure)
    dropping = build(structure)
    dropping.load_state_dict(plain.state_dict())
    paths = with_drop_path(dropping)
    assert dropping.state_dict().keys() == plain.state_dict().keys()
    x = torch.randn(4, 3, 16, 16)
    paths.begin(Recipe(epochs=2, batch_size=4, drop_path=0.9), GROUP, 1, 0)
    assert torch.equal(dropping.eval()(x), plain.eval()(x))
    paths.begin(Recipe(epochs=2, batch_size=4, drop_path=0.9), GROUP, 1, 0)
    assert not torch.allclose(dropping.train()(x), plain.train()(x))


def test_a_residual_branch_that_is_left_out_leaves_its_link() -> None:
    network = build(parse("SuperConvK3BNRELU(3,16,1,1)MBConv(16,16,3,2,1)")).train()
    paths = with_drop_path(network)
    assert paths.count == 1
    steps(Recipe(epochs=1, batch_size=4, drop_path=1 - 1e-6), paths, 1, 0, 4)  # after the last epoch: all paths
    x = torch.randn(4, 16, 8, 8)
    assert torch.equal(network.blocks[1](x), x)


def test_projections_of_residual_links_are_kept() -> None:
    joins = sum(type(node.op).__name__ == "Add" for node in graph_of(build(RESIDUAL)).nodes)
    assert with_drop_path(build(RESIDUAL)).count == joins


def test_a_single_path_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"the network is a single path: set drop-path to 0"):
        with_drop_path(build(CHAIN))


def assisted(structure: Structure, weight: float = 0.4, resolution: int = 16) -> Plain:
    torch.manual_seed(0)
    objective = Plain(build(structure))
    add_auxiliary(objective, Recipe(auxiliary=weight), resolution)
    return objective


@pytest.mark.parametrize("structure", [DARTS, RESIDUAL], ids=["darts", "residual"])
def test_the_auxiliary_loss_reaches_the_first_two_thirds_and_nothing_behind(structure: Structure) -> None:
    x, y = torch.randn(4, 3, 16, 16), torch.arange(4)
    objective = assisted(structure, weight=1.0).train()
    total = objective(x, y).total
    alone = Plain(objective.network)
    main = alone(x, y).total
    names = [name for name, _ in objective.network.named_parameters()]
    extra = torch.autograd.grad(total - main, list(objective.network.parameters()), allow_unused=True)
    reached = {name for name, g in zip(names, extra, strict=True) if g is not None and float(g.abs().max()) > 1e-5}
    first, last = (names[0], "fc_linear.weight")
    assert first in reached and last not in reached
    assert total.item() > main.item()
    assert objective.network.state_dict().keys() == build(structure).state_dict().keys()
    assert {name.partition(".")[0] for name in objective.state_dict()} == {"network", "auxiliary"}
    objective.eval()
    assert objective(x, y).total.item() == alone.eval()(x, y).total.item()


def test_the_auxiliary_head_is_darts_s_for_features_of_8_by_8() -> None:
    head = AuxiliaryHead(144, 8, 10)
    assert sum(p.numel() for p in head.parameters()) == 144 * 128 + 2 * 128 + 128 * 768 * 4 + 2 * 768 + 768 * 10 + 10
    pooled = nn.Sequential(*list(head.features)[:2])(torch.randn(2, 144, 8, 8))
    assert pooled.shape == (2, 144, 2, 2)
    assert torch.equal(nn.AdaptiveAvgPool2d(2)(pooled), pooled)


def test_the_tap_is_behind_the_second_reduction() -> None:
    objective = assisted(darts_network(PUBLISHED["DARTS_V1"], channels=4, layers=8), resolution=32)
    tap = next(module for module in objective.network.modules() if isinstance(module, Tap))
    objective.network.train()(torch.randn(2, 3, 32, 32))
    assert tap.take().shape == (2, 4 * 16, 8, 8)  # cell 5 of 8, with a quarter of the side


@pytest.mark.parametrize(
    ("structure", "resolution", "message"),
    [(CHAIN, 16, "has 2 cells or blocks, expected at least 3"), (DARTS, 4, "at least 2×2 positions")],
)
def test_short_networks_and_small_features_are_refused(structure: Structure, resolution: int, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        assisted(structure, resolution=resolution)


EVERYTHING = Recipe(
    epochs=3, batch_size=256, lr=0.05, cutout=4, drop_path=0.5, auxiliary=0.4, ema=0.9, accumulate=2, clip_norm=5.0
)


@pytest.mark.parametrize("structure", [DARTS, RESIDUAL], ids=["darts", "residual"])
def test_a_training_goes_on_as_if_nothing_had_happened(tmp_path: Path, structure: Structure) -> None:
    where = replace(CPU, resume="auto", checkpoint_minutes=0)
    job = TrainingJob(structure, "digits", EVERYTHING, resolution=16)
    train_structure(job, tmp_path / "whole", where)
    with pytest.raises(StopError):
        train_structure(job, tmp_path / "parts", where, Until(8))
    assert (tmp_path / "parts" / CHECKPOINT_FILE).is_file()
    train_structure(job, tmp_path / "parts", where)
    whole, parts = (
        torch.load(tmp_path / name / "weights.pt", weights_only=True)["state_dict"] for name in ("whole", "parts")
    )
    assert whole.keys() == parts.keys() and all(torch.equal(whole[name], parts[name]) for name in whole)
    load_checkpoint(build(structure, num_classes=10), tmp_path / "whole" / "weights.pt")


def test_recipes_without_them_are_stored_as_before() -> None:
    stored = settings_of(TrainingJob(DARTS, "digits"))["recipe"]
    assert not {"cutout", "drop_path", "auxiliary"} & stored.keys() and stored["mixup"] == 0.0
    assert settings_of(TrainingJob(DARTS, "digits", EVERYTHING))["recipe"]["cutout"] == 4


def test_the_recipe_is_that_of_darts_s_evaluations() -> None:
    file = Path(__file__).resolve().parents[3] / "recipes" / "train_darts_cifar10.toml"
    found = read_config(file, TrainingJob, RunOptions)["recipe"]
    recipe = found if isinstance(found, Recipe) else Recipe(**found)
    assert (recipe.epochs, recipe.batch_size, recipe.weight_decay, recipe.clip_norm) == (600, 96, 3e-4, 5.0)
    assert recipe.lr * recipe.batch_size / 256 == pytest.approx(0.025)
    assert (recipe.auxiliary, recipe.drop_path, recipe.cutout) == (0.4, 0.2, 16)


def test_contradictions_are_refused() -> None:
    with pytest.raises(RecipeError, match="compile does not work with"):
        Recipe(compile=True, drop_path=0.1)
    with pytest.raises(RecipeError, match="drop_path is 1, which would leave out all paths"):
        Recipe(drop_path=1.0)
