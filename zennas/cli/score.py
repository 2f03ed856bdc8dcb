"""`zennas score`: score a network with proxies."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from zennas.cli import options as opt


def score(
    network: opt.Target,
    proxy: Annotated[
        list[str], typer.Option(help="Name of a proxy; may be given several times. 'all' for every one.")
    ] = [
        "zen",
        "zen_expected",
    ],
    resolution: opt.Resolution = None,
    num_classes: opt.NumClasses = None,
    use_se: opt.UseSe = None,
    batch_size: opt.BatchSize = 16,
    repeats: opt.Repeats = 8,
    gamma: Annotated[float, typer.Option(help="Size of the Zen-score's perturbation.", min=1e-6, max=1.0)] = 0.01,
    seed: opt.Seed = 0,
    device: opt.Device = "auto",
    gpu: opt.Gpu = None,
    precision: opt.Precision = "fp32",
    as_json: opt.Json = False,
) -> None:
    """Score a network without training it.

    Example: zennas score zennet_cifar10_model_size1M_res32 --proxy zen --proxy zen_expected
    """
    from zennas.cli.render import OUT, measure_text, print_json, table
    from zennas.numbers import counted
    from zennas.scoring import measure
    from zennas.search.result import measure_json
    from zennas.targets import resolve
    from ZeroShotProxy import PROXIES, ScoreSettings
    from ZeroShotProxy import score as run_proxies

    target = resolve(network)
    settings = ScoreSettings(
        resolution=resolution or target.resolution or 32,
        num_classes=num_classes or target.num_classes or 10,
        use_se=bool(target.use_se) if use_se is None else use_se,
        batch_size=batch_size,
        repeats=repeats,
        gamma=gamma,
        seed=seed,
        device="auto",
        precision=precision,
    )
    names = [p.info.name for p in PROXIES] if proxy == ["all"] else proxy
    where = ""
    with opt.chosen_device(gpu, device, "leave out --gpu, or use --device cpu") as device_name:
        if any(PROXIES.get(name).info.torch for name in names):
            from PlainNet.device import device_of  # torch takes seconds to import

            settings = replace(settings, device=str(device_of(device_name)))
            where = f" on {settings.device}"
        found_scores = run_proxies(target.structure, names, settings)
    measures = {name: measure(found) for name, found in found_scores.items()}
    if as_json:
        print_json({name: measure_json(m) for name, m in measures.items()})
        return
    rows = table("proxy", "score", "what it is", right=("score",))
    for name, found in measures.items():
        rows.add_row(name, measure_text(found), PROXIES.get(name).info.summary)
    OUT.print(rows)
    OUT.print(
        f"{settings.resolution}×{settings.resolution} pixels, batch {settings.batch_size}, "
        f"{counted(settings.repeats, 'repetition')}, seed {settings.seed}, {settings.precision}{where}; "
        "± is the 95 % interval of the mean"
    )
