"""What reads torch's functions, one file for each kind; importing this package registers them all."""

from latency.reading.functions import elementwise, layers, pooling, shapes, sums

__all__ = ["elementwise", "layers", "pooling", "shapes", "sums"]
