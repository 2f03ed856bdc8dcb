"""The networks that searches find, looked at: their forms, their costs, and what an expert would object to.

python -m benchmarks.designs search SCORE…   search for the winners of these scores that are not in the file
python -m benchmarks.designs look [SCORE…]   print the tables; of all scores: and draw the picture
python -m benchmarks.designs                 the same, and measure some networks here
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from benchmarks._designs import tables
from benchmarks._designs.accuracy import accuracies
from benchmarks._designs.anatomy import short
from benchmarks._designs.budgets import CASES, CPU, SCORES, Case
from benchmarks._designs.look import Look, look
from benchmarks._designs.peers import peers
from benchmarks._designs.picture import PICTURE, draw
from benchmarks._designs.winners import BEFORE, ITERATIONS, LONG, SEEDS, TIMES, Winner, find_winners, read_winners
from benchmarks.common import print_machine

MEASURED = ("small", "CPU")
"""Names of the budgets whose networks are measured. Those of a V100 take long here, and those of FLOPs are similar."""
LONGER = "mean_field"
"""The score with longer searches, and with winners of older forms."""
FORMS = dict(
    zip(
        ("older form", "S = 10,000", "S = 100,000", "present form"),
        (*(LONGER + end for end in BEFORE), LONGER),
        strict=True,
    )
)
"""Its forms, by what the tables call them."""
Kind = tuple[str, str, str]
"""Case, space and score."""


def median_winner(winners: list[Winner]) -> Winner:
    """The winner with the median score."""
    return sorted(winners, key=lambda one: one.value)[len(winners) // 2]


def looked_at(winners: Mapping[Kind, list[Winner]]) -> dict[Kind, list[Look]]:
    """Look at winners, by case, space and score."""
    cases = {case.name: case for case in CASES}
    return {
        kind: [look(f"{one.score}, {one.space}, seed {one.seed}", one.structure, cases[one.case]) for one in found]
        for kind, found in winners.items()
    }


def report(scores: tuple[str, ...], measure: bool) -> None:
    print_machine()
    found = read_winners()
    winners = tables.by_case([winner for winner in found if winner.score in scores])
    cases = {case.name: case for case in CASES}
    beside = {case.name: peers(case) for case in CASES}
    looks = looked_at(winners)
    of_forms = looked_at(tables.by_case([winner for winner in found if winner.score in FORMS.values()]))
    long = looked_at(tables.by_case([winner for winner in found if winner.score == LONGER + LONG]))
    medians = {kind: looks[kind][found.index(median_winner(found))] for kind, found in winners.items()}
    count = sum(map(len, looks.values()))
    print(f"{count} winners, {ITERATIONS:,} structures in each search, seeds {SEEDS[0]} to {SEEDS[-1]}")
    for case in CASES:
        print(f"\n## {case.limit}, {case.resolution}×{case.resolution} pixels, {case.num_classes} classes\n")
        print(tables.costs(looks, beside, case.name))
        print(tables.forms(medians, beside, case.name))
    print("\n## Objections\n")
    print(tables.definitions())
    print(tables.objections(looks, beside))
    print(tables.numbers_by_budget(looks, beside))
    if LONGER in scores:
        print(f"\n## Forms of {LONGER}\n")
        print(tables.by_form(of_forms, beside, FORMS))
        print(f"\n## Searches by {LONGER} that are {TIMES} times as long\n")
        print(tables.longer(looks, long, beside, LONGER))
    print("\n## Accuracies of the own table with an objection and without\n")
    print(accuracies())
    if measure:
        print("\n## Measured here: ONNX Runtime, fp32, 1 thread\n")
        print(measured(medians, beside, cases))
    if scores == SCORES:
        draw(medians, beside)
        print(f"picture: {PICTURE.relative_to(PICTURE.parents[2])}")
    print("\n## Every winner\n")
    for (case, _, _), group in (*looks.items(), *long.items()):
        for one in group:
            print(f"{case}, {one.name}: {tables.raised(one, beside[case])}")
            print(f"    {short(one.anatomy.structure)}")


def measured(medians: Mapping[Kind, Look], beside: tables.Peers, cases: Mapping[str, Case]) -> str:
    """Latencies of the median winners and of the networks beside them, in turns, for two of the budgets."""
    from latency.base import MeasureSettings
    from latency.measuring.measure import compare
    from latency.measuring.subject import of_structure

    rows = []
    for name in MEASURED:
        case = cases[name]
        group = [(f"{score}, {space}", one) for (where, space, score), one in medians.items() if where == name]
        group += [(one.name, one) for one in beside[name]]
        subjects = [of_structure(one.anatomy.structure, case.resolution, case.num_classes) for _, one in group]
        found = compare(subjects, MeasureSettings("onnxruntime", relative_error=0.02, seconds=4))
        for (label, one), stats in zip(group, found, strict=True):
            times = one.ms[CPU], min(stats.samples), stats.latency_ms
            rows.append([case.limit, label, *(f"{ms:.2f}" for ms in times), f"{len(stats.samples)}"])
    return tables.table(["budget", "network", "predicted, ms", "fastest, ms", "median, ms", "runs"], rows, left=2)


def main() -> None:
    match sys.argv[1:]:
        case ["search", *scores] if scores:
            find_winners(tuple(scores))
        case ["look", *scores]:
            report(tuple(scores) or SCORES, measure=False)
        case []:
            report(SCORES, measure=True)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
