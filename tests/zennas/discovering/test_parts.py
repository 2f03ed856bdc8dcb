"""What is stored of a network: the rest follows bit by bit, in every space, and the size is known beforehand."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch

from PlainNet import Structure, lower
from SearchSpace import SPACES, load_space
from SearchSpace.nasbench201 import network
from zennas.discovering.collecting import collect
from zennas.discovering.deriving import derived
from zennas.discovering.layout import FLOAT, bytes_of
from zennas.discovering.parts import Part, plan_of, read_plan, stored_whole
from zennas.discovering.settings import CollectingSettings
from ZeroShotProxy import ScoreSettings
from ZeroShotProxy.engine.measures import network_of
from ZeroShotProxy.engine.probe import Probe
from ZeroShotProxy.programs.shapes import shapes_of_units
from ZeroShotProxy.programs.statistics import STATISTICS, UNIT_KINDS, Perturbed, UnitKind, statistics_of_units

from .networks import CELL, images

SIDE = 32
SETTINGS = [
    *(CollectingSettings(units=kind) for kind in UNIT_KINDS),
    CollectingSettings(("pre_data", "pre_perturbed", "input_perturbed", "grad_pre_noise", "grad_weight_noise")),
]


def example(name: str) -> Structure:
    space = load_space(name)
    return space.sample(Random(1)) if hasattr(space, "sample") else space.initial()


@pytest.mark.parametrize("name", SPACES.names())
def test_what_is_not_stored_follows_bit_by_bit(name: str, tmp_path: Path) -> None:
    structure = example(name)
    for number, settings in enumerate(SETTINGS):
        stored = collect([structure], images(1, SIDE), tmp_path / str(number), settings).network(structure)
        if stored.missing is not None:
            continue
        probe = Probe(
            network_of(structure, ScoreSettings()),
            torch.from_numpy(images(1, SIDE)),
            None,
            initialisation="kaiming_fan_out",
        )
        wanted = statistics_of_units(probe, settings.statistics, units=settings.units)
        for unit, fresh in zip(stored.units, wanted, strict=True):
            assert all(torch.equal(unit[each], fresh[each]) for each in settings.statistics)
        assert stored.path.stat().st_size == bytes_of(structure, settings, SIDE)
        whole = sum(x.numel() for unit in wanted for x in unit.values()) * FLOAT
        if len(settings.statistics) == len(STATISTICS):
            assert stored.path.stat().st_size < 0.75 * whole


@pytest.mark.parametrize("perturbed", ["difference", "value"])
@pytest.mark.parametrize("units", UNIT_KINDS)
def test_no_choice_of_statistics_takes_more_than_its_tensors(perturbed: Perturbed, units: UnitKind) -> None:
    rng = Random(0)
    graph = lower(example("channelbench-resnet"), resolution=SIDE)
    for _ in range(20):
        names = tuple(rng.sample(list(STATISTICS), rng.randint(1, 6)))
        settings = CollectingSettings(names, perturbed=perturbed, units=units)
        plan, shapes = plan_of(graph, settings), shapes_of_units(graph, names, 1, units)
        elements = sum(part.elements for part in plan.parts if part.how == "stored")
        assert elements <= sum(part.elements for part in stored_whole(shapes).parts)
        assert [{name: plan.parts[i].shape for name, i in unit.items()} for unit in plan.units] == shapes
        assert read_plan(plan.to_json()["parts"], plan.to_json()["units"], names).units == plan.units


def test_what_does_not_follow_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(part: Part, of: list[torch.Tensor]) -> torch.Tensor:
        return derived(part, of) + 1

    monkeypatch.setattr("zennas.discovering.collecting.derived", wrong)
    settings = CollectingSettings(batch=2)
    structure = network(CELL, channels=4, cells=1)
    stored = collect([structure], images(), tmp_path / "s", settings).network(structure)
    assert {part.how for part in stored.layout.plan.parts} == {"stored"}
    probe = Probe(
        network_of(structure, ScoreSettings()), torch.from_numpy(images()), None, initialisation="kaiming_fan_out"
    )
    for unit, fresh in zip(stored.units, statistics_of_units(probe, settings.statistics), strict=True):
        assert all(torch.equal(unit[each], fresh[each]) for each in settings.statistics)


def test_parts_of_a_plan() -> None:
    plan = plan_of(lower(example("XXBL"), resolution=SIDE), CollectingSettings(batch=1))
    assert {part.how for part in plan.parts} == {"stored", "relu", "minus", "masked", "gated", "convolved"}
    with pytest.raises(KeyError):
        read_plan([["copied", [], [1], []]], [[0]], ("weight",))
    with pytest.raises(ValueError, match="part 0 follows from parts that are not before it"):
        read_plan([["relu", [0], [1], []]], [[0]], ("weight",))
