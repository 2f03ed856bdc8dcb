"""CIFAR-10 and CIFAR-100, by torchvision."""

from __future__ import annotations

from pathlib import Path

from zennas.data.base import DataError, ImageSet, Normalisation, Split, Usual, in_memory

FOLDERS = {"cifar10": "~/data/pytorch_cifar10", "cifar100": "~/data/pytorch_cifar100"}
"""Zen-NAS's."""
USUAL = Usual(
    Normalisation((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)), crop="shift", flip=True, policy="cifar10"
)


def cifar(name: str, split: Split, folder: Path | None) -> ImageSet:
    """Read from `folder`, else from Zen-NAS's; downloaded to there where it is absent. Raises DataError."""
    import torch
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    place = folder or Path(FOLDERS[name]).expanduser()
    existed = place.exists()
    try:
        found = kind(place, train=split == "train", download=True)
    except (OSError, RuntimeError) as error:
        if not existed and place.is_dir() and not any(place.iterdir()):
            place.rmdir()
        raise DataError(
            f"{name} is not in {place} and could not be downloaded ({' '.join(str(error).split())}); "
            f"put the archive's folder {kind.base_folder} there, or say where it is with --data"
        ) from None
    pixels = torch.from_numpy(found.data).permute(0, 3, 1, 2).contiguous()
    title = f"{name}, {'training' if split == 'train' else 'test'} images"
    return in_memory(title, tuple(found.classes), found.targets, pixels, USUAL)
