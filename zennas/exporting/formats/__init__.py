"""One file a format; see `zennas/exporting/base.py` for what one is."""
