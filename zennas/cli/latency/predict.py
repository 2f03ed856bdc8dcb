"""`zennas latency predict` and `profiles`: latencies from a profile, without the device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.latency import common
from zennas.common.numbers import counted

if TYPE_CHECKING:
    from latency.predicting.profile import Profile
    from zennas.report.predictions import Prediction


def predict(
    context: typer.Context,
    networks: Annotated[
        Optional[list[str]],
        typer.Argument(metavar="[NETWORK...]", help=common.NETWORK, show_default=False),
    ] = None,
    profile: Annotated[str, typer.Option(help="Name of a shipped profile, or a file; see zennas latency profiles.")] = (
        "v100-pytorch-fp16"
    ),
    batch_size: Annotated[Optional[int], opt.number_option("Images in a batch.", default="the profile's own")] = None,
    resolution: common.Resolution = None,
    num_classes: opt.NumClasses = None,
    use_se: opt.UseSe = None,
    in_channels: opt.InChannels = None,
    by_block: Annotated[bool, typer.Option("--by-block", help="Show the time of each block.")] = False,
    ops: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE", help="A CSV file of single kernels instead of networks: kind, batch, in_channels, …"
        ),
    ] = None,
    space: Annotated[str, typer.Option(help="Search space of the architectures in --archs.")] = "nasbench201",
    archs: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", help="Many architectures: one per line, or a CSV file with a column arch."),
    ] = None,
    out: common.Out = None,
    as_json: opt.Json = False,
) -> None:
    """Predict the latency of networks, of the architectures of a space, or of single kernels, in milliseconds.

    Example: zennas latency predict zennet_imagenet1k_latency02ms_res224 --profile v100-pytorch-fp16
    """
    from latency.predicting.profile import load_profile
    from zennas.cli.render import print_json
    from zennas.named.networks import network
    from zennas.report import predictions as prediction

    if sum(map(bool, (networks, ops, archs))) != 1:
        raise typer.BadParameter("give networks, or --ops FILE, or --archs FILE", param_hint="NETWORK")
    _refuse_stray(context, "NETWORK" if networks else "--ops" if ops is not None else "--archs")
    chosen = load_profile(profile)
    if networks:
        found = [
            prediction.predict(network(text, resolution, num_classes, use_se, in_channels), chosen, batch_size)
            for text in networks
        ]
        rows = [one.to_json(by_block) for one in found]
        flat = [{key: value for key, value in one.to_json().items() if key != "notes"} for one in found]
        common.write_rows(out, rows if out is not None and out.suffix == ".json" else flat)
        if as_json:
            print_json(rows[0] if len(rows) == 1 else rows)
        elif out is None:
            _print(found, chosen, by_block)
        if out is not None:
            common.print_notes(_notes(found))
        return
    if ops is not None:
        made = prediction.predict_operations(ops, chosen)
    else:
        assert archs is not None
        made = prediction.predict_architectures(
            space, prediction.read_architectures(archs), chosen, resolution or 32, num_classes or 10, batch_size
        )
    common.write_rows(out, made.rows)
    if as_json:
        print_json(made.rows)
    elif out is None:
        common.print_csv(prediction.as_csv(made.rows))
    common.print_notes(made.notes)


_STRAY = {
    "NETWORK": (("space",), "networks do not belong to a space"),
    "--archs": (("use_se", "by_block"), "architectures have one row each, and no SE"),
    "--ops": (
        ("batch_size", "resolution", "num_classes", "use_se", "by_block", "space"),
        "the file says what the kernels are",
    ),
}
"""For each kind of input, the parameters that have no effect on it, and why."""


def _refuse_stray(context: typer.Context, what: str) -> None:
    parameters, reason = _STRAY[what]
    opt.refuse(context, parameters, what, reason)


def profiles(as_json: opt.Json = False) -> None:
    """List the profiles that come with the project."""
    from latency.predicting.profile import load_profile, profile_names
    from zennas.cli.console import OUT
    from zennas.cli.render import print_json, table

    found = [load_profile(name) for name in profile_names()]
    if as_json:
        print_json(
            [
                {
                    "name": p.name,
                    "device": p.device,
                    "backend": p.backend,
                    "precision": p.precision,
                    "batch_size": p.batch,
                    **p.about,
                }
                for p in found
            ]
        )
        return
    numbers = ("batch", "MAPE", "within ±10 %")
    rows = table(
        *("profile", "device", "back end", "precision", *numbers, "of these held-out values"),
        right=numbers,
        folded=("device", "back end", "within ±10 %", "of these held-out values"),
    )
    for each in found:
        of = (each.name, each.device, each.backend, each.precision, str(each.batch))
        what, values = next(iter(each.about.get("held_out", {}).items()), ("", None))
        if values is None:
            rows.add_row(*of, "–", "–", "none")
            continue
        inside = round(values["count"] * values["within10"] / 100)
        share = f"{values['within10']:.1f} % ({inside:,} of {values['count']:,})"
        rows.add_row(*of, f"{values['mape']:.1f} %", share, what)
    OUT.print(rows)
    OUT.print(
        "errors are of values like these; zennas latency predict says which networks lie outside of what was measured"
    )


def _print(found: list[Prediction], profile: Profile, by_block: bool) -> None:
    from zennas.cli.console import OUT
    from zennas.cli.render import table
    from zennas.report.predictions import OVERHEAD

    numbers = ("pixels", "ms/image", "interval", "images/s", "error")
    rows = table("network", *numbers, "measured range", right=numbers)
    for one in found:
        error = "unknown" if one.typical_error is None else f"±{one.typical_error:.0f} %"
        interval = "none" if one.interval is None else "{:.4g}–{:.4g}".format(*one.interval)
        speed = f"{one.latency_ms:.4g}", interval, f"{1000 / one.latency_ms:.4g}"
        rows.add_row(one.network.name, str(one.network.resolution), *speed, error, one.grade)
    OUT.print(rows)
    for one in found if by_block else ():
        parts = table("block", "ms/image", "share", right=("ms/image", "share"))
        for name, ms in one.blocks:
            block = "overhead per batch" if name == OVERHEAD else name
            parts.add_row(block, f"{ms:.4g}", f"{100 * ms / one.latency_ms:.1f} %")
        OUT.print(parts)
    first = found[0]
    what = f"predicted by {first.profile} for {profile.device} in {profile.precision}, batch {first.batch_size}"
    OUT.print(what if profile.drift is None else f"{what}, as of {profile.drift.at}: {profile.drift}")
    for line in _intervals(found):
        OUT.print(line)
    for line in _notes(found):
        OUT.print(f"extrapolated: {line}")


def _intervals(found: list[Prediction]) -> list[str]:
    """What the intervals are, and why some networks have none."""
    from latency.predicting.profile import OUTSIDE

    trust = next((one.trust for one in found if one.trust is not None), None)
    said = []
    if trust is not None and trust.stated:
        said.append(
            f"interval: {trust.share:.0f} % of measured latencies lie in it, as far as {trust.number} {trust.what} tell"
        )
    elif trust is not None:
        said.append(
            f"interval: that of ±10 %, in which {trust.share:.1f} % of {counted(trust.number, 'held-out value')} lay "
            f"({trust.what})"
        )
    if any(one.grade == OUTSIDE for one in found):
        said.append("outside of the measured range there is no interval: no errors were measured there")
    elif trust is None:
        said.append("no interval is known: the profile was not tested on held-out values")
    return said


def _notes(found: list[Prediction]) -> list[str]:
    """Each note once, with the networks that it is about, if there are several networks."""
    about: dict[str, list[str]] = {}
    for one in found:
        for note in one.notes:
            about.setdefault(note, []).append(one.network.name)
    if len(found) == 1:
        return list(about)
    return [f"{', '.join(dict.fromkeys(names))}: {note}" for note, names in about.items()]
