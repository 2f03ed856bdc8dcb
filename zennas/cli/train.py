"""`zennas train` and `zennas distill`: train a network with labels only, or also with a teacher."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.derived import Chosen, derived
from zennas.common.settings import from_values
from zennas.training.job import NETWORK, RunOptions, TrainingJob, which_dataset
from zennas.training.recipe import Distillation, Recipe

_MACHINE = "Machine and files"


@derived(TrainingJob, RunOptions, also=(NETWORK,))
def train(
    context: typer.Context,
    network: Annotated[
        Optional[str],
        typer.Argument(
            metavar="NETWORK",
            help="A structure string, a file that contains one, the folder of a run, or a model name from the zoo. "
            "Optional if --config names one.",
            show_default=False,
        ),
    ] = None,
    *,
    chosen: Chosen,
    gpu: opt.Gpu = None,
    save_dir: Annotated[
        Optional[Path],
        typer.Option(
            help="Folder for the weights.",
            parser=opt.folder,
            metavar="FOLDER",
            show_default="in the run's folder, or a new one in runs/",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    keep_best: Annotated[
        bool,
        typer.Option(
            "--keep-best",
            help="Also keep best.pt, from the epoch with the best test accuracy; that accuracy is optimistic.",
            rich_help_panel=_MACHINE,
        ),
    ] = False,
    as_json: opt.Json = False,
) -> None:
    """Train a network, and measure its accuracy on images that it has not seen.

    The folder of the training contains settings.toml, which repeats the training with --config.

    Example: zennas train runs/mine --dataset digits --epochs 10

    Example: zennas train --resume runs/mine/train-digits

    Example: zennas train --config runs/mine/train-digits/settings.toml --seed 1 --save-dir runs/again
    """
    from zennas.api import train as run_training
    from zennas.cli.progress import training_progress
    from zennas.cli.render import print_json, print_training
    from zennas.training.distributed import ranks
    from zennas.training.places import training_folder

    continued = _continued(context, chosen)
    if continued is not None:
        chosen, save_dir = continued
    values = dict(chosen.values)
    distillation = _distillation(context, chosen)
    values.pop("distillation", None)
    said = values.pop("recipe", {})
    recipe = from_values(Recipe, said)
    device_asked = values.pop("device", RunOptions.device)
    named = values.pop(NETWORK, None)
    target = network or named
    if target is None:
        raise typer.BadParameter(
            "which network? expected a structure, a file that contains one, a run or a name", param_hint="NETWORK"
        )
    dataset = values.get("dataset")
    if dataset is None:
        raise typer.BadParameter(which_dataset(), param_hint="--dataset")
    if keep_best:
        values["keep_best"] = "best.pt"
    leads = ranks()[0] == 0
    folder = training_folder(target, dataset, save_dir)
    progress = (
        training_progress(recipe.epochs, recipe.batch_size, folder, quiet=as_json) if leads else nullcontext(None)
    )
    device_named = opt.chosen_device(gpu, device_asked, "leave out --gpu, or use --device cpu")
    with progress as watcher, device_named as device:
        result = run_training(
            target,
            **values,
            **said,
            distillation=distillation,
            device=device,
            save_dir=folder,
            watcher=watcher,
        )
    if not leads:
        return
    if as_json:
        print_json(result.to_json())
    else:
        print_training(result)


def _continued(context: typer.Context, chosen: Chosen) -> tuple[Chosen, Path] | None:
    """The settings of the training in the folder that --resume names, changed by the flags, and the folder; else None.

    Raises BadParameter for flags that this folder decides, TrainingError and ConfigError if it cannot be continued.
    """
    from zennas.named.card import CHECKPOINT_FILE  # imports numpy

    named = chosen.values.get("resume")
    if named in (None, "auto", "never"):
        return None
    place = Path(named)
    if place.is_file():
        if place.name != CHECKPOINT_FILE or any(opt.given(context, one) for one in ("network", "config")):
            return None
        place = place.parent
    opt.refuse(
        context, ["network", "save_dir", "config"], "--resume", "the training keeps its network, folder and settings"
    )
    from zennas.training.continuing import folder_to_continue, merged, stored_settings

    folder = folder_to_continue(place)
    return Chosen(merged(stored_settings(folder), {**chosen.values, "resume": "auto"}), chosen.flags), folder


def _distillation(context: typer.Context, chosen: Chosen) -> Distillation | None:
    """Raises BadParameter if a teacher is missing, or if flags have no effect without one."""
    said: dict[str, Any] = chosen.said("distillation")
    if "teacher" in said:
        return from_values(Distillation, said)
    if context.info_name == "distill":
        raise typer.BadParameter(
            "which teacher? expected timm:NAME, torchvision:NAME, a folder or a name", param_hint="--teacher"
        )
    stray = [flag for way, flag in chosen.flags.items() if way[0] == "distillation"]
    if stray:
        raise typer.BadParameter(
            f"without a teacher, {', '.join(stray)} would have no effect; leave it out, or name a teacher",
            param_hint="--teacher",
        )
    if said:
        raise typer.BadParameter(
            "[distillation] names no teacher, so it has no effect; add teacher", param_hint="--config"
        )
    return None
