"""The expected NASWOT score, in closed form and without torch (docs/mean-field.md, equation 20)."""

from __future__ import annotations

import math

from ZeroShotProxy.base import ProxyError, ProxyInfo, Score, ScoreSettings, Target, register
from ZeroShotProxy.engine.mean_field.graphs import live_field

NAME = "naswot_expected"


def naswot_expected(target: Target, settings: ScoreSettings) -> Score:
    """Return the logarithm of the determinant of the expected kernel of a batch of `settings.batch_size` images.

    Raises ProxyError if no ReLU depends on the image, or `target` has no structure.
    """
    counts = live_field(target, NAME, settings).agreements
    units = sum(count for count, _ in counts)
    differing = sum(count * (1 - agreement) for count, agreement in counts)
    if not differing:
        raise ProxyError(f"proxy {NAME} fails: no ReLU of the network depends on the image")
    images = settings.batch_size
    apart = differing / units
    # The kernel has `units` on its diagonal and units · (1 - apart) elsewhere.
    together = apart + images * (1 - apart)
    return Score(images * math.log(units) + (images - 1) * math.log(apart) + math.log(together))


register(
    ProxyInfo(
        NAME,
        "naswot of the expected kernel, in closed form",
        source="this project, docs/mean-field.md",
        plain="how differently ReLUs switch for different images, on average over random weights",
        expectation_of="naswot",
    ),
    naswot_expected,
)
