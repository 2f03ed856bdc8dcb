"""Zen-NAS's `ts_train_image_classification.py` with its flags, based on `zennas.api.train`: trains with a teacher.

See `zennas distill --help` for all features.
"""

from __future__ import annotations

from zennas.cli.errors import guarded
from zennas.legacy.train import run


def main(argv: list[str]) -> None:
    run(argv, __doc__, with_teacher=True)


if __name__ == "__main__":
    guarded(main)
