"""Running LiteRT files that `latency/litert/` writes: in LiteRT's interpreter, and in that for microcontrollers."""
