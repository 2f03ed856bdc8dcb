"""Zen-NAS's `val.py` with its flags: accuracy of a model on ImageNet's validation images.

Based on `zennas.accuracy.evaluation`. See `zennas eval --help` for all features.
"""

from __future__ import annotations

import argparse

from zennas.cli.errors import guarded
from zennas.legacy.eval import add_data, add_flags, validate


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add_flags(parser, batch_size=128)
    add_data(parser, "folder that contains val/CLASS/*.JPEG; default: ~/data/imagenet")
    return parser.parse_args(argv)


def main(argv: list[str]) -> None:
    validate(arguments(argv), "imagenet")


if __name__ == "__main__":
    guarded(main)
