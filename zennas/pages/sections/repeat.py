"""How to repeat the run: the command, and the file of settings."""

from __future__ import annotations

import shlex
from pathlib import Path

from zennas.common.config import SETTINGS_FILE
from zennas.pages.parts import Code, Part
from zennas.pages.record import TRAIN, Record, command_of
from zennas.pages.section import Section, register


def parts(record: Record) -> list[Part]:
    """The command that made the run, those that repeat it and its trainings, and its settings."""
    found: list[Part] = []
    asked = record.environment.get("command")
    if isinstance(asked, str) and asked:
        what = "run" if record.comparison is None else "comparison"
        found.append(Code(asked, f"The {what} was made with"))
    again = [_again(_command(record), record.folder)] if record.settings else []
    again += [_again(TRAIN, one.folder) for one in record.trainings if one.folder != record.folder]
    if again:
        what = "it" if len(again) == 1 else "each part"
        found.append(Code("\n".join(again), f"To make {what} once more, from {SETTINGS_FILE} in its folder"))
    if record.settings:
        found.append(Code(record.settings, SETTINGS_FILE, folded=True))
    return found


def _command(record: Record) -> str:
    seeds = "" if record.simulation is None else f" --seeds {record.simulation.seeds}"
    drawn = record.supernet is not None and record.supernet.result is not None and record.supernet.result.sampled
    return f"{command_of(record)}{seeds}{' --sample' if drawn else ''}"


def _again(kind: str, folder: Path) -> str:
    """With quotes where a shell needs them, as the name of a folder can be anything."""
    config, place = shlex.quote(str(folder / SETTINGS_FILE)), shlex.quote(f"{folder}-again")
    return f"zennas {kind} --config {config} --save-dir {place}"


register(Section("repeat", "Repeat it", 80, parts))
