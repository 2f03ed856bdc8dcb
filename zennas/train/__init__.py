"""Training networks: `recipe.py` (what is decided), `data.py`, `loop.py` (the loop, to be read in a sitting).

The package can be called: `zennas.train("run", dataset="digits")` is `zennas.api.train`.
"""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    def __call__(self, *target: Any, **settings: Any) -> Any:
        from zennas.api import train

        return train(*target, **settings)


sys.modules[__name__].__class__ = _Callable
