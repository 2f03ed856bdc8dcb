#!/usr/bin/env bash
# typer 0.29.2 no longer uses click: it brings a copy of its own, typer._click. Code that mixes the two still imports
# and runs, but the two do not know each other.
#
# A program would expect, as with earlier versions of typer:
#   pip install typer also installs click                    here: it does not
#   isinstance(typer.main.get_command(app), click.Command)   here: False
#   click.get_current_context() inside a command             here: there is none
#   click.UsageError raised in a command exits with code 2   here: it is an unknown exception, exit code 1
# Seen with Python 3.11, typer 0.29.2, click 8.5.1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check typer==0.29.2
"$folder/venv/bin/python" -c 'import importlib.util as u; assert u.find_spec("click") is None; print("typer alone: no click")'
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check click==8.5.1
cat >"$folder/program.py" <<'PROGRAM'
import click
import typer
from typer.testing import CliRunner

app = typer.Typer()


@app.command()
def context() -> None:
    print(f"current context of click: {click.get_current_context(silent=True)}")


@app.command()
def wrong() -> None:
    raise click.UsageError("wrong usage")


@app.command()
def wrong_too() -> None:
    raise typer.BadParameter("wrong usage")


command = typer.main.get_command(app)
print(f"a command of typer is a click.Command: {isinstance(command, click.Command)}")
print(f"its classes are from {sorted({kind.__module__ for kind in type(command).__mro__} - {'abc', 'builtins'})}")
print(CliRunner().invoke(app, ["context"]).output, end="")
for name in ("wrong", "wrong-too"):
    result = CliRunner().invoke(app, [name])
    print(f"{name}: exit code {result.exit_code}, {type(result.exception).__name__}")
PROGRAM
"$folder/venv/bin/python" "$folder/program.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
a command of typer is a click.Command: False
its classes are from ['typer._click.core', 'typer.core']
current context of click: None
wrong: exit code 1, UsageError
wrong-too: exit code 2, SystemExit
SEEN
