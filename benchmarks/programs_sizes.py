"""How much the statistics of networks take in a folder, beside the tensors that they are. Nothing is run.

They are the networks of the evolution in `programs_searched.py`, 80 of each of four spaces, as many as EZNAS has.
NB201_DATA names the folder of the tables.
"""

from __future__ import annotations

from benchmarks._nb201 import DATA
from benchmarks.common import print_machine
from benchmarks.programs_closed_form import drawn
from benchmarks.programs_searched import PARTS, SIDE, STATISTICS, TITLES, known_tables
from PlainNet import lower
from zennas.discovering.layout import FLOAT, bytes_of, layout_of
from zennas.discovering.parts import stored_whole
from ZeroShotProxy.programs.shapes import shapes_of_units


def main() -> None:
    print_machine()
    tables = known_tables()
    if len(tables) < len(TITLES):
        print(f"skipped: not all tables found in {DATA} (NB201_DATA names the folder)")
        return
    count, total = PARTS[0], 0
    for table in tables:
        structures, _ = drawn(table, 0, count)
        graphs = [lower(structure, resolution=SIDE, num_classes=STATISTICS.num_classes) for structure in structures]
        shapes = [shapes_of_units(graph, STATISTICS.statistics, STATISTICS.batch) for graph in graphs]
        whole = sum(layout_of(stored_whole(one)).floats for one in shapes) * FLOAT
        told = sum(bytes_of(structure, STATISTICS, SIDE) for structure in structures)
        total += told
        print(
            f"{TITLES[table.title]}: {count} networks, {told / 1e9:.2f} GB, {told / count / 1e6:.1f} MB each; all "
            f"{len(STATISTICS.statistics)} statistics have {whole / 1e9:.2f} GB"
        )
    print(f"together: {count * len(tables)} networks, {total / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
