"""What the own table says of scores: how they order it, and what each form of a score finds beside what hands make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks._own_table.structures import BUDGETS, Entry
from PlainNet import Cost, cost, parse
from zennas.correlation.statistics import draws_of, spearman_rows, with_interval
from ZeroShotProxy import ScoreSettings, score

SCORES = ("mean_field", "zen_expected", "naswot_expected", "log_synflow_expected", "grad_norm_expected")
COUNTS = ("flops", "params", "activations", "layers")
SETTINGS = ScoreSettings(resolution=32, num_classes=10)
RESAMPLES = 2000


def judge(entries: Sequence[Entry], accuracies: Mapping[str, float]) -> None:
    """Print both tables. accuracies: of the trained networks by structure, in percent."""
    trained = [entry for entry in entries if entry.structure in accuracies]
    costs = {entry.structure: cost(parse(entry.structure)) for entry in trained}
    _correlations(trained, accuracies, costs)
    _rounds(trained, accuracies, costs)


def _correlations(trained: Sequence[Entry], accuracies: Mapping[str, float], costs: Mapping[str, Cost]) -> None:
    values = {name: [float(getattr(costs[entry.structure], name)) for entry in trained] for name in COUNTS}
    found = [score(parse(entry.structure), list(SCORES), SETTINGS) for entry in trained]
    values |= {name: [one[name].value for one in found] for name in SCORES}
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
    best, second = SCORES[0], max(values.keys() - {SCORES[0]}, key=lambda name: float(np.mean(differences[name])))
    low, high = np.quantile(differences[best] - differences[second], [0.025, 0.975])
    print(f"  {best} minus {second}, the next: {low:.2f} to {high:.2f}")


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
            print(f"{kind}: {np.mean(values):+.1f} points below the best made by hand, mean of {len(values)} budgets")
