"""The settings of a training that is continued, from the files in its folder. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zennas.common.config import SETTINGS_FILE, read_config
from zennas.named.card import CHECKPOINT_FILE, WEIGHTS_FILE
from zennas.training.job import NETWORK, RunOptions, TrainingJob
from zennas.training.recipe import TrainingError


def folder_to_continue(place: Path) -> Path:
    """Return the folder of the training in `place`: itself, or the only one in it. Raises TrainingError if it has none,
    or several.
    """
    if not place.is_dir():
        raise TrainingError(f"there is no folder of a training {place} to continue, and no checkpoint with this name")
    if _is_training(place):
        return place
    found = sorted(one for one in place.iterdir() if one.is_dir() and _is_training(one))
    if len(found) == 1:
        return found[0]
    if found:
        raise TrainingError(f"{place} has {len(found)} trainings, choose one of: {', '.join(map(str, found))}")
    raise TrainingError(f"{place} contains no training to continue ({SETTINGS_FILE} with {CHECKPOINT_FILE})")


def stored_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of the training in `folder` as `read_config` does, with the network under `NETWORK`.

    Raises ConfigError if they cannot be read, and TrainingError if the network or the data set is missing.
    """
    found = read_config(folder / SETTINGS_FILE, TrainingJob, RunOptions, also=(NETWORK,))
    for name in (NETWORK, "dataset"):
        if name not in found:
            raise TrainingError(
                f"{folder / SETTINGS_FILE} has no {name}: continue with the command that began the training, "
                f"--save-dir {folder} and --resume auto"
            )
    return found


def merged(stored: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in `stored` with those in `changed`, which take precedence, also in inner tables."""
    found = dict(stored)
    for name, value in changed.items():
        inner = found.get(name)
        found[name] = merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return found


def _is_training(folder: Path) -> bool:
    return (folder / SETTINGS_FILE).is_file() and (
        (folder / CHECKPOINT_FILE).is_file() or (folder / WEIGHTS_FILE).is_file()
    )
