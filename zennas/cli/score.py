"""`zennas score`: score one network, or several, with proxies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from PlainNet.sizes import Size, sides, size_text
from zennas.cli import options as opt
from zennas.cli.derived import Chosen, derived
from zennas.common.errors import WrongSettingError
from zennas.common.limits import MAX_BATCH
from zennas.common.settings import check, setting
from zennas.common.shared_settings import (
    device_setting,
    in_channels_setting,
    resolution_setting,
    training_steps_setting,
)
from ZeroShotProxy.base import ScoreSettings

if TYPE_CHECKING:
    from zennas.named.networks import Network
    from ZeroShotProxy import Score


FOR_ANY = ("zico", "jacob_cov", "params", "flops")
"""The proxies without --proxy if a network is no structure, which the Zen-score needs."""


@dataclass(frozen=True)
class ScoreFlags:
    """The flags of `zennas score`. None means the network's own value."""

    resolution: Size | None = resolution_setting(None, shown=f"the network's own, else {ScoreSettings.resolution}")
    in_channels: int | None = in_channels_setting("the network's own")
    num_classes: int | None = setting(
        None, "Number of classes.", least=1, shown=f"the network's own, else {ScoreSettings.num_classes}"
    )
    use_se: bool | None = setting(None, "Squeeze and excitation (SE) in the super-blocks.", shown="the network's own")
    batch_size: int = setting(
        ScoreSettings.batch_size, "Batch size, for proxies that run networks.", least=2, most=MAX_BATCH
    )
    repeats: int = setting(ScoreSettings.repeats, "Repetitions of a random score.", least=1)
    gamma: float = setting(ScoreSettings.gamma, "Size of the perturbation of the Zen-score.", least=1e-6, most=0.99)
    seed: int = setting(ScoreSettings.seed, "Seed of all randomness.", least=0)
    device: str = device_setting()
    precision: str = setting(
        ScoreSettings.precision,
        "Precision of the Monte Carlo Zen-score: fp32, or bf16, which is faster and slightly less precise.",
        choices=("fp32", "bf16"),
        metavar="NAME",
    )
    training_steps: int = training_steps_setting(ScoreSettings.training_steps)

    def __post_init__(self) -> None:
        check(self, WrongSettingError, flags=True)

    def settings_for(self, target: Network) -> ScoreSettings:
        """Return the settings that score a network."""
        return ScoreSettings(
            resolution=target.resolution,
            num_classes=target.num_classes,
            use_se=target.use_se,
            batch_size=self.batch_size,
            repeats=self.repeats,
            gamma=self.gamma,
            seed=self.seed,
            precision=self.precision,
            training_steps=self.training_steps,
        )


@derived(ScoreFlags, config=False)
def score(
    context: typer.Context,
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="NETWORK...",
            help="Structure strings or notations of cells, files that contain one, folders of runs, model names from "
            "the zoo, torchvision:NAME, timm:NAME, or ONNX files.",
            show_default=False,
        ),
    ],
    proxy: Annotated[
        list[str],
        typer.Option(
            help="Name of a proxy, or program:FILE for a formula in a file; repeatable. 'all' means every proxy that "
            "scores a single network. "
            "Several networks can also be ranked: az_nas, vkdnw, vote, or your own combination, such as "
            "log_rank(a+b), mean_rank or vote."
        ),
    ] = [
        "zen",
        "zen_expected",
    ],
    *,
    chosen: Chosen,
    gpu: opt.Gpu = None,
    as_json: opt.Json = False,
) -> None:
    """Score a network without training it, or compare several.

    Example: zennas score zennet_cifar10_model_size1M_res32 --proxy zen --proxy zen_expected
    """
    from zennas.cli.render import print_json
    from zennas.named.networks import network
    from zennas.searching.scoring import measure
    from ZeroShotProxy import PROXIES, ensembles, score_population
    from ZeroShotProxy import score as run_proxies
    from ZeroShotProxy.scores import score_each

    flags = chosen.make(ScoreFlags)
    targets = [network(text, flags.resolution, flags.num_classes, flags.use_se, flags.in_channels) for text in networks]
    if any(target.foreign for target in targets) and not opt.given(context, "proxy"):
        proxy = list(FOR_ANY)
    settings = [flags.settings_for(target) for target in targets]
    everything = any(name.casefold() == "all" for name in proxy)
    names = [p.info.name for p in PROXIES if p.ranking is None] if everything else proxy
    with opt.chosen_device(gpu, flags.device, "leave out --gpu, or use --device cpu") as device_name:
        if any(PROXIES.get(name).info.torch for name in ensembles.parts_of(names)):
            from PlainNet.device import device_of  # torch takes seconds to import

            settings = [replace(each, device=str(device_of(device_name))) for each in settings]
        found: list[dict[str, Score | str]]
        if everything:
            pairs = zip(targets, settings, strict=True)
            found = [score_each(names, partial(run_proxies, t.scored, settings=s)) for t, s in pairs]
        elif len(targets) == 1:
            found = [{**run_proxies(targets[0].scored, names, settings[0])}]
        else:
            found = [{**row} for row in score_population([t.scored for t in targets], names, settings)]
    if as_json:
        rows = [
            {name: {"error": one} if isinstance(one, str) else measure(one).to_json() for name, one in row.items()}
            for row in found
        ]
        print_json(
            rows[0] if len(rows) == 1 else [{"network": n, "scores": r} for n, r in zip(networks, rows, strict=True)]
        )
        return
    _print(targets, settings, found)


def _print(targets: list[Network], settings: list[ScoreSettings], found: list[dict[str, Score | str]]) -> None:
    """Print one network with a row per proxy, or several with a column per network."""
    from zennas.cli.console import OUT
    from zennas.cli.render import table
    from zennas.common.numbers import counted
    from ZeroShotProxy import ensembles

    several = len(targets) > 1
    columns = [f"({i})" for i in range(1, len(targets) + 1)] if several else ["score"]
    rows = table("proxy", *columns, "what it is", right=tuple(columns), folded=("what it is",))
    for name in found[0]:
        info = ensembles.find(name).info
        failures = [one for one in (row[name] for row in found) if isinstance(one, str)]
        rows.add_row(name, *(_text(row[name]) for row in found), failures[0] if failures else info.summary)
    OUT.print(rows)
    if several:
        for column, target in zip(columns, targets, strict=True):
            OUT.print(f"{column} {target.name}")
    sizes = sorted({each.resolution for each in settings}, key=sides)
    where = f" on {settings[0].device}" if settings[0].device != "auto" else ""
    OUT.print(
        f"{', '.join(map(size_text, sizes))} pixels, batch {settings[0].batch_size}, "
        f"{counted(settings[0].repeats, 'repetition')}, seed {settings[0].seed}, {settings[0].precision}{where}; "
        "± is the 95 % interval of the mean"
    )


def _text(found: Score | str) -> str:
    from zennas.report.scores import measure_text
    from zennas.searching.scoring import measure

    return "fails" if isinstance(found, str) else measure_text(measure(found))
