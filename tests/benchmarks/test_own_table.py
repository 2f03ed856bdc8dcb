"""The own table: which trainings a comparison of picks needs, and what it says."""

from __future__ import annotations

import pytest

from benchmarks._own_table import picks
from benchmarks._own_table.picks import GROUP, LIMITS, SEEDS, Limits, best_by_hand, compare, fits, wanted
from benchmarks._own_table.results import Result, by_structure
from benchmarks._own_table.structures import Entry, resnet

SMALL, WIDE = resnet((16, 32, 64), (1, 1, 1)), resnet((32, 64, 128), (1, 1, 1))
PICK = resnet((16, 24, 40), (1, 1, 1))
ENTRIES = (
    Entry("hand", "small", SMALL),
    Entry("hand", "wide", WIDE),
    Entry(GROUP, f"mean_field, {LIMITS[0]}", PICK),
)


def results(**accuracies: tuple[float, ...]) -> list[Result]:
    texts = {"small": SMALL, "wide": WIDE, "pick": PICK}
    return [
        Result(texts[name], seed, value) for name, values in accuracies.items() for seed, value in enumerate(values)
    ]


def test_the_best_by_hand_is_within_the_limits() -> None:
    found = by_structure(results(small=(60.0,), wide=(70.0,)))
    assert fits(SMALL, LIMITS[0])
    assert not fits(WIDE, LIMITS[0])
    assert best_by_hand(ENTRIES, found, LIMITS[0]) == SMALL
    assert best_by_hand(ENTRIES, found, Limits(10**9, 10**9, 1e9)) == WIDE
    assert best_by_hand(ENTRIES, found, Limits(10, 10, 1e-9)) is None


def test_picks_and_the_best_by_hand_are_trained_with_all_seeds() -> None:
    assert wanted(ENTRIES[:2], results(small=(60.0,))) == []
    jobs = wanted(ENTRIES, results(small=(60.0,)))
    assert jobs[:2] == [(PICK, 0), (SMALL, 0)]
    assert set(jobs) == {(structure, seed) for structure in (PICK, SMALL) for seed in SEEDS}


def test_a_gap_has_the_interval_of_the_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    compare(ENTRIES[:2], results(small=(60.0, 61.0)))
    assert capsys.readouterr().out == ""
    compare(ENTRIES, results(small=(60.0, 61.0, 62.0), pick=(63.0, 64.0, 65.0)))
    out = capsys.readouterr().out
    assert f"{LIMITS[0]}: hand 61.0 (3)" in out
    assert "mean_field       64.0 (3)" in out
    student = 2.776  # of four degrees of freedom, as both variances are 1
    assert f"+3.0 ± {student * (2 / 3) ** 0.5:.1f} points" in out


def test_a_pick_is_within_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks._own_table.structures.ITERATIONS", 30)
    monkeypatch.setattr(picks, "SPACES", ("XXBL",))
    monkeypatch.setattr(picks, "LIMITS", LIMITS[:1])
    (entry,) = picks.picks("mean_field (4)", "mean_field")
    assert entry.origin == f"mean_field (4), {LIMITS[0]}"
    assert fits(entry.structure, LIMITS[0])
