"""What is known of a network's accuracy: from its trainings, the zoo, a library, an exported file, or a table.

Nothing is measured and nothing is downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PlainNet import parse
from PlainNet.sizes import Size
from SearchSpace import load_space
from SearchSpace.base import SPACES, CellSpace, SearchSpaceError
from zennas.accuracy.tables import AccuracyTable
from zennas.common.errors import ZennasError
from zennas.common.numbers import counted
from zennas.exporting.record import read_export
from zennas.named.foreign import IMAGENET, ONNX, TIMM, TORCHVISION
from zennas.named.networks import Network
from zennas.named.structures import resolve
from zennas.runs.points import point_of
from zennas.runs.store import FILE

_TORCHVISION_SET = "ImageNet-1K"
"""torchvision's name of the data set whose accuracies are those of its 1000 classes."""
_TEST = ", test images"
"""How the name of a data set ends in the record of an exported file."""


@dataclass(frozen=True)
class Accuracy:
    """A known top-1 accuracy, in percent.

    dataset: the name of the data set, or its path. split: "test", or "val" for images that a benchmark holds out to
    choose by. source: who measured it, or where it is written. epochs: of the training, and resolution: of the images
    in pixels; None if they are not known. protocol: what else is known about how it came about, in words.
    """

    top1: float
    dataset: str
    source: str
    split: str = "test"
    epochs: int | None = None
    resolution: Size | None = None
    protocol: str = ""

    @property
    def kind(self) -> str:
        """Which accuracies it may stand beside: the data set, and the split unless it is "test"."""
        return self.dataset if self.split == "test" else f"{self.dataset} {self.split}"

    def __str__(self) -> str:
        epochs = None if self.epochs is None else counted(self.epochs, "epoch")
        size = None if self.resolution is None else f"{self.resolution} pixels"
        how = ", ".join(part for part in (f"{self.dataset} {self.split}", epochs, size, self.protocol) if part)
        return f"{self.top1:.2f} % top-1 ({how}; {self.source})"

    def to_json(self) -> dict[str, Any]:
        """Return the fields for JSON; `top1` is in percent."""
        return dict(vars(self))


@dataclass(frozen=True)
class Known:
    """The accuracies that are known of a network, and why others could not be read."""

    accuracies: tuple[Accuracy, ...] = ()
    unread: tuple[str, ...] = ()


def known_accuracies(text: str, network: Network, table: AccuracyTable | None = None) -> Known:
    """Return what is known of the accuracy of a network that was given as `text`.

    table: accuracies of a benchmark, in which the network is looked up.
    """
    unread: list[str] = []
    found = [*_own(text, network, unread), *([] if table is None else _in_table(text, network, table))]
    return Known(tuple(found), tuple(unread))


def _own(text: str, network: Network, unread: list[str]) -> Iterator[Accuracy]:
    """The sources in the order in which `zennas.named` looks for networks."""
    if text.startswith(TORCHVISION):
        yield from _of_torchvision(text, network)
    elif text.endswith(ONNX):
        yield from _of_file(Path(text), unread)
    elif text.startswith(TIMM):
        return  # the package has no accuracies
    elif os.path.isdir(text):
        yield from _of_trainings(Path(text), network, unread)
    elif os.path.isfile(text):
        if Path(text).name == FILE:
            yield from _of_trainings(Path(text).parent, network, unread)
    elif (point := point_of(text)) is not None:
        yield from _of_trainings(point.folder, network, unread)
    elif "(" not in text:
        yield from _of_zoo(text, network)


def _of_trainings(folder: Path, network: Network, unread: list[str]) -> Iterator[Accuracy]:
    """Of the training in a folder and of those directly below, as far as they are of this network."""
    from zennas.training.record import FINISHED, is_training, read_training  # imports numpy

    if not folder.is_dir():
        return
    for place in (folder, *sorted(one for one in folder.iterdir() if one.is_dir())):
        try:
            if not is_training(place):
                continue
            found = read_training(place)
        except (ZennasError, OSError) as error:
            unread.append(f"its training in {place} cannot be read: {' '.join(str(error).split())}")
            continue
        same = (found.structure, found.use_se) == (network.structure, network.use_se)
        if found.top1 is None or not same:
            continue
        held_out = "" if found.val_fraction is None else f"{100 * found.val_fraction:g} % of the images held out"
        others = "" if found.num_classes in (None, network.num_classes) else f"{found.num_classes:,} classes"
        unfinished = "" if found.status == FINISHED else f"{found.status} before {found.epochs}"
        protocol = ", ".join(filter(None, (unfinished, others, held_out)))
        epochs = len(found.history) or None
        yield Accuracy(found.top1, _dataset(found.dataset), str(place), "test", epochs, found.resolution, protocol)


def _of_zoo(name: str, network: Network) -> Iterator[Accuracy]:
    import ZenNet
    from PlainNet.registry import UnknownNameError

    try:
        info = ZenNet.model_info(name)
    except UnknownNameError:  # the notation of a cell
        return
    own = parse(info["structure"]), info["num_classes"], info["use_se"]
    if own != (network.structure, network.num_classes, network.use_se):
        return
    dataset, fraction, size = _dataset(str(info["dataset"])), info["val_fraction"], info["resolution"]
    held_out = "" if fraction is None else f"{100 * fraction:g} % of the images held out"
    if info["top1"] is not None:
        yield Accuracy(info["top1"], dataset, f"the zoo's {name}", resolution=size, protocol=held_out)
    if "top1" in info["published"]:
        by = info["source"] or "Zen-NAS"
        yield Accuracy(info["published"]["top1"], dataset, f"published by {by}", resolution=size)


def _of_torchvision(text: str, network: Network) -> Iterator[Accuracy]:
    """What torchvision says of the weights that it would load; only of the network with its own classifier."""
    from torchvision.models import get_model_weights

    if network.num_classes != IMAGENET[1]:
        return
    weights = get_model_weights(text.removeprefix(TORCHVISION)).DEFAULT
    metrics = weights.meta.get("_metrics", {}).get(_TORCHVISION_SET, {})
    if "acc@1" in metrics:
        side = weights.transforms().crop_size[0]
        source = f"weights.meta of torchvision, {weights}"
        yield Accuracy(float(metrics["acc@1"]), _dataset("imagenet"), source, resolution=side)


def _of_file(path: Path, unread: list[str]) -> Iterator[Accuracy]:
    sidecar = path.with_name(f"{path.name}.json")
    if not sidecar.is_file():
        return
    try:
        found = read_export(sidecar).accuracy
    except ZennasError as error:
        unread.append(str(error))
        return
    if found is not None:
        dataset, protocol = found.dataset.removesuffix(_TEST), f"of {counted(found.images, 'image')}"
        yield Accuracy(found.after, _dataset(dataset), str(sidecar), protocol=protocol)


def _in_table(text: str, network: Network, table: AccuracyTable) -> Iterator[Accuracy]:
    """All accuracies of a table, in which the network can be written as it was given, or as its space writes it."""
    name = next((one for one in _spellings(text, network) if one in table), None)
    if name is None:
        return
    for column in table.columns:
        value = table.value(name, column)
        if value is not None:
            dataset = table.name if column.unnamed else _dataset(column.dataset)
            epochs = None if column.unnamed else column.epochs
            yield Accuracy(value, dataset, table.name, column.split, epochs)


def _spellings(text: str, network: Network) -> Iterator[str]:
    if network.structure is None:
        yield text.strip()
        return
    if resolve(text).structure == network.structure:  # not if its images have other channels
        yield text.strip()
    yield str(network.structure)
    for name in SPACES.names():
        space = load_space(name)
        if isinstance(space, CellSpace):
            try:
                yield space.write(network.structure)
            except SearchSpaceError:  # of another space
                continue


def _dataset(name: str) -> str:
    """The name under which a data set is known here, so that synonyms stand in one column."""
    from zennas.data.registry import known_dataset

    found = known_dataset(name)
    return name if found is None else found.name
