"""What a kernel takes in networks of one and of many megabytes of weights: the same layer, over and over, in turns."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.common import print_machine
from latency.base import BACKENDS, MeasureSettings, Subject
from latency.measuring.measure import images
from latency.measuring.subject import of_structure
from PlainNet import parse

CHANNELS, RESOLUTION = 512, 14
LAYERS = (1, 5, 17, 65, 161)
FORMATS = (("onnxruntime", "fp32"), ("onnxruntime", "int8"), ("openvino", "fp32"), ("openvino", "int8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="runs of each network, of which the fastest counts")
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
        first, *others = _fastest(subjects, MeasureSettings(backend, precision), wanted.rounds)
        for count, ms in zip(LAYERS[1:], others, strict=True):
            megabytes = count * CHANNELS**2 * (1 if precision == "int8" else 4) / 1e6
            each = 1000 * (ms - first) / (count - LAYERS[0])
            print(f"  {backend} {precision}: {count:3d} layers, {megabytes:6.1f} MB of weights: {each:6.1f} us a layer")


def _fastest(subjects: Sequence[Subject], settings: MeasureSettings, rounds: int) -> list[float]:
    """The shortest run of each network in ms, all in turns. Logits are not compared: so deep, they are noise."""
    with ExitStack() as stack:
        prepare = BACKENDS.get(settings.backend).prepare
        sessions = [stack.enter_context(prepare(one, settings, images(one, settings))) for one in subjects]
        found = [float("inf")] * len(sessions)
        for _ in range(rounds):
            for i, session in enumerate(sessions):
                session.run()  # so that the caches have what this network leaves in them
                began = time.perf_counter()
                session.run()
                found[i] = min(found[i], 1000 * (time.perf_counter() - began))
    return found


if __name__ == "__main__":
    main()
