"""Searching for structures: `base.py` (what a strategy is), `evolution.py`, `runner.py`, `result.py`.

The package can be called: `zennas.search(budget_params="1M")` is `zennas.api.search`.
"""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    def __call__(self, **settings: Any) -> Any:
        from zennas.api import search

        return search(**settings)


sys.modules[__name__].__class__ = _Callable
