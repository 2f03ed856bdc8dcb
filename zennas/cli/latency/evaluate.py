"""`zennas latency evaluate`: whole networks, predicted and measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.latency import common


def evaluate(
    networks: Annotated[
        Optional[list[str]],
        typer.Argument(
            metavar="[NETWORK...]",
            help=f"{common.NETWORK} By default the published networks, random ones of two spaces, and some of "
            "torchvision's.",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[str, typer.Option(help="Name of a shipped profile, or a file.", show_default=False)] = "",
    batch_size: Annotated[Optional[int], opt.number_option("Images in a batch.", default="the profile's own")] = None,
    device: Annotated[
        Optional[str],
        typer.Option(help="cpu or cuda: measure even if the device has another name.", show_default="the profile's"),
    ] = None,
    resolution: common.Resolution = None,
    num_classes: opt.NumClasses = None,
    use_se: opt.UseSe = None,
    in_channels: opt.InChannels = None,
    seconds: common.Seconds = 5.0,
    out: common.Out = None,
    as_json: opt.Json = False,
) -> None:
    """Measure whole networks with a profile's back end, and report the errors of its predictions.

    Example: zennas latency evaluate --profile mine.json torchvision:resnet18
    """
    from latency.base import LatencyError, UnavailableError
    from latency.predicting.profile import load_profile
    from zennas.budget.recalibrating import as_of_now
    from zennas.cli.console import OUT
    from zennas.cli.progress import counting_progress
    from zennas.cli.render import print_json, table
    from zennas.named.networks import network
    from zennas.report import profile_errors

    if not profile:
        raise typer.BadParameter(
            "a profile is needed: a name from zennas latency profiles, or a file", param_hint="--profile"
        )
    chosen = load_profile(profile)
    named = [network(text, resolution, num_classes, use_se, in_channels) for text in networks or ()]
    settings = profile_errors.measured_as(chosen, batch_size, seconds, device)
    with counting_progress("measuring", "; nothing was written") as progress:
        now, why_not = None, ""
        try:
            now = as_of_now(chosen, settings, progress=progress)
        except UnavailableError:
            raise
        except LatencyError as reason:  # the errors as the profile was made are still worth having
            why_not = str(reason)
        found = profile_errors.evaluate(chosen, named or profile_errors.usual_networks(), settings, progress)
    common.write_rows(out, [row.to_json() for row in found.rows])
    if as_json:
        recalibrated = None
        if now is not None:
            recalibrated = {"drift": asdict(now.drift), **found.predicted_by(now.profile).errors.to_json()}
        print_json({"profile": chosen.name, **found.to_json(), "recalibrated": recalibrated})
        return
    numbers = ("pixels", "measured ms", "predicted ms", "error")
    shown = table("network", *numbers, right=numbers)
    for row in found.rows:
        mark = "" if row.settled else " (measurement not stable)"
        shown.add_row(
            row.network + mark,
            str(row.resolution),
            f"{row.measured_ms:.4g}",
            f"{row.predicted_ms:.4g}",
            f"{100 * row.error:+.1f} %",
        )
    OUT.print(shown)
    for line in found.refused_text():
        OUT.print(line)
    OUT.print(f"as it was made: {found.errors}" if chosen.drift is None else f"as of {chosen.drift.at}: {found.errors}")
    for line in [why_not] if now is None else profile_errors.drift_text(found, now):
        OUT.print(line)
    OUT.print(str(settings))
