"""Zen-NAS's `analyze_model.py` with its flags, based on `zennas.report.analysis`.

See `zennas analyze --help` for all features.
"""

from __future__ import annotations

import argparse
import sys

from zennas.cli.errors import guarded
from zennas.legacy.arguments import add_network, count, network_text, size


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--input_image_size", type=size, default=32)
    add("--num_classes", type=count(), default=10)
    add_network(parser)
    add("--gpu", type=count(0), help="accepted as in Zen-NAS, but has no effect")
    add("--batch_size", type=count(), help="accepted as in Zen-NAS, but counts are for one image")
    return parser.parse_args(argv)


def main(argv: list[str]) -> None:
    options = arguments(argv)
    from zennas.cli.render import OUT
    from zennas.named.structures import resolve
    from zennas.report.analysis import analysis_table, analyze_network

    target = resolve(network_text(options, "analyze"))
    analysis = analyze_network(
        target.structure,
        resolution=options.input_image_size,
        num_classes=options.num_classes,
        use_se=options.use_se or bool(target.use_se),
    )
    OUT.print(*analysis_table(analysis))
    print(f"Flops:  {analysis.total.flops:4g}")
    print(f"Params: {analysis.total.params:4g}")
    if analysis.disagrees:
        sys.exit(1)


if __name__ == "__main__":
    guarded(main)
