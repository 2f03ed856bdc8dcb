"""The model zoo, with Zen-NAS's names:

    model = ZenNet.get_ZenNet("zennet_cifar10_model_size1M_res32", pretrained=True)
    ZenNet.list_models("*imagenet*")

Models are those that Zen-NAS published, those that this project has trained, and the user's own. `pretrained/` has
what is known of them and how their weights are found; docs/zoo.md tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PlainNet import parse
from PlainNet.registry import UnknownNameError, nearest_names
from pretrained import adding, catalogue, userzoo, weights
from pretrained.entry import PUBLISHED, Entry, ZooError

if TYPE_CHECKING:
    from PlainNet.masternet import MasterNet

__all__ = [
    "CACHE",
    "ZooError",
    "add_model",
    "damaged_models",
    "get_ZenNet",
    "list_models",
    "model_info",
    "remove_model",
    "zennet_model_zoo",  # noqa: F822  # made by __getattr__
]

CACHE = Path("~/.cache/pytorch/checkpoints/zennet_pretrained")
"""Where weights are kept, as in Zen-NAS; below it the path that Zen-NAS gives each file."""


def list_models(pattern: str = "*", pretrained: bool = False) -> list[str]:
    """Names of models, those of the user last; none where nothing matches.

    pattern: with the wildcards *, ? and [abc]. pretrained: only those whose weights are on this machine.
    A damaged model of the user's is left out. Raises ZooError where the user's zoo cannot be read.
    """
    return [
        name
        for name, entry in {**catalogue.listed(), **_yours()[0]}.items()
        if fnmatchcase(name, pattern)
        and not (pretrained and weights.state(entry, CACHE) in (weights.ADDRESS, weights.MISSING))
    ]


def model_info(model_name: str) -> dict[str, Any]:
    """What is known of a model, as JSON has it: the fields of `pretrained.entry.Entry`.

    "weights" has `state` ("shipped", "cached", "yours", "address" where they are to be downloaded, "missing"), `file`,
    where they are or belong, `url` and `sha256`. Raises UnknownNameError naming the nearest names, and ZooError for a
    damaged model of the user's.
    """
    entry = _entry(model_name)
    where = {"state": weights.state(entry, CACHE), "file": str(weights.place(entry, CACHE))}
    return {**entry.to_json(), "weights": {**where, "url": entry.weights.url, "sha256": entry.weights.sha256}}


def get_ZenNet(model_name: str, pretrained: bool = False, checkpoint: str | Path | None = None) -> MasterNet:
    """The network of that name; with fresh weights, or those of a file.

    checkpoint: a file with weights in Zen-NAS's layout or this project's.
    pretrained: take the model's own weights, and download them to `CACHE` where they are not here.
    Raises UnknownNameError, ZooError, CheckpointError for a file that is missing or does not fit, DownloadError among
    them where there is no download. All are ValueErrors.
    """
    entry = _entry(model_name)
    from PlainNet.masternet import build  # torch takes seconds to import

    network = build(parse(entry.structure), num_classes=entry.num_classes, use_se=entry.use_se, bn_eps=entry.bn_eps)
    if checkpoint is not None:
        from PlainNet.checkpoint import load_checkpoint

        load_checkpoint(network, Path(checkpoint))
    elif pretrained:
        weights.load(network, entry, CACHE)
    return network


def add_model(name: str, facts: Mapping[str, Any], weights_file: Path, replace: bool = False) -> dict[str, Any]:
    """Put a model into the user's zoo, whole or not at all, and return its `model_info`.

    facts: structure, resolution, use_se, normalisation, num_classes or classes, and what else `Entry` has and one
    knows. weights_file: is copied. Raises ZooError, and CheckpointError where the weights do not fit the structure.
    """
    adding.add(name, facts, weights_file, replace=replace, taken=catalogue.listed())
    return model_info(name)


def remove_model(name: str) -> None:
    """Take a model out of the user's zoo, a damaged one too. Raises UnknownNameError, ZooError."""
    yours = userzoo.names()
    if name in yours:
        adding.remove(name)
    elif name in catalogue.listed():
        raise ZooError(f"{name} comes with zennas: only models of your own can be removed")
    else:
        raise UnknownNameError(_miss(name, yours, "you have no models of your own"))


def damaged_models() -> dict[str, str]:
    """What is wrong with those models of the user's that cannot be used, by name. Raises ZooError."""
    return _yours()[1]


def _entry(name: str) -> Entry:
    if name in catalogue.listed():
        return catalogue.listed()[name]
    if name in userzoo.names():
        return userzoo.read(name)
    raise UnknownNameError(_miss(name, list_models(), "ZenNet.list_models() has the names"))


def _yours() -> tuple[dict[str, Entry], dict[str, str]]:
    """The user's models, and what is wrong with the damaged ones."""
    found = {name: _read(name) for name in userzoo.names()}
    sound = {name: entry for name, entry in found.items() if isinstance(entry, Entry)}
    return sound, {name: str(error) for name, error in found.items() if isinstance(error, ZooError)}


def _read(name: str) -> Entry | ZooError:
    if name in catalogue.listed():
        return ZooError(f"{name} in {userzoo.folder()} cannot be reached: a model that comes with zennas has its name")
    try:
        return userzoo.read(name)
    except ZooError as error:
        return error


def _miss(name: str, known: list[str], otherwise: str) -> str:
    near = nearest_names(name, known)
    hint = f"did you mean {' or '.join(near)}?" if near else otherwise
    return f"unknown model {name[:80]!r}: {hint}"


def __getattr__(name: str) -> Any:
    if name == "zennet_model_zoo":  # Zen-NAS's dictionary, with its keys
        return {
            name: {
                "plainnet_str_txt": catalogue.structure_file(name),
                "plainnet_str": entry.structure,
                "pth_path": entry.weights.path,
                "num_classes": entry.num_classes,
                "use_SE": entry.use_se,
                "resolution": entry.resolution,
                "crop_image_size": entry.crop_image_size,
                "pretrained_pth_url": entry.weights.url,
            }
            for name, entry in catalogue.listed().items()
            if entry.origin == PUBLISHED
        }
    raise AttributeError(f"module 'ZenNet' has no attribute {name!r}")
