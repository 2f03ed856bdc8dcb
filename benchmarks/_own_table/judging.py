"""What the own table says of scores: how they order it, and what each form of a score finds beside what hands make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from benchmarks._own_table.structures import BUDGETS, SPACES, TRAINING_STEPS, Entry
from PlainNet import Cost, cost, parse
from zennas.correlation.statistics import Floats, draws_of, spearman_rows, with_interval
from ZeroShotProxy import ScoreSettings, score

SCORES = ("mean_field", "zen_expected", "naswot_expected", "log_synflow_expected", "grad_norm_expected")
COUNTS = ("flops", "params", "activations", "layers")
RESAMPLES = 2000
USUAL = ScoreSettings.training_steps
"""For which scores are if nobody says."""
FOR_USUAL = f"{SCORES[0]}, {USUAL:,} steps"
SETTINGS = ScoreSettings(resolution=32, num_classes=10, training_steps=TRAINING_STEPS)


def judge(entries: Sequence[Entry], accuracies: Mapping[str, float]) -> None:
    """Print both tables. accuracies: of the trained networks by structure, in percent."""
    trained = [entry for entry in entries if entry.structure in accuracies]
    costs = {entry.structure: cost(parse(entry.structure)) for entry in trained}
    values = _correlations(trained, accuracies, costs)
    _parts(trained, accuracies, values)
    _rounds(trained, accuracies, costs)
    _checks(trained, accuracies, values)


def _correlations(
    trained: Sequence[Entry], accuracies: Mapping[str, float], costs: Mapping[str, Cost]
) -> dict[str, Floats]:
    """Print how scores and counts order the whole table; return them, (networks,) each."""
    values = {name: [float(getattr(costs[entry.structure], name)) for entry in trained] for name in COUNTS}
    found = [score(parse(entry.structure), list(SCORES), SETTINGS) for entry in trained]
    values |= {name: [one[name].value for one in found] for name in SCORES}
    usual = replace(SETTINGS, training_steps=USUAL)
    found = [score(parse(entry.structure), [SCORES[0]], usual) for entry in trained]
    values[FOR_USUAL] = [one[SCORES[0]].value for one in found]
    wanted = np.array([accuracies[entry.structure] for entry in trained])
    draws = draws_of(len(trained), RESAMPLES, 0)
    differences = {}
    print(f"Spearman with accuracy, {len(trained)} networks, 95 % over {RESAMPLES:,} resamples:")
    for name, one in values.items():
        given = np.array(one)
        whole = float(spearman_rows(given[None], wanted[None])[0])
        differences[name] = spearman_rows(given[draws], wanted[draws])
        interval = with_interval(whole, differences[name])
        assert interval is not None
        print(f"  {name:22} {whole:6.3f} [{interval.low:.2f}, {interval.high:.2f}]")
    best, second = SCORES[0], max((*COUNTS, *SCORES[1:]), key=lambda name: float(np.mean(differences[name])))
    low, high = np.quantile(differences[best] - differences[second], [0.025, 0.975])
    print(f"  {best} minus {second}, the next: {low:.2f} to {high:.2f}")
    return {name: np.array(one) for name, one in values.items()}


def _parts(trained: Sequence[Entry], accuracies: Mapping[str, float], values: Mapping[str, Floats]) -> None:
    """How the score orders parts of the table, which an order of the parts does not help with."""
    wanted = np.array([accuracies[entry.structure] for entry in trained])
    groups = {"made by hand": "hand", "drawn at random": "random", "winners of searches": "winner"}
    parts = {name: [entry.group == group for entry in trained] for name, group in groups.items()}
    parts |= {name: [space_of(entry.structure) == name for entry in trained] for name in SPACES}
    parts["best third"] = (-wanted).argsort().argsort() < len(wanted) // 3
    names = (SCORES[0], FOR_USUAL, "flops")
    print(f"Spearman within parts, of {' / '.join(names)}:")
    for part, flags in parts.items():
        here = np.asarray(flags, dtype=np.bool_)
        if here.sum() > 2:
            found = [float(spearman_rows(values[name][None, here], wanted[None, here])[0]) for name in names]
            print(f"  {part:22} {here.sum():3} networks  {' / '.join(f'{one:6.3f}' for one in found)}")


def space_of(structure: str) -> str:
    """Return the space whose blocks a network has; what is made by hand of single units counts as `units`."""
    return "IDW_fixfc" if "SuperResIDW" in structure else "XXBL" if "SuperResK" in structure else "units"


def _checks(trained: Sequence[Entry], accuracies: Mapping[str, float], values: Mapping[str, Floats]) -> None:
    """What the present form says of the table before and after each round of its own winners."""
    wanted = np.array([accuracies[entry.structure] for entry in trained])
    kinds = np.array([entry.origin.split(", ")[0] if entry.group == "winner" else "" for entry in trained])
    rounds = [kind for kind in dict.fromkeys(kinds.tolist()) if kind.startswith(SCORES[0])]
    known = ~np.isin(kinds, rounds)
    print(f"Spearman of {SCORES[0]} as the rounds of its winners are added:")
    for kind in ("", *sorted(rounds)):
        known |= kinds == kind if kind else known
        found = float(spearman_rows(values[SCORES[0]][None, known], wanted[None, known])[0])
        print(f"  {kind or 'without them':22} {known.sum():3} networks  {found:6.3f}")


def _rounds(trained: Sequence[Entry], accuracies: Mapping[str, float], costs: Mapping[str, Cost]) -> None:
    """For each budget, the best made by hand and what searches found with each score."""
    winners = [entry for entry in trained if entry.group == "winner"]
    kinds = list(dict.fromkeys(entry.origin.split(", ")[0] for entry in winners))
    print("best of each kind within parameters and multiply–accumulates, in percent; in brackets what each space gives")
    gaps: dict[str, list[float]] = {kind: [] for kind in kinds}
    for params, flops in BUDGETS:
        fits = {text for text, one in costs.items() if one.params <= params and one.flops <= flops}
        by_hand = [accuracies[one.structure] for one in trained if one.group == "hand" and one.structure in fits]
        if not by_hand:
            continue
        hand = max(by_hand)
        print(f"  {params:,} and {flops:,}: hand {hand:.1f}")
        ending = f"{params:,} parameters, {flops:,} FLOPs"
        for kind in kinds:
            own = {
                entry.origin.split(", ")[1]: accuracies[entry.structure]
                for entry in winners
                if entry.origin.startswith(f"{kind}, ") and entry.origin.endswith(f", {ending}")
            }
            if own:
                gaps[kind].append(hand - max(own.values()))
                print(f"    {kind:16} {max(own.values()):.1f} ({', '.join(f'{k} {v:.1f}' for k, v in own.items())})")
    for kind, values in gaps.items():
        if values:
            spread = 1.96 * np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
            interval = "" if math.isnan(spread) else f" ± {spread:.1f}"
            below = f"{np.mean(values):+.1f}{interval} points below the best made by hand"
            print(f"{kind}: {below}, mean of {len(values)} budgets")
