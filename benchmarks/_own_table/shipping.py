"""The table that comes with the package: what was trained, as a CSV file that `zennas correlate` reads, with a card."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks._own_table.picks import GROUP, PROFILE, latency
from benchmarks._own_table.results import Result, by_structure, deviation
from benchmarks._own_table.structures import STEPS_PER_EPOCH, Entry
from PlainNet import cost, parse
from PlainNet.files import write_text
from zennas.accuracy.tables import shipped
from zennas.accuracy.tables.csvfile import STEPS_COLUMN

NAME = "small-cifar10"
FOLDER = Path(shipped.__file__).parent
COSTS = ("params", "flops", "activations", "layers")
COLUMNS = ("arch", "group", "origin", *COSTS, "latency_ms", "trainings", STEPS_COLUMN)
ACCURACY = "cifar10_test_5"

CARD = """# {name}

{count} small networks of super-blocks and of single units (the search spaces XXBL, IDW_fixfc and units) for 32×32
pixels and 10 classes, each trained in the same short way by `benchmarks/own_table.py`. Searches leave what public
tables hold: this table has what they find, too.

- **Networks**: 30,000 to 300,000 parameters, 5 to 40 million multiply–accumulates: {hand} made by hand, {random} drawn
  at random, {winner} found by searches.
- **Training**: CIFAR-10 as JPEG files, the first 20,000 images of its training archive, 5 epochs, batches of 128, SGD
  with Nesterov momentum 0.9, weight decay 5e-4, one cycle of the learning rate, random shifts of 4 pixels and mirrors,
  bfloat16. In the first 71 trainings, all convolutions were in bfloat16; since then, those with groups whose gradients
  are slow in it are in float32. The learning rate is the best of 0.05, 0.15 and 0.45 after two epochs on 3,000 images,
  on 2,000 others that no training has seen.
- **`{accuracy}`**: accuracy after the last epoch on the 10,000 test images in percent, the mean over `trainings` seeds;
  nothing was chosen by it. {noise}
- **`params`, `flops`, `activations`, `layers`**: as `zennas analyze` counts them. **`latency_ms`**: predicted by the
  profile `{profile}`. **`steps_per_epoch`**: of the trainings, for scores that depend on their length.

**Limits.** The trainings are short: they rank how fast networks learn, and networks whose gradients explode at
initialisation may do better with a warm-up and more epochs. The form of `mean_field` was chosen while looking at this
table.
"""


def ship(entries: Sequence[Entry], found: Sequence[Result]) -> None:
    """Write the table and its card into the package."""
    accuracies = by_structure(found)
    text, groups = io.StringIO(), Counter[str]()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, ACCURACY])
    for entry in sorted(entries, key=lambda one: one.group == GROUP):  # a pick may be a winner as well
        values = accuracies.pop(entry.structure, None)
        if values is None:
            continue
        costs, ms = cost(parse(entry.structure)), latency(entry.structure)
        row = (
            *(getattr(costs, name) for name in COSTS),
            f"{ms:.4f}",
            len(values),
            STEPS_PER_EPOCH,
            f"{np.mean(values):.2f}",
        )
        writer.writerow([entry.structure, entry.group, entry.origin, *row])
        groups[entry.group] += 1
    spread, repeated = deviation(found)
    noise = f"The standard deviation between seeds is {spread:.2f} points ({repeated} networks)."
    card = CARD.format(
        name=NAME,
        count=groups.total(),
        hand=groups["hand"],
        random=groups["random"],
        winner=groups["winner"] + groups[GROUP],
        accuracy=ACCURACY,
        noise=noise if repeated else "Each network was trained once so far.",
        profile=PROFILE,
    )
    write_text(FOLDER / f"{NAME}.csv", text.getvalue())
    write_text(FOLDER / f"{NAME}.md", card)
