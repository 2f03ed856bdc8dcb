"""Design convolutional networks from a budget, without training a candidate.

    result = zennas.search(budget_params="1M", max_layers=18)
    zennas.train(result.folder, dataset="digits")

`zennas --help` is the same from the shell. Start reading at `api.py`, then `search/runner.py`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Modules that can be called, see docs/adr/0002; imported when they are asked for.
    if name in ("correlate", "evaluate", "export", "search", "train"):
        return import_module(f"zennas.{name}")
    raise AttributeError(f"module 'zennas' has no attribute {name!r}")
