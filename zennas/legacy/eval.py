"""Shared code of `val.py` and `val_cifar.py`: Zen-NAS's flags for `zennas.accuracy.evaluation`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from PlainNet.sizes import sides
from zennas.accuracy.settings import EvaluationSettings
from zennas.legacy.arguments import count, folder
from zennas.legacy.derived import add_flags as add_settings
from zennas.legacy.derived import taken

_FLAGS = {"--batch_size": "batch_size", "--workers": "workers", "--skip_corrupt --skip-corrupt": "skip_corrupt"}
"""Flags that set a field of `EvaluationSettings`."""


def add_flags(parser: ArgumentParser, batch_size: int) -> None:
    add = parser.add_argument
    add("--arch", required=True, help="name of a model in the zoo, or the folder of a training")
    add_settings(add, EvaluationSettings, _FLAGS, {"batch_size": batch_size, "workers": 6})
    add("--gpu", type=count(0), help="number of the CUDA device; default: run on the CPU")
    add("--fp16", action="store_true", help="evaluate in half precision")
    add("--apex", action="store_true", help="evaluate in PyTorch's mixed precision; Apex is not needed")
    add("--checkpoint", type=Path, help="file with weights; default: the model's own")


def add_data(parser: ArgumentParser, what: str) -> None:
    parser.add_argument("--data", type=folder, help=what)


def validate(options: Namespace, dataset: str | None) -> None:
    """Evaluate and print the result in Zen-NAS's format. Raises the errors of `zennas.api.evaluate`."""
    from zennas.accuracy.evaluation import evaluate_model
    from zennas.cli.console import OUT, tell
    from zennas.cli.eval import evaluation_progress, remarks
    from zennas.named.models import trained_model

    chosen = EvaluationSettings(
        dataset,
        options.data,
        **taken(options, _FLAGS),
        precision="mixed" if options.apex else "fp16" if options.fp16 else "fp32",
        device="cpu" if options.gpu is None else f"cuda:{options.gpu}",
    )
    if options.apex:
        tell("--apex: using torch.autocast for mixed precision; Apex is not needed")
    model = trained_model(options.arch, options.checkpoint)
    height, width = sides(model.shown.resolution)
    OUT.print(f"Evaluate {model.name} at {height}x{width} resolution.")
    with evaluation_progress() as progress:
        found = evaluate_model(model, chosen, progress)
    for line in remarks(found):
        tell(line)
    OUT.print(
        f"*** arch={found.model}, validation top-1 acc={found.top1:.6g}%, top-5 acc={found.top5:.6g}%, "
        f"number of evaluated images={found.images}"
    )
