"""Statistics of networks of every search space: tensors of both kinds of units, and closed forms."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from SearchSpace import SPACES, load_space
from zennas.discovering.collecting import collect
from zennas.discovering.layout import bytes_of
from zennas.discovering.settings import CollectingSettings
from ZeroShotProxy.programs.closed_form import CLOSED_FORMS
from ZeroShotProxy.programs.statistics import UNIT_KINDS

from .networks import images

SIDE = 16
CHOSEN = ("weight", "grad_weight_data")
KINDS = [*(CollectingSettings(CHOSEN, 2, units=kind) for kind in UNIT_KINDS), CollectingSettings(tuple(CLOSED_FORMS))]


@pytest.mark.parametrize("name", SPACES.names())
def test_statistics_of_a_network(name: str, tmp_path: Path) -> None:
    space = load_space(name)
    structure = space.sample(Random(1)) if hasattr(space, "sample") else space.initial()
    found = 0
    for number, settings in enumerate(KINDS):
        stored = collect([structure], images(side=SIDE), tmp_path / str(number), settings).network(structure)
        if stored.missing is not None:  # some spaces have networks without such units
            assert "no convolution" in stored.missing
            continue
        found += 1
        assert len(stored.units) > 0
        assert 0 < stored.path.stat().st_size <= bytes_of(structure, settings, SIDE)
    assert found >= 2
