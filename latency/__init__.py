"""Latencies: measured on this machine, or predicted for others.

    latency.measure("SuperConvK3BNRELU(3,8,1,1)…", resolution=32, backend="onnxruntime", precision="int8").latency_ms
    latency.measure(torchvision.models.resnet18(), resolution=224, batch_size=8)
    latency.predict("SuperConvK3BNRELU(3,8,1,1)…", "v100-pytorch-fp16", resolution=224, num_classes=1000)

The package has three parts: `measuring/` (timer and checks), `predicting/` (from profiles to milliseconds) and
`fitting/` (making profiles). `backends/` has one file for each back end, and `profiles/` the shipped profiles. Start
reading at `base.py`. Importing this package imports neither torch nor numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latency.api import measure, predict

__all__ = ["measure", "predict"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module("latency.api"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
