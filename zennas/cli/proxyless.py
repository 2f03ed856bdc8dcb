"""`zennas proxyless`: search inside one network, with the costs of the target in the loss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.derived import Chosen, derived
from zennas.common.settings import from_values
from zennas.supernet.job import SearchJob, SearchOptions
from zennas.supernet.recipe import SearchRecipe

if TYPE_CHECKING:
    from zennas.cli.display import Display
    from zennas.supernet.front_record import ProxylessFront
    from zennas.supernet.history import SearchEpoch, Watcher
    from zennas.supernet.outcome import ProxylessResult

_MACHINE = "Machine and files"


@derived(SearchJob, SearchOptions)
def proxyless(
    context: typer.Context,
    *,
    chosen: Chosen,
    sample: Annotated[
        bool,
        typer.Option("--sample", help="Draw the architecture from the final probabilities; else the most probable."),
    ] = False,
    gpu: opt.Gpu = None,
    save_dir: Annotated[
        Optional[Path],
        typer.Option(
            help="Folder for the result.",
            parser=opt.folder,
            metavar="FOLDER",
            show_default="a new one in runs/",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    resume: Annotated[
        Optional[Path],
        typer.Option(
            help="Continue the search in this folder, with its settings.",
            parser=opt.folder,
            metavar="FOLDER",
            show_default=False,
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Search in a supernet, in which every candidate of a space is trained a little (ProxylessNAS).

    Weights and architecture parameters are trained in turn, on images of their own; latencies and other costs are part
    of the loss. The result is a structure, which zennas train trains from the beginning.

    Example: zennas proxyless --space nasbench-macro --dataset cifar10 --latency-backend predictor:this-machine-fp32
    --ref-latency-ms 2

    With several --strength, one search follows for each after a common warm-up, and the result is a front.

    Example: zennas proxyless --resume runs/mine
    """
    from zennas.api import proxyless as search
    from zennas.api import proxyless_front
    from zennas.cli.render import print_json
    from zennas.common.folders import new_folder
    from zennas.training.distributed import ranks

    folder = resume if resume is not None else save_dir
    values = dict(chosen.values)
    if resume is not None:
        opt.refuse_settings(context, also=("device", "gpu", "workers", "checkpoint_every", "sample"))
        from zennas.supernet.continuing import settings_in

        values = {**settings_in(resume), **{k: v for k, v in values.items() if k in vars(SearchOptions())}}
    if values.get("dataset") is None:
        from zennas.training.job import which_dataset

        raise typer.BadParameter(which_dataset(), param_hint="--dataset")
    said, costs = values.pop("recipe", {}), values.pop("costs", {})
    recipe = from_values(SearchRecipe, said)
    folder = new_folder("proxyless") if folder is None else folder
    device_asked = values.pop("device", SearchOptions.device)
    leads = ranks()[0] == 0
    progress = _progress(recipe, folder, quiet=as_json) if leads else nullcontext(None)
    named = opt.chosen_device(gpu, device_asked, "leave out --gpu, or use --device cpu")
    with progress as watcher, named as device:
        more: dict[str, Any] = {"device": device, "save_dir": folder, "go_on": resume is not None, "sample": sample}
        more |= {"watcher": watcher, **values, **said, **costs}
        if costs.get("strengths"):
            if leads and not as_json:
                more["announce"] = _announce
            front = proxyless_front(**more)
            found, show = front.to_json(), partial(_print_front, front)
        else:
            result = search(**more)
            found, show = result.to_json(), partial(_print, result)
    if not leads:
        return
    if as_json:
        print_json(found)
    else:
        show()


def _announce(strength: float, number: int, count: int) -> None:
    from zennas.cli.console import tell

    tell(f"search {number} of {count}: strength {strength:g}")


class _Stages:
    def __init__(self, shown: Display, recipe: SearchRecipe, quiet: bool) -> None:
        self._shown, self._recipe, self._quiet = shown, recipe, quiet

    def step(self, phase: str, epoch: int, step: int, steps: int, loss: float) -> None:
        before = 0 if phase == "warm-up" else self._recipe.warm_epochs
        total = (self._recipe.warm_epochs + self._recipe.n_epochs) * steps
        self._shown.show(phase, (before + epoch - 1) * steps + step, total, f"epoch {epoch}, loss {loss:.3f}")

    def epoch(self, done: SearchEpoch) -> None:
        from zennas.cli.console import tell

        if self._quiet:
            return
        epochs = self._recipe.warm_epochs if done.phase == "warm-up" else self._recipe.n_epochs
        text = f"{done.phase} epoch {done.epoch}/{epochs}: loss {done.loss:.4f}, entropy {done.entropy:.3f}"
        if done.valid_top1 is not None:
            text += f", most probable network: top-1 {done.valid_top1:.2f} %"
        tell(text + "".join(f", expected {name} {value:.4g}" for name, value in done.expected.items()))


@contextmanager
def _progress(recipe: SearchRecipe, folder: Path, quiet: bool) -> Iterator[Watcher]:
    from zennas.cli.display import display
    from zennas.cli.errors import interruptible
    from zennas.supernet.outcome import CHECKPOINT_FILE

    def advice() -> str:
        if not (folder / CHECKPOINT_FILE).is_file():
            return " before the first checkpoint; nothing was kept"
        return f"; continue with: zennas proxyless --resume {folder}"

    with interruptible(advice), display("searching") as shown:
        yield _Stages(shown, recipe, quiet)


def _print(result: ProxylessResult) -> None:
    from zennas.cli.console import OUT
    from zennas.cli.render import table
    from zennas.named.structures import STRUCTURE_FILE

    rows = table("decision", "chosen", folded=("chosen",))
    for key, text in result.picks.items():
        rows.add_row(key, text)
    OUT.print(rows)
    costs: dict[str, Any] = {**result.costs}
    OUT.print(", ".join(f"{name} {value:,.10g}" for name, value in costs.items()))
    OUT.print(
        f"top-1 {result.valid_top1:.2f} % on the held-out images with the weights of the supernet, entropy of the "
        f"decisions {result.entropy:.3f} ({result.seconds:.0f} s)"
    )
    OUT.print(f"structure: {result.structure}")
    OUT.print(f"train it with: zennas train {result.folder / STRUCTURE_FILE} --dataset …")


def _print_front(front: ProxylessFront) -> None:
    from zennas.cli.console import OUT
    from zennas.cli.render import table

    points = front.points
    rows = table("point", "strength", front.cost, "top-1", "structure", folded=("structure",))
    for number, one in enumerate(points, start=1):
        top1, cost = f"{one.result.valid_top1:.2f} %", f"{one.result.costs[front.cost]:.6g}"
        rows.add_row(f"{front.folder}@{number}", f"{one.strength:g}", cost, top1, str(one.result.structure))
    OUT.print(rows)
    left = len(front.searches) - len(points)
    if left:
        OUT.print(f"{left} more found nothing better: another network has at least its accuracy at no greater cost")
    OUT.print("top-1 is that of the weights of the supernet, on the held-out images")
    OUT.print(
        f"look at one with: zennas analyze {front.folder}@1; train it with: zennas train {front.folder}@1 --dataset …"
    )
