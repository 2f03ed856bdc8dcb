"""Design convolutional networks from a budget, without training a candidate.

    result = zennas.search(budget_params="1M", max_layers=18)
    zennas.train(result.folder, dataset="digits")

`zennas --help` is the same from the shell. Start reading at `api.py`, then `searching/runner.py`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zennas.api import (
        compare,
        continue_correlate,
        continue_design,
        continue_search,
        continue_training,
        correlate,
        design,
        discover,
        evaluate,
        export,
        front,
        page,
        proxyless,
        proxyless_front,
        search,
        simulate,
        train,
    )

__version__ = "0.1.0"

__all__ = [
    "compare",
    "continue_correlate",
    "continue_design",
    "continue_search",
    "continue_training",
    "correlate",
    "design",
    "discover",
    "evaluate",
    "export",
    "front",
    "page",
    "proxyless",
    "proxyless_front",
    "search",
    "simulate",
    "train",
]


def __getattr__(name: str) -> Any:
    # The functions of `api.py`, imported when one is asked for: `import zennas` alone is quick.
    if name not in __all__:
        raise AttributeError(f"module 'zennas' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module("zennas.api"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"Any", "TYPE_CHECKING", "import_module"})
