"""How well proxies rank networks that a tabular benchmark has trained: `settings.py`, then `runner.py`, `result.py`.

The package can be called: `zennas.correlate(table="nb201.csv.gz")` is `zennas.api.correlate`.
"""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    def __call__(self, **settings: Any) -> Any:
        from zennas.api import correlate

        return correlate(**settings)


sys.modules[__name__].__class__ = _Callable
