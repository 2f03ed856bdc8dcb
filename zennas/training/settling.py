"""What the precision "auto" of a recipe stands for, on this machine. No torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from latency.measuring.conditions import computes_bf16
from zennas.common.config import SETTINGS_FILE, read_config
from zennas.training.job import NETWORK, RunOptions, TrainingJob
from zennas.training.recipe import Recipe

AUTO = "auto"


def settled(recipe: Recipe, device: str, folder: Path | None = None) -> Recipe:
    """Return a recipe whose precision is a number format.

    A CPU that multiplies in bfloat16 does so, which is faster for every network of `benchmarks/train_formats.py`; if
    weights and activations are rounded to INT8, they need more digits. device: "cpu" or "cuda". folder: of a training
    that may have begun; its precision is kept, also on another machine. Raises ConfigError if its settings cannot be
    read.
    """
    if recipe.precision != AUTO:
        return recipe
    begun = _begun(folder)
    fast = device == "cpu" and not recipe.quantise_aware and computes_bf16()
    return replace(recipe, precision=begun or ("bf16" if fast else "fp32"))


def _begun(folder: Path | None) -> str | None:
    """The precision of the training in a folder; None if there is none."""
    if folder is None or not (folder / SETTINGS_FILE).is_file():
        return None
    found = read_config(folder / SETTINGS_FILE, TrainingJob, RunOptions, also=(NETWORK,))
    precision: str = found.get("recipe", {}).get("precision", AUTO)
    return None if precision == AUTO else precision
