"""The data sets known by name, one file each; `zennas/data/registry.py` defines what a file registers."""
