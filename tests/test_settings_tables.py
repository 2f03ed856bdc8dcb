"""The docs' tables of settings are what follows from the fields."""

from __future__ import annotations

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "settings_tables.py"


def test_tables_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("settings_tables", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert "training.md" in [page.name for page in script.pages()]
    for page in script.pages():
        text = page.read_text(encoding="utf-8")
        assert script.renewed(text) == text, f"{page}: run python scripts/settings_tables.py"
