"""Ten thousand malformed structure strings: each is refused with a ParseError or is a network."""

from __future__ import annotations

import resource
import time
from collections import Counter
from random import Random

from benchmarks.common import print_machine, published
from PlainNet import ParseError, cost, lower, parse
from PlainNet.blocktype import BLOCKS

COUNT = 10_000
LONGEST = 2_000_000
ALPHABET = "()|,; \n\t0123456789.-+eExKSuperRsConvBNLU_\x00²é☃"


def mutilate(text: str, rng: Random) -> str:
    """Break a text in one of many ways."""
    i, j = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    way = rng.randrange(8)
    if way == 0:
        return text[:i] + text[j:]
    if way == 1:
        return text[:i] + text[i:j] * rng.randint(2, 50) + text[j:]
    if way == 2:
        return text[:i] + "".join(rng.choice(ALPHABET) for _ in range(rng.randint(1, 6))) + text[i:]
    if way == 3:
        numbers = ["0", "-1", "4", "65536", "65537", "1" + "0" * rng.randint(5, 5000), "007", "1e9", ""]
        digits = [k for k, c in enumerate(text) if c.isdigit()]
        k = rng.choice(digits) if digits else 0
        return text[:k] + rng.choice(numbers) + text[k + 1 :]
    if way == 4:
        return text.replace(rng.choice(BLOCKS.names()), rng.choice(BLOCKS.names()))
    if way == 5:
        return (
            rng.choice(["(", "Sequential(", "ResBlock(", "MultiSumBlock("]) * rng.choice([1, 5, 40, 10**4, 10**6])
            + text
        )
    if way == 6:
        return "".join(rng.choice(ALPHABET) for _ in range(rng.randint(0, 200)))
    pieces = [text[i:j], rng.choice(BLOCKS.names()), "(", "8", ",", "8", ")", text[:i]]
    rng.shuffle(pieces)
    return "".join(pieces)


def main() -> None:
    print_machine()
    rng = Random(0)
    seeds = [str(structure) for structure in published().values()]
    seeds += ["MultiSumBlock(ConvKX(3,8,3,1)BN(8);ConvKX(3,8,1,1))RELU(8)", "ResBlock(3,1,ConvKX(3,3,3,1)BN(3))SE(3)"]
    outcomes: Counter[str] = Counter()
    longest = 0.0
    began = time.perf_counter()
    for _ in range(COUNT):
        text = rng.choice(seeds)
        for _ in range(rng.randint(1, 3)):
            text = mutilate(text, rng)[:LONGEST]
        start = time.perf_counter()
        try:
            structure = parse(text)
        except ParseError as error:
            assert error.column >= 1
            assert str(error).count("\n") == 2
            outcomes["refused"] += 1
        else:
            assert parse(str(structure)) == structure
            lower(structure, resolution=1024, num_classes=10)
            assert cost(structure, resolution=1024).params >= 0
            outcomes["accepted, and a network"] += 1
        longest = max(longest, time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{COUNT:,} strings: {', '.join(f'{n:,} {what}' for what, n in outcomes.items())}; no other exception; "
        f"{time.perf_counter() - began:.1f} s, the slowest {longest:.2f} s, {memory:.0f} MB"
    )


if __name__ == "__main__":
    main()
