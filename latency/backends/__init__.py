"""The back ends: one file each, found by `latency.base.BACKENDS`. No file is named like the library that it imports."""
