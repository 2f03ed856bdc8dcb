"""The published ZenNets by name, as in Zen-NAS:

    model = ZenNet.get_ZenNet("zennet_cifar10_model_size1M_res32", checkpoint="weights.pth")

The names and what is known of them are in pretrained/zoo.json.
"""

from __future__ import annotations

import difflib
import json
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PlainNet import parse

if TYPE_CHECKING:
    from PlainNet.masternet import MasterNet

CACHE = Path("~/.cache/pytorch/checkpoints/zennet_pretrained")
"""Where weights are looked for, as in Zen-NAS; below it the path that Zen-NAS gives each file."""


@lru_cache(maxsize=1)
def _zoo() -> dict[str, dict[str, Any]]:
    return json.loads(resources.files("pretrained").joinpath("zoo.json").read_text())  # type: ignore[no-any-return]


def list_models() -> list[str]:
    """All names."""
    return list(_zoo())


def model_info(model_name: str) -> dict[str, Any]:
    """Structure, classes, resolution and the like of a model; raises ValueError naming the nearest names."""
    try:
        return dict(_zoo()[model_name])
    except KeyError:
        near = difflib.get_close_matches(model_name, _zoo(), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "ZenNet.list_models() has the names"
        raise ValueError(f"unknown model {model_name!r}: {hint}") from None


def get_ZenNet(model_name: str, pretrained: bool = False, checkpoint: str | Path | None = None) -> MasterNet:
    """The network of that name; with fresh weights, or those of a file.

    checkpoint: a file with weights in Zen-NAS's layout or this project's.
    pretrained: take the file from `CACHE`, where Zen-NAS puts it.
    Raises ValueError for an unknown name, CheckpointError (a ValueError) for a file that is missing or
    does not fit.
    """
    info = model_info(model_name)
    from PlainNet.masternet import build  # torch takes seconds to import

    model = build(parse(info["structure"]), num_classes=info["num_classes"], use_se=info["use_se"])
    if checkpoint is None and pretrained:
        checkpoint = CACHE.expanduser() / info["checkpoint"]
    if checkpoint is not None:
        from PlainNet.checkpoint import CheckpointError, load_checkpoint

        path = Path(checkpoint)
        if pretrained and not path.is_file():
            raise CheckpointError(
                f"the weights of {model_name} are not in {path}; this version does not download them: "
                "put the file there, or name another with checkpoint=PATH"
            )
        load_checkpoint(model, path)
    return model


def __getattr__(name: str) -> Any:
    if name == "zennet_model_zoo":  # Zen-NAS's dictionary, with its keys
        return {
            name: {
                "plainnet_str": info["structure"],
                "pth_path": info["checkpoint"],
                "num_classes": info["num_classes"],
                "use_SE": info["use_se"],
                "resolution": info["resolution"],
                "crop_image_size": info["crop_image_size"],
            }
            for name, info in _zoo().items()
        }
    raise AttributeError(f"module 'ZenNet' has no attribute {name!r}")
