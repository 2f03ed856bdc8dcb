"""A profile's card: from what it was fitted, how, how well it does on what it did not see, and where it may be used."""

from __future__ import annotations

from collections.abc import Mapping

from latency.fitting.errors import Errors
from latency.predicting.models import Learned, Model
from latency.predicting.profile import Profile


def card(profile: Profile) -> str:
    """Markdown, from the profile alone; `about` may have `source`, `method`, `held_out` (errors by what) and
    `limits`.
    """
    about = profile.about
    lines = [
        f"# {profile.name}",
        "",
        f"Latency of {profile.device} through {profile.backend} in {profile.precision}, "
        f"batch {profile.batch} unless another is asked for.",
        "",
        "## Data",
        about.get("source", "Not stated."),
        "",
        "## Method",
        about.get("method", method(profile)),
        "",
        "## Error on what was held out",
        *_errors(about.get("held_out", {})),
        "",
        "## Measured range",
        *(
            f"- {kind}: "
            + ", ".join(f"{name.replace('_', ' ')} {low} to {high}" for name, (low, high) in fields.items())
            for kind, fields in profile.ranges.items()
        ),
        "",
        "Outside of it the profile extrapolates by the work that a kernel does, and `zennas latency predict` says so.",
    ]
    if about.get("limits"):
        lines += ["", "## Limits", about["limits"]]
    return "\n".join(lines) + "\n"


def method(profile: Profile) -> str:
    """How the profile predicts, in a paragraph."""
    fused = [name for name in ("norm", "activation", "addition") if getattr(profile.fusion, name)]
    kernels = f"with {', '.join(fused)} fused into the operation before" if fused else "each operation by itself"
    text = f"The sum of a network's kernels, {kernels}"
    if profile.scale != 1 or profile.overhead_ms:
        text += f", times {profile.scale:.3f}, plus {profile.overhead_ms:.4f} ms a batch"
    return text + ". " + " ".join(_model(model, profile) for model in profile.models)


def _model(model: Model, profile: Profile) -> str:
    kinds = ", ".join(model.kinds)
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
        return f"{kinds}: not measured; the bytes that they move, at {speed:.0f} GB/s."
    return f"{kinds}: milliseconds a kernel, a multiply–accumulate and a byte, fitted without negative rates."


def _errors(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    if not found:
        return ["None measured."]
    return [f"- {name}: {Errors(**values)}" for name, values in found.items()]  # type: ignore[arg-type]
