"""Many structures at once, as numpy arrays: the fast form of what `cost.py` and others compute one by one. No torch.

`structures.py` turns structures of super-blocks into arrays of integers and back, `blocks.py` numbers their blocks, and
`costs.py` counts parameters, FLOPs and activations. Scores and latencies have array forms next to their scalar ones.
The scalar forms stay the reference: contract tests hold both equal, structure by structure.
"""
