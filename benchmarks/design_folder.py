"""`zennas design` with a folder of 200 images in three classes: time, accuracy, and a script that runs the file alone.

The images are drawn: circles, squares and triangles of any colour, place and size on noise. --minutes N: the time, 3 by
default. --keep FOLDER: keep the images and the run there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.common import print_machine
from latency.measuring.conditions import version_of

CLASSES = ("circle", "square", "triangle")
IMAGES, SIDE = 200, 32
TARGET = "stm32h743"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    print_machine()
    print(", ".join(f"{name} {version_of(name)}" for name in ("ai-edge-litert", "tflite-micro")))
    with tempfile.TemporaryDirectory() as made:
        place = chosen.keep or Path(made)
        draw_folder(place / "images", IMAGES, SIDE)
        found, seconds = designed(TARGET, str(place / "images"), chosen.minutes, place / "run")
        print_design(found, seconds, chosen.minutes)
        _run_script(found, place / "images")


def designed(target: str, data: str, minutes: float, run: Path) -> tuple[dict[str, Any], float]:
    """Run `zennas design`, and return what it prints as JSON, and the seconds that it took."""
    command = [sys.executable, "-m", "zennas", "design", "--target", target, "--data", data]
    began = time.monotonic()
    done = subprocess.run(
        [*command, "--minutes", f"{minutes:g}", "--save-dir", str(run), "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout), time.monotonic() - began


def draw_folder(place: Path, count: int, side: int, seed: int = 0) -> None:
    """Write so many images of shapes on noise, in a folder for each class."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        name = CLASSES[number % len(CLASSES)]
        folder = place / name
        folder.mkdir(parents=True, exist_ok=True)
        _drawn(name, side, rng).save(folder / f"{number:04}.png")


def _drawn(name: str, side: int, rng: np.random.Generator) -> Image.Image:
    image = Image.fromarray(rng.integers(0, 160, (side, side, 3), dtype=np.uint8))
    radius = rng.uniform(0.2, 0.4) * side
    x, y = rng.uniform(radius, side - radius, 2)
    colour = tuple(int(value) for value in rng.integers(100, 256, 3))
    pen = ImageDraw.Draw(image)
    if name == "circle":
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    elif name == "square":
        pen.rectangle((x - radius, y - radius, x + radius, y + radius), fill=colour)
    else:
        pen.polygon(((x, y - radius), (x - radius, y + radius), (x + radius, y + radius)), fill=colour)
    return Image.fromarray(
        np.clip(np.asarray(image, dtype=int) + rng.normal(0, 20, (side, side, 3)), 0, 255).astype(np.uint8)
    )


def print_design(found: dict[str, object], seconds: float, minutes: float) -> None:
    """Print what `zennas design --json` found, and whether it took no longer than it should."""
    result, plan, images = (found[name] for name in ("result", "plan", "images"))
    assert isinstance(result, dict)
    assert isinstance(plan, dict)
    assert isinstance(images, dict)
    print(
        f"{images['train']} images for training, {images['test']} for testing, {len(images['classes'])} classes, "
        f"{images['size']} pixels"
    )
    print(f"{plan['iterations']:,} structures, {result['epochs']} epochs; seconds by part: {found['spent']}")
    print(f"{result['fits']}")
    print(
        f"flash {result['bytes']:,} bytes, RAM {result['ram_bytes']:,}; top-1 {result['top1']:.2f} % in float32, "
        f"{result['file_top1']:.2f} % in {result['precision']}, on {result['test_images']} images"
    )
    if result["untuned_top1"] is not None:
        print(f"{result['untuned_top1']:.2f} % before the quantisation-aware training; kept: {result['training']}")
    print(f"{seconds:.0f} s of {60 * minutes:.0f}: {'met' if seconds <= 60 * minutes else 'NOT met'}")


def _run_script(found: dict[str, object], images: Path) -> None:
    """Run the script in a folder of its own, with the file and the sidecar alone, on all images."""
    result = found["result"]
    assert isinstance(result, dict)
    script, file = Path(result["script"]), Path(result["file"])
    pictures = sorted(map(str, images.glob("*/*.png")))
    with tempfile.TemporaryDirectory() as alone:
        for one in (script, file, file.with_name(f"{file.name}.json")):
            (Path(alone) / one.name).write_bytes(one.read_bytes())
        guarded = (
            "import sys, runpy; sys.modules.update(dict.fromkeys(('torch', 'zennas', 'PlainNet'))); "
            f"sys.argv = [{script.name!r}, *sys.argv[1:]]; runpy.run_path({script.name!r}, run_name='__main__')"
        )
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [sys.executable, "-c", guarded, file.name, *pictures],
            cwd=alone,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    answers = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    right = sum(Path(picture).parent.name == answers.get(picture) for picture in pictures)
    lines = [line for line in script.read_text().split('"""')[-1].splitlines() if line.strip()]
    loop = [line for line in lines if not line.startswith(("import", "from"))]
    print(
        f"the script, {len(loop)} lines after its imports, without torch and this project: the right class for "
        f"{right} of {len(pictures)} images (of all, also those of the training)"
    )


if __name__ == "__main__":
    main()
