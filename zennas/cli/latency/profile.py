"""`zennas latency profile`: measure kernels on this machine, or let a compiler estimate them, for a profile of your
own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.console import OUT
from zennas.cli.latency import common

_OF_A_BACKEND = ("precision", "device", "threads", "batch_size", "option", "seconds")
"""Parameters that a compiler has no use for."""


def profile(
    context: typer.Context,
    backend: Annotated[
        str,
        typer.Option(
            help="torch, onnxruntime, openvino, tensorrt or executorch; or a compiler and a device, like "
            "vela:ethos-u55-128."
        ),
    ] = "onnxruntime",
    precision: common.Precision = "fp32",
    device: common.Device = "cpu",
    threads: common.Threads = 1,
    batch_size: common.BatchSize = 1,
    option: common.Options = [],
    networks: Annotated[int, opt.number_option("Number of random networks whose kernels are measured.", least=2)] = 150,
    seconds: common.Seconds = 3.0,
    seed: opt.Seed = 0,
    save_dir: opt.SaveDir = None,
    resume: Annotated[
        Optional[Path],
        typer.Option(
            parser=opt.folder,
            metavar="FOLDER",
            help="Continue in that folder; a larger --networks extends the sample.",
        ),
    ] = None,
) -> None:
    """Measure the kernels of random networks, fused as the back end fuses them, for zennas latency fit. This takes
    fifteen to thirty minutes and may be interrupted. A compiler is asked for what it estimates, about one network a
    second.

    Example: zennas latency profile --backend onnxruntime --threads 1 --save-dir runs/my-machine
    """
    from latency.fitting.campaign import Campaign, EstimateSettings, Source, measure_sample, read_campaign
    from zennas.budget.sources import estimator_source
    from zennas.cli.progress import counting_progress
    from zennas.common.folders import new_folder

    if resume is not None:
        opt.refuse_settings(context, also=("networks",))
        folder, campaign = resume, read_campaign(resume)
        if opt.given(context, "networks"):
            if networks < campaign.networks:
                raise typer.BadParameter(
                    f"{networks} is less than the sample already has, expected at least {campaign.networks}",
                    param_hint="--networks",
                )
            campaign = replace(campaign, networks=networks)
    else:
        compiler = estimator_source(backend)
        chosen: Source
        if compiler is None:
            chosen = common.settings(backend, precision, device, threads, batch_size, option, seconds, 0.01, seed)
            name = f"{chosen.backend}-{precision}"
        else:
            opt.refuse(context, _OF_A_BACKEND, "--backend", f"{backend} estimates batches of 1 in int8")
            chosen = EstimateSettings(compiler.estimator.name, compiler.configuration)
            name = f"{chosen.estimator}-{chosen.configuration}"
        campaign = Campaign(chosen, networks, seed)
        folder = save_dir or new_folder(f"latency-{name}")
    advice = f"; continue with: zennas latency profile --resume {folder}"
    with counting_progress("measuring", advice) as progress:
        measure_sample(folder, campaign, progress)
    OUT.print(
        f"kernels of {campaign.networks} networks: {folder}; next: zennas latency fit {folder} --name NAME --out FILE"
    )
