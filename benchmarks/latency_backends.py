"""The same networks in all available back ends: ms per image at batch 1 on one thread, next to PyTorch in float32."""

from __future__ import annotations

from benchmarks.common import print_machine
from latency.base import BACKENDS, MeasureSettings
from latency.measuring.measure import measure
from zennas.named.networks import network

NETWORKS = ("torchvision:resnet18", "torchvision:mobilenet_v2", "zennet_imagenet1k_flops400M_SE_res224")


def main() -> None:
    print_machine()
    for name in NETWORKS:
        subject = network(name).subject()
        base = measure(subject, MeasureSettings("torch"))
        print(f"{name}: PyTorch fp32 {base.latency_ms:.2f} ms")
        for backend in BACKENDS:
            for precision in backend.precisions:
                if (backend.name, precision) == ("torch", "fp32"):
                    continue
                reason = backend.available(precision, "cpu")
                if reason is not None:
                    print(f"  {backend.name} {precision}: not here: {reason}")
                    continue
                found = measure(subject, MeasureSettings(backend.name, precision))
                note = "" if found.settled else ", not settled"
                times = base.latency_ms / found.latency_ms
                print(
                    f"  {backend.name} {precision}: {found.latency_ms:.2f} ms, {times:.2f} times as fast, "
                    f"logits {found.difference:.1e} off{note}"
                )


if __name__ == "__main__":
    main()
