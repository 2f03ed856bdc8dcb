"""Mean-field statistics of a network at initialisation, from its op graph, without torch and without a forward pass.

`forward.py` carries the statistics of values from the input to the output, `backward.py` those of gradients back to the
input, `field.py` puts both together. docs/mean-field.md derives them; equation numbers refer to it.
"""

STEPS = 8_000
"""Of the training that networks are scored for, if nobody says how many: about 10 epochs of CIFAR-10 in batches of 64,
which is what `zennas train` does by default.
"""
