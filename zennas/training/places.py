"""The folder of a training, if nobody names one. No torch."""

from __future__ import annotations

import os
from pathlib import Path

from zennas.common.errors import WrongSettingError
from zennas.common.folders import named_folder, new_folder


def training_folder(target: str | Path, dataset: str, save_dir: str | Path | None = None) -> Path:
    """Return the folder in which `zennas.train` keeps its result for a network.

    Raises what `structures.resolve` raises, and WrongSettingError if processes share a training without `save_dir`.
    """
    from zennas.named.structures import resolve

    return folder_in(None if save_dir is not None else resolve(str(target)).run, dataset, save_dir)


def folder_in(run: Path | None, dataset: str, save_dir: str | Path | None) -> Path:
    """Return `save_dir`, or a folder in the run that designed the network, or a new one if there is no run.

    Raises WrongSettingError if processes share a training and neither is given.
    """
    given, label = named_folder(save_dir), f"train-{Path(dataset).stem}"
    if given is not None:
        return given
    if run is not None:
        return run / label
    if "RANK" in os.environ:
        raise WrongSettingError("processes that share a training need the same folder: name it with --save-dir")
    return new_folder(label)
