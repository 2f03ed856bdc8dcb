"""`cifar10` and `cifar100`, read by torchvision from Zen-NAS's folders, and downloaded if they are missing."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from zennas.data.base import ImageSet, Normalisation, Split, Usual, in_memory
from zennas.data.registry import DATASETS, DataSet, register

USUAL = Usual(
    Normalisation((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)), crop="shift", flip=True, policy="cifar10"
)


def cifar(name: str, split: Split, folder: Path | None) -> ImageSet:
    """Read a part from `folder`, after downloading it if it is missing. Raises AbsentError if the download fails."""
    import torch
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    known = DATASETS.get(name)
    place = folder or known.place or Path()
    existed = place.exists()
    try:
        found = kind(place, train=split == "train", download=True)
    except (OSError, RuntimeError) as error:
        if not existed and place.is_dir() and not any(place.iterdir()):
            place.rmdir()
        raise known.absent(place, f" and could not be downloaded ({' '.join(str(error).split())})") from None
    pixels = torch.from_numpy(found.data).permute(0, 3, 1, 2).contiguous()
    title = f"{name}, {'training' if split == 'train' else 'test'} images"
    return in_memory(title, tuple(found.classes), found.targets, pixels, USUAL)


for _classes, _archive in ((10, "cifar-10-batches-py"), (100, "cifar-100-python")):
    _name = f"cifar{_classes}"
    register(
        DataSet(
            _name,
            _classes,
            32,
            USUAL,
            how_to_get=f"put the archive's folder {_archive} there",
            open=partial(cifar, _name),
            folder=f"~/data/pytorch_{_name}",
            assumed=True,
        )
    )
