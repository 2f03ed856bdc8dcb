"""How long the file of a design will take: one of the same network with random weights is made. What it calls imports
torch.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from PlainNet import Structure
from zennas.accuracy.images import noise
from zennas.designing.exporting import format_for
from zennas.designing.images import Images
from zennas.designing.planning import CALIBRATION, Pace
from zennas.designing.settings import DesignSettings
from zennas.exporting import runner
from zennas.exporting.settings import ExportSettings
from zennas.named.untrained import untrained_model

TESTED = 32
"""Images that the file is run on."""


def file_seconds(settings: DesignSettings, images: Images, structure: Structure, pace: Pace) -> float:
    """Return how many seconds the file of a network takes: calibrated, checked, and measured on all test images.

    pace: of the network. Raises what `exporting.runner.export` raises, which the trained network would raise as well.
    """
    form, options, plan = format_for(settings.target)
    shape = {"resolution": images.size, "in_channels": images.channels, "num_classes": len(images.classes)}
    asked = ExportSettings(form.name, untrained=True, options=options, **shape)  # type: ignore[arg-type]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="zennas-") as place:
        made = runner.export(str(structure), asked, out=Path(place) / f"network{plan.suffix}")
        content = made.path.read_bytes()
    answers, model = form.load(content), untrained_model(str(structure), **shape)  # type: ignore[arg-type]
    batch, ran = noise(TESTED, model.shown), time.monotonic()
    answers(batch)
    now = time.monotonic()
    each = (now - ran) / TESTED + pace.test
    return ran - began + min(CALIBRATION, images.train) * pace.load + images.test * each
