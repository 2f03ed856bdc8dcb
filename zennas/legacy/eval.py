"""What `val.py` and `val_cifar.py` share: Zen-NAS's flags, on `zennas.accuracy.evaluation`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from zennas.legacy.arguments import count, folder


def add_flags(parser: ArgumentParser, batch_size: int) -> None:
    add = parser.add_argument
    add("--arch", required=True, help="name of a model of the zoo, or the folder of a training")
    add("--batch_size", type=count(), default=batch_size, help=f"default: {batch_size}")
    add("--workers", type=count(0, 1024), default=6, help="processes that read images, at most one a core; default: 6")
    add("--gpu", type=count(0), help="CUDA device; default: the CPU")
    add("--fp16", action="store_true", help="half precision")
    add("--apex", action="store_true", help="mixed precision, by PyTorch itself: Apex is not needed")
    add("--checkpoint", type=Path, help="file with weights; default: the model's own")
    add("--skip_corrupt", "--skip-corrupt", action="store_true", help="leave out images that cannot be read")


def add_data(parser: ArgumentParser, what: str) -> None:
    parser.add_argument("--data", type=folder, help=what)


def validate(options: Namespace, dataset: str | None) -> None:
    """Evaluate, and say so in Zen-NAS's words. Raises what `zennas.api.evaluate` raises."""
    from zennas.accuracy.evaluation import How, evaluate_model
    from zennas.cli.eval import evaluation_progress, printable, remarks
    from zennas.named.models import trained_model

    how = How(
        batch_size=options.batch_size,
        precision="mixed" if options.apex else "fp16" if options.fp16 else "fp32",
        device="cpu" if options.gpu is None else f"cuda:{options.gpu}",
        workers=options.workers,
        skip_corrupt=options.skip_corrupt,
    )
    if options.apex:
        print("--apex: mixed precision by torch.autocast, which needs no Apex", file=sys.stderr)
    model = trained_model(options.arch, options.checkpoint)
    side = model.shown.resolution
    print(f"Evaluate {printable(model.name)} at {side}x{side} resolution.", flush=True)
    with evaluation_progress() as told:
        found = evaluate_model(model, dataset, options.data, how, told)
    for line in remarks(found):
        print(line, file=sys.stderr)
    print(
        f"*** arch={printable(found.model)}, validation top-1 acc={found.top1:.6g}%, top-5 acc={found.top5:.6g}%, "
        f"number of evaluated images={found.images}"
    )
