"""The files in the folder of a training, and its card. Does not import torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PlainNet import parse
from PlainNet.blocktype import in_channels
from zennas.common.errors import ZennasError
from zennas.common.limits import check_kind, check_number, check_whole, checked_resolution
from zennas.data.base import Normalisation
from zennas.data.recorded import recorded

WEIGHTS_FILE = "weights.pt"
CARD_FILE = "train.json"
MOST_CLASSES = 1_000_000
CHECKPOINT_FILE = "checkpoint.pt"
"""The checkpoint of an unfinished training."""


class CardError(ZennasError, ValueError):
    """A card is missing or cannot be read."""


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of the training in `folder`. Raises CardError if it is missing or cannot be read."""
    path = folder / CARD_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        structure, normalisation = parse(found["structure"]), Normalisation.from_json(found["normalisation"])
        channels = in_channels(structure.blocks[0])
        if normalisation.channels != channels:
            raise ValueError(f"the normalisation has {normalisation.channels} channels, the structure takes {channels}")
        _check_values(found)
        recorded(found)
    except KeyError as error:
        raise CardError(f"{path} has no {error.args[0]}: it was written by another version; train again") from None
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise CardError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    return dict(found)


def _check_values(card: dict[str, Any]) -> None:
    """Turn what says sizes into sizes.

    Raises ValueError or KeyError if a value that the network is built from is missing or not valid.
    """
    check_whole("num_classes", card["num_classes"], ValueError, most=MOST_CLASSES)
    card["resolution"] = checked_resolution(card["resolution"], ValueError)
    check_kind("use_se", card["use_se"], bool, ValueError)
    if card.get("crop_image_size") is not None:
        card["crop_image_size"] = checked_resolution(card["crop_image_size"], ValueError, name="crop_image_size")
    if card.get("bn_eps") is not None:
        check_number("bn_eps", card["bn_eps"], ValueError, most=1)
    classes = card.get("classes")
    if classes is not None and not (isinstance(classes, list) and all(isinstance(one, str) for one in classes)):
        raise ValueError("classes are not a list of names")
