"""Put a trained network into the package: weights in half precision, a card, and its line in pretrained/zoo.json.

    python scripts/ship_model.py runs/mine/train-digits NAME [--seeds runs/mine/s1 runs/mine/s2 …]

The weights are evaluated before and after rounding; they are stored unrounded if rounding lowers top-1. This
program is for maintainers of this project; add your own models to your own zoo with `zennas zoo add`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
from pathlib import Path
from typing import Any

import torch

import PlainNet
from PlainNet.checkpoint import load_checkpoint, tensor_bytes
from PlainNet.files import write_bytes, write_text
from zennas.accuracy.protocol import Accuracy, Evaluator
from zennas.data import open_set
from zennas.named.card import read_card
from zennas.named.models import trained_model
from zennas.named.structures import TargetError
from zennas.searching.result import read_result

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "pretrained"
LARGEST = 5_000_000
"""Largest size of a file of weights in bytes: it is part of every installation."""
KEPT = (
    "num_classes",
    "resolution",
    "crop_image_size",
    "use_se",
    "bn_eps",
    "normalisation",
    "classes",
    "dataset",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a training")
    parser.add_argument("name")
    parser.add_argument("--seeds", type=Path, nargs="*", default=[], help="the same training with other seeds")
    parser.add_argument("--data", type=Path, help="where the data set is")
    options = parser.parse_args()
    card = read_card(options.run)
    exact = accuracy(options.run, card, options.data)
    content, rounded = stored(options.run, card, options.data, exact)
    if len(content) > LARGEST:
        raise SystemExit(f"{options.name} has {len(content):,} bytes of weights, expected at most {LARGEST:,}")
    write_bytes(FOLDER / f"{options.name}.pth", content)
    write_text(FOLDER / f"{options.name}.txt", f"{card['structure']}\n")
    write_text(FOLDER / f"{options.name}.md", text(options.name, options.run, card, exact, rounded, options.seeds))
    register(options.name, card, rounded or exact, hashlib.sha256(content).hexdigest())
    print(f"{options.name}: top-1 {(rounded or exact).top1:.2f} %, {len(content):,} bytes")


def accuracy(run: Path, card: dict[str, Any], data: Path | None, weights: Path | None = None) -> Accuracy:
    model = trained_model(str(run))
    if weights is not None:
        load_checkpoint(model.network, weights)
    return Evaluator(open_set(card["dataset"], "test", data), model.shown, torch.device("cpu"))(model.network)


def stored(run: Path, card: dict[str, Any], data: Path | None, exact: Accuracy) -> tuple[bytes, Accuracy | None]:
    """Return the weights in half precision and their accuracy, or unrounded and None if rounding lowers top-1."""
    state = torch.load(run / "weights.pt", weights_only=True)["state_dict"]
    half = {name: t.half() if t.is_floating_point() else t for name, t in state.items()}
    draft = run / "half.pt"
    try:
        write_bytes(draft, tensor_bytes({"state_dict": half}))
        found = accuracy(run, card, data, draft)
    finally:
        draft.unlink(missing_ok=True)
    if found.top1 < exact.top1:
        return tensor_bytes({"state_dict": state}), None
    return tensor_bytes({"state_dict": half}), found


def text(
    name: str, run: Path, card: dict[str, Any], exact: Accuracy, rounded: Accuracy | None, seeds: list[Path]
) -> str:
    """Return the card of the model as Markdown."""
    shape = {key: card[key] for key in ("resolution", "num_classes", "use_se")}
    cost = PlainNet.cost(PlainNet.parse(card["structure"]), **shape)
    tops = [read_card(folder)["top1"] for folder in (run, *seeds)]
    spread = (
        f" Over {len(tops)} seeds, this one among them: {statistics.mean(tops):.2f} ± {statistics.stdev(tops):.2f} %"
        f" (mean and standard deviation; {min(tops):.2f} to {max(tops):.2f})."
        if len(tops) > 1
        else ""
    )
    half = "single precision" if rounded is None else "half precision, which changes no figure above"
    default = {"device": "", "threads": 0}
    where = {**default, **card}
    machine = f"{where['device']} ({card['environment']['processor']}, {where['threads']} thread(s))"
    packages = card["environment"]["packages"]
    recipe = ", ".join(
        f"{key} {value}" for key, value in card["recipe"].items() if value not in (None, False, [], 0, 0.0)
    )
    return f"""# {name}

    {card["structure"]}

| | |
|---|---|
| parameters | {cost.params:,} |
| FLOPs | {cost.flops:,} multiply–accumulates, at {card["resolution"]} × {card["resolution"]} pixels |
| images | {card["dataset"]}: {card["train_images"]:,} to train, {card["test_images"]:,} to test |
| top-1 | {(rounded or exact).top1:.2f} % on all test images |
| top-5 | {(rounded or exact).top5:.2f} % |

**Where from.** {origin(run)}
**Trained** on {card["dataset"]} in {card["seconds"]:.0f} s on {machine}, torch {packages["torch"]}.
The figure is of the last epoch, not of the best one.{spread}
Recipe: {recipe}.

**Stored** in {half}.
"""


def origin(run: Path) -> str:
    """Return a sentence that says which search designed the model."""
    try:
        result = read_result(run.parent)
    except (ValueError, RuntimeError):
        return "A published structure, Zen-NAS's; the weights are this project's."
    if result.best is None:
        raise TargetError(f"the run in {run.parent} has no result")
    settings = result.settings
    return (
        f"Designed by this project: {settings.search_space}, {settings.budget}, {settings.iterations:,} iterations, "
        f"seed {settings.seed}, ranked by {settings.proxy}; no candidate was trained."
    )


def register(name: str, card: dict[str, Any], found: Accuracy, sha256: str) -> None:
    path = FOLDER / "zoo.json"
    zoo = path.read_text(encoding="utf-8")
    facts = {"structure_file": f"{name}.txt", **{key: card[key] for key in KEPT if card.get(key) is not None}}
    cost = PlainNet.cost(
        PlainNet.parse(card["structure"]), **{key: card[key] for key in ("resolution", "num_classes", "use_se")}
    )
    entry = {
        **facts,
        "params": cost.params,
        "flops": cost.flops,
        "top1": round(found.top1, 3),
        "top5": round(found.top5, 3),
        "card": f"{name}.md",
        "weights": {"file": f"{name}.pth", "sha256": sha256},
    }
    lines = ",\n".join(f"   {json.dumps(key)}: {json.dumps(value)}" for key, value in entry.items())
    written = f"  {json.dumps(name)}: {{\n{lines}\n  }}"
    known = json.loads(zoo)["models"]
    if name in known:
        begin = zoo.index(f"  {json.dumps(name)}: {{")
        end = zoo.index("\n  }", begin) + len("\n  }")
        zoo = zoo[:begin] + written + zoo[end:]
    else:
        end = zoo.rindex("\n  }\n }") + len("\n  }")
        zoo = f"{zoo[:end]},\n{written}{zoo[end:]}"
    json.loads(zoo)
    write_text(path, zoo)


if __name__ == "__main__":
    main()
