"""The parts of `benchmarks/design_proof.py`: the budgets, who competes, how they are trained, and what came out."""
