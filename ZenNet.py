"""The model zoo: pretrained networks by name, with the function names of Zen-NAS.

    model = ZenNet.get_ZenNet("zennet_cifar10_model_size1M_res32", pretrained=True)
    ZenNet.list_models("*imagenet*")

The zoo has the models that Zen-NAS published, models that this project trained, and models that users add.
`pretrained/` implements it, and docs/zoo.md describes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PlainNet import parse
from PlainNet.registry import UnknownNameError, did_you_mean, nearest_names
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
"""The folder of downloaded weights. It is that of Zen-NAS, as are the paths of the files in it."""


def list_models(pattern: str = "*", pretrained: bool = False) -> list[str]:
    """Return the names of the models in the zoo that match a pattern. The models of the user come last.

    pattern: a name with the wildcards *, ? and [abc].
    pretrained: only list models whose weights are on this machine.

    Damaged models of the user are not listed; see `damaged_models`. Raises ZooError if the user's zoo cannot be read.
    """
    return [
        name
        for name, entry in {**catalogue.listed(), **_yours()[0]}.items()
        if fnmatchcase(name, pattern)
        and not (pretrained and weights.state(entry, CACHE) in (weights.ADDRESS, weights.MISSING, weights.NONE))
    ]


def model_info(model_name: str) -> dict[str, Any]:
    """Return the description of a model as a dictionary: the fields of `pretrained.entry.Entry`.

    "weights" is a dictionary with these keys:
      state    "shipped", "yours", "cached", "address" (not downloaded yet), "missing" or "none" (there are none)
      file     the path of the file, whether it exists or not; None if there are no weights
      url      the address, or None
      sha256   the hash in hexadecimal digits, or None

    Raises UnknownNameError, with similar names, if there is no such model, and ZooError if it is damaged.
    """
    entry = _entry(model_name)
    place = weights.place(entry, CACHE)
    where = {"state": weights.state(entry, CACHE), "file": None if place is None else str(place)}
    return {**entry.to_json(), "weights": {**where, "url": entry.weights.url, "sha256": entry.weights.sha256}}


def get_ZenNet(model_name: str, pretrained: bool = False, checkpoint: str | Path | None = None) -> MasterNet:
    """Return the network of a model in the zoo, with random weights unless an argument says otherwise.

    pretrained: load the model's weights, and download them to `CACHE` if necessary.
    checkpoint: load the weights of this file instead, in the layout of Zen-NAS or of this project;
        FILE#NAME for one of several state dicts in the file.

    Raises UnknownNameError if there is no such model, ZooError if it is damaged, CheckpointError if the weights are
    missing, damaged or do not fit, and DownloadError, a CheckpointError, if they cannot be downloaded. All of these
    are ValueErrors.
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
    """Add a model to the user's zoo, completely or not at all, and return its description (see `model_info`).

    facts: the fields structure, resolution, use_se, normalisation, and num_classes or classes. Other fields of
        `pretrained.entry.Entry` are optional.
    weights_file: the file of weights, which is copied.
    replace: whether to replace a model of the user that has the same name.

    Raises ZooError if the name is taken, a field is not valid or the folder cannot be written, and CheckpointError if
    the weights do not fit the structure.
    """
    adding.add(name, facts, weights_file, replace=replace, taken=catalogue.listed())
    return model_info(name)


def remove_model(name: str) -> None:
    """Remove a model from the user's zoo, even if it is damaged.

    Raises UnknownNameError if there is no such model, and ZooError if it is a built-in model or cannot be removed.
    """
    yours = userzoo.names()
    if name in yours:
        adding.remove(name)
    elif name in catalogue.listed():
        raise ZooError(f"{name} is a built-in model: only models that you added can be removed")
    else:
        raise UnknownNameError(_miss(name, yours, "you have not added any models"))


def damaged_models() -> dict[str, str]:
    """Return the user's models that cannot be used: a dictionary from names to the reasons.

    Raises ZooError if the user's zoo cannot be read.
    """
    return _yours()[1]


def _entry(name: str) -> Entry:
    if name in catalogue.listed():
        return catalogue.listed()[name]
    if name in userzoo.names():
        return userzoo.read(name)
    raise UnknownNameError(_miss(name, list_models(), "ZenNet.list_models() returns the known names"))


def _yours() -> tuple[dict[str, Entry], dict[str, str]]:
    """The user's models, and the errors of the damaged ones, by name."""
    found = {name: _read(name) for name in userzoo.names()}
    sound = {name: entry for name, entry in found.items() if isinstance(entry, Entry)}
    return sound, {name: str(error) for name, error in found.items() if isinstance(error, ZooError)}


def _read(name: str) -> Entry | ZooError:
    if name in catalogue.listed():
        return ZooError(f"{name} in {userzoo.folder()} cannot be used: a built-in model has the same name")
    try:
        return userzoo.read(name)
    except ZooError as error:
        return error


def _miss(name: str, known: list[str], otherwise: str) -> str:
    near = nearest_names(name, known)
    hint = did_you_mean(near, otherwise)
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
