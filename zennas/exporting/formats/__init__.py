"""The export formats, one file each; `zennas/exporting/base.py` defines their interface."""
