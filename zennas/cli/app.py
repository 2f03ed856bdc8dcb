"""The program `zennas`. `commands.py` lists its commands, `errors.py` has the exit codes."""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import typer
from typer.core import TyperGroup

import zennas
from zennas.cli.commands import COMMANDS, Commands
from zennas.cli.console import tell_error
from zennas.cli.errors import DEBUG, LOG_FILE, QUIET, guarded, lines

HELP_WIDTH = 80
"""Smallest width of help, in characters. If the terminal is narrower, it breaks the lines; typer would cut words."""


class Program(TyperGroup):
    """The program, which reports wrong usage in one line like all errors, and not in a frame that breaks words.

    It imports the command that is called, and all of them for its help.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.commands: Any = Commands(COMMANDS)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def main(self, *arguments: Any, standalone_mode: bool = True, **more: Any) -> Any:
        try:
            with _help_width():
                found = super().main(*arguments, **{**more, "standalone_mode": False})
        except Exception as error:
            # typer brings a copy of click, or uses click itself: errors of usage are known by what they can do.
            if not standalone_mode or not hasattr(error, "format_message"):
                raise
            if type(error).__name__ != "NoArgsIsHelpError":  # which has shown the help
                tell_error(f"error: {lines(_usage(error))}")
            sys.exit(getattr(error, "exit_code", 2))
        if not standalone_mode:
            return found
        sys.exit(found if isinstance(found, int) else 0)


@contextmanager
def _help_width() -> Iterator[None]:
    """Make help at least `HELP_WIDTH` wide inside the context; other programs in this process keep theirs."""
    if shutil.get_terminal_size().columns >= HELP_WIDTH:
        yield
        return
    from typer import rich_utils  # which only help needs

    before = rich_utils.MAX_WIDTH
    rich_utils.MAX_WIDTH = HELP_WIDTH
    try:
        yield
    finally:
        rich_utils.MAX_WIDTH = before


def _usage(error: Any) -> str:
    context = getattr(error, "ctx", None)
    way_out = "" if context is None else f"; see: {context.command_path} --help"
    return f"{error.format_message().removesuffix('.')}{way_out}"


app = typer.Typer(
    cls=Program,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="Design convolutional networks within a budget, without training any candidate.",
    epilog="Every command has its own --help. Exit codes: 1 error, 2 wrong usage, 3 nothing fits the budget, "
    "4 run in use, 5 an exported file loses too much accuracy, 130 interrupted, 143 ended by SIGTERM.",
)
_ANYWHERE = "Allowed anywhere on the command line."


def _version(wanted: bool) -> None:
    if wanted:
        print(f"zennas {zennas.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", help="Show the version.", callback=_version, is_eager=True),
    debug: bool = typer.Option(False, DEBUG, help=f"Show the traceback of an error. {_ANYWHERE}"),
    quiet: bool = typer.Option(False, QUIET, help=f"Print results and errors only. {_ANYWHERE}"),
    log_file: Optional[Path] = typer.Option(
        None,
        LOG_FILE,
        metavar="FILE",
        help=f"Append the command, its progress, notes and errors to this file, with times. {_ANYWHERE}",
    ),
) -> None:
    del version  # `_version` has already shown it
    del debug, quiet, log_file  # `guarded` removes them from the arguments; they are declared here for --help


def main() -> None:
    """Run the program with the arguments of the command line."""
    gc.set_threshold(10_000, 10, 10)  # Python's 700 looks for cycles a hundred times while modules are imported
    guarded(lambda arguments: app(arguments, prog_name="zennas"))
