"""Zen-NAS's `val_cifar.py` with its flags: accuracy of a model on CIFAR's test images.

Based on `zennas.accuracy.evaluation`. See `zennas eval --help` for all features.
"""

from __future__ import annotations

import argparse

from zennas.cli.errors import guarded
from zennas.legacy.eval import add_data, add_flags, validate


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--dataset", help="cifar10, cifar100, digits, or a folder of images; default: the data set of the model")
    add_flags(parser, batch_size=512)
    add_data(parser, "folder of CIFAR; default: ~/data/pytorch_cifar10 or ~/data/pytorch_cifar100")
    return parser.parse_args(argv)


def main(argv: list[str]) -> None:
    options = arguments(argv)
    validate(options, options.dataset)


if __name__ == "__main__":
    guarded(main)
