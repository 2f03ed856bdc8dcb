"""Regenerate the tables of settings in the docs from the fields of the dataclasses:

    python scripts/settings_tables.py

A table is between <!-- settings: MODULE:CLASS --> and <!-- end -->. `tests/test_settings_tables.py` checks them.
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_TABLE = re.compile(r"(<!-- settings: ([\w.]+):(\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def renewed(text: str) -> str:
    """Return the text of a page with its tables regenerated from the fields."""
    from zennas.common.settings_text import markdown_table

    def table(found: re.Match[str]) -> str:
        kind = getattr(importlib.import_module(found[2]), found[3])
        return f"{found[1]}\n{markdown_table(kind)}\n{found[4]}"

    return _TABLE.sub(table, text)


def pages() -> list[Path]:
    """Return the pages that contain such tables."""
    return [path for path in sorted((ROOT / "docs").glob("*.md")) if _TABLE.search(path.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    for page in pages():
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(page.relative_to(ROOT))
