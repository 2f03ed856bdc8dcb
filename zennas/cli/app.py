"""The program `zennas`: assembles the commands. `errors.py` has the exit codes."""

from __future__ import annotations

import typer

import zennas
from zennas.cli import analyze, correlate, doctor, export, runs, score, search, train, zoo
from zennas.cli import eval as evaluation
from zennas.cli import latency as latency_commands
from zennas.cli.errors import guarded

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Design convolutional networks within a budget, without training any candidate.",
    epilog="Every command has its own --help. Exit codes: 1 error, 2 wrong usage, 3 nothing fits the budget, "
    "4 run in use, 5 an exported file loses too much accuracy, 130 interrupted, 143 ended by SIGTERM.",
)
app.command()(search.search)
app.command()(analyze.analyze)
app.command()(score.score)
app.command()(correlate.correlate)
app.add_typer(latency_commands.app, name="latency")
app.command()(train.train)
app.command("distill", help="Train a network with a teacher: the same as zennas train --teacher.")(train.train)
app.command()(export.export)
app.command("eval")(evaluation.evaluate)
app.command()(runs.runs)
app.add_typer(zoo.app, name="zoo")
app.command()(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"zennas {zennas.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", help="Show the version.", callback=_version, is_eager=True),
    debug: bool = typer.Option(
        False, "--debug", help="Show the traceback of an error; allowed anywhere on the command line."
    ),
) -> None:
    del version  # `_version` has already shown it
    del debug  # `guarded` removes it from the arguments; it is declared here for --help


def main() -> None:
    """Run the program with the arguments of the command line."""
    guarded(lambda arguments: app(arguments, prog_name="zennas"))
