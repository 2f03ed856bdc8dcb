"""Zen-NAS's `evolution_search.py` with its flags, based on `zennas.api.search`. See `zennas search --help` for all
features.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from zennas.budget.budgets import DEFAULT_SOURCE
from zennas.cli.console import OUT, tell
from zennas.cli.errors import guarded
from zennas.common.numbers import in_milliseconds
from zennas.legacy.arguments import above_zero, count, folder, size


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--gpu", type=count(0), help="CUDA device for scores that run networks; default: the first, or the CPU")
    add("--zero_shot_score", default="Zen", help="Zen, ZenMC, Flops, Params, Random, …")
    add("--search_space", default="XXBL", help="name, or .py file")
    add("--evolution_max_iter", type=count(), default=480_000)
    add("--budget_model_size", type=count(), help="parameters, like 1e6")
    add("--budget_flops", type=count(), help="multiply-accumulates, like 4e8")
    add("--budget_latency", type=above_zero, action="append", help="seconds per image, like 1e-4; once for each device")
    add(
        "--latency_backend",
        action="append",
        help=f"predictor:PROFILE, or a back end that measures; default: {DEFAULT_SOURCE}",
    )
    add("--max_layers", type=count())
    add(
        "--batch_size",
        type=count(2),
        help="batch size for scores that run networks (default: 16), and for latency if given",
    )
    add("--input_image_size", type=size, default=32)
    add("--population_size", type=count(2), default=512)
    add("--save_dir", type=folder, required=True)
    add("--gamma", type=float, default=1e-2)
    add("--num_classes", type=count(), default=10)
    add("--plainnet_struct", help="structure to start from")
    add("--plainnet_struct_txt", type=Path, help="file with the structure to start from")
    add("--use_se", action="store_true")
    add("--seed", type=count(0), default=0)
    return parser.parse_args(argv)


def main(argv: list[str]) -> None:
    options = arguments(argv)
    from zennas.api import search
    from zennas.cli.options import chosen_device, unit_doubts
    from zennas.cli.progress import search_progress
    from zennas.cli.render import print_search
    from zennas.named.structures import resolve
    from zennas.runs.store import FILE
    from zennas.searching.runner import BEST_FILE

    done = (options.save_dir / BEST_FILE).is_file()
    if done and not (options.save_dir / FILE).is_file():  # written by another program: nothing to compare with
        OUT.print(f"skip {options.save_dir / BEST_FILE}")
        return
    initial = options.plainnet_struct or options.plainnet_struct_txt
    for doubt in unit_doubts([], options.budget_latency or ()):
        tell(f"warning: {doubt.replace('--budget-latency ', '--budget_latency ').partition(';')[0]}")
    with search_progress(options.save_dir) as watcher, chosen_device(options.gpu) as device:
        result = search(
            search_space=options.search_space,
            initial=None if initial is None else str(resolve(str(initial)).structure),
            budget_params=options.budget_model_size,
            budget_flops=options.budget_flops,
            max_layers=options.max_layers,
            budget_latency_ms=[in_milliseconds(seconds) for seconds in options.budget_latency or ()],
            latency_backend=options.latency_backend,
            latency_batch_size=options.batch_size if options.budget_latency else None,
            resolution=options.input_image_size,
            num_classes=options.num_classes,
            use_se=options.use_se,
            proxy=options.zero_shot_score,
            iterations=options.evolution_max_iter,
            strategy_options={"population_size": options.population_size},
            batch_size=options.batch_size or 16,
            gamma=options.gamma,
            seed=options.seed,
            device=device,
            save_dir=options.save_dir,
            go_on=True,  # continues an interrupted search, unlike Zen-NAS; a finished one is only compared
            watcher=watcher,
        )
    if done:
        OUT.print(f"skip {options.save_dir / BEST_FILE}")
    else:
        print_search(result)


if __name__ == "__main__":
    guarded(main)
