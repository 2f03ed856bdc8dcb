"""The files in the folder of a training, and its card. Does not import torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PlainNet import parse
from zennas.common.errors import ZennasError
from zennas.data.base import Normalisation
from zennas.data.recorded import recorded

WEIGHTS_FILE = "weights.pt"
CARD_FILE = "train.json"
CHECKPOINT_FILE = "checkpoint.pt"
"""The checkpoint of an unfinished training."""


class CardError(ZennasError, ValueError):
    """A card is missing or cannot be read."""


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of the training in `folder`. Raises CardError if it is missing or cannot be read."""
    path = folder / CARD_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        parse(found["structure"])
        Normalisation.from_json(found["normalisation"])
        recorded(found)
        _ = int(found["num_classes"]), int(found["resolution"]), bool(found["use_se"])
    except KeyError as error:
        raise CardError(f"{path} has no {error.args[0]}: it was written by another version; train again") from None
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise CardError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    return dict(found)
