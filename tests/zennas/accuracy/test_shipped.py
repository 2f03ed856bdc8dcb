"""The tables that come with the package: what they say of each network is what the project says."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import zennas
from PlainNet import cost, parse
from zennas.accuracy.tables import located, read
from zennas.accuracy.tables.shipped import shipped


@pytest.mark.parametrize("name", sorted(shipped()))
def test_costs_are_those_of_the_structures(name: str) -> None:
    with shipped()[name].open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        found = cost(parse(row["arch"]))
        assert [int(row[one]) for one in ("params", "flops", "activations", "layers")] == [
            found.params,
            found.flops,
            found.activations,
            found.layers,
        ]
    table = read(name)
    (accuracies,) = table.columns.values()
    assert len(rows) == len(table) == np.isfinite(accuracies).sum()
    assert ((accuracies >= 5) & (accuracies <= 100)).all()


@pytest.mark.parametrize("name", sorted(shipped()))
def test_each_has_a_card(name: str) -> None:
    card = shipped()[name].with_suffix(".md").read_text(encoding="utf-8")
    assert card.startswith(f"# {name}\n")
    assert f"{len(read(name))} small networks" in card


def test_a_file_of_the_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(iter(shipped()))
    monkeypatch.chdir(tmp_path)
    assert located(name) == shipped()[name]
    (tmp_path / name).write_text("arch,accuracy\n")
    assert located(name) == Path(name)


def test_a_correlation_takes_all_of_a_small_table(tmp_path: Path) -> None:
    name = next(iter(shipped()))
    found = zennas.correlate(table=name, space="units", proxies=("flops",), resamples=20, save_dir=tmp_path / "run")
    assert len(found.sample) == len(read(name)) < 1000
    assert found.settings.sample == len(found.sample)
