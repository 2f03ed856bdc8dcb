"""Zen-NAS's `benchmark_network_latency.py` with its flags, based on `latency.measuring.measure`.

See `zennas latency measure --help` for all features.

As in Zen-NAS, the network runs in eager PyTorch, without fusing batch-norm. Unlike there, the program waits for the
GPU, and repeats until the median is known.
"""

from __future__ import annotations

import argparse
import json

from zennas.cli.console import OUT
from zennas.cli.errors import guarded
from zennas.legacy.arguments import add_network, count, folder, network_text, size

FILE = "latency.json"


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--batch_size", type=count(), default=1)
    add("--input_image_size", type=size, help="default: the network's own")
    add("--save_dir", type=folder, help=f"folder for {FILE}, which contains all samples")
    add("--repeat_times", type=count(), help="accepted as in Zen-NAS, but it repeats until the median is known")
    add("--gpu", type=count(0), help="CUDA device; default: the CPU")
    add("--fp16", action="store_true", help="half precision, on a GPU")
    add("--num_classes", type=count(), help="default: the network's own")
    add_network(parser)
    return parser.parse_args(argv)


def main(argv: list[str]) -> None:
    options = arguments(argv)
    from latency.base import MeasureSettings
    from latency.measuring.measure import measure
    from PlainNet.files import write_text
    from zennas.named.networks import network

    named = network(
        network_text(options, "time"),
        options.input_image_size,
        options.num_classes,
        options.use_se or None,
    )
    settings = MeasureSettings(
        backend="torch",
        precision="fp16" if options.fp16 else "fp32",
        device="cpu" if options.gpu is None else f"cuda:{options.gpu}",
        batch_size=options.batch_size,
        options=("no-fold", "channels-first"),
    )
    stats = measure(named.subject(), settings)
    seconds = stats.latency_ms / 1000
    print(f"{seconds:.4g} second(s) per image, or {1 / seconds:.4g} image(s) per second.")
    if stats.interval is not None:
        low, high = (ms / 1000 / options.batch_size for ms in stats.interval)
        print(f"95 % interval: {low:.4g} to {high:.4g} second(s) per image.")
    if not stats.settled:
        print("The measurement did not settle: stop other programs, and measure again.")
    if options.save_dir is not None:
        write_text(options.save_dir / FILE, json.dumps(stats.to_json(), indent=1) + "\n")
        OUT.print(f"wrote {options.save_dir / FILE}")


if __name__ == "__main__":
    guarded(main)
