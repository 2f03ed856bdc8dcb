"""Image folders and archives with files that are no images, or not the ones they seem to be."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from benchmarks._hostile.cases import Case, mangled
from zennas.data import open_set

FORMATS = {"png": "PNG", "jpg": "JPEG", "bmp": "BMP", "gif": "GIF", "tiff": "TIFF", "webp": "WEBP"}


def _image(rng: Random, mode: str, kind: str) -> bytes:
    side = rng.choice((1, 7, 16, 40))
    pixels = np.frombuffer(rng.randbytes(side * side * 3), dtype=np.uint8).reshape(side, side, 3)
    content = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(content, FORMATS[kind])
    return content.getvalue()


def folders(rng: Random, folder: Path) -> Iterator[Case]:
    for number in range(120):
        place = folder / f"images{number}"
        for part in ("train", "val"):
            for label in ("a", "b", rng.choice(("c", ".git", "__MACOSX", "b"))):
                (place / part / label).mkdir(parents=True, exist_ok=True)
                for i in range(2):
                    kind = rng.choice(sorted(FORMATS))
                    content = _image(rng, rng.choice(("RGB", "L", "RGB")), kind)
                    damaged = mangled(content, rng) if rng.random() < 0.3 else content
                    (place / part / label / f"{i}.{kind}").write_bytes(damaged)

        def run(place: Path = place) -> None:
            images = open_set(str(place), "train")
            for row in range(len(images.labels)):
                images.read(row)

        yield Case(f"folder {number}", run)


def archives(rng: Random, folder: Path) -> Iterator[Case]:
    for number in range(120):
        contents = [_image(rng, "RGB", "jpg") for _ in range(6)]
        offsets = np.cumsum([0, *map(len, contents)])
        arrays = {
            "jpeg": np.frombuffer(b"".join(contents), dtype=np.uint8),
            "offsets": offsets,
            "labels": np.array([0, 1, 2, 0, 1, 2]),
            "classes": np.array(["a", "b", "c"]),
        }
        name = rng.choice(sorted(arrays))
        odd = [
            arrays[name][:-2],
            -arrays["offsets"],
            arrays[name].astype(str),
            arrays[name][None],
            np.array(0.5),
            offsets,
        ]
        arrays[name] = rng.choice(odd)
        path = folder / f"archive{number}-train.npz"
        np.savez(path, **arrays)
        if rng.random() < 0.4:
            path.write_bytes(mangled(path.read_bytes(), rng))

        def run(path: Path = path) -> None:
            images = open_set(str(path), "train")
            for row in range(len(images.labels)):
                images.read(row)

        yield Case(f"archive {number}", run)
