"""`zennas design`: from a chip and a folder of images to a checked file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from zennas.cli import options as opt
from zennas.cli.derived import Chosen, derived
from zennas.common.settings import from_values
from zennas.designing.settings import DesignSettings

if TYPE_CHECKING:
    from zennas.cli.display import Display
    from zennas.common.progress import WorkProgress
    from zennas.designing.record import Design
    from zennas.designing.watching import Watcher
    from zennas.searching.runner import Watcher as SearchWatcher
    from zennas.training.loop import Watcher as TrainWatcher


@derived(DesignSettings)
def design(
    context: typer.Context,
    *,
    chosen: Chosen,
    save_dir: opt.SaveDir = None,
    resume: opt.Resume = None,
    as_json: opt.Json = False,
) -> None:
    """Design a network for a chip and for your images, in the given minutes: search, train, and write the file.

    The search keeps to the memories and rules of the chip, and to networks that can be trained in the time. The folder
    of the run contains search/, training/ and export/, each an ordinary run, and report.html. Accuracies are those on
    test images; of a folder without them, a part is held out.

    Example: zennas design --target stm32h743 --data FOLDER --minutes 60 --save-dir runs/mine

    Example: zennas design --resume runs/mine
    """
    from zennas.api import continue_design, design_with
    from zennas.cli.render import print_json
    from zennas.common.folders import new_folder

    if resume is not None:
        opt.refuse_settings(context)
        with _progress(resume, quiet=as_json) as watcher:
            made = continue_design(resume, watcher=watcher)
    else:
        for name, hint in (("target", "--target"), ("dataset", "--data")):
            if chosen.values.get(name) is None:
                what = "which chip? see zennas targets" if name == "target" else "which folder of images?"
                raise typer.BadParameter(what, param_hint=hint)
        settings = from_values(DesignSettings, chosen.values)
        folder = save_dir or new_folder("design")
        with _progress(folder, quiet=as_json) as watcher:
            made = design_with(settings, folder, watcher)
    if as_json:
        print_json(made.to_json())
    else:
        _print(made)


class _Parts:
    """Shows the parts in one display. quiet: whether nothing but progress is printed."""

    def __init__(self, shown: Display, quiet: bool) -> None:
        self._shown, self._quiet = shown, quiet

    def told(self, line: str) -> None:
        from zennas.cli.console import tell

        if not self._quiet:
            tell(line)

    def searching(self) -> SearchWatcher:
        from zennas.cli.progress import SearchStages

        return SearchStages(self._shown)

    def training(self, epochs: int, batch_size: int) -> TrainWatcher:
        from zennas.cli.progress import TrainingStages

        return TrainingStages(self._shown, epochs, batch_size, quiet=True)

    def exporting(self) -> WorkProgress:
        return lambda done, total, note: self._shown.show("exporting", done, total, note[:60])


@contextmanager
def _progress(folder: Path, quiet: bool) -> Iterator[Watcher]:
    from zennas.cli.display import display
    from zennas.cli.errors import interruptible
    from zennas.runs.designs import is_design

    def advice() -> str:
        if not is_design(folder):
            return " before the run started; nothing was written"
        return f"; continue with: zennas design --resume {folder}"

    with interruptible(advice), display("planning") as shown:
        yield _Parts(shown, quiet)


def _print(made: Design) -> None:
    from zennas.cli.console import OUT
    from zennas.cli.render import table
    from zennas.pages.document import PAGE_FILE
    from zennas.report.designs import rows_of

    rows = table("what", "", folded=("",))
    for name, value in rows_of(made):
        rows.add_row(name, value)
    OUT.print(rows)
    OUT.print(f"files: {made.folder / PAGE_FILE}, and the parts in {made.folder}: zennas runs {made.folder}")
