"""Programs: small formulas that score a network from statistics of its ReLU–convolution–batch-norm units (EZNAS).

`tree.py` has their text form, `sequential.py` another one, `operations.py` and `statistics.py` what they are made of,
`running.py` runs one on a network, `together.py` many on many networks, and `files.py` reads one from a TOML file.
Proxies named `program:…` are programs, see `proxies/program.py`.
"""
