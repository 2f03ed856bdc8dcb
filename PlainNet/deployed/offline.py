"""A plan of our own, which a file can carry as its metadata `OfflineMemoryAllocation`: it reaches the live peak, the
most bytes in use at once, where the planner of TensorFlow Lite Micro does not. `docs/adr/0024-ram-to-the-byte.md`.

A network falls into sections, between which only one value is in use. Each section is packed by itself, with that value
at the bottom of the arena at its beginning, and the next one at an end of it at its end. Sections are then turned over
where necessary, so that each begins where the one before it ends. The arena is as large as the largest section, so it
can be computed section by section; see `PlainNet/ram.py`.

For chains, values at alternating ends always reach the live peak. So they do for residual units whose branches are such
chains, squeeze-and-excitation included: with an identity link, the input is at the bottom, and the rest alternates
above it; with a projection, the input is at the top, and so is the sum. In other graphs, the best of many orders of
first fit is taken, for each section and, where that does not reach the live peak, for the whole network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import NamedTuple

from PlainNet.deployed.buffers import Buffer, live_bytes
from PlainNet.deployed.planner import Plan, by_size, first_fit

TRIES = 300
"""The most orders of first fit that are tried for a section."""
_EFFORT = 20_000
"""Buffers that are placed for a section at most, in all tries together, after the first orders."""


class Section(NamedTuple):
    """Buffers from one time at which only one value is in use to the next.

    numbers: of the buffers, ascending. begins, ends: positions in `numbers` of the value that is in use before and
    after. cut: buffers with the times counted from the section's first, and not beyond its last.
    """

    numbers: tuple[int, ...]
    begins: int
    ends: int
    cut: tuple[Buffer, ...]


def own_plan(buffers: Sequence[Buffer], output: int) -> Plan:
    """Return our plan. output: the number of the buffer of the network's output.

    A file can only say where values lie. The interpreter puts scratch memory between them, from the largest to the
    smallest, each at the lowest free offset; so does this plan.
    """
    live = live_bytes(buffers)
    target = max(live)
    plan = _with_scratch(buffers, _joined(buffers, output))
    if plan.bytes > target:  # a section cannot be packed as tightly with its first and last value in these places
        orders = _orders(buffers, by_size(buffers), live)
        plan = min([plan, *(_fitted(buffers, order, target) for order in orders)], key=lambda one: one.bytes)
    return plan


def _with_scratch(buffers: Sequence[Buffer], plan: Plan) -> Plan:
    """The plan with scratch memory where the interpreter puts it."""
    values = {i: offset for i, offset in enumerate(plan.offsets) if not buffers[i].scratch}
    return first_fit(buffers, [i for i in by_size(buffers) if buffers[i].scratch], values)


def section_bytes(buffers: Sequence[Buffer], output: int) -> int:
    """Return the bytes of the largest section: those of our plan if they are in use at once, else not fewer."""
    parts = (packed(part.cut, part.begins, part.ends).bytes for part in sections(buffers, output))
    return max(parts, default=buffers[0].bytes)


def _joined(buffers: Sequence[Buffer], output: int) -> Plan:
    """The plans of all sections, one after another."""
    offsets = [0] * len(buffers)
    parts = [(section, packed(section.cut, section.begins, section.ends)) for section in sections(buffers, output)]
    arena = max((plan.bytes for _, plan in parts), default=buffers[0].bytes)
    turned = False  # whether the value that a section begins with lies at the top
    for section, plan in parts:
        last = section.ends
        for i, (number, buffer, offset) in enumerate(zip(section.numbers, section.cut, plan.offsets, strict=True)):
            place = arena - buffer.bytes if i == last and offset else offset
            offsets[number] = arena - buffer.bytes - place if turned else place
        turned = turned != bool(plan.offsets[last])
    return Plan(tuple(offsets), arena)


def sections(buffers: Sequence[Buffer], output: int) -> Iterator[Section]:
    """Yield the sections of a network, in order. Buffer 0 is the image, which is in use alone at time 0."""
    end = max(buffer.last for buffer in buffers)
    crossing: list[list[int]] = [[] for _ in range(end + 1)]  # buffers in use at a time and at the next one
    for i, buffer in enumerate(buffers):
        for time in range(buffer.first, buffer.last):
            crossing[time].append(i)
    crossing[end] = [output]
    cuts = [time for time, alive in enumerate(crossing) if len(alive) == 1]
    starting: dict[int, list[int]] = {}
    for i, buffer in enumerate(buffers):
        starting.setdefault(buffer.first, []).append(i)
    for before, after in pairwise(cuts):
        entry, exit_ = crossing[before][0], crossing[after][0]
        numbers = sorted({entry, *(i for time in range(before + 1, after + 1) for i in starting.get(time, ()))})
        cut = tuple(
            Buffer(size, max(first - before, 1), min(last, after) - before, scratch)
            for size, first, last, scratch in (buffers[i] for i in numbers)
        )
        yield Section(tuple(numbers), numbers.index(entry), numbers.index(exit_), cut)


@lru_cache(maxsize=1 << 14)
def packed(buffers: tuple[Buffer, ...], begins: int, ends: int) -> Plan:
    """Return a plan of a section: one that reaches the live peak, or the best of many.

    The buffer `begins` lies at the bottom, and the buffer `ends` at the bottom or at the top.
    """
    live = live_bytes(buffers)
    target = max(live)
    rest = [i for i in by_size(buffers) if i not in (begins, ends)]
    tries: list[tuple[int, int, bool, list[int]]] = []
    for top in _tops(buffers, begins, ends):
        for order in _orders(buffers, rest, live):
            plan = _placed(buffers, order, begins, ends, target if top else None)
            if plan.bytes == target:
                return plan
            tries.append((plan.bytes, len(tries), top, order))
    _, _, top, order = min(tries)
    return _improved(buffers, order, begins, ends, target, top)


def _tops(buffers: Sequence[Buffer], begins: int, ends: int) -> tuple[bool, ...]:
    """Whether the last value may lie at the top, and whether at the bottom, where the first one was."""
    if begins == ends:  # in use all the time
        return (False,)
    return (True, False) if buffers[begins].last < buffers[ends].first else (True,)


def _orders(buffers: Sequence[Buffer], largest: list[int], live: Sequence[int]) -> Iterator[list[int]]:
    """Orders that are often good: by size, by the bytes in use at the busiest time, by size times duration. Scratch
    memory is last, by size."""
    busiest = [max(live[buffer.first : buffer.last + 1]) for buffer in buffers]
    area = [buffer.bytes * (buffer.last - buffer.first + 1) for buffer in buffers]
    values = [i for i in largest if not buffers[i].scratch]
    scratch = [i for i in largest if buffers[i].scratch]
    yield values + scratch
    yield sorted(values, key=lambda i: -busiest[i]) + scratch
    yield sorted(values, key=lambda i: -area[i]) + scratch


def _placed(buffers: Sequence[Buffer], order: Sequence[int], begins: int, ends: int, top: int | None) -> Plan:
    """First fit, with the two values that sections share in their places. top: where the last one ends, if not at its
    own size. Others may come to lie above it; then this is no plan yet."""
    return first_fit(buffers, order, {begins: 0, ends: 0 if top is None else top - buffers[ends].bytes})


def _improved(buffers: Sequence[Buffer], order: list[int], begins: int, ends: int, target: int, top: bool) -> Plan:
    """The best plan of many orders that keeps the two values that sections share in their places."""
    end = target if top else None
    best = _searched(lambda order: _placed(buffers, order, begins, ends, end), buffers, order, target)
    while True:
        plan = _placed(buffers, best, begins, ends, end)
        if end is None or plan.bytes == end:
            return plan
        end = plan.bytes  # nothing may lie above the last value


def _fitted(buffers: Sequence[Buffer], order: list[int], target: int) -> Plan:
    """The best plan of many orders for a whole network."""
    return first_fit(buffers, _searched(lambda order: first_fit(buffers, order), buffers, order, target))


def _searched(
    place: Callable[[Sequence[int]], Plan], buffers: Sequence[Buffer], order: list[int], target: int
) -> list[int]:
    """The best of many orders. After each, a value that ended above the target comes earlier than before."""
    rng = Random(0)
    best, least = order, 0
    values = [i for i in order if not buffers[i].scratch]
    scratch = order[len(values) :]
    for _ in range(min(TRIES, _EFFORT // len(buffers)) + 1):
        plan = place(values + scratch)
        if not least or plan.bytes < least:
            best, least = values + scratch, plan.bytes
        above = [i for i in order if plan.offsets[i] + buffers[i].bytes > target]
        if not above:
            break
        moved = above[0] if rng.random() < 0.7 else rng.choice(above)
        meets = [i for i in values if _meet(buffers[i], buffers[moved])]
        if buffers[moved].scratch:  # a value changes its place instead
            moved = rng.choice(meets)
        earlier = meets[: meets.index(moved)]
        values = [i for i in values if i != moved]
        values.insert(values.index(rng.choice(earlier)) if earlier else 0, moved)
    return best


def _meet(one: Buffer, other: Buffer) -> bool:
    return one.first <= other.last and other.first <= one.last
