"""The back ends: one file each, found by `latency.base.BACKENDS`. File names are not the libraries', which they import."""
