"""TEG-NAS's `evolution_launch.py`: evolution for trainability, expressivity and generalisation.

Based on `zennas.api.search` with the objective teg. See `zennas search --help` for all features.
"""

from __future__ import annotations

from zennas.cli.errors import guarded
from zennas.legacy import teg


def main(argv: list[str]) -> None:
    made = teg.parser(__doc__, teg.EVOLUTION_STEPS)
    teg.add_evolution(made)
    options = made.parse_args(argv)
    teg.launch(options, "evolution", teg.evolution(options))


if __name__ == "__main__":
    guarded(main)
