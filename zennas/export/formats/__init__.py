"""One file a format; see `zennas/export/base.py` for what one is."""
