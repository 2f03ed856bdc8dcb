"""What a kernel takes in networks of one and of many megabytes of weights: the same layer, over and over, in turns."""

from __future__ import annotations

import argparse

from benchmarks.common import print_machine
from latency.base import BACKENDS, MeasureSettings
from latency.measuring.measure import compare
from latency.measuring.subject import of_structure
from PlainNet import parse

CHANNELS, RESOLUTION = 512, 14
LAYERS = (1, 5, 17, 65, 161)
FORMATS = (("onnxruntime", "fp32"), ("onnxruntime", "int8"), ("openvino", "fp32"), ("openvino", "int8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="time limit for each network")
    wanted = parser.parse_args()
    print_machine()
    side = RESOLUTION // 2
    print(f"convolutions of 1x1, {CHANNELS} to {CHANNELS} channels, {side}x{side} positions, one thread")
    for backend, precision in FORMATS:
        reason = BACKENDS.get(backend).available(precision)
        if reason is not None:
            print(f"{backend} {precision}: skipped, {reason}")
            continue
        text = f"SuperConvK3BNRELU(3,{CHANNELS},2,1)SuperConvK1BNRELU({CHANNELS},{CHANNELS},1,{{}})"
        subjects = [of_structure(parse(text.format(count)), RESOLUTION, 10) for count in LAYERS]
        settings = MeasureSettings(backend, precision, seconds=wanted.seconds)
        first, *others = (min(stats.samples) for stats in compare(subjects, settings))
        for count, ms in zip(LAYERS[1:], others, strict=True):
            megabytes = count * CHANNELS**2 * (1 if precision == "int8" else 4) / 1e6
            each = 1000 * (ms - first) / (count - LAYERS[0])
            print(f"  {backend} {precision}: {count:3d} layers, {megabytes:6.1f} MB of weights: {each:6.1f} us a layer")


if __name__ == "__main__":
    main()
