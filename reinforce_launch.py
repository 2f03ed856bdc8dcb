"""TEG-NAS's `reinforce_launch.py`: REINFORCE for trainability, expressivity and generalisation.

Based on `zennas.api.search` with the objective teg. See `zennas search --help` for all features.
"""

from __future__ import annotations

from zennas.cli.errors import guarded
from zennas.legacy import teg


def main(argv: list[str]) -> None:
    made = teg.parser(__doc__, teg.REINFORCE_STEPS)
    teg.add_reinforce(made)
    options = made.parse_args(argv)
    teg.launch(options, "REINFORCE", teg.reinforce(options))


if __name__ == "__main__":
    guarded(main)
