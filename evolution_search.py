"""Zen-NAS's `evolution_search.py`: its flags, on `zennas.api.search`. See `zennas search --help` for all there is."""

from __future__ import annotations

import argparse
from pathlib import Path

from zennas.cli.errors import guarded


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--gpu", type=int, help="CUDA device for scores that run networks; default: the first, or the CPU")
    add("--zero_shot_score", default="Zen", help="Zen, ZenMC, Flops, Params, Random, …")
    add("--search_space", default="XXBL", help="name, or .py file")
    add("--evolution_max_iter", type=lambda text: int(float(text)), default=480_000)
    add("--budget_model_size", type=float, help="parameters, like 1e6")
    add("--budget_flops", type=float, help="multiply-accumulates, like 4e8")
    add("--budget_latency", type=float, help="seconds an image; not in this version")
    add("--max_layers", type=int)
    add("--batch_size", type=int, default=16)
    add("--input_image_size", type=int, default=32)
    add("--population_size", type=int, default=512)
    add("--save_dir", type=Path, required=True)
    add("--gamma", type=float, default=1e-2)
    add("--num_classes", type=int, default=10)
    add("--plainnet_struct", help="structure to start from")
    add("--plainnet_struct_txt", type=Path, help="file with the structure to start from")
    add("--use_se", action="store_true")
    add("--seed", type=int, default=0)
    return parser.parse_args(argv)


def main(argv: list[str]) -> None:
    options = arguments(argv)
    from zennas.api import search
    from zennas.cli.progress import search_progress
    from zennas.cli.render import print_search
    from zennas.search.runner import BEST_FILE
    from zennas.search.settings import SettingsError
    from zennas.targets import resolve

    if options.budget_latency is not None:
        there = "--budget_model_size, --budget_flops and --max_layers"
        raise SettingsError(f"latency budgets come with a later version; there are {there}")
    if (options.save_dir / BEST_FILE).is_file():
        print(f"skip {options.save_dir / BEST_FILE}")
        return
    initial = options.plainnet_struct or options.plainnet_struct_txt
    with search_progress(options.save_dir) as watcher:
        result = search(
            search_space=options.search_space,
            initial=None if initial is None else str(resolve(str(initial)).structure),
            budget_params=None if options.budget_model_size is None else round(options.budget_model_size),
            budget_flops=None if options.budget_flops is None else round(options.budget_flops),
            max_layers=options.max_layers,
            resolution=options.input_image_size,
            num_classes=options.num_classes,
            use_se=options.use_se,
            proxy=options.zero_shot_score,
            iterations=options.evolution_max_iter,
            population_size=options.population_size,
            batch_size=options.batch_size,
            gamma=options.gamma,
            seed=options.seed,
            device="auto" if options.gpu is None else f"cuda:{options.gpu}",
            save_dir=options.save_dir,
            go_on=True,  # a search that was cut short; Zen-NAS would begin again
            watcher=watcher,
        )
    print_search(result)


if __name__ == "__main__":
    guarded(main)
