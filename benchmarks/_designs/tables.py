"""The tables of the page, as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median, median_low

from benchmarks._designs.anatomy import Anatomy, Unit, widths
from benchmarks._designs.budgets import CASES, CPU, SCORES, V100
from benchmarks._designs.look import Look
from benchmarks._designs.objections import OBJECTIONS
from benchmarks._designs.winners import LONG, Winner
from zennas.common.numbers import format_count

Looks = Mapping[tuple[str, str, str], Sequence[Look]]
"""The winners of each case, space and score."""
Peers = Mapping[str, Sequence[Look]]
"""The networks beside them, by case."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A Markdown table. left: columns that are not numbers."""
    lines = [header, ["---" if i < left else "--:" for i in range(len(header))], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def kernels(form: Anatomy) -> str:
    """How many units have which kernel: 3: 5, 7: 2."""
    counts = Counter(unit.kernel for unit in form.body)
    return ", ".join(f"{count} × {kernel}" for kernel, count in sorted(counts.items()))


def _kernel_share(forms: Sequence[Anatomy]) -> str:
    found = [unit.kernel for form in forms for unit in form.body]
    return f"{100 * sum(kernel >= 5 for kernel in found) / len(found):.0f} %"


def _expansion(unit: Unit) -> float:
    return unit.widest / min(unit.enters, unit.leaves)


def costs(looks: Looks, peers: Peers, case: str) -> str:
    """Medians over the winners of one budget, and the networks beside them."""
    header = [
        "",
        "convolutions",
        "median trunk",
        "inside",
        "5×5, 7×7",
        "params",
        "FLOPs",
        "activations",
        "memory",
        "V100, ms",
        "CPU, ms",
        "field",
        *SCORES,
    ]

    def row(name: str, group: Sequence[Look]) -> list[str]:
        forms = [one.anatomy for one in group]
        trunks = [median_low([form.units[0].leaves, *(unit.leaves for unit in form.body)]) for form in forms]
        inside = [median(_expansion(unit) for unit in form.body) for form in forms]
        return [
            name,
            f"{median_low(form.convolutions for form in forms)}",
            f"{median_low(trunks)}",
            f"{median(inside):.1f}",
            _kernel_share(forms),
            *(
                format_count(median_low(getattr(form.cost, kind) for form in forms))
                for kind in ("params", "flops", "activations")
            ),
            f"{median(form.memory for form in forms) / 1e6:.2f} MB",
            *(f"{median(one.ms[profile] for one in group):.3g}" for profile in (V100, CPU)),
            f"{median_low(form.field for form in forms)}",
            *(f"{median(one.values[score] for one in group):.1f}" for score in SCORES),
        ]

    rows = [row(f"{score}, {space}", group) for (name, space, score), group in looks.items() if name == case]
    return table(header, [*rows, *(row(one.name, [one]) for one in peers[case])])


def forms(medians: Mapping[tuple[str, str, str], Look], peers: Peers, case: str) -> str:
    """The trunk of one winner of each kind by stages, with each stage's share of the FLOPs without the classifier."""
    chosen = [(f"{score}, {space}", one) for (name, space, score), one in medians.items() if name == case]
    chosen += [(one.name, one) for one in peers[case]]
    sides = sorted({unit.side for _, one in chosen for unit in one.anatomy.units}, reverse=True)

    def stage(form: Anatomy, side: int) -> str:
        here = tuple(unit for unit in form.units if unit.side == side)
        share = sum(unit.flops for unit in here) / sum(unit.flops for unit in form.units)
        return f"{widths(here)} ({100 * share:.0f} %)" if here else "–"

    rows = [[name, *(stage(one.anatomy, side) for side in sides), kernels(one.anatomy)] for name, one in chosen]
    return table(["", *(f"{side}×{side}" for side in sides), "kernels"], rows, left=len(sides) + 2)


def objections(looks: Looks, peers: Peers) -> str:
    """How many networks each objection is raised against, by score and space, and of the networks beside them."""
    groups: dict[str, list[tuple[Look, Sequence[Look]]]] = {}
    for score in dict.fromkeys(score for _, _, score in looks):
        for space in ("XXBL", "IDW_fixfc", "units"):
            for (case, where, what), group in looks.items():
                if (where, what) == (space, score):
                    groups.setdefault(f"{score}, {space}", []).extend((one, peers[case]) for one in group)
    for place, name in enumerate(("ResNets", "MobileNetV2")):
        groups[name] = [(group[place], group) for group in peers.values()]
    rows = []
    for objection in OBJECTIONS:
        counts = [sum(objection.raised(one, beside) for one, beside in group) for group in groups.values()]
        rows.append([objection.name, *(f"{count}" for count in counts)])
    totals = [
        f"{sum(o.raised(one, beside) for o in OBJECTIONS for one, beside in group) / len(group):.1f}"
        for group in groups.values()
    ]
    head = [f"{name} ({len(group)})" for name, group in groups.items()]
    return table(["objection", *head], [*rows, ["objections for each network", *totals]])


def numbers_by_budget(looks: Looks, peers: Peers) -> str:
    """How many objections there are against a network, on average, by budget."""
    scores = list(dict.fromkeys(score for _, _, score in looks))

    def mean(group: Sequence[Look], case: str) -> str:
        return f"{sum(o.raised(one, peers[case]) for o in OBJECTIONS for one in group) / len(group):.1f}"

    rows = []
    for case in CASES:
        for space in case.spaces:
            groups = [looks.get((case.name, space.name, score), ()) for score in scores]
            own = [mean(group, case.name) if group else "–" for group in groups]
            rows.append([case.limit, space.name, *own, *(mean([one], case.name) for one in peers[case.name])])
    return table(["objections for each network", "space", *scores, "ResNet", "MobileNetV2"], rows, left=2)


def by_form(looks: Looks, peers: Peers, scores: Mapping[str, str]) -> str:
    """What the form of a score changes, by space: mean numbers of objections, and medians of convolutions.

    scores: names of scores by what the table calls them.
    """
    rows = []
    for space in dict.fromkeys(space.name for case in CASES for space in case.spaces):
        groups = [
            [
                (one, peers[case])
                for (case, where, what), group in looks.items()
                if (where, what) == (space, score)
                for one in group
            ]
            for score in scores.values()
        ]
        counts = (sum(o.raised(*pair) for o in OBJECTIONS for pair in group) / len(group) for group in groups)
        depths = (median_low(one.anatomy.convolutions for one, _ in group) for group in groups)
        rows.append([space, *(f"{count:.1f}" for count in counts), *map(str, depths)])
    header = [f"{what}, {form}" for what in ("objections", "convolutions") for form in scores]
    return table(["space", *header], rows)


def longer(winners: Looks, long: Looks, peers: Peers, score: str) -> str:
    """What longer searches change, where there are some: the highest scores and mean numbers of objections."""
    rows = []
    for case in CASES:
        for space in case.spaces:
            beside, found = peers[case.name], long.get((case.name, space.name, score + LONG))
            if not found:
                continue
            groups = winners[case.name, space.name, score], found
            counts = [[sum(o.raised(one, beside) for o in OBJECTIONS) for one in group] for group in groups]
            rows.append(
                [
                    case.limit,
                    space.name,
                    f"{len(groups[1])}",
                    *(f"{max(one.values[score] for one in group):.2f}" for group in groups),
                    *(f"{one.values[score]:.2f}" for one in beside),
                    *(f"{sum(numbers) / len(numbers):.1f}" for numbers in counts),
                ]
            )
    header = ["budget", "space", "longer searches", "best", "longer", "ResNet", "MobileNetV2", "objections", "longer"]
    return table(header, rows, left=2)


def definitions() -> str:
    """What each objection means."""
    return table(["objection", "is raised if"], ((o.name, o.definition) for o in OBJECTIONS), left=2)


def raised(one: Look, beside: Sequence[Look]) -> str:
    """The objections against one network."""
    return ", ".join(o.name for o in OBJECTIONS if o.raised(one, beside)) or "none"


def by_case(winners: Sequence[Winner]) -> dict[tuple[str, str, str], list[Winner]]:
    """Winners by case, space and score, in the order of the page."""
    found: dict[tuple[str, str, str], list[Winner]] = {}
    for case in CASES:
        for space in case.spaces:
            for winner in winners:
                if (winner.case, winner.space) == (case.name, space.name):
                    found.setdefault((case.name, space.name, winner.score), []).append(winner)
    return found
