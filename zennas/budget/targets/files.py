"""Registers the files of this folder."""

from __future__ import annotations

from pathlib import Path

from zennas.budget.target import add_files

add_files(Path(__file__).parent)
