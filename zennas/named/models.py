"""Networks with trained weights, from a training or from the zoo. Imports torch when one is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PlainNet import parse
from zennas.data.base import Normalisation
from zennas.data.recorded import recorded
from zennas.named.card import CARD_FILE, CHECKPOINT_FILE, WEIGHTS_FILE, read_card
from zennas.named.structures import TargetError
from zennas.runs.designs import chosen_training, is_design
from zennas.runs.points import Point, point_of

if TYPE_CHECKING:
    from PlainNet.masternet import MasterNet
    from zennas.data.base import Shown


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained network in evaluation mode, with everything needed to use it.

    classes: names of the classes; None if they are not known.
    facts: the card of its training, or its description in the zoo, with dataset, top1 and so on.
    outputs: number of classes of a network that is not a MasterNet; None for that of the network.
    """

    name: str
    network: MasterNet
    shown: Shown
    classes: tuple[str, ...] | None
    facts: Mapping[str, Any]
    outputs: int | None = None

    @property
    def num_classes(self) -> int:
        return self.network.num_classes if self.outputs is None else self.outputs


def trained_model(text: str, checkpoint: Path | None = None) -> TrainedModel:
    """Return the model that `text` names: the folder of a training or of a search that contains one training, a point
    of a front with one training, or a model of the zoo.

    checkpoint: a file with other weights.

    Raises TargetError if there are no trained weights, CardError if the card cannot be read, UnknownNameError for an
    unknown name, and CheckpointError if the weights do not fit.
    """
    point = point_of(text)
    if point is not None:
        _check_trained(point, text)
        return _of_training(training_folder(point.folder), checkpoint)
    if os.path.isdir(text):
        return _of_training(training_folder(Path(text)), checkpoint)
    import ZenNet

    info = ZenNet.model_info(text)
    network = ZenNet.get_ZenNet(text, pretrained=checkpoint is None, checkpoint=checkpoint)
    return _model(text, network, info)


def _check_trained(point: Point, text: str) -> None:
    if not point.folder.is_dir():
        raise TargetError(f"{text} is not trained: train it with zennas train {text}")


def training_folder(folder: Path) -> Path:
    """Return the folder of the training: `folder` itself, the one whose weights are in the file of the design in it, or
    the only one in it. Raises TargetError if there is not exactly one.
    """
    if (folder / WEIGHTS_FILE).is_file() and (folder / CARD_FILE).is_file():
        return folder
    found = sorted(one.parent for one in folder.glob(f"*/{WEIGHTS_FILE}") if (one.parent / CARD_FILE).is_file())
    if len(found) == 1:
        return found[0]
    own = chosen_training(folder) if is_design(folder) else None
    if own in found:
        return own
    if found:
        raise TargetError(f"{folder} has {len(found)} trainings, choose one of: {', '.join(map(str, found))}")
    unfinished = [one.parent for one in (*folder.glob(CHECKPOINT_FILE), *sorted(folder.glob(f"*/{CHECKPOINT_FILE}")))]
    if unfinished:
        raise TargetError(
            f"the training in {unfinished[0]} is not finished, there is only its {CHECKPOINT_FILE}: finish it with "
            f"zennas train --resume {unfinished[0]}"
        )
    raise TargetError(
        f"{folder} contains no trained weights ({WEIGHTS_FILE}, {CARD_FILE}): create them with zennas train"
    )


def _of_training(folder: Path, checkpoint: Path | None) -> TrainedModel:
    from PlainNet.checkpoint import load_checkpoint
    from PlainNet.masternet import build

    card = read_card(folder)
    settings: dict[str, Any] = {name: card.get(name) for name in ("num_classes", "use_se", "bn_eps")}
    network = build(parse(card["structure"]), **settings)
    load_checkpoint(network, checkpoint or folder / WEIGHTS_FILE)
    return _model(str(folder), network, card)


def _model(name: str, network: MasterNet, facts: Mapping[str, Any]) -> TrainedModel:
    from zennas.data.base import Shown

    classes = facts.get("classes")
    named = tuple(map(str, classes)) if isinstance(classes, list) and len(classes) == network.num_classes else None
    resolution = facts["resolution"]
    crop = facts.get("crop_image_size") or resolution
    shown = Shown(Normalisation.from_json(facts["normalisation"]), resolution, crop, *recorded(facts, name))
    return TrainedModel(name, network.eval().requires_grad_(False), shown, named, facts)
