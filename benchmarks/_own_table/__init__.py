"""The parts of `benchmarks/own_table.py`: which networks are trained, and how."""
