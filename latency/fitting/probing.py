"""Which operations a library runs as one kernel, looked up in the graph that it really runs.

    fusion = looked_up(MeasureSettings("onnxruntime", "int8"))

A network of probes has every pattern that networks of this project have (`probes.py`), and the back end reports what
its kernels compute, so that a library's new version needs no new rule. What no probe shows follows the rules of the
back end. torch is imported when the network is built.
"""

from __future__ import annotations

from dataclasses import replace

from latency.base import BACKENDS, MeasureSettings
from latency.kernels import Fusion, observed
from latency.measuring.measure import measure_layers
from latency.measuring.subject import of_module

SIZE = 16


def looked_up(settings: MeasureSettings) -> Fusion:
    """Return what the back end fuses in a precision, with the library's version.

    Raises LatencyError if the back end cannot run here, or cannot tell its kernels.
    """
    from latency.fitting.probes import probes

    backend = BACKENDS.get(settings.backend)
    subject = of_module("the probes of fusion", probes(), (3, SIZE, SIZE))
    assert subject.calmer is not None
    subject = replace(subject, build=subject.calmer, calmer=None)
    layers = measure_layers(subject, replace(settings, batch_size=1), repeats=1)
    found = observed(subject.graph, [layer.nodes for layer in layers], backend.fusion)
    version = backend.versions().get(backend.name, "")
    return replace(backend.fusion, observed=tuple(found), library=f"{backend.name} {version}".strip())
