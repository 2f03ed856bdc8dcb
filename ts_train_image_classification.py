"""Zen-NAS's `ts_train_image_classification.py`: a student learns from a teacher too, on `zennas.api.train`. See
`zennas distill --help` for all there is.
"""

from __future__ import annotations

from zennas.cli.errors import guarded
from zennas.legacy.train import run


def main(argv: list[str]) -> None:
    run(argv, __doc__, with_teacher=True)


if __name__ == "__main__":
    guarded(main)
