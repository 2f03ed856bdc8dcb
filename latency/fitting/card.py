"""A profile's card: its data, its method, its errors on held-out data, and its limits."""

from __future__ import annotations

from collections.abc import Mapping

from latency.fitting.errors import Errors
from latency.predicting.models import Learned, Model, Scaled
from latency.predicting.profile import Profile


def card(profile: Profile) -> str:
    """Return the card as Markdown.

    It only uses the profile, whose `about` may contain `source`, `method`, `held_out` (errors by name) and `limits`.
    """
    about = profile.about
    lines = [
        f"# {profile.name}",
        "",
        f"Latency of {profile.device} through {profile.backend} in {profile.precision}, "
        f"batch {profile.batch} unless another one is requested.",
        "",
        "## Data",
        about.get("source", "Not stated."),
        "",
        "## Method",
        about.get("method", method(profile)),
        "",
        "## Error on held-out data",
        *_errors(about.get("held_out", {})),
        "",
        "## Measured range",
        *(
            f"- {kind}: "
            + ", ".join(f"{name.replace('_', ' ')} {low} to {high}" for name, (low, high) in fields.items())
            for kind, fields in profile.ranges.items()
        ),
        "",
        "Outside this range the profile extrapolates from the work of a kernel, and `zennas latency predict` says so.",
    ]
    if about.get("limits"):
        lines += ["", "## Limits", about["limits"]]
    return "\n".join(lines) + "\n"


def method(profile: Profile) -> str:
    """Describe in a paragraph how the profile predicts."""
    fused = profile.fusion.rules()
    kernels = f"with {', '.join(fused)} fused into the preceding operation" if fused else "each operation by itself"
    if profile.fusion.observed:
        kernels = f"as {profile.fusion.library} was seen to fuse operations"
    text = f"The sum of a network's kernels, {kernels}"
    if profile.scale != 1 or profile.overhead_ms:
        text += f", times {profile.scale:.3f}, plus {profile.overhead_ms:.4f} ms per batch"
    return text + ". " + " ".join(_model(model, profile) for model in profile.models)


def _model(model: Model, profile: Profile) -> str:
    kinds = ", ".join(model.kinds)
    if isinstance(model, Scaled):
        return f"{kinds}: the learned times of another device, times a factor for each kind."
    if isinstance(model, Learned):
        layers = model.perceptron.layers
        widths = "-".join(str(len(bias)) for _, bias in layers)
        between = " Between the measured numbers of channels the factor is interpolated." if model.widths else ""
        return (
            f"{kinds}: a roofline time times a factor that a perceptron ({len(model.perceptron.mean)}-{widths}) "
            f"learned from shapes, tile padding and wave counts.{between}"
        )
    if not profile.ranges.keys() & set(model.kinds):
        speed = 1 / model.rates[0][4] / 1e6
        return f"{kinds}: not measured; estimated from the bytes moved, at {speed:.0f} GB/s."
    return f"{kinds}: milliseconds per kernel, per multiply–accumulate and per byte, fitted with non-negative rates."


def _errors(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    if not found:
        return ["None measured."]
    return [f"- {name}: {Errors(**values)}" for name, values in found.items()]  # type: ignore[arg-type]
