"""The data sets that are known by name, one file each; `zennas/data/registry.py` says what a file registers."""
